using System.Buffers.Binary;
using Vae.Data.Npz;

namespace Vae.Data.Files;

/// <summary>An array of numbers that was read from a .npy file.</summary>
/// <param name="Shape">Its dimensions.</param>
/// <param name="Values">As many as their product, last dimension fastest.</param>
public sealed record NpyArray(IReadOnlyList<int> Shape, float[] Values);

/// <summary>
/// Reads NumPy's .npy files of float32, float64, int32 and bytes in C order. Python objects, which numpy would unpickle (and so run), are refused like every other type; sizes are
/// checked against the file's length before anything is allocated.
/// </summary>
public static class NpyReader
{
    private const string Advice = "Save it with numpy.save as a float32 array in C order.";

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
        NpyHeader header;
        try
        {
            header = NpyHeader.Read(source, shownAs, Advice);
        }
        catch (EndOfStreamException e)
        {
            throw new DatasetException(shownAs, source.Length, "a whole header", "the end of the file", Advice, e);
        }

        var width = header.Type switch { "<f4" or "<i4" => 4, "<f8" => 8, "|u1" => 1, _ => throw new DatasetException(shownAs, 10, "numbers of type <f4, <f8, <i4 or |u1", $"'{header.Type}'", Advice) };
        long count = 1;
        foreach (var size in header.Shape) count = Math.Min(count * size, int.MaxValue + 1L);
        var room = source.Length - header.Bytes;
        if (count > Array.MaxLength || count * width != room) throw new DatasetException(shownAs, header.Bytes, $"{string.Join(" x ", header.Shape)} numbers of {width} bytes", $"{room:N0} bytes", "The file is damaged or incomplete: write it again.");
        return new NpyArray(header.Shape, ReadValues(source, (int)count, width, isWhole: header.Type == "<i4"));
    }

    private static float[] ReadValues(Stream source, int count, int width, bool isWhole)
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
                    4 when isWhole => BinaryPrimitives.ReadInt32LittleEndian(batch[(4 * i)..]),
                    4 => BinaryPrimitives.ReadSingleLittleEndian(batch[(4 * i)..]),
                    8 => (float)BinaryPrimitives.ReadDoubleLittleEndian(batch[(8 * i)..]),
                    _ => batch[i],
                };
            }

            first += batch.Length / width;
        }

        return values;
    }
}
