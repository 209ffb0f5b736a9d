namespace Vae.Shared.Sweeps;

/// <summary>The kind of generative model.</summary>
public enum ModelFamily { Vae }

/// <summary>Fully connected layers, or stride-2 convolutions with a mirrored decoder.</summary>
public enum Architecture { Mlp, Conv }

/// <summary>What the decoder's output means: logits of independent bits, or means of a Gaussian.</summary>
public enum Likelihood { Bernoulli, Gaussian }

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

    /// <summary>Hidden widths of the encoder, input side first. Used by mlp. 1 to 16 widths of 1 to 65,536. Default [512, 256].</summary>
    public ValueList<int> Encoder { get; init; } = [512, 256];

    /// <summary>Hidden widths of the decoder, latent side first. Used by mlp. Default: the encoder's, reversed.</summary>
    public ValueList<int>? Decoder { get; init; }

    /// <summary>
    /// Output channels of the encoder's convolutions (kernel 4, stride 2, padding 1), input side first. Used by conv.
    /// Default by image size, see <see cref="ChannelsFor"/>.
    /// </summary>
    public ValueList<int>? Channels { get; init; }

    /// <summary>Width of the dense layer between the convolutions and the latent. Used by conv. 1 to 65,536. Default 256.</summary>
    public int Hidden { get; init; } = 256;

    /// <summary>Latent dimensions, 1 to 4,096. Default 16.</summary>
    public int Latent { get; init; } = 16;

    public Likelihood Likelihood { get; init; } = Likelihood.Bernoulli;

    /// <summary>Fixed variance of the Gaussian likelihood, above 0. Default: one learned variance for all values.</summary>
    public double? Variance { get; init; }

    public Activation Activation { get; init; } = Activation.Relu;

    /// <summary>The decoder's hidden widths, latent side first, with the default filled in.</summary>
    public ValueList<int> DecoderWidths => Decoder ?? Encoder.Reverse().ToValueList();

    /// <summary>The convolutions' channels for square images of <paramref name="size"/> pixels, with the default filled in.</summary>
    public ValueList<int> ChannelsFor(int size) => Channels ?? (size >= 64 ? [32, 32, 64, 64] : [32, 64]);
}
