using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>The two parts of the evidence lower bound, one per replica. Nats.</summary>
/// <param name="Distortion">[K]: scale times -log p(x|z), summed over rows and values.</param>
/// <param name="RatePerDimension">[K, d]: KL(q(z|x) || p(z)), summed over rows.</param>
/// <param name="Mean">[K, n, d]: posterior means, detached.</param>
public readonly record struct BoundSums(Tensor Distortion, Tensor RatePerDimension, Tensor Mean);

/// <summary>
/// The negative evidence lower bound (Kingma and Welling 2014, eq. 10) split into distortion and rate, with the analytic KL of a diagonal
/// Gaussian against N(0, I) (ibid., appendix B). The weight of the rate is beta-VAE's (Higgins et al. 2017, eq. 4) and is applied by
/// the caller through the gradient, so that both parts are always reported unweighted.
/// </summary>
public sealed class VaeObjective
{
    private readonly VaeNetwork _network;
    private readonly Likelihood _likelihood;
    private readonly Tensor? _logVariance;

    /// <param name="network">K models.</param>
    /// <param name="spec">Their shape and likelihood.</param>
    public VaeObjective(VaeNetwork network, ModelSpec spec)
    {
        _network = network;
        _likelihood = spec.Likelihood;
        _logVariance = network.ObservationLogVariance;
    }

    /// <summary>Forward pass over n rows.</summary>
    /// <param name="x">[K, n, D], the values the likelihood speaks about.</param>
    /// <param name="noise">[K, n, d], standard normal.</param>
    /// <param name="scale">Factor of the distortion; 1 / rows of the global batch while training, so that its gradient needs no second pass.</param>
    public BoundSums Forward(Tensor x, Tensor noise, double scale)
    {
        var posterior = Fused.gaussian_posterior(_network.Encode(x), noise);
        var decoded = _network.Decode(posterior.Sample);
        var distortion = _likelihood switch
        {
            Likelihood.Bernoulli => Fused.bernoulli_logits_nll(decoded, x, scale),
            Likelihood.Gaussian => Fused.gaussian_nll(decoded, x, _logVariance!, scale),
            _ => throw new ArgumentOutOfRangeException(nameof(x), _likelihood, "Unknown likelihood."),
        };
        return new BoundSums(distortion, posterior.Divergence, posterior.Mean);
    }

    /// <summary>What the decoder says an image looks like: probabilities of the Bernoulli likelihood, means of the Gaussian one. [K, n, D].</summary>
    public Tensor ToImages(Tensor decoded) => _likelihood == Likelihood.Bernoulli ? decoded.sigmoid() : decoded;
}
