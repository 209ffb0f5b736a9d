using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>Fully connected encoder and decoder (Kingma and Welling 2014, appendix C, with the activation of the sweep file).</summary>
public sealed class MlpVae : VaeNetwork
{
    private readonly Linear _posterior;
    private readonly Linear _output;
    private readonly Module<Tensor, Tensor>[] _encoderLayers;
    private readonly Module<Tensor, Tensor>[] _decoderLayers;
    private readonly DenseStack _encode;
    private readonly DenseStack _decode;

    internal MlpVae(ModelSpec spec, ImageShape image, int replicas, torch.Generator[] generators) : base(spec, image, replicas)
    {
        (var encoder, var encoded) = Stack(image.Values, spec.Encoder.Span, spec.Activation, replicas, generators);
        _ = register_module("encoder", encoder);
        _posterior = register_module("posterior", torch.nn.Linear(encoded, 2 * spec.Latent, replicas: replicas, generators: generators));
        _encode = new DenseStack(encoder, _posterior);
        (var decoder, var decoded) = Stack(spec.Latent, spec.DecoderWidths.Span, spec.Activation, replicas, generators);
        _ = register_module("decoder", decoder);
        _output = register_module("output", torch.nn.Linear(decoded, image.Values, replicas: replicas, generators: generators));
        _decode = new DenseStack(decoder, _output);
        DecoderInput = decoder.named_children() is [(_, Linear first), ..] ? first : _output;
        (_encoderLayers, _decoderLayers) = ([.. Layers(encoder), _posterior], [.. Layers(decoder), _output]);
    }

    /// <inheritdoc/>
    public override Tensor OutputBias => _output.bias!;

    private protected override Linear PosteriorLayer => _posterior;

    private protected override Linear DecoderInput { get; }

    private protected override ReadOnlySpan<Module<Tensor, Tensor>> EncoderLayers => _encoderLayers;

    private protected override ReadOnlySpan<Module<Tensor, Tensor>> DecoderLayers => _decoderLayers;

    private protected override Tensor EncodeAlone(Tensor x) => _encode.forward(x);

    private protected override Tensor DecodeAlone(Tensor z) => _decode.forward(z);

    private protected override Tensor Features(Tensor x) => x;

    private protected override Tensor Paint(Tensor rows) => rows;

    /// <summary>Hidden layers, and the width of the last one.</summary>
    internal static (Sequential Layers, int Width) Stack(int inputs, ReadOnlySpan<int> widths, Shared.Sweeps.Activation activation, int replicas, torch.Generator[] generators)
    {
        var layers = new List<Module<Tensor, Tensor>>();
        foreach (var width in widths)
        {
            layers.Add(torch.nn.Linear(inputs, width, replicas: replicas, generators: generators));
            layers.Add(NewActivation(activation));
            inputs = width;
        }

        return (torch.nn.Sequential([.. layers]), inputs);
    }
}
