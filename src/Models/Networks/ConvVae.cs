using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>Convolutions down, a dense layer to the posterior, and the mirror image of both; the convolutions are those of <see cref="ConvolutionStacks"/>.</summary>
public sealed class ConvVae : VaeNetwork
{
    private readonly Sequential _encoder;
    private readonly Sequential _encoderHead;
    private readonly Linear _posterior;
    private readonly Module<Tensor, Tensor>[] _encoderLayers;
    private readonly Module<Tensor, Tensor>[] _decoderLayers;
    private readonly Sequential _decoderHead;
    private readonly Sequential _decoder;
    private readonly ImageShape _bottom;

    internal ConvVae(ModelSpec spec, ImageShape image, int replicas, torch.Generator[] generators) : base(spec, image, replicas)
    {
        var stacks = new ConvolutionStacks(spec, image, replicas, generators);
        _bottom = stacks.Bottom;
        _encoder = register_module("encoder", stacks.Encoder());
        _encoderHead = register_module("encoder_head", torch.nn.Sequential(Dense(_bottom.Values, spec.Hidden), NewActivation(spec.Activation)));
        _posterior = register_module("posterior", Dense(spec.Hidden, 2 * spec.Latent));
        DecoderInput = Dense(spec.Latent, spec.Hidden);
        _decoderHead = register_module("decoder_head", torch.nn.Sequential(
            DecoderInput, NewActivation(spec.Activation), Dense(spec.Hidden, _bottom.Values), stacks.ActivationAtBottom()));
        _decoder = register_module("decoder", stacks.Decoder());
        (_encoderLayers, _decoderLayers) = ([.. Layers(_encoderHead), _posterior], [.. Layers(_decoderHead)]);

        Linear Dense(int inputs, int outputs) => torch.nn.Linear(inputs, outputs, replicas: replicas, generators: generators);
    }

    /// <summary>What the last convolution of the encoder gives, and the first of the decoder gets.</summary>
    internal ImageShape Bottom => _bottom;

    /// <inheritdoc/>
    public override Tensor OutputBias => LastBias(_decoder);

    private protected override Linear PosteriorLayer => _posterior;

    private protected override Linear DecoderInput { get; }

    private protected override ReadOnlySpan<Module<Tensor, Tensor>> EncoderLayers => _encoderLayers;

    private protected override ReadOnlySpan<Module<Tensor, Tensor>> DecoderLayers => _decoderLayers;

    private protected override Tensor EncodeAlone(Tensor x) => _posterior.forward(_encoderHead.forward(Features(x)));

    private protected override Tensor DecodeAlone(Tensor z) => Paint(_decoderHead.forward(z));

    private protected override Tensor Features(Tensor x) => ConvolutionStacks.ToRows(_encoder.forward(ConvolutionStacks.ToChannels(Spread(x), Image)), _bottom);

    private protected override Tensor Paint(Tensor rows) => ConvolutionStacks.ToRows(_decoder.forward(ConvolutionStacks.ToChannels(rows, _bottom)), Image);
}
