namespace Vae.Models.Evaluation;

/// <summary>
/// Sums over held-out rows of one pack. Kept as one flat array so that the ranks of a gang can evaluate their own rows and add up with one
/// all-reduce: the result is exact at any world size, and no row is counted twice.
/// </summary>
public sealed class HeldOutSums
{
    private readonly int _replicas;
    private readonly int _rates;
    private readonly int _means;
    private readonly int _extras;
    private readonly double[] _sums;

    /// <param name="replicas">Trials in the pack, K.</param>
    /// <param name="rates">Rate columns, R.</param>
    /// <param name="means">Columns of the posterior means, M.</param>
    /// <param name="extras">Columns of the objective's own figures, F.</param>
    public HeldOutSums(int replicas, int rates, int means, int extras = 0)
    {
        (_replicas, _rates, _means, _extras) = (replicas, rates, means, extras);
        _sums = new double[replicas * Stride];
    }

    /// <summary>Values to exchange: rows, distortion, each rate column, mean and squared mean of each column of the means, extra columns, for each replica.</summary>
    public int Length => _sums.Length;

    private int Stride => 2 + _rates + (2 * _means) + _extras;

    /// <summary>Adds one batch.</summary>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="distortion">[K] sums.</param>
    /// <param name="rate">[K, R] sums.</param>
    /// <param name="mean">[K, n, M] posterior means.</param>
    /// <param name="extra">[K, F] sums.</param>
    public void Add(int rows, ReadOnlySpan<float> distortion, ReadOnlySpan<float> rate, ReadOnlySpan<float> mean, ReadOnlySpan<float> extra = default)
    {
        for (var k = 0; k < _replicas; k++)
        {
            var sums = _sums.AsSpan(k * Stride, Stride);
            sums[0] += rows;
            sums[1] += distortion[k];
            for (var j = 0; j < _rates; j++) sums[2 + j] += rate[(k * _rates) + j];
            var means = sums.Slice(2 + _rates, _means);
            var squares = sums.Slice(2 + _rates + _means, _means);
            for (var row = 0; row < rows; row++)
            {
                var values = mean.Slice(((k * rows) + row) * _means, _means);
                for (var j = 0; j < _means; j++)
                {
                    means[j] += values[j];
                    squares[j] += (double)values[j] * values[j];
                }
            }

            var extras = sums[^_extras..];
            for (var j = 0; j < _extras; j++) extras[j] += extra[(k * _extras) + j];
        }
    }

    /// <summary>Copies the sums out for an all-reduce.</summary>
    public void CopyTo(Span<float> target)
    {
        for (var i = 0; i < _sums.Length; i++) target[i] = (float)_sums[i];
    }

    /// <summary>Replaces the sums by those of all ranks.</summary>
    public void CopyFrom(ReadOnlySpan<float> source)
    {
        for (var i = 0; i < _sums.Length; i++) _sums[i] = source[i];
    }

    /// <summary>Means per row of replica <paramref name="replica"/>.</summary>
    /// <param name="replica">0 to K - 1.</param>
    /// <param name="ownRates">The replica's own rate columns where the others' are more; its first ones are reported.</param>
    /// <param name="ownMeans">The same of the means.</param>
    /// <param name="labelRates">The first rate columns that are no latent dimension's: the rate has them, the rate by dimension has not.</param>
    public HeldOutReport Report(int replica, int? ownRates = null, int? ownMeans = null, int labelRates = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ownRates ?? 0, _rates);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ownMeans ?? 0, _means);
        var sums = _sums.AsSpan(replica * Stride, Stride);
        var rows = sums[0];
        var rates = new double[ownRates ?? _rates];
        for (var j = 0; j < rates.Length; j++) rates[j] = sums[2 + j] / rows;
        var active = 0;
        for (var j = 0; j < (ownMeans ?? _means); j++)
        {
            var mean = sums[2 + _rates + j] / rows;
            if ((sums[2 + _rates + _means + j] / rows) - (mean * mean) > HeldOutReport.ActiveVariance) active++;
        }

        return new HeldOutReport(sums[1] / rows, rates.Sum(), active, rates[labelRates..]);
    }

    /// <summary>The extra columns of a replica, and the rows that they are sums over.</summary>
    public (double Rows, ReadOnlyMemory<double> Sums) Extras(int replica) => (_sums[replica * Stride], _sums.AsMemory((replica * Stride) + Stride - _extras, _extras));
}

/// <summary>Held-out figures of one trial: means per row, in nats.</summary>
/// <param name="Distortion">-E[log p(x|z)], one sample of z per row.</param>
/// <param name="Rate">KL(q(z|x) || p(z)).</param>
/// <param name="ActiveUnits">Latent dimensions whose posterior mean has a variance above <see cref="ActiveVariance"/> over the rows.</param>
/// <param name="RatePerDimension">The rate by latent dimension.</param>
public sealed record HeldOutReport(double Distortion, double Rate, int ActiveUnits, IReadOnlyList<double> RatePerDimension)
{
    /// <summary>What the trial's objective says beside these; empty for most.</summary>
    public IReadOnlyList<HeldOutFigure> Figures { get; init; } = [];

    /// <summary>Burda et al. 2016, section 5.2.</summary>
    public const double ActiveVariance = 0.01;

    /// <summary>Evidence lower bound at beta = 1.</summary>
    public double Elbo => -(Distortion + Rate);
}

/// <summary>One more held-out figure of an objective.</summary>
/// <param name="Name">As files and tables call it, in snake case.</param>
/// <param name="Value">In nats per row where it is a bound.</param>
public sealed record HeldOutFigure(string Name, double Value);
