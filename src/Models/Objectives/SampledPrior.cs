using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>What a prior says of posterior samples.</summary>
public abstract class SampledPrior
{
    /// <summary>Columns of rates, means and noise.</summary>
    public abstract ObjectiveColumns Columns { get; }

    /// <summary>Columns of a smaller trial.</summary>
    public abstract ObjectiveColumns ColumnsOf(ModelSpec own);

    /// <summary>log q(z|x) - log p(z) of each sample, [K, m, R].</summary>
    /// <param name="posterior">Samples [K, m, d], means and log variances.</param>
    /// <param name="noise">[K, m, d] or [1, m, d].</param>
    /// <param name="mask">[K, d], or null.</param>
    public abstract Tensor Rate(in GaussianPosterior posterior, Tensor noise, Tensor? mask);

    /// <summary>The rate over all samples, [K, R]: in closed form where there is one, else the sum of <paramref name="rates"/>.</summary>
    public abstract Tensor Expected(in GaussianPosterior posterior, Tensor rates);
}

/// <summary>N(0, I).</summary>
/// <param name="latent">d.</param>
public sealed class NormalPrior(int latent) : SampledPrior
{
    /// <inheritdoc/>
    public override ObjectiveColumns Columns => ObjectiveColumns.Of(latent);

    /// <inheritdoc/>
    public override ObjectiveColumns ColumnsOf(ModelSpec own) => ObjectiveColumns.Of(own.Latent);

    /// <inheritdoc/>
    public override Tensor Rate(in GaussianPosterior posterior, Tensor noise, Tensor? mask) => VaeSamples.RatePerDimension(posterior, noise, mask);

    /// <inheritdoc/>
    public override Tensor Expected(in GaussianPosterior posterior, Tensor rates) => posterior.Divergence;
}
