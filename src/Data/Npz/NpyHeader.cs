using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Vae.Data.Npz;

/// <summary>What a .npy array, in a file of its own or inside an archive, says of itself.</summary>
/// <param name="Type">NumPy's name, such as <c>|u1</c> or <c>&lt;i8</c>.</param>
/// <param name="Shape">Its dimensions, each at least 1.</param>
/// <param name="Bytes">Length of signature, version and header.</param>
internal sealed partial record NpyHeader(string Type, IReadOnlyList<int> Shape, int Bytes)
{
    private const int HeaderMax = 64 * 1024;
    private const int DimensionsMax = 32; // What numpy allows.
    private const string ArchiveAdvice = "Write the file with numpy.savez_compressed.";

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads a header. An array of Python objects, which numpy would unpickle (and so run), has a type like any other here, and no caller knows it.</summary>
    /// <param name="source">Right at the signature.</param>
    /// <param name="shownAs">How messages call the array.</param>
    /// <param name="advice">What to do about an array of another form.</param>
    /// <exception cref="DatasetException">It is no array, or its header has another form.</exception>
    public static NpyHeader Read(Stream source, string shownAs, string advice = ArchiveAdvice)
    {
        Span<byte> preamble = stackalloc byte[8];
        if (source.ReadAtLeast(preamble, preamble.Length, throwOnEndOfStream: false) < preamble.Length || !preamble.StartsWith(Magic))
            throw new DatasetException(shownAs, 0, "a .npy array", "another signature", advice);
        if (preamble[6] is < 1 or > 3) throw new DatasetException(shownAs, 6, "version 1, 2 or 3 of the format", $"{preamble[6]}", advice);
        Span<byte> number = stackalloc byte[preamble[6] == 1 ? 2 : 4];
        source.ReadExactly(number);
        long length = number.Length == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(number) : BinaryPrimitives.ReadUInt32LittleEndian(number);
        if (length > HeaderMax) throw new DatasetException(shownAs, 8, $"a header of at most {HeaderMax:N0} bytes", $"one of {length:N0}", advice);
        var text = new byte[length];
        source.ReadExactly(text);
        if (Form().Match(Encoding.UTF8.GetString(text)) is not { Success: true } match) throw new DatasetException(shownAs, 10, "a header with descr, fortran_order and shape", "another", advice);
        if (match.Groups["order"].Value != "False") throw new DatasetException(shownAs, 10, "an array in C order", "one in Fortran order", advice);
        return new NpyHeader(match.Groups["type"].Value, Sizes(match.Groups["shape"].Value, shownAs, advice), preamble.Length + number.Length + (int)length);
    }

    private static int[] Sizes(string shape, string shownAs, string advice)
    {
        var words = shape.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (words.Length > DimensionsMax) throw new DatasetException(shownAs, 10, $"at most {DimensionsMax} dimensions", $"{words.Length}", advice);
        var sizes = new int[words.Length];
        for (var i = 0; i < sizes.Length; i++)
        {
            if (!int.TryParse(words[i], NumberStyles.None, CultureInfo.InvariantCulture, out sizes[i]) || sizes[i] == 0)
                throw new DatasetException(shownAs, 10, $"sizes of 1 to {int.MaxValue:N0}", words[i], advice);
        }

        return sizes;
    }

    // The keys in the order in which numpy writes them; a header is a Python literal, of which only this form is taken.
    [GeneratedRegex(@"^\{\s*'descr':\s*'(?<type>[^']{1,16})',\s*'fortran_order':\s*(?<order>True|False),\s*'shape':\s*\((?<shape>[0-9, ]*)\),?\s*\}\s*$")]
    private static partial Regex Form();
}
