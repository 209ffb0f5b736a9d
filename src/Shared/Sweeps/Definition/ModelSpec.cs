using Vae.Shared.Datasets;

namespace Vae.Shared.Sweeps;

/// <summary>
/// The kind of generative model: a plain VAE, one that is given the label (Sohn et al. 2015), one that infers it where it is missing (M2, Kingma et al. 2014),
/// one with a codebook (VQ-VAE, van den Oord et al. 2017), one with several layers of latents (ladder, Sonderby et al. 2016).
/// </summary>
public enum ModelFamily { Vae, Conditional, M2, Vq, Ladder }

/// <summary>Fully connected layers, stride-2 convolutions with a mirrored decoder, or the latter with residual blocks at each resolution.</summary>
public enum Architecture { Mlp, Conv, Resnet }

/// <summary>
/// What the decoder's output means: logits of independent bits, means of a Gaussian, natural parameters of a continuous Bernoulli on 0 to 1, or means of a
/// logistic distribution that is cut into 256 levels.
/// </summary>
public enum Likelihood { Bernoulli, Gaussian, ContinuousBernoulli, DiscretisedLogistic }

/// <summary>The distribution of latents before an image is seen: standard normal, or a mixture of posteriors of learned pseudo-inputs (VampPrior).</summary>
public enum Prior { Normal, Vamp }

/// <summary>How the last bias of the decoder begins: random as other weights do, or where the decoder says of every image what the mean of the training images is (Burda et al. 2016, in their code).</summary>
public enum OutputBias { Random, Data }

/// <summary>The nonlinearity after every hidden layer.</summary>
public enum Activation { Relu, Tanh, Gelu, Silu, LeakyRelu, Elu }

/// <summary>
/// The shape of one model. Ranges are enforced where a sweep file or a trial's JSON is read
/// (sweep files, trial JSON); the record itself only carries values.
/// </summary>
public sealed record ModelSpec
{
    public ModelFamily Family { get; init; } = ModelFamily.Vae;

    public Architecture Architecture { get; init; } = Architecture.Mlp;

    /// <summary>Hidden widths of the encoder, input side first. Used by mlp. 0 to 16 widths of 1 to 65,536. Default [512, 256]; of a ladder see <see cref="EncoderWidths"/>.</summary>
    public ValueList<int> Encoder { get; init; } = EncoderDefault;

    /// <summary>Hidden widths of the decoder, latent side first. Used by mlp. Default: the encoder's, reversed.</summary>
    public ValueList<int>? Decoder { get; init; }

    /// <summary>
    /// Output channels of the encoder's convolutions (kernel 4, stride 2, padding 1), input side first. Used by conv and resnet.
    /// Default by image size, see <see cref="ChannelsFor"/>.
    /// </summary>
    public ValueList<int>? Channels { get; init; }

    /// <summary>Width of the dense layer between the convolutions and the latent. Used by conv and resnet. 1 to 65,536. Default 256.</summary>
    public int Hidden { get; init; } = 256;

    /// <summary>Residual blocks for each resolution, 1 to 16. Used by resnet. Default 2.</summary>
    public int Blocks { get; init; } = 2;

    /// <summary>Groups of channels that are normalised together, 1 to 64; they divide every number of channels. Used by resnet. Default 8.</summary>
    public int Groups { get; init; } = 8;

    /// <summary>Latent dimensions, 1 to 4,096; code positions of a vq model with dense layers; not used by a ladder. Default 16.</summary>
    public int Latent { get; init; } = 16;

    public Likelihood Likelihood { get; init; } = Likelihood.Bernoulli;

    /// <summary>Fixed variance of the Gaussian likelihood, above 0. Default: one learned variance for all values.</summary>
    public double? Variance { get; init; }

    public Activation Activation { get; init; } = Activation.Relu;

    public Prior Prior { get; init; } = Prior.Normal;

    /// <summary>Components of the VampPrior, 1 to 10,000. Default 500.</summary>
    public int PseudoInputs { get; init; } = 500;

    /// <summary>Latents of a ladder's layers, data side first: 2 to 5 numbers of 1 to 4,096. Default [64, 32, 16].</summary>
    public ValueList<int> Ladder { get; init; } = [64, 32, 16];

    /// <summary>Entries of the codebook of vq, 2 to 65,536. Default 512.</summary>
    public int Codes { get; init; } = 512;

    /// <summary>Numbers of one code of vq, 1 to 4,096. Default 64.</summary>
    public int CodeSize { get; init; } = 64;

    /// <summary>Width of the autoregressive prior over the codes of vq, 1 to 4,096. Default 128.</summary>
    public int CodePriorWidth { get; init; } = 128;

    /// <summary>Labels that conditional and m2 tell apart, 2 to 1,000. Default: by the data, see <see cref="ClassesFor"/>.</summary>
    public int? Classes { get; init; }

    /// <summary>Where the decoder's last bias begins. Default: see <see cref="StartsAtMeanImage"/>.</summary>
    public OutputBias? OutputBias { get; init; }

    /// <summary>
    /// Whether the decoder begins at the mean of the training images, with the default filled in. Where the prior is learned with the posterior, both can become one before latents are of use, while the decoder learns the mean
    /// image: a ladder begins there, and a VampPrior behind tanh layers, which saturate meanwhile and never come back. Behind other layers a VampPrior does not collapse, and learns faster from a random start.
    /// </summary>
    public bool StartsAtMeanImage => OutputBias is { } given
        ? given == Sweeps.OutputBias.Data
        : Family == ModelFamily.Ladder || (Prior == Prior.Vamp && Activation == Activation.Tanh);

    /// <summary>Most labels that a model tells apart.</summary>
    public const int ClassesMax = 1_000;

    /// <summary>The encoder's hidden widths, input side first, with a ladder's default filled in: the first of 512, 256, 128, 64 and 32, one for each layer of latents.</summary>
    public ValueList<int> EncoderWidths =>
        Family == ModelFamily.Ladder && Encoder.Equals(EncoderDefault) ? LadderDefault.Take(Ladder.Count).ToValueList() : Encoder;

    /// <summary>The decoder's hidden widths, latent side first, with the default filled in.</summary>
    public ValueList<int> DecoderWidths => Decoder ?? EncoderWidths.Reverse().ToValueList();

    /// <summary>The convolutions' channels for square images of <paramref name="size"/> pixels, with the default filled in.</summary>
    public ValueList<int> ChannelsFor(int size) => Channels ?? (size >= 64 ? [32, 32, 64, 64] : [32, 64]);

    /// <summary>How many labels there are, with the default filled in: the three shapes of sprites, else ten.</summary>
    public int ClassesFor(string source) => Classes ?? (source == DatasetSource.Sprites ? 3 : 10);

    /// <summary>Codes that a vq model gives an image: <see cref="Latent"/> with dense layers, else the pixels of the bottom map.</summary>
    public int CodePositions(int height, int width)
    {
        if (Architecture == Architecture.Mlp) return Latent;
        var halvings = ChannelsFor(Math.Max(height, width)).Count;
        return (height >> halvings) * (width >> halvings);
    }

    private static ValueList<int> EncoderDefault { get; } = [512, 256];

    private static ValueList<int> LadderDefault { get; } = [512, 256, 128, 64, 32];
}
