using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>
/// A 2-D convolution for K replicas. Images lie as [n, K*channels, H, W]: replica k owns channels k*in .. (k+1)*in, which makes the K
/// convolutions one grouped convolution. K = 1 is the ordinary layout. <see cref="torch.nn.functional.fold_replicas"/> and
/// <see cref="torch.nn.functional.unfold_replicas"/> go from and to [K,n,C,H,W].
/// </summary>
public abstract class Convolution : Module<Tensor, Tensor>
{
    private protected Convolution(ReadOnlySpan<long> weightShape, long fanIn, ConvolutionShape shape, bool hasBias, int replicas, IReadOnlyList<torch.Generator>? generators)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(replicas);
        (Shape, this.replicas) = (shape, replicas);
        weight = register_parameter("weight", torch.empty(weightShape));
        if (hasBias) bias = register_parameter("bias", torch.empty([replicas, shape.Outputs]));
        torch.nn.init.default_(weight, bias, fanIn, generators);
    }

    /// <summary>[K,out,in/groups,k,k], for a transposed convolution [K,in,out/groups,k,k].</summary>
    public Tensor weight { get; }

    /// <summary>[K,out], or null.</summary>
    public Tensor? bias { get; }

    /// <summary>K.</summary>
    public int replicas { get; }

    /// <summary>Channels, kernel and steps.</summary>
    public ConvolutionShape Shape { get; }
}

/// <summary>Sizes of a convolution; kernel, stride and padding are square.</summary>
public readonly record struct ConvolutionShape(long Inputs, long Outputs, long Kernel, long Stride, long Padding, long OutputPadding, long Dilation, long Groups)
{
    internal ConvolutionShape Checked()
    {
        foreach (var value in (ReadOnlySpan<long>)[Inputs, Outputs, Kernel, Stride, Dilation, Groups]) ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
        ArgumentOutOfRangeException.ThrowIfNegative(Padding);
        ArgumentOutOfRangeException.ThrowIfNegative(OutputPadding);
        return this;
    }
}

/// <inheritdoc cref="Convolution"/>
public sealed class Conv2d : Convolution
{
    internal Conv2d(ConvolutionShape shape, bool hasBias, int replicas, IReadOnlyList<torch.Generator>? generators)
        : base([replicas, shape.Outputs, shape.Inputs / shape.Groups, shape.Kernel, shape.Kernel], shape.Inputs / shape.Groups * shape.Kernel * shape.Kernel, shape.Checked(), hasBias, replicas, generators)
    {
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => torch.nn.functional.conv2d(input, weight, bias, Shape.Stride, Shape.Padding, Shape.Dilation, Shape.Groups);
}

/// <summary>The transpose (gradient) of a convolution, for K replicas in the layout of <see cref="Convolution"/>.</summary>
public sealed class ConvTranspose2d : Convolution
{
    // PyTorch takes the fan-in of a transposed convolution from the second dimension of its weight, which is out/groups.
    internal ConvTranspose2d(ConvolutionShape shape, bool hasBias, int replicas, IReadOnlyList<torch.Generator>? generators)
        : base([replicas, shape.Inputs, shape.Outputs / shape.Groups, shape.Kernel, shape.Kernel], shape.Outputs / shape.Groups * shape.Kernel * shape.Kernel, shape.Checked(), hasBias, replicas, generators)
    {
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => torch.nn.functional.conv_transpose2d(input, weight, bias, Shape.Stride, Shape.Padding, Shape.OutputPadding, Shape.Groups);
}

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            /// <summary>Convolution with weight [K,out,in/groups,kh,kw]; see <see cref="Vae.Torch.Convolution"/>.</summary>
            public static Tensor conv2d(Tensor input, Tensor weight, Tensor? bias = null, long stride = 1, long padding = 0, long dilation = 1, long groups = 1) =>
                Tensor.Wrap(NativeAutograd.vae_conv2d(input.Handle, weight.Handle, bias?.Handle ?? 0, stride, padding, dilation, groups));

            /// <summary>Transposed convolution with weight [K,in,out/groups,kh,kw]; see <see cref="Vae.Torch.Convolution"/>.</summary>
            public static Tensor conv_transpose2d(Tensor input, Tensor weight, Tensor? bias = null, long stride = 1, long padding = 0, long output_padding = 0, long groups = 1) =>
                Tensor.Wrap(NativeAutograd.vae_conv_transpose2d(input.Handle, weight.Handle, bias?.Handle ?? 0, stride, padding, output_padding, groups));

            /// <summary>[K,n,C,H,W] into the convolutions' [n,K*C,H,W]; a view for K = 1.</summary>
            public static Tensor fold_replicas(Tensor input)
            {
                var s = input.shape;
                if (s.Length != 5) throw new ArgumentException($"[K,n,C,H,W] is needed, not {s.Length} dimensions.", nameof(input));
                return s[0] == 1 ? input.view(s[1], s[2], s[3], s[4]) : input.transpose(0, 1).reshape(s[1], s[0] * s[2], s[3], s[4]);
            }

            /// <summary>The convolutions' [n,K*C,H,W] into [K,n,C,H,W]; a view for K = 1.</summary>
            public static Tensor unfold_replicas(Tensor input, long replicas)
            {
                var s = input.shape;
                if (s.Length != 4 || s[1] % replicas != 0) throw new ArgumentException("[n,K*C,H,W] is needed.", nameof(input));
                return input.view(s[0], replicas, s[1] / replicas, s[2], s[3]).transpose(0, 1);
            }
        }
    }
}
