using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>The geometry of one image.</summary>
/// <param name="Channels">1 for grey, 3 for colour.</param>
/// <param name="Height">Pixels from top to bottom.</param>
/// <param name="Width">Pixels from left to right.</param>
public readonly record struct ImageShape(int Channels, int Height, int Width)
{
    /// <summary>Values of one image.</summary>
    public int Values => Channels * Height * Width;
}

/// <summary>
/// Encoder and decoder of K variational autoencoders of one shape. Every tensor has the leading replica dimension K; K = 1 is an
/// ordinary model and takes the plain matrix products. n is the number of rows, D the values of an image, d the latent size.
/// </summary>
public abstract class VaeNetwork : Module
{
    private protected VaeNetwork(ModelSpec spec, ImageShape image, int replicas)
    {
        (Replicas, Latent, Image) = (replicas, spec.Latent, image);
        if (spec.Likelihood != Likelihood.Gaussian) return;
        var logVariance = torch.full([replicas], spec.Variance is { } fixedVariance ? Math.Log(fixedVariance) : 0);
        ObservationLogVariance = spec.Variance is null
            ? register_parameter("observation_log_variance", logVariance)
            : register_buffer("observation_log_variance", logVariance);
    }

    /// <summary>Replicas K.</summary>
    public int Replicas { get; }

    /// <summary>Latent size d.</summary>
    public int Latent { get; }

    /// <summary>What one row is.</summary>
    public ImageShape Image { get; }

    /// <summary>Log variance of the Gaussian likelihood, [K]: learned, or fixed by the model's spec. Null for other likelihoods.</summary>
    public Tensor? ObservationLogVariance { get; }

    /// <summary>Where the latent size shows: its outputs are means, then raw log variances.</summary>
    private protected abstract Linear PosteriorLayer { get; }

    /// <summary>Where the latent size shows again: its inputs are the sample.</summary>
    private protected abstract Linear DecoderInput { get; }

    /// <summary>[K, n, D], or [1, n, D] for all replicas, to [K, n, 2d]: posterior means, then raw log variances (see <see cref="Fused.gaussian_posterior"/>).</summary>
    public abstract Tensor Encode(Tensor x);

    /// <summary>[K, n, d] to [K, n, D]: logits of the Bernoulli likelihood, or means of the Gaussian one.</summary>
    public abstract Tensor Decode(Tensor z);

    /// <summary>Builds the network of <paramref name="spec"/> with freshly initialised weights.</summary>
    /// <param name="spec">One shape for all replicas.</param>
    /// <param name="image">What one row is.</param>
    /// <param name="seeds">One seed per replica: a replica starts from the same weights as the same trial trained alone.</param>
    public static VaeNetwork Create(ModelSpec spec, ImageShape image, IReadOnlyList<ulong> seeds)
    {
        var generators = seeds.Select(seed => new torch.Generator(seed)).ToArray();
        try
        {
            return Create(spec, image, seeds.Count, generators);
        }
        finally
        {
            foreach (var generator in generators) generator.Dispose();
        }
    }

    /// <summary>Builds <paramref name="replicas"/> empty places: all weights are 0 until <see cref="CopyReplica"/> fills them.</summary>
    public static VaeNetwork CreateEmpty(ModelSpec spec, ImageShape image, int replicas) => Create(spec, image, replicas, []);

    private static VaeNetwork Create(ModelSpec spec, ImageShape image, int replicas, torch.Generator[] generators) => spec.Architecture switch
    {
        Architecture.Mlp => new MlpVae(spec, image, replicas, generators),
        Architecture.Conv => new ConvVae(spec, image, replicas, generators),
        _ => throw new ArgumentOutOfRangeException(nameof(spec), spec.Architecture, "Unknown architecture."),
    };

    /// <summary>
    /// Copies the weights of one replica into a place of another network of the same shape, whatever the devices. The latent sizes may differ: a smaller model is
    /// padded with zeros, of a larger one the first dimensions are taken. Padded weights stay 0 in training, because a masked dimension has no gradient.
    /// </summary>
    /// <exception cref="TorchException">The shapes differ in more than the latent size.</exception>
    public static void CopyReplica(VaeNetwork source, int from, VaeNetwork target, int to)
    {
        using var mode = torch.no_grad();
        var size = Math.Min(source.Latent, target.Latent);
        foreach (var ((_, have), (_, want)) in source.state_dict().Zip(target.state_dict()))
        {
            using var scope = torch.NewDisposeScope();
            var (one, place) = (have.select(0, from), want.select(0, to));
            if (source.Latent == target.Latent) place.copy_(one);
            else if (ReferenceEquals(want, target.DecoderInput.weight)) CopyDimensions(one, place, 1, size);
            else if (ReferenceEquals(want, target.PosteriorLayer.weight) || ReferenceEquals(want, target.PosteriorLayer.bias)) CopyDimensions(Halves(one), Halves(place), 1, size);
            else place.copy_(one);
        }
    }

    /// <summary>One replica as a network of its own that shares the weights: what is trained there shows here. It must be disposed before the pack.</summary>
    public static VaeNetwork ViewReplica(VaeNetwork pack, ModelSpec spec, int replica)
    {
        var view = CreateEmpty(spec with { Latent = pack.Latent }, pack.Image, 1);
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        foreach (var ((_, own), (_, shared)) in view.state_dict().Zip(pack.state_dict())) own.set_data(shared.detach().narrow(0, replica, 1));
        return view;
    }

    /// <summary>Where the latent size shows in one of <see cref="Module.parameters"/>: what has to be cut for a smaller latent.</summary>
    public LatentAxis LatentAxisOf(Tensor parameter) =>
        ReferenceEquals(parameter, DecoderInput.weight) ? LatentAxis.Columns
        : ReferenceEquals(parameter, PosteriorLayer.weight) || ReferenceEquals(parameter, PosteriorLayer.bias) ? LatentAxis.HalvesOfRows
        : LatentAxis.None;

    /// <summary>Trainable parameters of one replica of a smaller latent size, without the padding.</summary>
    public long ParametersOf(int latent)
    {
        var count = 0L;
        foreach (var parameter in parameters()) count += parameter.numel() / Replicas;
        return count - ((Latent - latent) * ((2 * (PosteriorLayer.in_features + 1)) + DecoderInput.out_features));
    }

    /// <summary>Sets all weights of one replica to 0: an empty place computes finite numbers, which nobody looks at.</summary>
    public void ClearReplica(int replica)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        foreach (var parameter in parameters()) parameter.select(0, replica).zero_();
    }

    // [2d, ...] as [2, d, ...]: means and log variances are cut apart.
    private static Tensor Halves(Tensor rows) => rows.dim() == 1 ? rows.view(2, -1) : rows.view(2, rows.size(0) / 2, rows.size(1));

    private static void CopyDimensions(Tensor source, Tensor target, long dimension, long size)
    {
        if (target.size(dimension) > size) target.zero_();
        target.narrow(dimension, 0, size).copy_(source.narrow(dimension, 0, size));
    }

    // Rows that all replicas share are there once.
    private protected Tensor Spread(Tensor x) => x.size(0) == Replicas ? x : x.expand(Replicas, x.size(1), x.size(2));

    /// <summary>The nonlinearity of hidden layers.</summary>
    private protected static Module<Tensor, Tensor> NewActivation(Shared.Sweeps.Activation activation) => activation switch
    {
        Shared.Sweeps.Activation.Relu => torch.nn.ReLU(),
        Shared.Sweeps.Activation.Tanh => torch.nn.Tanh(),
        Shared.Sweeps.Activation.Gelu => torch.nn.GELU(),
        Shared.Sweeps.Activation.Silu => torch.nn.SiLU(),
        Shared.Sweeps.Activation.LeakyRelu => torch.nn.LeakyReLU(),
        Shared.Sweeps.Activation.Elu => torch.nn.ELU(),
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "Unknown activation."),
    };
}
