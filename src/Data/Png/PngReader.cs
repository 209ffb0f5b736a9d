using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Vae.Data.Files;

namespace Vae.Data.Png;

/// <summary>
/// Reads PNG files of 8 bits per channel that are grey or RGB, with or without alpha, and not interlaced. Checksums, lengths and the order of the chunks are checked, and
/// memory is allocated only after the header was found to be possible for the compressed bytes at hand.
/// </summary>
public static class PngReader
{
    private const int SideMax = 65_535;
    private const long DeflateRatioMax = 1_032;
    private const string ConvertFirst = "Convert the picture to 8-bit grey or RGB without interlacing.";
    private const string FetchAgain = "The file is damaged or incomplete: get it again.";

    /// <summary>Reads a file.</summary>
    /// <exception cref="DatasetException">The file is missing, damaged, or of a kind that is not read.</exception>
    public static PngImage ReadFile(string path, string? shownAs = null)
    {
        try
        {
            return Read(File.ReadAllBytes(path), shownAs ?? path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(shownAs ?? path, null, "a readable file", e.Message.TrimEnd('.'), "Check the path and the permissions.", e);
        }
    }

    /// <summary>Reads the bytes of a file.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="shownAs">How messages call it.</param>
    /// <exception cref="DatasetException">The bytes are damaged, or of a kind that is not read.</exception>
    public static PngImage Read(ReadOnlySpan<byte> file, string shownAs)
    {
        if (!file.StartsWith(PngFormat.Signature)) throw new DatasetException(shownAs, 0, "a PNG file", "another signature", "Give a PNG file.");
        PngImage? image = null;
        using var packed = new MemoryStream();
        for (var offset = PngFormat.Signature.Length; ;)
        {
            var (type, data, next) = ReadChunk(file, offset, shownAs);
            if ((image is null) != (type == "IHDR")) throw new DatasetException(shownAs, offset, "exactly one chunk IHDR, in front", $"chunk {type}", FetchAgain);
            if (type == "IHDR") image = ReadHeader(data, offset, file.Length, shownAs);
            else if (type == "IDAT") packed.Write(data);
            else if (type == "IEND") break;
            else if (char.IsAsciiLetterUpper(type[0])) throw new DatasetException(shownAs, offset, "a chunk that is known", $"the required chunk {type}", ConvertFirst);
            offset = next;
        }

        packed.Position = 0;
        Decompress(packed, image!, shownAs);
        return image!;
    }

    private static (string Type, byte[] Data, int Next) ReadChunk(ReadOnlySpan<byte> file, int offset, string shownAs)
    {
        const int frame = 12; // Length, type, checksum.
        if (file.Length - offset < frame) throw new DatasetException(shownAs, offset, "a chunk", "the end of the file", FetchAgain);
        var length = BinaryPrimitives.ReadUInt32BigEndian(file[offset..]);
        if (length > file.Length - offset - frame) throw new DatasetException(shownAs, offset, $"a chunk of {length:N0} bytes", $"only {file.Length - offset - frame:N0}", FetchAgain);
        var typeAndData = file.Slice(offset + 4, 4 + (int)length);
        var checksum = BinaryPrimitives.ReadUInt32BigEndian(file[(offset + 8 + (int)length)..]);
        if (Crc32.Append(0, typeAndData) != checksum) throw new DatasetException(shownAs, offset, "a chunk that matches its checksum", "a damaged one", FetchAgain);
        return (Encoding.ASCII.GetString(typeAndData[..4]), typeAndData[4..].ToArray(), offset + frame + (int)length);
    }

    private static PngImage ReadHeader(byte[] data, int offset, int fileLength, string shownAs)
    {
        if (data.Length != 13) throw new DatasetException(shownAs, offset, "a header of 13 bytes", $"{data.Length}", FetchAgain);
        var (width, height) = (BinaryPrimitives.ReadUInt32BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(4)));
        if (width is 0 or > SideMax || height is 0 or > SideMax) throw new DatasetException(shownAs, offset, $"sides of 1 to {SideMax:N0} pixels", $"{width:N0} x {height:N0}", FetchAgain);
        var channels = PngFormat.Channels(data[9]);
        if (data[8] != 8 || channels == 0 || data[12] != 0)
            throw new DatasetException(shownAs, offset, "8 bits per channel, grey or RGB, not interlaced", $"{data[8]} bits, colour type {data[9]}, interlacing {data[12]}", ConvertFirst);
        if (data[10] != 0 || data[11] != 0) throw new DatasetException(shownAs, offset, "compression 0 and filter 0, the only ones that exist", $"{data[10]} and {data[11]}", FetchAgain);
        var bytes = (long)width * height * channels;
        if (bytes > Math.Min(fileLength * DeflateRatioMax, Array.MaxLength)) throw new DatasetException(shownAs, offset, $"a picture that {fileLength:N0} bytes can hold", $"one of {bytes:N0} bytes", FetchAgain);
        return new((int)width, (int)height, channels, new byte[bytes]);
    }

    private static void Decompress(Stream packed, PngImage image, string shownAs)
    {
        var rowBytes = image.Width * image.Channels;
        ReadOnlySpan<byte> above = new byte[rowBytes];
        var row = 0;
        try
        {
            using var zlib = new ZLibStream(packed, CompressionMode.Decompress);
            for (; row < image.Height; row++)
            {
                var filter = zlib.ReadByte();
                var pixels = image.Pixels.AsSpan(row * rowBytes, rowBytes);
                if (filter < 0 || zlib.ReadAtLeast(pixels, rowBytes, throwOnEndOfStream: false) < rowBytes)
                    throw new DatasetException(shownAs, null, $"{image.Height:N0} rows of pixels", $"{row:N0}", FetchAgain);
                if (filter >= PngFormat.Filters) throw new DatasetException(shownAs, null, "a row filter of 0 to 4", $"{filter} in row {row}", FetchAgain);
                PngFormat.Unfilter(filter, pixels, above, image.Channels);
                above = pixels;
            }

            if (zlib.ReadByte() >= 0) throw new DatasetException(shownAs, null, $"{image.Height:N0} rows of pixels", "more", FetchAgain);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new DatasetException(shownAs, null, "intact compressed pixels", $"damage in row {row:N0}", FetchAgain, e);
        }
    }
}
