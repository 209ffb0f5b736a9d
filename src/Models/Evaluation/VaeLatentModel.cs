using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>The family <c>vae</c>, as it is with the prior N(0, I).</summary>
internal class VaeLatentModel : LatentModel
{
    private readonly VaeNetwork _network;
    private readonly Likelihood _likelihood;
    private readonly Observation _observation;

    public VaeLatentModel(VaeNetwork network, ModelSpec spec)
    {
        if (network.Replicas != 1) throw new ArgumentException($"One replica is needed, not {network.Replicas}: take a view of it.", nameof(network));
        (_network, _likelihood, _observation) = (network, spec.Likelihood, new Observation(network, spec));
    }

    public override ImageShape Image => _network.Image;

    public override int Latent => _network.Latent;

    public override bool IsDensity => _likelihood is Likelihood.Gaussian or Likelihood.ContinuousBernoulli;

    public override torch.Device Device => _network.parameters().First().device;

    public override float[] DrawPrior(int count, ulong seed)
    {
        using var scope = torch.NewDisposeScope();
        return PriorDraws.Draw(_network, 0, count, seed).cpu().ToArray<float>();
    }

    public override DiagonalPosterior Encode(Tensor x)
    {
        var hidden = _network.Encode(x.unsqueeze(0));
        var posterior = Fused.gaussian_posterior(hidden, torch.zeros([1, x.size(0), Latent], device: x.device));
        return new DiagonalPosterior(posterior.Mean.select(0, 0), posterior.LogVariance.select(0, 0));
    }

    public override Tensor Decode(Tensor z) => _observation.ToImages(_network.Decode(z.unsqueeze(0))).select(0, 0);

    public override Tensor LogLikelihood(Tensor x, Tensor z)
    {
        var (draws, rows) = (z.size(0), z.size(1));
        var decoded = _network.Decode(z.reshape(1, draws * rows, Latent));
        return _observation.LogLikelihoodOfDraws(decoded, x, draws);
    }
}
