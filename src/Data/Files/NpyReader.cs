using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Vae.Data.Files;

/// <summary>An array of numbers that was read from a .npy file.</summary>
/// <param name="Shape">Its dimensions.</param>
/// <param name="Values">As many as their product, last dimension fastest.</param>
public sealed record NpyArray(IReadOnlyList<int> Shape, float[] Values);

/// <summary>
/// Reads NumPy's .npy files of float32, float64 and bytes in C order. Python objects, which numpy would unpickle (and so run), are refused like every other type; sizes are
/// checked against the file's length before anything is allocated.
/// </summary>
public static partial class NpyReader
{
    /// <summary>What numpy allows.</summary>
    public const int DimensionsMax = 32;

    private const int HeaderMax = 64 * 1024;
    private const string Advice = "Save it with numpy.save as a float32 array in C order.";

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads a file as numbers of single precision.</summary>
    /// <param name="path">The file.</param>
    /// <param name="shownAs">How messages call it.</param>
    /// <exception cref="DatasetException">The file is missing, damaged, or holds something else.</exception>
    public static NpyArray ReadFile(string path, string? shownAs = null)
    {
        try
        {
            using var file = File.OpenRead(path);
            return Read(file, shownAs ?? path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(shownAs ?? path, null, "a readable file", e.Message.TrimEnd('.'), "Check the path and the permissions.", e);
        }
    }

    /// <summary>Reads a seekable stream from its start.</summary>
    /// <param name="source">The whole file.</param>
    /// <param name="shownAs">How messages call it.</param>
    /// <exception cref="DatasetException">It is damaged, or holds something else.</exception>
    public static NpyArray Read(Stream source, string shownAs)
    {
        source.Position = 0;
        Span<byte> preamble = stackalloc byte[12];
        var got = source.ReadAtLeast(preamble, preamble.Length, throwOnEndOfStream: false);
        if (got < preamble.Length || !preamble.StartsWith(Magic)) throw new DatasetException(shownAs, 0, "a .npy file", "another signature", Advice);
        if (preamble[6] is < 1 or > 3) throw new DatasetException(shownAs, 6, "version 1, 2 or 3 of the format", $"{preamble[6]}", Advice);
        var begin = preamble[6] == 1 ? 10 : 12;
        long headerLength = preamble[6] == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(preamble[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(preamble[8..]);
        if (headerLength > HeaderMax || begin + headerLength > source.Length) throw new DatasetException(shownAs, 8, $"a header of at most {Math.Min(HeaderMax, source.Length - begin):N0} bytes", $"one of {headerLength:N0}", Advice);
        var header = new byte[headerLength];
        source.Position = begin;
        source.ReadExactly(header);
        var (type, shape) = Parse(Encoding.UTF8.GetString(header), begin, shownAs);
        var width = type switch { "<f4" => 4, "<f8" => 8, "|u1" => 1, _ => throw new DatasetException(shownAs, begin, "numbers of type <f4, <f8 or |u1", $"'{type}'", Advice) };
        long count = 1;
        foreach (var size in shape) count = size == 0 ? 0 : Math.Min(count * size, int.MaxValue + 1L);
        var room = source.Length - begin - headerLength;
        if (count > Array.MaxLength || count * width != room) throw new DatasetException(shownAs, begin + headerLength, $"{string.Join(" x ", shape)} numbers of {width} bytes", $"{room:N0} bytes", "The file is damaged or incomplete: write it again.");
        return new NpyArray(shape, ReadValues(source, (int)count, width));
    }

    private static (string Type, int[] Shape) Parse(string header, long offset, string shownAs)
    {
        if (Header().Match(header) is not { Success: true } match) throw new DatasetException(shownAs, offset, "a header with descr, fortran_order and shape", "another", Advice);
        if (match.Groups["order"].Value != "False") throw new DatasetException(shownAs, offset, "an array in C order", "one in Fortran order", Advice);
        var sizes = match.Groups["shape"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var shape = new int[sizes.Length];
        for (var i = 0; i < sizes.Length; i++)
            if (!int.TryParse(sizes[i], NumberStyles.None, CultureInfo.InvariantCulture, out shape[i])) throw new DatasetException(shownAs, offset, $"sizes of 0 to {int.MaxValue:N0}", sizes[i], Advice);
        if (shape.Length > DimensionsMax) throw new DatasetException(shownAs, offset, $"at most {DimensionsMax} dimensions", $"{shape.Length}", Advice);
        return (match.Groups["type"].Value, shape);
    }

    private static float[] ReadValues(Stream source, int count, int width)
    {
        var values = new float[count];
        var buffer = new byte[Math.Min(count, 16 * 1024) * width];
        for (var first = 0; first < count;)
        {
            var batch = buffer.AsSpan(0, Math.Min(count - first, buffer.Length / width) * width);
            source.ReadExactly(batch);
            for (var i = 0; i < batch.Length / width; i++)
            {
                values[first + i] = width switch
                {
                    4 => BinaryPrimitives.ReadSingleLittleEndian(batch[(4 * i)..]),
                    8 => (float)BinaryPrimitives.ReadDoubleLittleEndian(batch[(8 * i)..]),
                    _ => batch[i],
                };
            }

            first += batch.Length / width;
        }

        return values;
    }

    // The keys in the order in which numpy writes them (sorted); a header is a Python literal, of which only this form is taken.
    [GeneratedRegex(@"^\{\s*'descr':\s*'(?<type>[^']{1,16})',\s*'fortran_order':\s*(?<order>True|False),\s*'shape':\s*\((?<shape>[0-9, ]*)\),?\s*\}\s*$")]
    private static partial Regex Header();
}
