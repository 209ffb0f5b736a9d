using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>
/// Stride-2 convolutions (kernel 4, padding 1: each halves the image), a dense layer, and the mirror image of both. The shape of
/// Burgess et al. 2018, appendix A. As <c>resnet</c> it has residual blocks at each resolution, with normalisation and activation at their end; the convolutions between resolutions
/// then stand in the residual stream, without an activation of their own.
/// </summary>
public sealed class ConvVae : VaeNetwork
{
    private const int Kernel = 4, Stride = 2, Padding = 1;

    private readonly Sequential _encoder;
    private readonly Sequential _encoderHead;
    private readonly Linear _posterior;
    private readonly Sequential _decoderHead;
    private readonly Sequential _decoder;
    private readonly ImageShape _bottom;

    internal ConvVae(ModelSpec spec, ImageShape image, int replicas, torch.Generator[] generators) : base(spec, image, replicas)
    {
        var channels = spec.ChannelsFor(Math.Max(image.Height, image.Width)).Span;
        var isResidual = spec.Architecture == Architecture.Resnet;
        var layers = new List<Module<Tensor, Tensor>>();
        var shape = image;
        foreach (var wanted in channels)
        {
            layers.Add(torch.nn.Conv2d(shape.Channels, wanted, Kernel, stride: Stride, padding: Padding, replicas: replicas, generators: generators));
            if (isResidual) AddBlocks(wanted);
            else layers.Add(NewActivation(spec.Activation));
            shape = new ImageShape(wanted, shape.Height / 2, shape.Width / 2);
        }

        if (isResidual) AddEnd(shape.Channels);
        _bottom = shape;
        _encoder = register_module("encoder", torch.nn.Sequential([.. layers]));
        _encoderHead = register_module("encoder_head", torch.nn.Sequential(Dense(shape.Values, spec.Hidden), NewActivation(spec.Activation)));
        _posterior = register_module("posterior", Dense(spec.Hidden, 2 * spec.Latent));
        DecoderInput = Dense(spec.Latent, spec.Hidden);
        _decoderHead = register_module("decoder_head", torch.nn.Sequential(
            DecoderInput, NewActivation(spec.Activation), Dense(spec.Hidden, shape.Values), isResidual ? torch.nn.Identity() : NewActivation(spec.Activation)));
        layers.Clear();
        for (var i = channels.Length - 1; i >= 0; i--)
        {
            var wanted = i == 0 ? image.Channels : channels[i - 1];
            if (isResidual) AddBlocks(channels[i]);
            if (isResidual && i == 0) AddEnd(channels[0]);
            layers.Add(torch.nn.ConvTranspose2d(channels[i], wanted, Kernel, stride: Stride, padding: Padding, replicas: replicas, generators: generators));
            if (i > 0 && !isResidual) layers.Add(NewActivation(spec.Activation));
        }

        _decoder = register_module("decoder", torch.nn.Sequential([.. layers]));

        void AddBlocks(int width)
        {
            for (var block = 0; block < spec.Blocks; block++) layers.Add(new ResidualBlock(width, spec.Groups, NewActivation(spec.Activation), replicas, generators));
        }

        void AddEnd(int width)
        {
            layers.Add(torch.nn.GroupNorm(spec.Groups, width, replicas: replicas));
            layers.Add(NewActivation(spec.Activation));
        }

        Linear Dense(int inputs, int outputs) => torch.nn.Linear(inputs, outputs, replicas: replicas, generators: generators);
    }

    private protected override Linear PosteriorLayer => _posterior;

    private protected override Linear DecoderInput { get; }

    /// <inheritdoc/>
    public override Tensor Encode(Tensor x)
    {
        var features = _encoder.forward(ToChannels(Spread(x), Image));
        return _posterior.forward(_encoderHead.forward(ToRows(features, _bottom)));
    }

    /// <inheritdoc/>
    public override Tensor Decode(Tensor z) => ToRows(_decoder.forward(ToChannels(_decoderHead.forward(z), _bottom)), Image);

    private static Tensor ToChannels(Tensor rows, ImageShape shape) => rows.reshape(rows.size(0), rows.size(1), shape.Channels, shape.Height, shape.Width);

    private static Tensor ToRows(Tensor images, ImageShape shape) => images.reshape(images.size(0), images.size(1), shape.Values);
}
