using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using Vae.Data.Files;

namespace Vae.Data.Idx;

/// <summary>
/// Reads IDX files (the format of MNIST and its family): two zero bytes, a type code, the number of dimensions, each dimension as a
/// big-endian u32, then the values. Gzip is recognised by its first two bytes, whatever the name says. Every byte is accounted for: a file that
/// is a row short or has a byte too many is refused, so that no epoch is ever silently short.
/// </summary>
public static class IdxReader
{
    private const byte UnsignedByte = 0x08;
    private const int DimensionsMax = 4;

    // Deflate cannot do better than 258 bytes for 2 bits, so a header that promises more than this is a lie and is not allocated for.
    private const long DeflateRatioMax = 1_032;

    private const string FetchAgain = "The file is damaged or incomplete: get it again and compare its checksum.";

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">Where the file is.</param>
    /// <param name="shownAs">How messages call it, normally the path as the user wrote it.</param>
    /// <param name="ranks">The numbers of dimensions which the caller can use.</param>
    /// <exception cref="DatasetException">The file is missing, damaged, incomplete, or not of this kind.</exception>
    public static IdxContent Read(string path, string shownAs, params ReadOnlySpan<int> ranks)
    {
        try
        {
            var length = new FileInfo(path).Length;
            if (length == 0) throw new DatasetException(shownAs, null, "an IDX file", "an empty file", FetchAgain);
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 64 * 1024);
            var isGzip = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
            file.Position = 0;
            if (!isGzip) return ReadContent(new Source(file, shownAs), shownAs, length, isGzip, ranks);

            var (checksum, unzippedLength) = ReadGzipEnd(file, shownAs);
            using var unzipped = new GZipStream(file, CompressionMode.Decompress);
            var source = new Source(unzipped, shownAs);
            var content = ReadContent(source, shownAs, length, isGzip, ranks);
            if (source.Checksum != checksum || (uint)source.Offset != unzippedLength)
                throw new DatasetException(shownAs, source.Offset, $"a gzip trailer with checksum {source.Checksum:x8} and length {source.Offset:N0}", $"{checksum:x8} and {unzippedLength:N0}",
                    "The file was cut off, extended or damaged: get it again. (A file of several gzip members must be compressed again as one.)");
            return content;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DatasetException(shownAs, null, "a file", $"nothing at {Path.GetFullPath(path)}",
                "Correct the path; a relative one is meant from the folder of the sweep file.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(shownAs, null, "a readable file", e.Message.TrimEnd('.'), "Check the permissions and that the path names a file, not a folder.", e);
        }
    }

    // The framework's decoder accepts a file without its trailer, and anything behind it (measured on .NET 10), so we compare the trailer ourselves.
    private static (uint Checksum, uint Length) ReadGzipEnd(FileStream file, string shownAs)
    {
        const int headerAndTrailer = 18;
        if (file.Length < headerAndTrailer) throw new DatasetException(shownAs, null, $"a gzip file of at least {headerAndTrailer} bytes", $"{file.Length} bytes", FetchAgain);
        Span<byte> trailer = stackalloc byte[8];
        file.Position = file.Length - trailer.Length;
        file.ReadExactly(trailer);
        file.Position = 0;
        return (BinaryPrimitives.ReadUInt32LittleEndian(trailer), BinaryPrimitives.ReadUInt32LittleEndian(trailer[4..]));
    }

    private static IdxContent ReadContent(Source source, string shownAs, long fileLength, bool isGzip, ReadOnlySpan<int> ranks)
    {
        Span<byte> head = stackalloc byte[4];
        source.Fill(head, "4 bytes of magic number");
        CheckMagic(head, shownAs, ranks);

        Span<byte> bytes = stackalloc byte[4 * DimensionsMax];
        bytes = bytes[..(4 * head[3])];
        source.Fill(bytes, $"{head[3]} dimensions of 4 bytes");
        var dimensions = new int[head[3]];
        long values = 1;
        for (var i = 0; i < dimensions.Length; i++)
        {
            var dimension = BinaryPrimitives.ReadUInt32BigEndian(bytes[(4 * i)..]);
            if (dimension == 0) throw new DatasetException(shownAs, 4 + 4 * i, $"dimension {i} of at least 1", "0", FetchAgain);
            values = dimension <= int.MaxValue && values * dimension <= Array.MaxLength
                ? values * dimension
                : throw new DatasetException(shownAs, 4 + 4 * i, $"at most {Array.MaxLength:N0} bytes of values", $"a header that declares more (dimension {i} is {dimension:N0})", "Split the file, or get it again if it should be smaller.");
            dimensions[i] = (int)dimension;
        }

        CheckPossible(shownAs, source.Offset, values, fileLength, isGzip);
        var content = new byte[values];
        source.Fill(content, $"{values:N0} bytes of values ({string.Join(" x ", dimensions.Select(d => d.ToString("N0", CultureInfo.InvariantCulture)))})");
        source.ExpectEnd();
        return new(dimensions, content);
    }

    private static void CheckMagic(ReadOnlySpan<byte> head, string shownAs, ReadOnlySpan<int> ranks)
    {
        if (head[0] != 0 || head[1] != 0)
            throw new DatasetException(shownAs, 0, "an IDX file, which starts with two zero bytes", $"0x{head[0]:X2}{head[1]:X2}", "Give a file of the MNIST family (idx-ubyte), gzip or not.");
        if (head[2] != UnsignedByte)
            throw new DatasetException(shownAs, 2, "type code 0x08 (unsigned bytes)", $"0x{head[2]:X2}{TypeName(head[2])}", "Convert the values to 0..255 first.");
        if (!ranks.Contains(head[3]))
            throw new DatasetException(shownAs, 3, $"{string.Join(" or ", ranks.ToArray())} dimensions", $"{head[3]}",
                head[3] == 1 ? "This looks like a label file: exchange `images` and `labels`." : head[3] == 3 ? "This looks like an image file: exchange `images` and `labels`." : "Give another file.");
    }

    // Before a byte is allocated: what the header declares must be what the file can hold.
    private static void CheckPossible(string shownAs, long headerBytes, long values, long fileLength, bool isGzip)
    {
        if (!isGzip && values != fileLength - headerBytes)
            throw new DatasetException(shownAs, headerBytes, $"{values:N0} bytes of values after the header", $"{fileLength - headerBytes:N0}", FetchAgain);
        if (isGzip && values > fileLength * DeflateRatioMax)
            throw new DatasetException(shownAs, headerBytes, $"at most {fileLength * DeflateRatioMax:N0} bytes of values, which is all that {fileLength:N0} compressed bytes can hold", $"a header that declares {values:N0}", FetchAgain);
    }

    private static string TypeName(byte code) => code switch
    {
        0x09 => " (signed bytes)",
        0x0B => " (16-bit integers)",
        0x0C => " (32-bit integers)",
        0x0D => " (32-bit floats)",
        0x0E => " (64-bit floats)",
        _ => "",
    };

    /// <summary>Counts what was read, so that an error can say where.</summary>
    private sealed class Source(Stream stream, string shownAs)
    {
        public long Offset { get; private set; }

        public uint Checksum { get; private set; }

        public void Fill(Span<byte> target, string expected)
        {
            var filled = 0;
            try
            {
                for (int got; filled < target.Length && (got = stream.Read(target[filled..])) > 0;) filled += got;
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
            {
                throw Damaged(Offset + filled, e);
            }

            if (filled < target.Length) throw new DatasetException(shownAs, Offset + filled, expected, $"the end after {filled:N0} of them", FetchAgain);
            Offset += filled;
            Checksum = Crc32.Append(Checksum, target);
        }

        public void ExpectEnd()
        {
            try
            {
                if (stream.ReadByte() >= 0) throw new DatasetException(shownAs, Offset, "the end of the file", "more bytes than the header declares", FetchAgain);
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
            {
                throw Damaged(Offset, e);
            }
        }

        private DatasetException Damaged(long offset, Exception cause) =>
            new(shownAs, offset, "intact gzip data", "compressed data that is broken, cut off, or does not match its checksum", FetchAgain, cause);
    }
}
