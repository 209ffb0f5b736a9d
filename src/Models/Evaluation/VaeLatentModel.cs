using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>The family <c>vae</c> with the prior N(0, I).</summary>
internal sealed class VaeLatentModel : LatentModel
{
    private readonly VaeNetwork _network;
    private readonly Likelihood _likelihood;

    public VaeLatentModel(VaeNetwork network, ModelSpec spec)
    {
        if (network.Replicas != 1) throw new ArgumentException($"One replica is needed, not {network.Replicas}: take a view of it.", nameof(network));
        if (spec.Prior != Prior.Normal) throw new ArgumentException($"The prior {spec.Prior} needs a model of its own: here it is N(0, I).", nameof(spec));
        (_network, _likelihood) = (network, spec.Likelihood);
    }

    public override ImageShape Image => _network.Image;

    public override int Latent => _network.Latent;

    public override bool IsDensity => _likelihood == Likelihood.Gaussian;

    public override torch.Device Device => _network.parameters().First().device;

    public override DiagonalPosterior Encode(Tensor x)
    {
        var hidden = _network.Encode(x.unsqueeze(0));
        var posterior = Fused.gaussian_posterior(hidden, torch.zeros([1, x.size(0), Latent], device: x.device));
        return new DiagonalPosterior(posterior.Mean.select(0, 0), posterior.LogVariance.select(0, 0));
    }

    public override Tensor Decode(Tensor z)
    {
        var decoded = _network.Decode(z.unsqueeze(0)).select(0, 0);
        return _likelihood == Likelihood.Bernoulli ? decoded.sigmoid() : decoded;
    }

    public override Tensor LogLikelihood(Tensor x, Tensor z)
    {
        var (draws, rows) = (z.size(0), z.size(1));
        var decoded = _network.Decode(z.reshape(1, draws * rows, Latent)).view(draws, rows, Image.Values);
        return _likelihood switch
        {
            // ln p = a x - softplus(a): from logits, so no probability is ever 0 or 1 and nothing is cut off at any number of nats.
            Likelihood.Bernoulli => ((decoded * x) - decoded.softplus()).sum(2),
            Likelihood.Gaussian => GaussianLogDensity(decoded, x),
            _ => throw new InvalidOperationException($"Unknown likelihood {_likelihood}."),
        };
    }

    private Tensor GaussianLogDensity(Tensor means, Tensor x)
    {
        var logVariance = _network.ObservationLogVariance!;
        var squares = (means - x).square().sum(2);
        return ((squares * (-logVariance).exp()) + ((logVariance + Math.Log(2 * Math.PI)) * Image.Values)) * -0.5;
    }
}
