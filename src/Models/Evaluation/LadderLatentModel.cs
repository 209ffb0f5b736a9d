using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>
/// The family <c>ladder</c>. Its latent is that of all layers, data side first, each number in units of its prior given the layer above (<see cref="LadderDescent"/>): the prior is N(0, I) as a whole, so that draws,
/// traversals and interpolations mean what they mean elsewhere, and changing a number of an upper layer takes the layers below along. The posterior of a layer depends on the sample above: <see cref="Encode"/> gives it
/// along the means, and what needs draws walks down once for each of them.
/// </summary>
internal sealed class LadderLatentModel : LatentModel
{
    private readonly LadderNetwork _network;
    private readonly Likelihood _likelihood;
    private readonly Observation _observation;

    public LadderLatentModel(LadderNetwork network, ModelSpec spec)
    {
        if (network.Replicas != 1) throw new ArgumentException($"One replica is needed, not {network.Replicas}: take a view of it.", nameof(network));
        (_network, _likelihood, _observation, Latent) = (network, spec.Likelihood, new Observation(network, spec), network.Sizes.Sum());
    }

    public override ImageShape Image => _network.Image;

    public override int Latent { get; }

    public override bool IsDensity => _likelihood is Likelihood.Gaussian or Likelihood.ContinuousBernoulli;

    public override torch.Device Device => _network.parameters().First().device;

    public override DiagonalPosterior Encode(Tensor x)
    {
        var descent = LadderDescent.Walk(_network, _network.Encode(x.unsqueeze(0)), torch.zeros([1, 1, Latent], device: x.device));
        return new DiagonalPosterior(descent.Mean.select(0, 0), descent.LogVariance.select(0, 0));
    }

    public override Tensor Decode(Tensor z) => _observation.ToImages(_network.Decode(LadderDescent.Place(_network, z.unsqueeze(0)))).select(0, 0);

    public override Tensor LogLikelihood(Tensor x, Tensor z)
    {
        var (draws, rows) = (z.size(0), z.size(1));
        return _observation.LogLikelihoodOfDraws(_network.Decode(LadderDescent.Place(_network, z.reshape(1, draws * rows, Latent))), x, draws);
    }

    internal override AggregatePosterior AggregateOf(Func<int, int, Tensor> load, Tensor noise) => AggregatePosterior.Of((int)noise.size(0), LadderPairs.Of(_network, load, noise).Fill);

    public override BoundDraws Draw(Tensor x, DiagonalPosterior posterior, Tensor noise)
    {
        var (draws, rows) = (noise.size(0), noise.size(1));
        var suggested = _network.Encode(x.unsqueeze(0));
        for (var layer = 0; layer < suggested.Length; layer++)
        {
            var width = suggested[layer].size(2);
            suggested[layer] = suggested[layer].expand(draws, rows, width).reshape(1, draws * rows, width);
        }

        var descent = LadderDescent.Walk(_network, suggested, noise.reshape(1, draws * rows, Latent));
        var likelihood = _observation.LogLikelihoodOfDraws(_network.Decode(descent.Sample), x, draws);
        return new BoundDraws(likelihood, descent.SampledRate.sum(2).view(draws, rows).neg(), descent.Rate.view(draws, rows, Latent));
    }
}
