namespace Vae.Models.Evaluation;

/// <summary>Mean 0 and variance 1 by the figures of some rows, for others too: a probe's strength must not depend on the scale of a latent dimension.</summary>
/// <param name="Means">By dimension.</param>
/// <param name="Scales">1 / standard deviation by dimension; 0 where nothing varies, which takes the dimension out.</param>
public sealed record Standardised(double[] Means, double[] Scales)
{
    /// <summary>From these rows.</summary>
    public static Standardised By(LatentTable rows)
    {
        var means = new double[rows.Dimensions];
        for (var row = 0; row < rows.Rows; row++) for (var j = 0; j < means.Length; j++) means[j] += rows.Row(row)[j];
        for (var j = 0; j < means.Length; j++) means[j] /= rows.Rows;
        return new(means, [.. rows.Variances().Select(variance => variance > 0 ? 1 / Math.Sqrt(variance) : 0)]);
    }

    /// <returns>[n, d].</returns>
    public double[] Apply(LatentTable rows)
    {
        var result = new double[rows.Values.Length];
        for (var i = 0; i < result.Length; i++) result[i] = (rows.Values[i] - Means[i % Means.Length]) * Scales[i % Means.Length];
        return result;
    }
}
