namespace Vae.Data.Png;

/// <summary>A picture as a row of a data set: channels one after the other, as many as are wanted.</summary>
public static class PngRows
{
    private const long BytesMax = 64 * 1024 * 1024; // A picture of a model's size takes kilobytes; anything else is the wrong file.

    /// <summary>Whether a file begins like a PNG file; false where it cannot be read, so that whoever reads it next says why.</summary>
    public static bool IsPng(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            Span<byte> start = stackalloc byte[8];
            return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.SequenceEqual(PngFormat.Signature);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Reads a file that must have the given size. Colours become grey by Rec. 601 where one channel is wanted; grey is repeated where three are. Transparency is laid over black.</summary>
    /// <param name="path">The file.</param>
    /// <param name="channels">1 or 3.</param>
    /// <param name="height">Pixels from top to bottom.</param>
    /// <param name="width">Pixels from left to right.</param>
    /// <param name="shownAs">How messages call it.</param>
    /// <returns>[channels, height, width], 0 to 255.</returns>
    /// <exception cref="DatasetException">The file is missing, damaged, of a kind that is not read, or of another size.</exception>
    public static byte[] ReadFile(string path, int channels, int height, int width, string? shownAs = null)
    {
        var name = shownAs ?? path;
        if (new FileInfo(path) is { Exists: true, Length: > BytesMax and var length }) throw new DatasetException(name, null, $"a picture of at most {BytesMax:N0} bytes", $"{length:N0}", $"Give a picture of {width} x {height} pixels.");
        var picture = PngReader.ReadFile(path, name);
        if ((picture.Height, picture.Width) != (height, width)) throw new DatasetException(name, null, $"a picture of {width} x {height} pixels, the model's size", $"{picture.Width} x {picture.Height}", "Scale or cut it.");
        var plane = height * width;
        var row = new byte[channels * plane];
        for (var i = 0; i < plane; i++)
        {
            var pixel = picture.Pixels.AsSpan(i * picture.Channels, picture.Channels);
            var alpha = picture.Channels is 2 or 4 ? pixel[^1] : 255;
            var (r, g, b) = picture.Channels < 3 ? (pixel[0], pixel[0], pixel[0]) : (pixel[0], pixel[1], pixel[2]);
            if (channels == 1) row[i] = (byte)(((((299 * r) + (587 * g) + (114 * b)) * alpha) + (1000 * 255 / 2)) / (1000 * 255));
            else (row[i], row[i + plane], row[i + (2 * plane)]) = (Over(r), Over(g), Over(b));

            byte Over(byte value) => (byte)(((value * alpha) + 127) / 255);
        }

        return row;
    }
}
