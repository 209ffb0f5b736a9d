using Vae.Models.Evaluation;

namespace Vae.Models.Applications;

/// <summary>
/// New images from elsewhere than the prior, which <see cref="GenerativeModel.Generate"/> draws from. Of a model that takes labels these are of the one that was chosen (<see cref="LatentModel.Under"/>), else of each in order: image
/// i has label i modulo the classes.
/// </summary>
public static class Generation
{
    /// <summary>Images decoded from draws of a density that was fitted to the latents of training rows (Ghosh et al. 2020, section 4: ex-post density estimation). It closes the gap between the prior and what the decoder has seen.</summary>
    /// <param name="model">The model.</param>
    /// <param name="density">Over its latents, see <see cref="LatentDensity.Fit"/>.</param>
    /// <param name="count">Images, 1 or more.</param>
    /// <param name="seed">The same seed gives the same images.</param>
    /// <returns>[count, C, H, W], 0 to 1.</returns>
    /// <exception cref="ArgumentException">The density is over latents of another size.</exception>
    public static float[] FromDensity(LatentModel model, LatentDensity density, int count, ulong seed) => density.Latent == model.Latent
        ? LatentRows.Decode(model, density.Draw(count, seed), model.LabelsInOrder(count))
        : throw new ArgumentException($"The density is over latents of {density.Latent}, the model has {model.Latent}.", nameof(density));

    /// <summary>The same latents under every label of a model that takes labels, label by label: what they share is theirs, the rest is the label's.</summary>
    /// <param name="model">The model.</param>
    /// <param name="latents">[n, d].</param>
    /// <returns>[classes, n, C, H, W], 0 to 1.</returns>
    public static float[] UnderEachLabel(LatentModel model, ReadOnlySpan<float> latents)
    {
        var images = new List<float>();
        for (var label = 0; label < model.Classes; label++) images.AddRange(LatentRows.Decode(model.Under(label), latents));
        return [.. images];
    }
}
