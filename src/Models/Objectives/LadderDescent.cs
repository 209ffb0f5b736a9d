using Vae.Models.Networks;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// One way up and down a ladder. Each layer's latents are kept in units of their prior, e = (z - prior mean) / prior deviation, which change nothing about densities' ratios: against N(0, I) everywhere, KL and importance
/// weights are those of a plain VAE, given the sample above. Columns are those of all layers, data side first.
/// </summary>
public sealed class LadderDescent
{
    private readonly DiagonalGaussian[] _posteriors;
    private readonly Tensor[] _noise;
    private readonly Tensor[] _columns;

    /// <summary>Room for a walk. A training step walks in the same one each time, so that it makes no objects.</summary>
    /// <param name="layers">L.</param>
    internal LadderDescent(int layers) => (_posteriors, _noise, _columns) = (new DiagonalGaussian[layers], new Tensor[layers], new Tensor[layers]);

    /// <summary>z_1, [K, n, d_1]: what the decoder reads.</summary>
    public Tensor Sample { get; private set; } = null!;

    /// <summary>e, the latents of all layers in units of their priors, [K, n, R].</summary>
    public Tensor Units
    {
        get
        {
            for (var layer = 0; layer < _columns.Length; layer++) _columns[layer] = _posteriors[layer].Sample(_noise[layer]);
            return torch.cat(_columns, -1);
        }
    }

    /// <summary>Means of e given the sample above, [K, n, R].</summary>
    public Tensor Mean => Columns(static posterior => posterior.Mean);

    /// <summary>Log variances of e given the sample above, [K, n, R].</summary>
    public Tensor LogVariance => Columns(static posterior => posterior.LogVariance);

    /// <summary>KL of each dimension given the sample above, in nats, [K, n, R].</summary>
    public Tensor Rate => Columns(static posterior => Gaussians.Divergence(posterior));

    /// <summary>ln q(e | x, above) - ln p(e) of the sample by dimension, in nats, [K, n, R]: -1/2 noise^2 - 1/2 l + 1/2 e^2. No variance is divided by.</summary>
    public Tensor SampledRate
    {
        get
        {
            for (var layer = 0; layer < _columns.Length; layer++)
                _columns[layer] = (_posteriors[layer].Sample(_noise[layer]).square() - _noise[layer].square() - _posteriors[layer].LogVariance) * 0.5;
            return torch.cat(_columns, -1);
        }
    }

    /// <summary>Samples the posteriors of all layers.</summary>
    /// <param name="network">K models.</param>
    /// <param name="suggested">From <see cref="LadderNetwork.Encode"/>.</param>
    /// <param name="noise">[K, n, R]; [1, n, R] for all replicas.</param>
    /// <param name="live">Bool [K, n, 1]: rows that count; null: all. What the layers left of the others is replaced, so that it cannot become infinite.</param>
    public static LadderDescent Walk(LadderNetwork network, Tensor[] suggested, Tensor noise, Tensor? live = null) => new LadderDescent(network.Sizes.Count).Go(network, suggested, noise, live);

    /// <summary>Walks again; what the walk before has left is gone.</summary>
    /// <inheritdoc cref="Walk"/>
    internal LadderDescent Go(LadderNetwork network, Tensor[] suggested, Tensor noise, Tensor? live)
    {
        var (posteriors, own, layers) = (_posteriors, _noise, _posteriors.Length);
        Tensor? z = null;
        var end = noise.size(-1);
        for (var layer = layers - 1; layer >= 0; layer--)
        {
            var size = network.Sizes[layer];
            end -= size;
            own[layer] = noise.narrow(-1, end, size);
            var data = DiagonalGaussian.Of(StepTensors.Only(suggested[layer], live));
            var prior = z is null ? default : PriorOf(network, layer, z, live);
            posteriors[layer] = z is null ? data : Gaussians.Merge(data, prior);
            var e = posteriors[layer].Sample(own[layer]);
            z = z is null ? e : prior.Sample(e);
        }

        Sample = z!;
        return this;
    }

    /// <summary>Posterior means of e, each given the means above, [K, n, R]: a unit that does not know the image is exactly 0 there.</summary>
    public static Tensor MeanOf(LadderNetwork network, Tensor[] suggested) => Walk(network, suggested, torch.zeros([1, 1, network.Sizes.Sum()], device: suggested[0].device)).Mean;

    /// <summary>z_1 of latents in units of their priors, [K, n, R] to [K, n, d_1].</summary>
    public static Tensor Place(LadderNetwork network, Tensor latents)
    {
        Tensor? z = null;
        var end = latents.size(-1);
        for (var layer = network.Sizes.Count - 1; layer >= 0; layer--)
        {
            end -= network.Sizes[layer];
            var e = latents.narrow(-1, end, network.Sizes[layer]);
            z = z is null ? e : PriorOf(network, layer, z, live: null).Sample(e);
        }

        return z!;
    }

    private static DiagonalGaussian PriorOf(LadderNetwork network, int layer, Tensor above, Tensor? live) => DiagonalGaussian.Of(StepTensors.Only(network.PriorOf(layer, above), live));

    private Tensor Columns(Func<DiagonalGaussian, Tensor> of)
    {
        for (var layer = 0; layer < _columns.Length; layer++) _columns[layer] = of(_posteriors[layer]);
        return torch.cat(_columns, -1);
    }
}
