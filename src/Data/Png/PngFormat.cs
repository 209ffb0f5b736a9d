using System.Numerics;
using System.Runtime.CompilerServices;

namespace Vae.Data.Png;

/// <summary>What writer and reader of PNG share: signature, colour types and row filters.</summary>
public static class PngFormat
{
    /// <summary>The first bytes of every file.</summary>
    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>None, left, above, average, Paeth.</summary>
    public const int Filters = 5;

    /// <summary>The filter that takes each byte's difference from the one above.</summary>
    public const byte Above = 2;

    /// <summary>The code of the format for 1 to 4 channels.</summary>
    public static byte ColourType(int channels) => channels switch { 1 => 0, 2 => 4, 3 => 2, _ => 6 };

    /// <summary>0 for a colour type of another kind (palette) or one that does not exist.</summary>
    public static int Channels(byte colourType) => colourType switch { 0 => 1, 4 => 2, 2 => 3, 6 => 4, _ => 0 };

    /// <summary>Replaces each byte by its difference from what the filter predicts.</summary>
    /// <param name="filter">0 to 4.</param>
    /// <param name="row">The bytes of a row.</param>
    /// <param name="above">The row above it, zeros for the first.</param>
    /// <param name="step">Bytes of a pixel.</param>
    /// <param name="target">As long as <paramref name="row"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // A worker draws two pictures per trial, beside training: too few to wait for the runtime to find these loops worth compiling well.
    public static void Filter(int filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, int step, Span<byte> target)
    {
        var i = FilterVectors(filter, row, above, step, target);
        FilterBytes(filter, row, above, step, target, 0, Math.Min(step, row.Length));
        FilterBytes(filter, row, above, step, target, i, row.Length);
    }

    /// <summary>Undoes <see cref="Filter"/> in place.</summary>
    public static void Unfilter(int filter, Span<byte> row, ReadOnlySpan<byte> above, int step)
    {
        for (var i = 0; i < row.Length; i++)
            row[i] = (byte)(row[i] + Predict(filter, i < step ? 0 : row[i - step], above[i], i < step ? 0 : above[i - step]));
    }

    private static void FilterBytes(int filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, int step, Span<byte> target, int first, int end)
    {
        for (var i = first; i < end; i++)
            target[i] = (byte)(row[i] - Predict(filter, i < step ? 0 : row[i - step], above[i], i < step ? 0 : above[i - step]));
    }

    // From the second pixel on, as far as whole vectors reach; returns where they end.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int FilterVectors(int filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, int step, Span<byte> target)
    {
        var i = step;
        for (; i <= row.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            var (left, up, corner) = (new Vector<byte>(row[(i - step)..]), new Vector<byte>(above[i..]), new Vector<byte>(above[(i - step)..]));
            var predicted = filter switch
            {
                0 => Vector<byte>.Zero,
                1 => left,
                2 => up,
                3 => (left & up) + Vector.ShiftRightLogical(left ^ up, 1), // The average, rounded down, without a ninth bit.
                _ => Paeth(left, up, corner),
            };
            (new Vector<byte>(row[i..]) - predicted).CopyTo(target[i..]);
        }

        return i;
    }

    private static Vector<byte> Paeth(Vector<byte> left, Vector<byte> above, Vector<byte> corner)
    {
        Vector.Widen(left, out var left0, out var left1);
        Vector.Widen(above, out var above0, out var above1);
        Vector.Widen(corner, out var corner0, out var corner1);
        return Vector.Narrow(
            Paeth(left0.As<ushort, short>(), above0.As<ushort, short>(), corner0.As<ushort, short>()).As<short, ushort>(),
            Paeth(left1.As<ushort, short>(), above1.As<ushort, short>(), corner1.As<ushort, short>()).As<short, ushort>());
    }

    private static Vector<short> Paeth(Vector<short> left, Vector<short> above, Vector<short> corner)
    {
        var (toLeft, toAbove) = (Vector.Abs(above - corner), Vector.Abs(left - corner));
        var toCorner = Vector.Abs(left + above - corner - corner);
        var takesLeft = Vector.LessThanOrEqual(toLeft, toAbove) & Vector.LessThanOrEqual(toLeft, toCorner);
        return Vector.ConditionalSelect(takesLeft, left, Vector.ConditionalSelect(Vector.LessThanOrEqual(toAbove, toCorner), above, corner));
    }

    private static int Predict(int filter, int left, int above, int corner) => filter switch
    {
        0 => 0,
        1 => left,
        2 => above,
        3 => (left + above) / 2,
        _ => Paeth(left, above, corner),
    };

    private static int Paeth(int left, int above, int corner)
    {
        var estimate = left + above - corner;
        var (toLeft, toAbove, toCorner) = (Math.Abs(estimate - left), Math.Abs(estimate - above), Math.Abs(estimate - corner));
        return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
    }
}
