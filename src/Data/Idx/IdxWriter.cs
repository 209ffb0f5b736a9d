using System.Buffers.Binary;
using System.IO.Compression;
using Vae.Data.Files;

namespace Vae.Data.Idx;

/// <summary>Writes a set of images as IDX files, which <see cref="IdxReader"/> and every MNIST loader read.</summary>
public static class IdxWriter
{
    /// <summary>Writes <c>images-idx3-ubyte</c> (or <c>images-idx4-ubyte</c> with channels), <c>labels-idx1-ubyte</c> where there are labels and <c>factors.npy</c> with
    /// <c>factors.txt</c> (a name per line) where there are factors. Existing files of these names are replaced, each at once.</summary>
    /// <param name="images">What to write.</param>
    /// <param name="folder">Made when it is missing.</param>
    /// <param name="gzip">Compress the IDX files and add <c>.gz</c> to their names.</param>
    /// <returns>Paths of the files written, images first.</returns>
    /// <exception cref="IOException">The disk is full, or the folder cannot be made.</exception>
    public static IReadOnlyList<string> WriteFolder(ImageSet images, string folder, bool gzip = false)
    {
        Directory.CreateDirectory(folder);
        var ending = gzip ? ".gz" : "";
        var paths = new List<string>();
        if (images.Channels == 1) WriteOne($"images-idx3-ubyte{ending}", stream => Write(stream, [images.Count, images.Height, images.Width], images.Pixels.Span, gzip));
        else WriteOne($"images-idx4-ubyte{ending}", stream => Write(stream, [images.Count, images.Channels, images.Height, images.Width], images.Pixels.Span, gzip));
        if (images.HasLabels) WriteOne($"labels-idx1-ubyte{ending}", stream => Write(stream, [images.Count], images.Labels.Span, gzip));
        if (images.Factors is { } factors)
        {
            WriteOne("factors.npy", stream => NpyWriter.Write(stream, images.Count, factors.Names.Count, factors.Values.Span));
            WriteOne("factors.txt", stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(string.Join('\n', factors.Names) + "\n")));
        }

        return paths;

        void WriteOne(string name, Action<Stream> write)
        {
            var path = Path.Combine(folder, name);
            AtomicFile.Write(path, write);
            paths.Add(path);
        }
    }

    /// <summary>Writes one array of bytes.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="dimensions">1 to 255 of them.</param>
    /// <param name="values">As many as the product of the dimensions.</param>
    /// <param name="gzip">Compress.</param>
    public static void Write(Stream target, ReadOnlySpan<int> dimensions, ReadOnlySpan<byte> values, bool gzip = false)
    {
        long product = 1;
        foreach (var dimension in dimensions) product = checked(product * dimension);
        if (dimensions.Length is < 1 or > 255 || product != values.Length) throw new ArgumentException($"{values.Length} values do not fit [{string.Join(", ", dimensions.ToArray())}].", nameof(values));
        if (gzip)
        {
            using var zipped = new GZipStream(target, CompressionLevel.Optimal, leaveOpen: true);
            WritePlain(zipped, dimensions, values);
        }
        else
        {
            WritePlain(target, dimensions, values);
        }
    }

    private static void WritePlain(Stream target, ReadOnlySpan<int> dimensions, ReadOnlySpan<byte> values)
    {
        var header = new byte[4 + 4 * dimensions.Length];
        header[2] = 0x08;
        header[3] = (byte)dimensions.Length;
        for (var i = 0; i < dimensions.Length; i++) BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4 + 4 * i), dimensions[i]);
        target.Write(header);
        target.Write(values);
    }
}
