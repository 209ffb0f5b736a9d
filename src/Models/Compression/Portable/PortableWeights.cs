using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Vae.Models.Compression.Portable;

/// <summary>
/// The weights of y = W x + b in an order that makes its rounding the same everywhere: each output is one chain of multiplications and additions of float32 over the inputs, from the first to the last, starting
/// at the bias. Vectors run over outputs, never over inputs, so their width does not matter; multiplication and addition are two roundings, never fused into one. Inputs that are 0 are left out, which
/// is most of them behind a rectifier or in a black and white image.
/// </summary>
internal sealed class PortableWeights
{
    private const int Wide = 32, Narrow = 8; // Outputs computed at once: four vectors of 8, or one.

    private readonly float[] _weights; // [tile][input][output of the tile]: read from end to end.
    private readonly float[] _bias;
    private readonly int _tile;

    /// <param name="inputs">Length of x.</param>
    /// <param name="outputs">Length of y.</param>
    /// <param name="weight">W at (output, input).</param>
    /// <param name="bias">b.</param>
    public PortableWeights(int inputs, int outputs, Func<int, int, float> weight, ReadOnlySpan<float> bias)
    {
        (Inputs, Outputs) = (inputs, outputs);
        _tile = outputs <= Narrow ? Narrow : Wide;
        var tiles = (outputs + _tile - 1) / _tile;
        _weights = new float[checked(tiles * inputs * _tile)];
        _bias = new float[tiles * _tile];
        bias.CopyTo(_bias);
        for (var output = 0; output < outputs; output++)
        {
            for (var input = 0; input < inputs; input++) _weights[(((output / _tile * inputs) + input) * _tile) + (output % _tile)] = weight(output, input);
        }
    }

    public int Inputs { get; }

    public int Outputs { get; }

    /// <summary>Length of the memory that an output is written to: <see cref="Outputs"/> rounded up to whole tiles. What lies behind the outputs is written over with zeros.</summary>
    public int PaddedOutputs => _bias.Length;

    /// <summary>y = W x + b.</summary>
    /// <param name="x"><see cref="Inputs"/> values.</param>
    /// <param name="y"><see cref="PaddedOutputs"/> values.</param>
    /// <param name="used">Scratch for <see cref="Inputs"/> numbers.</param>
    public void Apply(ReadOnlySpan<float> x, Span<float> y, Span<int> used)
    {
        var count = 0;
        for (var i = 0; i < x.Length; i++)
        {
            used[count] = i;
            if (x[i] != 0) count++;
        }

        ref var input = ref MemoryMarshal.GetReference(x);
        ref var weights = ref MemoryMarshal.GetArrayDataReference(_weights);
        for (var first = 0; first < _bias.Length; first += _tile)
        {
            ref var tile = ref Unsafe.Add(ref weights, first * Inputs);
            if (_tile == Wide) ApplyWide(ref input, ref tile, used[..count], _bias.AsSpan(first, Wide), y.Slice(first, Wide));
            else ApplyNarrow(ref input, ref tile, used[..count], _bias, y[..Narrow]);
        }
    }

    private static void ApplyWide(ref float x, ref float weights, ReadOnlySpan<int> used, ReadOnlySpan<float> bias, Span<float> y)
    {
        var (sum0, sum1) = (Vector256.Create(bias), Vector256.Create(bias[8..]));
        var (sum2, sum3) = (Vector256.Create(bias[16..]), Vector256.Create(bias[24..]));
        foreach (var i in used)
        {
            var value = Vector256.Create(Unsafe.Add(ref x, i));
            ref var row = ref Unsafe.Add(ref weights, i * Wide);
            sum0 += value * Vector256.LoadUnsafe(ref row);
            sum1 += value * Vector256.LoadUnsafe(ref row, 8);
            sum2 += value * Vector256.LoadUnsafe(ref row, 16);
            sum3 += value * Vector256.LoadUnsafe(ref row, 24);
        }

        sum0.CopyTo(y);
        sum1.CopyTo(y[8..]);
        sum2.CopyTo(y[16..]);
        sum3.CopyTo(y[24..]);
    }

    private static void ApplyNarrow(ref float x, ref float weights, ReadOnlySpan<int> used, ReadOnlySpan<float> bias, Span<float> y)
    {
        var sum = Vector256.Create(bias);
        foreach (var i in used) sum += Vector256.Create(Unsafe.Add(ref x, i)) * Vector256.LoadUnsafe(ref Unsafe.Add(ref weights, i * Narrow));
        sum.CopyTo(y);
    }
}
