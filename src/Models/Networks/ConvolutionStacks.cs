using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>
/// Stride-2 convolutions (kernel 4, padding 1: each halves the image) and the mirror image of them: the shape of Burgess et al. 2018, appendix A. As <c>resnet</c> they have residual blocks
/// at each resolution, with normalisation and activation at their end; the convolutions between resolutions then stand in the residual stream, without an activation of their own.
/// </summary>
/// <param name="spec">Channels, blocks and activation.</param>
/// <param name="image">What one row is.</param>
/// <param name="replicas">K.</param>
/// <param name="generators">One for each replica; none: all weights are 0.</param>
internal sealed class ConvolutionStacks(ModelSpec spec, ImageShape image, int replicas, torch.Generator[] generators)
{
    private const int Kernel = 4, Stride = 2, Padding = 1;

    private readonly int[] _channels = [.. spec.ChannelsFor(Math.Max(image.Height, image.Width))];
    private readonly bool _isResidual = spec.Architecture == Architecture.Resnet;

    /// <summary>What the encoder ends in and the decoder begins with.</summary>
    public ImageShape Bottom => new(_channels[^1], image.Height >> _channels.Length, image.Width >> _channels.Length);

    /// <summary>Image to <see cref="Bottom"/>.</summary>
    public Sequential Encoder()
    {
        var layers = new List<Module<Tensor, Tensor>>();
        var channels = image.Channels;
        foreach (var wanted in _channels)
        {
            layers.Add(torch.nn.Conv2d(channels, wanted, Kernel, stride: Stride, padding: Padding, replicas: replicas, generators: generators));
            if (_isResidual) AddBlocks(layers, wanted);
            else layers.Add(VaeNetwork.NewActivation(spec.Activation));
            channels = wanted;
        }

        if (_isResidual) AddEnd(layers, channels);
        return torch.nn.Sequential([.. layers]);
    }

    /// <summary><see cref="Bottom"/> to image, without an activation in front.</summary>
    public Sequential Decoder()
    {
        var layers = new List<Module<Tensor, Tensor>>();
        for (var i = _channels.Length - 1; i >= 0; i--)
        {
            var wanted = i == 0 ? image.Channels : _channels[i - 1];
            if (_isResidual) AddBlocks(layers, _channels[i]);
            if (_isResidual && i == 0) AddEnd(layers, _channels[0]);
            layers.Add(torch.nn.ConvTranspose2d(_channels[i], wanted, Kernel, stride: Stride, padding: Padding, replicas: replicas, generators: generators));
            if (i > 0 && !_isResidual) layers.Add(VaeNetwork.NewActivation(spec.Activation));
        }

        return torch.nn.Sequential([.. layers]);
    }

    /// <summary>What follows a layer that ends in <see cref="Bottom"/>: residual blocks bring their own.</summary>
    public Module<Tensor, Tensor> ActivationAtBottom() => _isResidual ? torch.nn.Identity() : VaeNetwork.NewActivation(spec.Activation);

    /// <summary>[K, n, C H W] to [K, n, C, H, W].</summary>
    public static Tensor ToChannels(Tensor rows, ImageShape shape) => rows.reshape(rows.size(0), rows.size(1), shape.Channels, shape.Height, shape.Width);

    /// <summary>[K, n, C, H, W] to [K, n, C H W].</summary>
    public static Tensor ToRows(Tensor images, ImageShape shape) => images.reshape(images.size(0), images.size(1), shape.Values);

    private void AddBlocks(List<Module<Tensor, Tensor>> layers, int width)
    {
        for (var block = 0; block < spec.Blocks; block++) layers.Add(new ResidualBlock(width, spec.Groups, VaeNetwork.NewActivation(spec.Activation), replicas, generators));
    }

    private void AddEnd(List<Module<Tensor, Tensor>> layers, int width)
    {
        layers.Add(torch.nn.GroupNorm(spec.Groups, width, replicas: replicas));
        layers.Add(VaeNetwork.NewActivation(spec.Activation));
    }
}
