using System.Globalization;
using System.Text;
using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>
/// A 2-D convolution for K replicas. Images are [K,n,C,H,W]; [1,n,C,H,W] serves all replicas, and for K = 1 [n,C,H,W] will do. On the CPU
/// results lie channels last in memory, as the next convolution wants them: <c>reshape</c> them, do not <c>view</c>.
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

    /// <inheritdoc/>
    public sealed override Tensor forward(Tensor input) => Apply(input, relu: false);

    /// <summary>The layer and a ReLU in one pass; its backward needs no pass of its own either.</summary>
    public Tensor forward_relu(Tensor input) => Apply(input, relu: true);

    private protected abstract Tensor Apply(Tensor input, bool relu);

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder($"{GetType().Name}({Shape.Inputs}, {Shape.Outputs}, {Shape.Kernel}");
        foreach (var (name, value, usual) in ((string, long, long)[])[("stride", Shape.Stride, 1), ("padding", Shape.Padding, 0), ("output_padding", Shape.OutputPadding, 0), ("dilation", Shape.Dilation, 1), ("groups", Shape.Groups, 1)])
        {
            if (value != usual) text.Append(CultureInfo.InvariantCulture, $", {name}={value}");
        }

        return text.Append(bias is null ? ", bias=False)" : ")").ToString();
    }
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

    private protected override Tensor Apply(Tensor input, bool relu) =>
        torch.nn.functional.conv2d(input, weight, bias, Shape.Stride, Shape.Padding, Shape.Dilation, Shape.Groups, relu);
}

/// <summary>The transpose (gradient) of a convolution, for K replicas in the layout of <see cref="Convolution"/>.</summary>
public sealed class ConvTranspose2d : Convolution
{
    // PyTorch takes the fan-in of a transposed convolution from the second dimension of its weight, which is out/groups.
    internal ConvTranspose2d(ConvolutionShape shape, bool hasBias, int replicas, IReadOnlyList<torch.Generator>? generators)
        : base([replicas, shape.Inputs, shape.Outputs / shape.Groups, shape.Kernel, shape.Kernel], shape.Outputs / shape.Groups * shape.Kernel * shape.Kernel, shape.Checked(), hasBias, replicas, generators)
    {
    }

    private protected override Tensor Apply(Tensor input, bool relu) =>
        torch.nn.functional.conv_transpose2d(input, weight, bias, Shape.Stride, Shape.Padding, Shape.OutputPadding, Shape.Groups, relu);
}

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            /// <summary>Convolution with weight [K,out,in/groups,kh,kw], followed by max(y, 0) where <paramref name="relu"/> is set; see <see cref="Vae.Torch.Convolution"/>.</summary>
            /// <exception cref="TorchException">The shapes do not fit each other.</exception>
            public static Tensor conv2d(Tensor input, Tensor weight, Tensor? bias = null, long stride = 1, long padding = 0, long dilation = 1, long groups = 1, bool relu = false) =>
                Tensor.Wrap(NativeAutograd.vae_conv2d(input.Handle, weight.Handle, bias?.Handle ?? 0, stride, padding, dilation, groups, relu ? 1 : 0));

            /// <summary>Transposed convolution with weight [K,in,out/groups,kh,kw], followed by max(y, 0) where <paramref name="relu"/> is set; see <see cref="Vae.Torch.Convolution"/>.</summary>
            /// <exception cref="TorchException">The shapes do not fit each other.</exception>
            public static Tensor conv_transpose2d(Tensor input, Tensor weight, Tensor? bias = null, long stride = 1, long padding = 0, long output_padding = 0, long groups = 1, bool relu = false) =>
                Tensor.Wrap(NativeAutograd.vae_conv_transpose2d(input.Handle, weight.Handle, bias?.Handle ?? 0, stride, padding, output_padding, groups, relu ? 1 : 0));
        }
    }
}
