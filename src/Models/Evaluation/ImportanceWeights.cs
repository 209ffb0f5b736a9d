namespace Vae.Models.Evaluation;

/// <summary>
/// The logarithm of the mean of importance weights w = p(x, z) / q(z | x) for each of some rows, as draws arrive in chunks: sums are kept relative to the largest
/// weight so far and rescaled when a larger one comes, so nothing overflows and chunks of any size give the same result up to the rounding of a sum in double precision.
/// </summary>
public sealed class ImportanceWeights
{
    private readonly double[] _largest;
    private readonly double[] _sum;
    private readonly double[] _squares;

    /// <param name="rows">Rows, at least 1.</param>
    public ImportanceWeights(int rows)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        (_largest, _sum, _squares) = (new double[rows], new double[rows], new double[rows]);
        Array.Fill(_largest, double.NegativeInfinity);
    }

    /// <summary>Draws of each row so far.</summary>
    public int Samples { get; private set; }

    /// <summary>Adds some draws of every row.</summary>
    /// <param name="logWeights">[samples, rows], in nats.</param>
    /// <exception cref="ArgumentException">The length is no whole number of samples.</exception>
    public void Add(ReadOnlySpan<float> logWeights)
    {
        var rows = _sum.Length;
        if (logWeights.Length % rows != 0) throw new ArgumentException($"{logWeights.Length} weights are no whole number of draws of {rows} rows.", nameof(logWeights));
        for (var i = 0; i < logWeights.Length; i++) Add(i % rows, logWeights[i]);
        Samples += logWeights.Length / rows;
    }

    /// <summary>ln(1/k sum of w) of one row, in nats: Burda et al. 2016, equation 8.</summary>
    public double LogMean(int row) => _sum[row] == 0 ? double.NegativeInfinity : _largest[row] + Math.Log(_sum[row] / Samples);

    /// <summary>(sum of w)^2 / sum of w^2 of one row, 1 to k: how many draws of equal weight say as much (Kong 1992).</summary>
    public double EffectiveSamples(int row) => _squares[row] == 0 ? 0 : _sum[row] * _sum[row] / _squares[row];

    /// <summary>
    /// Variance of <see cref="LogMean"/> over draws by the delta method, var(w) / (k mean(w)^2). It says too little when few weights carry all: look at <see cref="EffectiveSamples"/>. 0 for k = 1.
    /// </summary>
    public double Variance(int row)
    {
        if (Samples < 2 || _sum[row] == 0) return 0;
        var k = (double)Samples;
        return Math.Max(0, ((_squares[row] * k / (_sum[row] * _sum[row])) - 1) / (k - 1));
    }

    private void Add(int row, double logWeight)
    {
        if (double.IsNegativeInfinity(logWeight)) return; // It adds 0, and the difference to a largest of minus infinity is no number.
        var largest = _largest[row];
        if (logWeight <= largest)
        {
            var weight = Math.Exp(logWeight - largest);
            _sum[row] += weight;
            _squares[row] += weight * weight;
            return;
        }

        var shrink = Math.Exp(largest - logWeight); // 0 at the first draw. Not a number where the weight is none: it stays so, and is seen.
        _sum[row] = (_sum[row] * shrink) + 1;
        _squares[row] = (_squares[row] * shrink * shrink) + 1;
        _largest[row] = logWeight;
    }
}
