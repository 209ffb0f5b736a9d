using Vae.Models.Networks;

namespace Vae.Models.Compression.Portable;

/// <summary>
/// Group normalisation (Wu and He 2018) of an image with the channels last: each group of channels gets mean 0 and variance 1 over all places, then each channel its factor and offset. The sums are chains of
/// doubles over places and then channels, so one order and one result; the square root is one of IEEE 754's own operations.
/// </summary>
internal sealed class PortableGroupNorm(ImageShape shape, int groups, float[] weight, float[] bias) : PortableLayer
{
    private const double Epsilon = 1e-5;

    public override int Room => shape.Values;

    public override int Outputs => shape.Values;

    public override int Scratch => 0;

    public override void Run(ReadOnlySpan<float> x, Span<float> y, Span<float> patch, Span<int> used)
    {
        var width = shape.Channels / groups;
        var count = (double)(shape.Height * shape.Width * width);
        for (var first = 0; first < shape.Channels; first += width)
        {
            var sum = 0.0;
            for (var at = first; at < shape.Values; at += shape.Channels)
            {
                for (var i = 0; i < width; i++) sum += x[at + i];
            }

            var (mean, squares) = (sum / count, 0.0);
            for (var at = first; at < shape.Values; at += shape.Channels)
            {
                for (var i = 0; i < width; i++)
                {
                    var distance = x[at + i] - mean;
                    squares += distance * distance;
                }
            }

            var inverse = 1 / Math.Sqrt((squares / count) + Epsilon);
            for (var at = first; at < shape.Values; at += shape.Channels)
            {
                for (var i = 0; i < width; i++) y[at + i] = (float)(((x[at + i] - mean) * inverse * weight[first + i]) + bias[first + i]);
            }
        }
    }
}

/// <summary>x + conv(act(norm(conv(act(norm(x)))))), as <see cref="ResidualBlock"/>. What lies behind its outputs in the memory that it writes is where the branch is computed.</summary>
internal sealed class PortableResidualBlock(PortableGroupNorm norm1, PortableConvolution conv1, PortableGroupNorm norm2, PortableConvolution conv2, PortableActivation activation) : PortableLayer
{
    public override int Room => Outputs + (2 * conv1.Room);

    public override int Outputs => conv1.Outputs;

    public override int Scratch => conv1.Scratch;

    public override void Run(ReadOnlySpan<float> x, Span<float> y, Span<float> patch, Span<int> used)
    {
        var sum = y[..Outputs];
        var a = y.Slice(Outputs, conv1.Room);
        var b = y.Slice(Outputs + conv1.Room, conv1.Room);
        norm1.Run(x, a, patch, used);
        activation.Run(a, b, patch, used);
        conv1.Run(b, a, patch, used);
        norm2.Run(a, b, patch, used);
        activation.Run(b, a, patch, used);
        conv2.Run(a, b, patch, used);
        for (var i = 0; i < sum.Length; i++) sum[i] = x[i] + b[i];
    }
}
