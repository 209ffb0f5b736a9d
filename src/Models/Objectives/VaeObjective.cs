using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>The two parts of the evidence lower bound, one per replica. Nats.</summary>
/// <param name="Distortion">[K]: scale times -log p(x|z), summed over rows and values.</param>
/// <param name="RatePerDimension">[K, d]: KL(q(z|x) || p(z)), summed over rows.</param>
/// <param name="Mean">[K, n, d]: posterior means, detached.</param>
public readonly record struct BoundSums(Tensor Distortion, Tensor RatePerDimension, Tensor Mean);

/// <summary>What of a fused batch counts. The same rows for all slots (<paramref name="Rows"/> and <paramref name="Scale"/> null) is the ordinary case.</summary>
/// <param name="Uniform">Factor of the distortion where all slots have all rows: 1 / rows of the global batch while training, so that its gradient needs no second pass.</param>
/// <param name="Rows">Int32 [K]: rows of each slot, the first of its n; 0 for an empty slot. Null: n.</param>
/// <param name="Scale">Float32 [K]: the factor by slot. Null: <paramref name="Uniform"/>.</param>
/// <param name="Mask">[K, d]: 0 where a latent dimension is padding. Null: none is.</param>
public readonly record struct SlotWeights(double Uniform, Tensor? Rows = null, Tensor? Scale = null, Tensor? Mask = null);

/// <summary>
/// The negative evidence lower bound (Kingma and Welling 2014, eq. 10) split into distortion and rate, with the analytic KL of a diagonal
/// Gaussian against N(0, I) (ibid., appendix B). The weight of the rate is beta-VAE's (Higgins et al. 2017, eq. 4) and is applied by
/// the caller through the gradient, so that both parts are always reported unweighted.
/// </summary>
public sealed class VaeObjective
{
    private readonly VaeNetwork _network;
    private readonly Observation _observation;

    /// <param name="network">K models.</param>
    /// <param name="spec">Their shape and likelihood.</param>
    public VaeObjective(VaeNetwork network, ModelSpec spec)
    {
        _network = network;
        _observation = new Observation(network, spec);
    }

    /// <summary>Forward pass over n rows.</summary>
    /// <param name="x">[K, n, D], the values the likelihood speaks about; [1, n, D] for all replicas.</param>
    /// <param name="noise">[K, n, d], standard normal; [1, n, d] for all replicas.</param>
    /// <param name="scale">Factor of the distortion.</param>
    public BoundSums Forward(Tensor x, Tensor noise, double scale) => Forward(x, noise, new SlotWeights(scale));

    /// <inheritdoc cref="Forward(Tensor, Tensor, double)"/>
    /// <param name="x">[K, n, D]; [1, n, D] for all replicas.</param>
    /// <param name="noise">[K, n, d]; [1, n, d] for all replicas.</param>
    /// <param name="weights">Which rows and dimensions count.</param>
    public BoundSums Forward(Tensor x, Tensor noise, in SlotWeights weights)
    {
        var posterior = Posterior(x, noise, weights);
        var decoded = _network.Decode(posterior.Sample);
        return new BoundSums(_observation.Distortion(decoded, x, weights), posterior.Divergence, posterior.Mean);
    }

    /// <inheritdoc cref="Observation.ToImages"/>
    public Tensor ToImages(Tensor decoded) => _observation.ToImages(decoded);

    /// <summary>The posterior of each row and one sample of it: the first half of <see cref="Forward(Tensor, Tensor, in SlotWeights)"/>.</summary>
    internal GaussianPosterior Posterior(Tensor x, Tensor noise, in SlotWeights weights)
    {
        var hidden = _network.Encode(x);
        return weights.Rows is { } rows ? Fused.gaussian_posterior(hidden, noise, rows, weights.Mask) : Fused.gaussian_posterior(hidden, noise, weights.Mask);
    }

    /// <summary>-log p(x|z) over the rows that count, scaled: [K].</summary>
    internal Tensor Distortion(Tensor decoded, Tensor x, in SlotWeights weights) => _observation.Distortion(decoded, x, weights);

    /// <inheritdoc cref="Observation.DistortionOfRows"/>
    internal Tensor DistortionOfRows(Tensor decoded, Tensor x) => _observation.DistortionOfRows(decoded, x);
}
