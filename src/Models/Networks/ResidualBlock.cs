using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>
/// x + conv(act(norm(conv(act(norm(x)))))), both convolutions of kernel 3 and as many channels as x: the pre-activation block of He et al. 2016 ("Identity mappings"), with
/// group instead of batch normalisation, so that rows never meet.
/// </summary>
internal sealed class ResidualBlock : Module<Tensor, Tensor>
{
    private const int Kernel = 3, Padding = 1;

    private readonly GroupNorm _norm1;
    private readonly Conv2d _conv1;
    private readonly GroupNorm _norm2;
    private readonly Conv2d _conv2;
    private readonly Module<Tensor, Tensor> _activation;

    public ResidualBlock(int channels, int groups, Module<Tensor, Tensor> activation, int replicas, torch.Generator[] generators)
    {
        _activation = activation;
        _norm1 = register_module("norm1", torch.nn.GroupNorm(groups, channels, replicas: replicas));
        _conv1 = register_module("conv1", torch.nn.Conv2d(channels, channels, Kernel, padding: Padding, replicas: replicas, generators: generators));
        _norm2 = register_module("norm2", torch.nn.GroupNorm(groups, channels, replicas: replicas));
        _conv2 = register_module("conv2", torch.nn.Conv2d(channels, channels, Kernel, padding: Padding, replicas: replicas, generators: generators));
    }

    public override Tensor forward(Tensor input) =>
        input + _conv2.forward(_activation.forward(_norm2.forward(_conv1.forward(_activation.forward(_norm1.forward(input))))));
}
