using Vae.Data;

namespace Vae.Models.Compression;

/// <summary>The two bytes of black and white images, and the values 0 and 1 that a Bernoulli likelihood speaks about.</summary>
internal static class PixelLevels
{
    private const byte Half = 128;

    /// <summary>The lower and the higher of the two.</summary>
    /// <exception cref="DatasetException">There are more than two.</exception>
    public static (byte Low, byte High) Find(ReadOnlySpan<byte> pixels)
    {
        Span<bool> isUsed = stackalloc bool[256];
        foreach (var pixel in pixels) isUsed[pixel] = true;
        var (low, high, count) = (-1, -1, 0);
        for (var level = 0; level < isUsed.Length; level++)
        {
            if (!isUsed[level]) continue;
            if (low < 0) low = level;
            high = level;
            count++;
        }

        if (count > 2)
        {
            throw new DatasetException(
                $"The images have {count} different grey values, and the model's Bernoulli likelihood speaks about two only. Give --binarize fixed (128 and above become 255) or --binarize dynamic (drawn once, as in training); the bits are then what is kept.");
        }

        // Images of one level alone: the other one is made up.
        if (low == high) return low >= Half ? ((byte)0, (byte)high) : ((byte)low, byte.MaxValue);
        return ((byte)low, (byte)high);
    }

    public static void ToBits(ReadOnlySpan<byte> pixels, (byte Low, byte High) levels, Span<byte> bits)
    {
        for (var i = 0; i < pixels.Length; i++) bits[i] = pixels[i] == levels.High ? (byte)1 : (byte)0;
    }

    public static void FromBits(ReadOnlySpan<byte> bits, (byte Low, byte High) levels, Span<byte> pixels)
    {
        for (var i = 0; i < bits.Length; i++) pixels[i] = bits[i] != 0 ? levels.High : levels.Low;
    }
}
