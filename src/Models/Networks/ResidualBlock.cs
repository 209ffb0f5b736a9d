using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>
/// x + conv(act(norm(conv(act(norm(x)))))), both convolutions of kernel 3 and as many channels as x: the pre-activation block of He et al. 2016 ("Identity mappings"), with
/// group instead of batch normalisation, so that rows never meet.
/// </summary>
internal sealed class ResidualBlock : Module<Tensor, Tensor>
{
    private const int Kernel = 3, Padding = 1;

    private readonly Sequential _branch; // Not registered: its modules are, by names of their own.
    private readonly string _text;

    public ResidualBlock(int channels, int groups, Module<Tensor, Tensor> activation, int replicas, torch.Generator[] generators)
    {
        var norm1 = register_module("norm1", torch.nn.GroupNorm(groups, channels, replicas: replicas));
        var conv1 = register_module("conv1", torch.nn.Conv2d(channels, channels, Kernel, padding: Padding, replicas: replicas, generators: generators));
        var norm2 = register_module("norm2", torch.nn.GroupNorm(groups, channels, replicas: replicas));
        var conv2 = register_module("conv2", torch.nn.Conv2d(channels, channels, Kernel, padding: Padding, replicas: replicas, generators: generators));
        _text = $"Block({channels}, {groups}, nn.{activation})";
        _branch = torch.nn.Sequential(norm1, activation, conv1, norm2, activation, conv2);
    }

    public override Tensor forward(Tensor input)
    {
        using var added = _branch.forward(input);
        return input + added;
    }

    /// <summary>As an exported model's loader calls it.</summary>
    public override string ToString() => _text;
}
