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
public abstract class VaeNetwork : PackNetwork
{
    private protected VaeNetwork(ModelSpec spec, ImageShape image, int replicas) : base(image, replicas, spec.Latent) => RegisterObservation(spec);

    /// <summary>The VampPrior's pseudo-inputs, [K, P, D]; null with the standard normal prior.</summary>
    public Tensor? PseudoInputs { get; private set; }

    /// <summary>Of FactorVAE in training; null otherwise.</summary>
    public Discriminator? Discriminator { get; private set; }

    /// <summary>Where the latent size shows: its outputs are means, then raw log variances.</summary>
    private protected abstract Linear PosteriorLayer { get; }

    /// <summary>Where the latent size shows again: its inputs are the sample.</summary>
    private protected abstract Linear DecoderInput { get; }

    /// <summary>[K, n, D], or [1, n, D] for all replicas, to [K, n, 2d]: posterior means, then raw log variances (see <see cref="Fused.gaussian_posterior"/>).</summary>
    public abstract Tensor Encode(Tensor x);

    /// <summary>[K, n, d] to [K, n, D]: logits of the (continuous) Bernoulli likelihood, or means of the Gaussian or logistic one.</summary>
    public abstract Tensor Decode(Tensor z);

    /// <summary>Builds the network of <paramref name="spec"/> with freshly initialised weights.</summary>
    /// <param name="spec">One shape for all replicas.</param>
    /// <param name="image">What one row is.</param>
    /// <param name="seeds">One seed per replica: a replica starts from the same weights as the same trial trained alone.</param>
    /// <param name="training">How they are trained, for what only that needs; null: they are not.</param>
    public static VaeNetwork Create(ModelSpec spec, ImageShape image, IReadOnlyList<ulong> seeds, TrainingSpec? training = null)
    {
        var generators = seeds.Select(seed => new torch.Generator(seed)).ToArray();
        try
        {
            return Create(spec, training, image, seeds.Count, generators);
        }
        finally
        {
            foreach (var generator in generators) generator.Dispose();
        }
    }

    /// <summary>Builds <paramref name="replicas"/> empty places: all weights are 0 until <see cref="CopyReplica"/> fills them.</summary>
    public static VaeNetwork CreateEmpty(ModelSpec spec, ImageShape image, int replicas, TrainingSpec? training = null) => Create(spec, training, image, replicas, []);

    private static VaeNetwork Create(ModelSpec spec, TrainingSpec? training, ImageShape image, int replicas, torch.Generator[] generators)
    {
        VaeNetwork network = spec.Architecture switch
        {
            Architecture.Mlp => new MlpVae(spec, image, replicas, generators),
            Architecture.Conv or Architecture.Resnet => new ConvVae(spec, image, replicas, generators),
            _ => throw new ArgumentOutOfRangeException(nameof(spec), spec.Architecture, "Unknown architecture."),
        };
        if (spec.Prior == Prior.Vamp) network.AddPseudoInputs(spec.PseudoInputs, generators);
        if (training?.Objective == TrainingObjective.Factor)
            network.Discriminator = network.RegisterAuxiliary("discriminator", new Discriminator(spec.Latent, training, replicas, generators));
        return network;
    }

    // Nearly black, as the authors' code begins.
    private void AddPseudoInputs(int count, torch.Generator[] generators)
    {
        var pixels = torch.zeros([Replicas, count, Image.Values]);
        if (generators.Length > 0) torch.nn.init.normal_(pixels, mean: 0.05, std: 0.01, generators);
        PseudoInputs = register_parameter("pseudo_inputs", pixels);
    }

    /// <inheritdoc/>
    public override LatentAxis LatentAxisOf(Tensor parameter) =>
        ReferenceEquals(parameter, DecoderInput.weight) || ReferenceEquals(parameter, Discriminator?.Input) ? LatentAxis.Columns
        : ReferenceEquals(parameter, PosteriorLayer.weight) || ReferenceEquals(parameter, PosteriorLayer.bias) ? LatentAxis.HalvesOfRows
        : LatentAxis.None;

    // Rows that all replicas share are there once.
    private protected Tensor Spread(Tensor x) => x.size(0) == Replicas ? x : x.expand(Replicas, x.size(1), x.size(2));

    /// <summary>The nonlinearity of hidden layers.</summary>
    internal static Module<Tensor, Tensor> NewActivation(Shared.Sweeps.Activation activation) => activation switch
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
