using System.Globalization;
using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>
/// Group normalisation (Wu and He, 2018) for K replicas: images [K,n,C,H,W], for K = 1 also [n,C,H,W]. Each row and each group of neighbouring channels gets mean 0 and
/// variance 1, then each channel a factor and an offset of its own, which start at 1 and 0. Rows never meet, so it computes the same for any number of workers.
/// </summary>
public sealed class GroupNorm : Module<Tensor, Tensor>
{
    internal GroupNorm(long groups, long channels, double epsilon, int replicas)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(groups);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(epsilon);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(replicas);
        if (channels % groups != 0) throw new ArgumentException($"{groups} groups do not divide {channels} channels.", nameof(groups));
        (num_groups, num_channels, eps) = (groups, channels, epsilon);
        weight = register_parameter("weight", torch.ones([replicas, channels]));
        bias = register_parameter("bias", torch.zeros([replicas, channels]));
    }

    /// <summary>Factors, [K,C].</summary>
    public Tensor weight { get; }

    /// <summary>Offsets, [K,C].</summary>
    public Tensor bias { get; }

    /// <summary>Groups of channels.</summary>
    public long num_groups { get; }

    /// <summary>Channels C.</summary>
    public long num_channels { get; }

    /// <summary>Added to the variance.</summary>
    public double eps { get; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => Tensor.Wrap(NativeAutograd.vae_group_norm(input.Handle, num_groups, weight.Handle, bias.Handle, eps));

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"GroupNorm({num_groups}, {num_channels}, eps={eps})");
}
