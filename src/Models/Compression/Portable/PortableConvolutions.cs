using Vae.Models.Networks;

namespace Vae.Models.Compression.Portable;

/// <summary>A convolution with padding 1: at each place of the output a dense layer over the patch below it. What lies outside the image is 0.</summary>
internal sealed class PortableConvolution : PortableLayer
{
    private readonly ImageShape _from;
    private readonly ImageShape _to;
    private readonly int _kernel;
    private readonly int _stride;
    private readonly PortableWeights _weights;

    /// <param name="from">Shape of the input.</param>
    /// <param name="channels">Of the output.</param>
    /// <param name="kernel">4 with stride 2, which halves the image, or 3 with stride 1, which keeps it.</param>
    /// <param name="stride">1 or 2.</param>
    /// <param name="weight">[out, in, kernel, kernel], as model files have it.</param>
    /// <param name="bias">[out].</param>
    public PortableConvolution(ImageShape from, int channels, int kernel, int stride, float[] weight, float[] bias)
    {
        (_from, _to, _kernel, _stride) = (from, new ImageShape(channels, from.Height / stride, from.Width / stride), kernel, stride);
        var taps = kernel * kernel;
        _weights = new PortableWeights(taps * from.Channels, channels, (output, input) => weight[(((output * from.Channels) + (input % from.Channels)) * taps) + (input / from.Channels)], bias);
    }

    public override int Room => _to.Values + _weights.PaddedOutputs - _weights.Outputs;

    public override int Outputs => _to.Values;

    public override int Scratch => _weights.Inputs;

    public override void Run(ReadOnlySpan<float> x, Span<float> y, Span<float> patch, Span<int> used)
    {
        patch = patch[.._weights.Inputs];
        for (var row = 0; row < _to.Height; row++)
        {
            for (var column = 0; column < _to.Width; column++)
            {
                for (var tap = 0; tap < _kernel * _kernel; tap++)
                {
                    Patches.Copy(x, _from, (_stride * row) - 1 + (tap / _kernel), (_stride * column) - 1 + (tap % _kernel), patch.Slice(tap * _from.Channels, _from.Channels));
                }

                // Places are written in order, so what one writes behind its outputs is written over by the next.
                _weights.Apply(patch, y[(((row * _to.Width) + column) * _to.Channels)..], used);
            }
        }
    }
}

/// <summary>
/// A transposed convolution with kernel 4, stride 2 and padding 1, which doubles the image. A place of the output meets 2 x 2 places of the input, through those four of the 16 taps that its parity selects: four
/// dense layers, one for each parity of row and column.
/// </summary>
internal sealed class PortableTransposedConvolution : PortableLayer
{
    private const int Kernel = 4, Near = 2;

    // Row 2m meets input row m through tap 1 and row m - 1 through tap 3; row 2m + 1 meets row m + 1 through tap 0 and row m through tap 2. Columns likewise.
    private static readonly (int Tap, int Shift)[][] Taps = [[(1, 0), (3, -1)], [(0, 1), (2, 0)]];

    private readonly ImageShape _from;
    private readonly ImageShape _to;
    private readonly PortableWeights[] _weights;

    /// <param name="from">Shape of the input.</param>
    /// <param name="channels">Of the output.</param>
    /// <param name="weight">[in, out, 4, 4], as model files have it.</param>
    /// <param name="bias">[out].</param>
    public PortableTransposedConvolution(ImageShape from, int channels, float[] weight, float[] bias)
    {
        (_from, _to) = (from, new ImageShape(channels, from.Height * 2, from.Width * 2));
        _weights = [.. Enumerable.Range(0, 4).Select(parity => new PortableWeights(Near * Near * from.Channels, channels, (output, input) =>
        {
            var (near, channel) = (input / from.Channels, input % from.Channels);
            var (row, column) = (Taps[parity / 2][near / Near].Tap, Taps[parity % 2][near % Near].Tap);
            return weight[(((channel * channels) + output) * Kernel * Kernel) + (row * Kernel) + column];
        }, bias))];
    }

    public override int Room => _to.Values + _weights[0].PaddedOutputs - _weights[0].Outputs;

    public override int Outputs => _to.Values;

    public override int Scratch => _weights[0].Inputs;

    public override void Run(ReadOnlySpan<float> x, Span<float> y, Span<float> patch, Span<int> used)
    {
        patch = patch[.._weights[0].Inputs];
        for (var row = 0; row < _to.Height; row++)
        {
            for (var column = 0; column < _to.Width; column++)
            {
                for (var near = 0; near < Near * Near; near++)
                {
                    var (down, right) = (Taps[row % 2][near / Near].Shift, Taps[column % 2][near % Near].Shift);
                    Patches.Copy(x, _from, (row / 2) + down, (column / 2) + right, patch.Slice(near * _from.Channels, _from.Channels));
                }

                _weights[(row % 2 * 2) + (column % 2)].Apply(patch, y[(((row * _to.Width) + column) * _to.Channels)..], used);
            }
        }
    }
}

/// <summary>Reading an image with the channels last.</summary>
file static class Patches
{
    /// <summary>The channels of one place; zeros outside.</summary>
    public static void Copy(ReadOnlySpan<float> image, ImageShape shape, int row, int column, Span<float> target)
    {
        if ((uint)row >= (uint)shape.Height || (uint)column >= (uint)shape.Width) target.Clear();
        else image.Slice(((row * shape.Width) + column) * shape.Channels, shape.Channels).CopyTo(target);
    }
}
