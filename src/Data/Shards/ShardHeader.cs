using System.Buffers.Binary;
using System.Text;
using Vae.Shared.Datasets;

namespace Vae.Data.Shards;

/// <summary>
/// What stands ahead of a shard's rows, so that a shard explains itself. Little-endian: magic "VAESHARD", u32 version, 32 bytes of fingerprint,
/// u32 index, first row, rows, channels, height, width, 1 if labels follow the pixels else 0, number of factors, length of the names; then the factors' names as
/// UTF-8, joined by commas. Behind it: pixels, labels, factors.
/// </summary>
public sealed record ShardHeader
{
    /// <summary>Version of the layout.</summary>
    public const uint Version = 1;

    /// <summary>Bytes ahead of the factors' names.</summary>
    public const int FixedSize = 8 + 4 + FingerprintSize + 9 * 4;

    private const int FingerprintSize = 32;
    private const int FactorsMax = 64; // Of the known data sets none has more than 10.
    private const int NamesMax = 4_096;

    private static ReadOnlySpan<byte> Magic => "VAESHARD"u8;

    /// <summary>The data set, 64 characters of lower-case hexadecimal.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>Which shard, counted from 0.</summary>
    public required int Index { get; init; }

    /// <summary>Which rows.</summary>
    public required RowRange Rows { get; init; }

    /// <summary>Channels of an image.</summary>
    public required int Channels { get; init; }

    /// <summary>Pixels from top to bottom.</summary>
    public required int Height { get; init; }

    /// <summary>Pixels from left to right.</summary>
    public required int Width { get; init; }

    /// <summary>Whether one byte of label per row follows the pixels.</summary>
    public required bool HasLabels { get; init; }

    /// <summary>Names of the factors, whose values come last, one byte each; empty for none.</summary>
    public required IReadOnlyList<string> FactorNames { get; init; }

    /// <summary>Bytes of the header, names included.</summary>
    public int Size => FixedSize + Encoding.UTF8.GetByteCount(JoinedNames);

    /// <summary>Bytes of pixels.</summary>
    public long PixelBytes => (long)Rows.Count * Channels * Height * Width;

    /// <summary>Bytes of the whole shard.</summary>
    public long BodySize => Size + PixelBytes + (HasLabels ? Rows.Count : 0) + (long)Rows.Count * FactorNames.Count;

    private string JoinedNames => string.Join(',', FactorNames);

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> target)
    {
        Magic.CopyTo(target);
        var next = target[Magic.Length..];
        Put(ref next, Version);
        Convert.FromHexString(Fingerprint, next, out _, out _);
        next = next[FingerprintSize..];
        Put(ref next, (uint)Index);
        Put(ref next, (uint)Rows.First);
        Put(ref next, (uint)Rows.Count);
        Put(ref next, (uint)Channels);
        Put(ref next, (uint)Height);
        Put(ref next, (uint)Width);
        Put(ref next, HasLabels ? 1u : 0u);
        Put(ref next, (uint)FactorNames.Count);
        Put(ref next, (uint)Encoding.UTF8.GetByteCount(JoinedNames));
        Encoding.UTF8.GetBytes(JoinedNames, next);
    }

    /// <summary>Reads the header of a whole shard.</summary>
    /// <returns>Null where the bytes are no shard of this version, or its length is not what the header says; <paramref name="reason"/> then tells why.</returns>
    public static ShardHeader? TryRead(ReadOnlySpan<byte> body, out string reason)
    {
        if (body.Length < FixedSize) return Refuse($"{body.Length} bytes are too few for a header of {FixedSize}", out reason);
        if (!body.StartsWith(Magic)) return Refuse("it does not start with VAESHARD", out reason);

        var next = body[Magic.Length..];
        var version = Take(ref next);
        if (version != Version) return Refuse($"it has version {version}, and this program reads version {Version}", out reason);

        var fingerprint = Convert.ToHexStringLower(next[..FingerprintSize]);
        next = next[FingerprintSize..];
        Span<uint> numbers = stackalloc uint[9];
        foreach (ref var number in numbers) number = Take(ref next);
        foreach (var number in numbers) if (number > int.MaxValue) return Refuse($"a field of its header is {number:N0}", out reason);
        var (rows, channels, height, width) = (numbers[2], numbers[3], numbers[4], numbers[5]);
        if (rows == 0 || channels is 0 or > 16 || height is 0 or > 65_535 || width is 0 or > 65_535 || numbers[6] > 1 || numbers[7] > FactorsMax)
            return Refuse("a field of its header is out of range", out reason);
        if (numbers[8] > Math.Min(NamesMax, next.Length)) return Refuse("its names do not fit", out reason);

        var names = Encoding.UTF8.GetString(next[..(int)numbers[8]]);
        var header = new ShardHeader
        {
            Fingerprint = fingerprint,
            Index = (int)numbers[0],
            Rows = new((int)numbers[1], (int)rows),
            Channels = (int)channels,
            Height = (int)height,
            Width = (int)width,
            HasLabels = numbers[6] == 1,
            FactorNames = names.Length == 0 ? [] : names.Split(','),
        };
        if (header.FactorNames.Count != numbers[7]) return Refuse($"it declares {numbers[7]} factors and names {header.FactorNames.Count}", out reason);
        // The first two comparisons keep the third from overflowing.
        if (rows > body.Length || (long)channels * height * width > body.Length || header.BodySize != body.Length) return Refuse($"{body.Length:N0} bytes are not what its header declares", out reason);
        reason = "";
        return header;
    }

    private static ShardHeader? Refuse(string why, out string reason)
    {
        reason = why;
        return null;
    }

    private static void Put(ref Span<byte> target, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(target, value);
        target = target[4..];
    }

    private static uint Take(ref ReadOnlySpan<byte> source)
    {
        var value = BinaryPrimitives.ReadUInt32LittleEndian(source);
        source = source[4..];
        return value;
    }
}
