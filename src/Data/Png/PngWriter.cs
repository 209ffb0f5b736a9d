using System.Buffers.Binary;
using System.IO.Compression;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Vae.Data.Files;

namespace Vae.Data.Png;

/// <summary>Writes PNG files, 8 bits per channel, not interlaced. Each row takes the filter whose result has the least sum of magnitudes, as the standard suggests.</summary>
public static class PngWriter
{
    /// <summary>Writes a picture to a stream.</summary>
    /// <exception cref="ArgumentException">The sizes are below 1, or do not fit the pixels.</exception>
    public static void Write(Stream target, PngImage image)
    {
        if (image.Width < 1 || image.Height < 1 || image.Channels is < 1 or > 4 || image.Pixels.Length != (long)image.Width * image.Height * image.Channels)
            throw new ArgumentException($"{image.Pixels.Length} bytes are no picture of {image.Width} x {image.Height} with {image.Channels} channels.", nameof(image));

        target.Write(PngFormat.Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], image.Height);
        header[8] = 8;
        header[9] = PngFormat.ColourType(image.Channels);
        header[10..].Clear();
        WriteChunk(target, "IHDR"u8, header);
        WriteChunk(target, "IDAT"u8, Compress(image));
        WriteChunk(target, "IEND"u8, []);
    }

    /// <summary>Writes a file that appears whole or not at all (see <see cref="AtomicFile"/>).</summary>
    public static void WriteFile(string path, PngImage image) => AtomicFile.Write(path, stream => Write(stream, image));

    private static byte[] Compress(PngImage image)
    {
        var rowBytes = image.Width * image.Channels;
        var above = new byte[rowBytes];
        var candidate = new byte[rowBytes + 1];
        var best = new byte[rowBytes + 1];
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            for (var y = 0; y < image.Height; y++)
            {
                var row = image.Pixels.AsSpan(y * rowBytes, rowBytes);
                if (y > 0 && row.SequenceEqual(above))
                {
                    // Most rows of an enlarged picture: no filter does better than one that leaves nothing.
                    best[0] = PngFormat.Above;
                    best.AsSpan(1).Clear();
                    zlib.Write(best);
                    continue;
                }

                var leastCost = long.MaxValue;
                for (var filter = 0; filter < PngFormat.Filters; filter++)
                {
                    candidate[0] = (byte)filter;
                    PngFormat.Filter(filter, row, above, image.Channels, candidate.AsSpan(1));
                    var cost = Cost(candidate.AsSpan(1));
                    if (cost >= leastCost) continue;
                    leastCost = cost;
                    (best, candidate) = (candidate, best);
                }

                zlib.Write(best);
                row.CopyTo(above);
            }
        }

        return packed.ToArray();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // See PngFormat.Filter.
    private static long Cost(ReadOnlySpan<byte> filtered)
    {
        long cost = 0;
        var i = 0;
        for (; i <= filtered.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            // The magnitude of -128 is 128 again once it is read as a byte.
            Vector.Widen(Vector.Abs(new Vector<sbyte>(MemoryMarshal.Cast<byte, sbyte>(filtered[i..]))).As<sbyte, byte>(), out var low, out var high);
            cost += Vector.Sum(low + high);
        }

        for (; i < filtered.Length; i++) cost += Math.Abs((int)(sbyte)filtered[i]);
        return cost;
    }

    private static void WriteChunk(Stream target, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        target.Write(number);
        target.Write(type);
        target.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc32.Append(Crc32.Append(0, type), data));
        target.Write(number);
    }
}
