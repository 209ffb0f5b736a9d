using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>
/// K VQ-VAEs (van den Oord et al. 2017): an encoder that gives a vector for each of P positions, a <see cref="Codebook"/> that each vector picks the nearest code of, a decoder that sees the codes' vectors, and a
/// <see cref="CodePrior"/>. With dense layers the positions are <see cref="ModelSpec.Latent"/> runs of the encoder's output; with convolutions they are the pixels of the bottom map, row by row.
/// </summary>
public sealed class VqNetwork : PackNetwork
{
    private readonly Func<Tensor, Tensor> _encode;
    private readonly Func<Tensor, Tensor> _decode;

    // Nothing is padded: the latent size that others are padded to is not looked at.
    private VqNetwork(ModelSpec spec, ImageShape image, int replicas, torch.Generator[] generators) : base(image, replicas, spec.Latent)
    {
        Positions = spec.CodePositions(image.Height, image.Width);
        (_encode, _decode, OutputBias) = spec.Architecture == Architecture.Mlp ? Dense(spec, generators) : Convolutional(spec, generators);
        Codebook = register_module("codebook", new Codebook(spec.Codes, spec.CodeSize, replicas, generators));
        RegisterObservation(spec);
        Prior = register_module("prior", new CodePrior(spec.Codes, spec.CodeSize, Positions, spec.CodePriorWidth, replicas, generators));
    }

    /// <summary>P.</summary>
    public int Positions { get; }

    /// <summary>The map whose pixels the positions are; null with dense layers.</summary>
    internal ImageShape? Bottom { get; private set; }

    /// <inheritdoc/>
    public override Tensor OutputBias { get; }

    /// <summary>What the vectors are replaced by.</summary>
    public Codebook Codebook { get; }

    /// <summary>How probable codes are before an image is seen.</summary>
    public CodePrior Prior { get; }

    /// <summary>The network of one trial with the initial weights of its seed.</summary>
    public static VqNetwork Create(ModelSpec spec, ImageShape image, ulong seed)
    {
        using var generator = new torch.Generator(seed);
        return new VqNetwork(spec, image, 1, [generator]);
    }

    /// <summary><paramref name="replicas"/> empty places: all weights are 0 until <see cref="PackNetwork.CopyReplica"/> fills them.</summary>
    public static VqNetwork CreateEmpty(ModelSpec spec, ImageShape image, int replicas) => new(spec, image, replicas, []);

    /// <summary>The vectors before they are replaced by codes: [K, n P, C], the positions of a row one after the other.</summary>
    /// <param name="x">[K, n, D], or [1, n, D] for all replicas.</param>
    public Tensor Encode(Tensor x) => _encode(x);

    /// <summary>[K, n P, C] to [K, n, D]: what <see cref="VaeNetwork.Decode"/> returns.</summary>
    public Tensor Decode(Tensor vectors) => _decode(vectors);

    private (Func<Tensor, Tensor> Encode, Func<Tensor, Tensor> Decode, Tensor OutputBias) Dense(ModelSpec spec, torch.Generator[] generators)
    {
        (var encoder, var encoded) = MlpVae.Stack(Image.Values, spec.Encoder.Span, spec.Activation, Replicas, generators);
        _ = register_module("encoder", encoder);
        var vectors = register_module("vectors", torch.nn.Linear(encoded, Positions * spec.CodeSize, replicas: Replicas, generators: generators));
        (var decoder, var decoded) = MlpVae.Stack(Positions * spec.CodeSize, spec.DecoderWidths.Span, spec.Activation, Replicas, generators);
        _ = register_module("decoder", decoder);
        var output = register_module("output", torch.nn.Linear(decoded, Image.Values, replicas: Replicas, generators: generators));
        var (down, up, size) = (new DenseStack(encoder, vectors), new DenseStack(decoder, output), spec.CodeSize);
        return (Encode, Decode, output.bias!);

        Tensor Encode(Tensor x)
        {
            var rows = down.forward(x);
            return rows.view(Replicas, rows.size(1) * Positions, size);
        }

        Tensor Decode(Tensor codes) => up.forward(codes.reshape(Replicas, codes.size(1) / Positions, Positions * size));
    }

    // A convolution of kernel 1 on each side: channels of the bottom map to numbers of a code and back.
    private (Func<Tensor, Tensor> Encode, Func<Tensor, Tensor> Decode, Tensor OutputBias) Convolutional(ModelSpec spec, torch.Generator[] generators)
    {
        var stacks = new ConvolutionStacks(spec, Image, Replicas, generators);
        var bottom = stacks.Bottom;
        Bottom = bottom;
        var encoder = register_module("encoder", stacks.Encoder());
        var vectors = register_module("vectors", torch.nn.Conv2d(bottom.Channels, spec.CodeSize, 1, replicas: Replicas, generators: generators));
        var head = register_module("decoder_head", torch.nn.Sequential(
            torch.nn.Conv2d(spec.CodeSize, bottom.Channels, 1, replicas: Replicas, generators: generators), stacks.ActivationAtBottom()));
        var decoder = register_module("decoder", stacks.Decoder());
        return (Encode, Decode, LastBias(decoder));

        Tensor Encode(Tensor x)
        {
            var map = vectors.forward(encoder.forward(ConvolutionStacks.ToChannels(x.expand(Replicas, x.size(1), x.size(2)), Image)));
            return map.permute(0, 1, 3, 4, 2).reshape(Replicas, map.size(1) * Positions, spec.CodeSize);
        }

        Tensor Decode(Tensor codes)
        {
            var map = codes.view(Replicas, codes.size(1) / Positions, bottom.Height, bottom.Width, spec.CodeSize).permute(0, 1, 4, 2, 3);
            return ConvolutionStacks.ToRows(decoder.forward(head.forward(map)), Image);
        }
    }
}
