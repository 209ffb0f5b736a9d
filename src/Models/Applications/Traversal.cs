using Vae.Models.Evaluation;

namespace Vae.Models.Applications;

/// <summary>What each latent dimension does to an image: one row for each, all other dimensions left as they are.</summary>
/// <param name="Dimensions">The dimension of each row.</param>
/// <param name="Values">The values of the dimension, left to right, in standard deviations of the prior.</param>
/// <param name="Images">[dimensions, values, C, H, W], 0 to 1.</param>
public sealed record Traversal(IReadOnlyList<int> Dimensions, IReadOnlyList<float> Values, float[] Images)
{
    /// <summary>The dimensions by falling rate: what an image says most about comes first, what the model does not use comes last. Of equal rates the lower number is first.</summary>
    /// <param name="rates">[d]: mean rate of each dimension on held-out rows, see <see cref="LatentRows.MeanRates"/>.</param>
    public static int[] Order(IReadOnlyList<double> rates) => [.. Enumerable.Range(0, rates.Count).OrderByDescending(j => rates[j])];

    /// <summary>Evenly spaced values from -<paramref name="range"/> to <paramref name="range"/>.</summary>
    /// <param name="range">Standard deviations of the prior, above 0.</param>
    /// <param name="steps">Values, 2 or more.</param>
    public static float[] Spread(double range, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(range);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 2);
        return [.. Enumerable.Range(0, steps).Select(step => (float)(range * ((2.0 * step / (steps - 1)) - 1)))];
    }

    /// <summary>Decodes the rows.</summary>
    /// <param name="model">The model.</param>
    /// <param name="at">[d]: the latent that is changed, for example <see cref="LatentModel.PriorMean"/>.</param>
    /// <param name="dimensions">Which dimensions, in the order of the rows.</param>
    /// <param name="values">What the dimension is set to, in standard deviations of the prior from its mean, see <see cref="Spread"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="at"/> is no latent of the model, or it has no such dimension.</exception>
    public static Traversal Of(LatentModel model, ReadOnlySpan<float> at, IReadOnlyList<int> dimensions, IReadOnlyList<float> values)
    {
        if (at.Length != model.Latent) throw new ArgumentException($"{at.Length} numbers are no latent of {model.Latent}.", nameof(at));
        if (dimensions.FirstOrDefault(dimension => dimension < 0 || dimension >= model.Latent, -1) is >= 0 and var wrong) throw new ArgumentException($"There is no dimension {wrong}; the model has 0 to {model.Latent - 1}.", nameof(dimensions));
        var (mean, deviation) = (model.PriorMean(), model.PriorDeviation());
        var latents = new float[dimensions.Count * values.Count * model.Latent];
        for (var place = 0; place < dimensions.Count * values.Count; place++)
        {
            var z = latents.AsSpan(place * model.Latent, model.Latent);
            at.CopyTo(z);
            var dimension = dimensions[place / values.Count];
            z[dimension] = mean[dimension] + (deviation[dimension] * values[place % values.Count]);
        }

        return new Traversal(dimensions, values, LatentRows.Decode(model, latents));
    }
}
