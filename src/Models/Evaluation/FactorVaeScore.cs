using Vae.Shared.Determinism;

namespace Vae.Models.Evaluation;

/// <summary>
/// FactorVAE's measure (Kim and Mnih 2018, section 4): hold one factor, let the others vary, and look which latent dimension varies least, relative to its spread; a majority vote from that dimension
/// to the factor is the classifier.
/// </summary>
/// <param name="Score">Accuracy of the classifier on votes of its own, 0 to 1; 1 / factors is chance.</param>
/// <param name="ActiveDimensions">Dimensions that were looked at.</param>
public sealed record FactorVaeScore(double Score, int ActiveDimensions)
{
    /// <summary>The setting of Locatello et al. 2019.</summary>
    public const int BatchRows = 64, TrainVotes = 10_000, TestVotes = 5_000;

    /// <summary>Dimensions whose posterior mean has a smaller standard deviation over the rows are left out: divided by it, their noise would always vary least or most.</summary>
    public const double DeviationMin = 0.05;

    /// <summary>Each vote takes a factor, one of its values as a random row has it, and up to 64 rows with that value, drawn with replacement from those there are.</summary>
    /// <param name="samples">Latents and factors.</param>
    /// <param name="seed">The same seed gives the same score.</param>
    /// <param name="trainVotes">Votes that make the classifier.</param>
    /// <param name="testVotes">Votes that it is judged by.</param>
    public static FactorVaeScore Of(FactorSamples samples, ulong seed, int trainVotes = TrainVotes, int testVotes = TestVotes)
    {
        var varying = samples.Varying();
        var variances = samples.Latents.Variances();
        var active = Enumerable.Range(0, variances.Length).Where(j => Math.Sqrt(variances[j]) >= DeviationMin).ToArray(); // The dimensions, not the length of a mask over them.
        if (active.Length == 0) return new(0, 0); // A collapsed model knows nothing.
        var ballot = new Ballot(samples, varying, active, variances, seed);
        var counts = new int[variances.Length, varying.Length];
        for (var vote = 0; vote < trainVotes; vote++)
        {
            var (dimension, factor) = ballot.Draw();
            counts[dimension, factor]++;
        }

        var majority = new int[variances.Length];
        for (var j = 0; j < majority.Length; j++) for (var f = 1; f < varying.Length; f++) if (counts[j, f] > counts[j, majority[j]]) majority[j] = f;
        var right = 0;
        for (var vote = 0; vote < testVotes; vote++)
        {
            var (dimension, factor) = ballot.Draw();
            if (majority[dimension] == factor) right++;
        }

        return new(right / (double)testVotes, active.Length);
    }

    private sealed class Ballot
    {
        private readonly FactorSamples _samples;
        private readonly int[] _active;
        private readonly double[] _variances;
        private readonly int[][] _columns;
        private readonly int[][][] _rowsOf; // By factor and value.
        private readonly Prng _random;

        public Ballot(FactorSamples samples, int[] varying, int[] active, double[] variances, ulong seed)
        {
            (_samples, _active, _variances, _random) = (samples, active, variances, new Prng(seed));
            _columns = [.. varying.Select(samples.Column)];
            _rowsOf = [.. _columns.Select(column => Enumerable.Range(0, column.Max() + 1).Select(value => Enumerable.Range(0, column.Length).Where(row => column[row] == value).ToArray()).ToArray())];
        }

        public (int Dimension, int Factor) Draw()
        {
            var factor = _random.NextBelow(_columns.Length);
            var rows = _rowsOf[factor][_columns[factor][_random.NextBelow(_samples.Rows)]];
            Span<int> batch = stackalloc int[BatchRows];
            for (var i = 0; i < batch.Length; i++) batch[i] = rows[_random.NextBelow(rows.Length)];
            var (least, winner) = (double.PositiveInfinity, _active[0]);
            foreach (var j in _active)
            {
                var relative = Variance(batch, j) / _variances[j];
                if (relative < least) (least, winner) = (relative, j);
            }

            return (winner, factor);
        }

        private double Variance(ReadOnlySpan<int> rows, int dimension)
        {
            double mean = 0, squares = 0;
            var (values, size) = (_samples.Latents.Values, _samples.Latents.Dimensions);
            foreach (var row in rows) mean += values[(row * size) + dimension];
            mean /= rows.Length;
            foreach (var row in rows) squares += (values[(row * size) + dimension] - mean) * (values[(row * size) + dimension] - mean);
            return squares / (rows.Length - 1);
        }
    }
}
