using System.Numerics;

namespace Vae.Models.Evaluation;

/// <summary>
/// The rate split in two (Hoffman and Johnson 2016): mean over rows of KL(q(z|x) || p(z)) = I(x; z) + KL(q(z) || p(z)), where q(z) is the mixture of the posteriors of these rows.
/// The second term is what generation suffers from: draws of the prior that no posterior covers. All in nats.
/// </summary>
/// <param name="MutualInformation">I(x; z) under a uniform choice of row: 0 to ln(rows).</param>
/// <param name="MarginalKl">KL(q(z) || p(z)), at least 0 but for its error.</param>
/// <param name="Rate">Their sum: the rate by the same draws, whose closed form is known.</param>
/// <param name="Rows">Rows of the mixture.</param>
public sealed record AggregatePosterior(Estimate MutualInformation, Estimate MarginalKl, Estimate Rate, int Rows)
{
    /// <summary>
    /// Monte Carlo with one draw per row: means of ln q(z|x) - ln q(z) and ln q(z) - ln p(z), with q(z) summed over all rows, so both are unbiased for the mixture of these rows. Quadratic in the rows.
    /// </summary>
    /// <param name="means">[n, d] means of the posteriors.</param>
    /// <param name="logVariances">[n, d].</param>
    /// <param name="draws">[n, d]: a draw of each row's posterior.</param>
    /// <param name="logPrior">[n]: ln p(z) of each draw.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static AggregatePosterior Of(LatentTable means, LatentTable logVariances, LatentTable draws, ReadOnlySpan<double> logPrior)
    {
        var (rows, size) = (means.Rows, means.Dimensions);
        if (logVariances.Rows != rows || draws.Rows != rows || logPrior.Length != rows || logVariances.Dimensions != size || draws.Dimensions != size) throw new ArgumentException("The shapes do not fit.", nameof(draws));
        var mixture = new Mixture(means, logVariances);
        var (information, marginal, rate) = (new double[rows], new double[rows], new double[rows]);
        for (var row = 0; row < rows; row++)
        {
            var (own, all) = mixture.LogDensities(draws.Row(row), row);
            information[row] = own - all;
            marginal[row] = all - logPrior[row];
            rate[row] = own - logPrior[row];
        }

        return new(Estimate.Of(information), Estimate.Of(marginal), Estimate.Of(rate), rows);
    }

    /// <summary>The same for posteriors that are no diagonal Gaussians.</summary>
    /// <param name="rows">n.</param>
    /// <param name="fill">Row i: ln q(z|x_j) - ln p(z) of its draw z under the posterior of every row j, [n], in nats.</param>
    internal static AggregatePosterior Of(int rows, RatiosOfDraw fill)
    {
        var (information, marginal, rate, ratios) = (new double[rows], new double[rows], new double[rows], new double[rows]);
        for (var row = 0; row < rows; row++)
        {
            fill(row, ratios);
            rate[row] = ratios[row];
            marginal[row] = LogMean(ratios);
            information[row] = rate[row] - marginal[row];
        }

        return new(Estimate.Of(information), Estimate.Of(marginal), Estimate.Of(rate), rows);
    }

    /// <summary>Tells how the draw of one row stands under the posteriors of all rows.</summary>
    internal delegate void RatiosOfDraw(int row, Span<double> ratios);

    // ln of the mean of exp.
    private static double LogMean(ReadOnlySpan<double> logs)
    {
        var (largest, sum) = (double.NegativeInfinity, 0.0);
        foreach (var log in logs) largest = Math.Max(largest, log);
        foreach (var log in logs) sum += Math.Exp(log - largest);
        return largest + Math.Log(sum / logs.Length);
    }

    // Column by column, so that one draw against all components is a walk over contiguous numbers.
    private sealed class Mixture
    {
        private readonly int _rows;
        private readonly int _size;
        private readonly double[] _means;
        private readonly double[] _precisions;
        private readonly double[] _constants;
        private readonly double[] _densities;

        public Mixture(LatentTable means, LatentTable logVariances)
        {
            (_rows, _size) = (means.Rows, means.Dimensions);
            (_means, _precisions) = (new double[_rows * _size], new double[_rows * _size]);
            (_constants, _densities) = (new double[_rows], new double[_rows]);
            for (var row = 0; row < _rows; row++)
            {
                var logs = logVariances.Row(row);
                _constants[row] = -0.5 * _size * Math.Log(2 * Math.PI);
                for (var j = 0; j < _size; j++)
                {
                    _means[(j * _rows) + row] = means.Row(row)[j];
                    _precisions[(j * _rows) + row] = Math.Exp(-(double)logs[j]);
                    _constants[row] -= 0.5 * logs[j];
                }
            }
        }

        /// <returns>ln q(z|x) of the row the draw comes from, and ln of the mean over all rows.</returns>
        public (double Own, double All) LogDensities(ReadOnlySpan<float> z, int row)
        {
            _constants.CopyTo(_densities, 0);
            for (var j = 0; j < _size; j++) AddDimension(z[j], _means.AsSpan(j * _rows, _rows), _precisions.AsSpan(j * _rows, _rows));
            var largest = double.NegativeInfinity;
            foreach (var density in _densities) largest = Math.Max(largest, density);
            double sum = 0;
            foreach (var density in _densities) if (density > largest - 50) sum += Math.Exp(density - largest); // e^-50 of the largest is below the last bit of any sum of fewer than 10^6.
            return (_densities[row], largest + Math.Log(sum / _rows));
        }

        private void AddDimension(double z, ReadOnlySpan<double> means, ReadOnlySpan<double> precisions)
        {
            var (point, half, width, i) = (new Vector<double>(z), new Vector<double>(0.5), Vector<double>.Count, 0);
            for (; i <= _rows - width; i += width)
            {
                var away = point - new Vector<double>(means[i..]);
                (new Vector<double>(_densities, i) - (half * away * away * new Vector<double>(precisions[i..]))).CopyTo(_densities, i);
            }

            for (; i < _rows; i++) _densities[i] -= 0.5 * (z - means[i]) * (z - means[i]) * precisions[i];
        }
    }
}
