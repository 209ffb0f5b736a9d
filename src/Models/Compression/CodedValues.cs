using Vae.Data;

namespace Vae.Models.Compression;

/// <summary>What the values of an image are to the likelihood that codes them. The numbers are those of the files.</summary>
public enum CodedValues
{
    /// <summary>Two levels, whichever they are: a Bernoulli likelihood.</summary>
    Bits = 1,

    /// <summary>Bytes of 256 levels: a discretised logistic likelihood.</summary>
    Levels = 2,
}

/// <summary>Bytes to what a likelihood speaks about, and back.</summary>
/// <param name="Kind">What that is.</param>
/// <param name="Low">The byte that the bit 0 stands for; 0 for levels.</param>
/// <param name="High">The byte that the bit 1 stands for; 255 for levels.</param>
internal readonly record struct PixelValues(CodedValues Kind, byte Low, byte High)
{
    private const byte Half = 128;

    /// <summary>How these pixels become values.</summary>
    /// <exception cref="DatasetException">Bits are wanted, and there are more than two levels.</exception>
    public static PixelValues Of(CodedValues kind, ReadOnlySpan<byte> pixels)
    {
        if (kind == CodedValues.Levels) return new(kind, byte.MinValue, byte.MaxValue);
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
                $"The images have {count} different grey values, and the model's Bernoulli likelihood speaks about two only. Give --binarize fixed (128 and above become 255) or --binarize dynamic (drawn once, as in training); the bits are then what is kept. To keep the grey values, train a model with `likelihood: discretised_logistic`.");
        }

        // Images of one level alone: the other one is made up.
        if (low == high) return low >= Half ? new(kind, 0, (byte)high) : new(kind, (byte)low, byte.MaxValue);
        return new(kind, (byte)low, (byte)high);
    }

    public void FromPixels(ReadOnlySpan<byte> pixels, Span<byte> values)
    {
        if (Kind == CodedValues.Levels) pixels.CopyTo(values);
        else for (var i = 0; i < pixels.Length; i++) values[i] = pixels[i] == High ? (byte)1 : (byte)0;
    }

    public void ToPixels(ReadOnlySpan<byte> values, Span<byte> pixels)
    {
        if (Kind == CodedValues.Levels) values.CopyTo(pixels);
        else for (var i = 0; i < values.Length; i++) pixels[i] = values[i] != 0 ? High : Low;
    }
}
