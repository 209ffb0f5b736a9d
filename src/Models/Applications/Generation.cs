using Vae.Models.Evaluation;

namespace Vae.Models.Applications;

/// <summary>New images from elsewhere than the prior, which <see cref="GenerativeModel.Generate"/> draws from.</summary>
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
        ? LatentRows.Decode(model, density.Draw(count, seed))
        : throw new ArgumentException($"The density is over latents of {density.Latent}, the model has {model.Latent}.", nameof(density));
}
