namespace Vae.Models.Applications;

/// <summary>One weighted Gaussian with its covariance as a Cholesky factor L, lower and row by row: covariance = L L'.</summary>
internal sealed class GaussianComponent
{
    private readonly double[] _factor;
    private readonly double _logScale; // ln weight - 1/2 (d ln 2 pi + ln det covariance).

    private GaussianComponent(double weight, double[] mean, double[] factor, double meanVariance)
    {
        (Weight, Mean, _factor, MeanVariance) = (weight, mean, factor, meanVariance);
        var logDeterminant = 0.0;
        for (var j = 0; j < mean.Length; j++) logDeterminant += 2 * Math.Log(factor[(j * mean.Length) + j]);
        _logScale = Math.Log(weight) - (0.5 * ((mean.Length * Math.Log(2 * Math.PI)) + logDeterminant));
    }

    public double Weight { get; }

    public double[] Mean { get; }

    /// <summary>Mean of the variances of the dimensions.</summary>
    public double MeanVariance { get; }

    /// <summary>The Gaussian of greatest likelihood for rows that count by their shares.</summary>
    /// <param name="rows">[n, d].</param>
    /// <param name="latent">d.</param>
    /// <param name="shares">[n], 0 to 1.</param>
    /// <param name="count">Rows of all components together, n.</param>
    /// <param name="ridge">Added to the variances: rows that lie in a plane would have no density otherwise.</param>
    public static GaussianComponent Of(double[] rows, int latent, double[] shares, int count, double ridge)
    {
        var total = 1e-10; // A component that no row wants keeps a share which is as good as none.
        var mean = new double[latent];
        for (var row = 0; row < shares.Length; row++)
        {
            total += shares[row];
            for (var j = 0; j < latent; j++) mean[j] += shares[row] * rows[(row * latent) + j];
        }

        for (var j = 0; j < latent; j++) mean[j] /= total;
        var covariance = new double[latent * latent];
        var centred = new double[latent];
        for (var row = 0; row < shares.Length; row++)
        {
            if (shares[row] < 1e-12) continue;
            for (var j = 0; j < latent; j++) centred[j] = rows[(row * latent) + j] - mean[j];
            for (var i = 0; i < latent; i++)
            {
                var weighted = shares[row] * centred[i];
                var target = covariance.AsSpan(i * latent, i + 1);
                for (var j = 0; j < target.Length; j++) target[j] += weighted * centred[j];
            }
        }

        var variance = 0.0;
        for (var i = 0; i < latent; i++)
        {
            for (var j = 0; j <= i; j++) covariance[(i * latent) + j] /= total;
            variance += covariance[(i * latent) + i] / latent;
        }

        return new GaussianComponent(total / (count + 1e-10), mean, Factor(covariance, latent, ridge), variance);
    }

    /// <summary>ln of weight times density at a row, nats.</summary>
    public double LogWeighted(ReadOnlySpan<double> row)
    {
        var latent = Mean.Length;
        Span<double> solved = latent <= 64 ? stackalloc double[latent] : new double[latent];
        double squares = 0;
        for (var i = 0; i < latent; i++)
        {
            var value = row[i] - Mean[i];
            var factor = _factor.AsSpan(i * latent, i + 1);
            for (var j = 0; j < i; j++) value -= factor[j] * solved[j];
            solved[i] = value / factor[i];
            squares += solved[i] * solved[i];
        }

        return _logScale - (0.5 * squares);
    }

    /// <summary>mean + L normal.</summary>
    public void Transform(ReadOnlySpan<double> normal, Span<float> target)
    {
        for (var i = 0; i < Mean.Length; i++)
        {
            var value = Mean[i];
            for (var j = 0; j <= i; j++) value += _factor[(i * Mean.Length) + j] * normal[j];
            target[i] = (float)value;
        }
    }

    // A covariance that rounding has made not quite positive gets a larger ridge, ten times at a time.
    private static double[] Factor(double[] covariance, int latent, double ridge)
    {
        var factor = new double[covariance.Length];
        for (var added = ridge; ; added = Math.Max(10 * added, 1e-12))
        {
            if (TryFactor(covariance, latent, added, factor)) return factor;
        }
    }

    private static bool TryFactor(double[] covariance, int latent, double ridge, double[] factor)
    {
        for (var i = 0; i < latent; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                var value = covariance[(i * latent) + j] + (i == j ? ridge : 0);
                for (var k = 0; k < j; k++) value -= factor[(i * latent) + k] * factor[(j * latent) + k];
                if (i != j) factor[(i * latent) + j] = value / factor[(j * latent) + j];
                else if (value > 0) factor[(i * latent) + i] = Math.Sqrt(value);
                else return false;
            }
        }

        return true;
    }
}
