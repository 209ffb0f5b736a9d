namespace Vae.Models.Evaluation;

/// <summary>
/// Sums over held-out rows of one pack. Kept as one flat array so that the ranks of a gang can evaluate their own rows and add up with one
/// all-reduce: the result is exact at any world size, and no row is counted twice.
/// </summary>
public sealed class HeldOutSums
{
    private readonly int _replicas;
    private readonly int _latent;
    private readonly double[] _sums;

    /// <param name="replicas">Trials in the pack, K.</param>
    /// <param name="latent">Latent size, d.</param>
    public HeldOutSums(int replicas, int latent)
    {
        _replicas = replicas;
        _latent = latent;
        _sums = new double[replicas * Stride];
    }

    /// <summary>Values to exchange: rows, distortion, and per latent dimension rate, mean and squared mean, for each replica.</summary>
    public int Length => _sums.Length;

    private int Stride => 2 + (3 * _latent);

    /// <summary>Adds one batch.</summary>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="distortion">[K] sums.</param>
    /// <param name="rate">[K, d] sums.</param>
    /// <param name="mean">[K, n, d] posterior means.</param>
    public void Add(int rows, ReadOnlySpan<float> distortion, ReadOnlySpan<float> rate, ReadOnlySpan<float> mean)
    {
        for (var k = 0; k < _replicas; k++)
        {
            var sums = _sums.AsSpan(k * Stride, Stride);
            sums[0] += rows;
            sums[1] += distortion[k];
            for (var j = 0; j < _latent; j++) sums[2 + j] += rate[(k * _latent) + j];
            var means = sums.Slice(2 + _latent, _latent);
            var squares = sums.Slice(2 + (2 * _latent), _latent);
            for (var row = 0; row < rows; row++)
            {
                var values = mean.Slice(((k * rows) + row) * _latent, _latent);
                for (var j = 0; j < _latent; j++)
                {
                    means[j] += values[j];
                    squares[j] += (double)values[j] * values[j];
                }
            }
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
    /// <param name="latent">The replica's own latent size where the others' is larger; its first dimensions are reported.</param>
    public HeldOutReport Report(int replica, int? latent = null)
    {
        var dimensions = latent ?? _latent;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dimensions, _latent);
        var sums = _sums.AsSpan(replica * Stride, Stride);
        var rows = sums[0];
        var rates = new double[dimensions];
        var active = 0;
        for (var j = 0; j < dimensions; j++)
        {
            rates[j] = sums[2 + j] / rows;
            var mean = sums[2 + _latent + j] / rows;
            if ((sums[2 + (2 * _latent) + j] / rows) - (mean * mean) > HeldOutReport.ActiveVariance) active++;
        }

        return new HeldOutReport(sums[1] / rows, rates.Sum(), active, rates);
    }
}

/// <summary>Held-out figures of one trial: means per row, in nats.</summary>
/// <param name="Distortion">-E[log p(x|z)], one sample of z per row.</param>
/// <param name="Rate">KL(q(z|x) || p(z)).</param>
/// <param name="ActiveUnits">Latent dimensions whose posterior mean has a variance above <see cref="ActiveVariance"/> over the rows.</param>
/// <param name="RatePerDimension">The rate by latent dimension.</param>
public sealed record HeldOutReport(double Distortion, double Rate, int ActiveUnits, IReadOnlyList<double> RatePerDimension)
{
    /// <summary>Burda et al. 2016, section 5.2.</summary>
    public const double ActiveVariance = 0.01;

    /// <summary>Evidence lower bound at beta = 1.</summary>
    public double Elbo => -(Distortion + Rate);
}
