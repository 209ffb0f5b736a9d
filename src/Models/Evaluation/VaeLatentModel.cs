using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>The family <c>vae</c>.</summary>
internal sealed class VaeLatentModel : LatentModel
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
        if (_likelihood != Likelihood.Bernoulli)
        {
            var each = x.unsqueeze(0).expand(draws, rows, Image.Values).reshape(1, draws * rows, Image.Values);
            return _observation.DistortionOfRows(decoded, each).view(draws, rows).neg();
        }

        // ln p = a x - softplus(a): from logits, so no probability is ever 0 or 1 and nothing is cut off at any number of nats. Without a copy of x for each draw, which is what most time would go to.
        var logits = decoded.view(draws, rows, Image.Values);
        return ((logits * x) - logits.softplus()).sum(2);
    }
}
