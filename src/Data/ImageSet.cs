namespace Vae.Data;

/// <summary>What generated each row, for measures of disentanglement.</summary>
/// <param name="Names">One per factor.</param>
/// <param name="Values">[rows, factors], row by row: the index of the factor's value, not the value.</param>
public sealed record FactorTable(IReadOnlyList<string> Names, ReadOnlyMemory<byte> Values)
{
    /// <summary>The factors of one row.</summary>
    public ReadOnlySpan<byte> Row(int row) => Values.Span.Slice(row * Names.Count, Names.Count);
}

/// <summary>Images of one size as one contiguous run of bytes [rows, channels, height, width], with labels and factors where the source has them. Immutable.</summary>
public sealed class ImageSet
{
    /// <param name="channels">1 for grey, 3 for colour.</param>
    /// <param name="height">Pixels from top to bottom, at least 1.</param>
    /// <param name="width">Pixels from left to right, at least 1.</param>
    /// <param name="pixels">A whole number of rows, at least one. Not copied: the caller gives it away.</param>
    /// <param name="labels">One per row, or empty.</param>
    /// <param name="factors">One row per row, or null.</param>
    /// <exception cref="ArgumentException">The lengths do not fit together.</exception>
    public ImageSet(int channels, int height, int width, ReadOnlyMemory<byte> pixels, ReadOnlyMemory<byte> labels = default, FactorTable? factors = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        (Channels, Height, Width) = (channels, height, width);
        var rowBytes = checked(channels * height * width);
        if (pixels.Length == 0 || pixels.Length % rowBytes != 0)
            throw new ArgumentException($"{pixels.Length} bytes are no whole number of rows of {rowBytes} bytes, at least one.", nameof(pixels));

        Count = pixels.Length / rowBytes;
        if (!labels.IsEmpty && labels.Length != Count) throw new ArgumentException($"{labels.Length} labels for {Count} rows.", nameof(labels));
        if (factors is not null && factors.Values.Length != (long)Count * factors.Names.Count)
            throw new ArgumentException($"{factors.Values.Length} factor values for {Count} rows of {factors.Names.Count}.", nameof(factors));
        (Pixels, Labels, Factors) = (pixels, labels, factors);
        Classes = labels.IsEmpty ? 0 : Max(labels.Span) + 1;
    }

    /// <summary>Rows.</summary>
    public int Count { get; }

    /// <summary>Channels of an image.</summary>
    public int Channels { get; }

    /// <summary>Pixels from top to bottom.</summary>
    public int Height { get; }

    /// <summary>Pixels from left to right.</summary>
    public int Width { get; }

    /// <summary>Bytes of one image.</summary>
    public int RowBytes => Channels * Height * Width;

    /// <summary>[rows, channels, height, width], 0 to 255.</summary>
    public ReadOnlyMemory<byte> Pixels { get; }

    /// <summary>One per row, or empty.</summary>
    public ReadOnlyMemory<byte> Labels { get; }

    /// <summary>What generated each row, or null where nobody knows.</summary>
    public FactorTable? Factors { get; }

    /// <summary>Whether each row has a label.</summary>
    public bool HasLabels => !Labels.IsEmpty;

    /// <summary>One more than the largest label; 0 without labels.</summary>
    public int Classes { get; }

    /// <summary>The pixels of one row.</summary>
    public ReadOnlySpan<byte> Row(int row) => Pixels.Span.Slice(row * RowBytes, RowBytes);

    /// <summary>Some rows in their order. Nothing is copied.</summary>
    /// <param name="first">The first one.</param>
    /// <param name="count">At least 1.</param>
    public ImageSet Slice(int first, int count) => first == 0 && count == Count ? this : new(
        Channels, Height, Width, Pixels.Slice(first * RowBytes, count * RowBytes), HasLabels ? Labels.Slice(first, count) : default,
        Factors is { } table ? table with { Values = table.Values.Slice(first * table.Names.Count, count * table.Names.Count) } : null);

    private static int Max(ReadOnlySpan<byte> values)
    {
        byte max = 0;
        foreach (var value in values) max = Math.Max(max, value);
        return max;
    }
}
