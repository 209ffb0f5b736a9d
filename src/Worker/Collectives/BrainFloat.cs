using System.Numerics;
using System.Runtime.CompilerServices;

namespace Vae.Worker.Collectives;

/// <summary>
/// Float runs as bfloat16 (the upper half of a binary32, rounded to nearest, ties to even), with error feedback: what rounding cuts off a value is kept
/// and added to the next one in the same place (F. Seide et al., 1-bit stochastic gradient descent, Interspeech 2014; S. P. Karimireddy et al., Error
/// feedback fixes SignSGD, ICML 2019). So rounding delays small parts of a gradient instead of losing them.
/// </summary>
internal static unsafe class BrainFloat
{
    /// <summary>Bytes of one value.</summary>
    public const int Size = sizeof(ushort);

    private const uint RoundingBias = 0x7FFF, Magnitude = 0x7FFF_FFFF, Infinity = 0x7F80_0000, Quiet = 0x40;

    /// <summary>packed[i] = values[i] + residual[i], rounded; residual[i] = what that cut off. The runs do not overlap.</summary>
    public static void Pack(float* values, float* residual, ushort* packed, nint count)
    {
        nint i = 0;
        for (; i <= count - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            var low = Vector.Load(values + i) + Vector.Load(residual + i);
            var high = Vector.Load(values + i + Vector<float>.Count) + Vector.Load(residual + i + Vector<float>.Count);
            Vector.Narrow(Keep(low, residual + i), Keep(high, residual + i + Vector<float>.Count)).Store(packed + i);
        }

        for (; i < count; i++) packed[i] = Keep(values[i] + residual[i], residual + i);
    }

    /// <summary>
    /// packed[i] = (values[i] + received[i]) + residual[i], rounded; residual[i] = what that cut off; values[i] = what is left, which is the sum itself where
    /// this rank is the last to add.
    /// </summary>
    public static void AddAndPack(ushort* received, float* values, float* residual, ushort* packed, nint count)
    {
        nint i = 0;
        for (; i <= count - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(Vector.Load(received + i), out var first, out var second);
            var low = Wide(first) + Vector.Load(values + i) + Vector.Load(residual + i);
            var high = Wide(second) + Vector.Load(values + i + Vector<float>.Count) + Vector.Load(residual + i + Vector<float>.Count);
            var (lowBits, highBits) = (Keep(low, residual + i), Keep(high, residual + i + Vector<float>.Count));
            Wide(lowBits).Store(values + i);
            Wide(highBits).Store(values + i + Vector<float>.Count);
            Vector.Narrow(lowBits, highBits).Store(packed + i);
        }

        for (; i < count; i++)
        {
            packed[i] = Keep(Widen(received[i]) + values[i] + residual[i], residual + i);
            values[i] = Widen(packed[i]);
        }
    }

    /// <summary>values[i] = packed[i], exactly.</summary>
    public static void Unpack(ushort* packed, float* values, nint count)
    {
        nint i = 0;
        for (; i <= count - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(Vector.Load(packed + i), out var low, out var high);
            Wide(low).Store(values + i);
            Wide(high).Store(values + i + Vector<float>.Count);
        }

        for (; i < count; i++) values[i] = Widen(packed[i]);
    }

    /// <summary>The nearest bfloat16; of two equally near ones the even one. NaN stays NaN.</summary>
    public static ushort Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if ((bits & Magnitude) > Infinity) return (ushort)((bits >> 16) | Quiet);
        return (ushort)((bits + RoundingBias + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>The same value as binary32.</summary>
    public static float Widen(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Wide(Vector<uint> bits) => Vector.AsVectorSingle(bits << 16);

    // What is not finite leaves no residual: it would stay for ever.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> Keep(Vector<float> value, float* residual)
    {
        var bits = Vector.AsVectorUInt32(value);
        var rounded = (bits + new Vector<uint>(RoundingBias) + ((bits >>> 16) & Vector<uint>.One)) >>> 16;
        var isNaN = Vector.GreaterThan(bits & new Vector<uint>(Magnitude), new Vector<uint>(Infinity));
        var chosen = Vector.ConditionalSelect(isNaN, (bits >>> 16) | new Vector<uint>(Quiet), rounded);
        var rest = value - Wide(chosen);
        var finite = Vector.LessThan(Vector.AsVectorUInt32(rest) & new Vector<uint>(Magnitude), new Vector<uint>(Infinity));
        Vector.ConditionalSelect(Vector.AsVectorInt32(finite), rest, Vector<float>.Zero).Store(residual);
        return chosen;
    }

    private static ushort Keep(float value, float* residual)
    {
        var rounded = Round(value);
        var rest = value - Widen(rounded);
        *residual = float.IsFinite(rest) ? rest : 0;
        return rounded;
    }
}
