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

    /// <summary>[K, n, D] to [K, n, 2d]: posterior means, then raw log variances (see <see cref="Fused.gaussian_posterior"/>).</summary>
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
            return spec.Architecture switch
            {
                Architecture.Mlp => new MlpVae(spec, image, generators),
                Architecture.Conv => new ConvVae(spec, image, generators),
                _ => throw new ArgumentOutOfRangeException(nameof(spec), spec.Architecture, "Unknown architecture."),
            };
        }
        finally
        {
            foreach (var generator in generators) generator.Dispose();
        }
    }

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
