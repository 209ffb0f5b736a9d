using System.Security.Cryptography;
using Vae.Data;
using Vae.Shared.Determinism;

namespace Vae.Models.Compression;

/// <summary>Files back to the images that they were made of, bit for bit, or an error: <c>vae model decompress</c>.</summary>
public static class ImageDecompressor
{
    /// <summary>Decodes all images of a file, checked against every checksum that the file has.</summary>
    /// <param name="model">The model that it was made with.</param>
    /// <param name="file">The whole file.</param>
    /// <param name="shownAs">How messages call it.</param>
    /// <param name="threads">1 or more; the bytes do not depend on them.</param>
    /// <param name="cancellation">Ends it between two images.</param>
    /// <returns>The header, and the images one after the other.</returns>
    /// <exception cref="DatasetException">Another model, another arithmetic, or a damaged file. Nothing of its content is given then.</exception>
    public static (VazeHeader Header, byte[] Pixels) Decompress(CodingModel model, ReadOnlyMemory<byte> file, string shownAs, int threads, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        var header = VazeHeader.Read(file.Span, shownAs);
        RequireModel(header, model, shownAs);
        var values = header.Image.Values;
        var starts = Starts(header);
        // First the checksums of all blocks: a damaged file must not cost hours, or memory for images that are not there.
        for (var block = 0; block < header.Blocks.Count; block++)
        {
            if (Crc32C.Of(file.Span.Slice((int)starts[block], header.Blocks[block].Bytes)) != header.Blocks[block].Checksum)
            {
                throw VazeHeader.Damaged(shownAs, starts[block], $"block {block + 1} of {header.Blocks.Count} to match its checksum", "other bytes");
            }
        }

        var kind = new PixelValues(header.Values, header.Levels.Low, header.Levels.High);
        var pixels = new byte[header.Images * values];
        SideBySide.Run(header.Blocks.Count, threads, () => header.Precision.CreateCoder(model), (block, coder) =>
        {
            var stack = Open(file.Span.Slice((int)starts[block], header.Blocks[block].Bytes), header, block, shownAs, starts[block]);
            var part = pixels.AsSpan(block * header.BlockImages * values, header.ImagesOf(block) * values);
            var image = new byte[values];
            for (var at = 0; at < part.Length; at += values)
            {
                cancellation.ThrowIfCancellationRequested();
                coder.Pop(stack, image);
                kind.ToPixels(image, part.Slice(at, values));
            }

            if (!stack.IsPristine || Crc32C.Of(part) != header.Blocks[block].ImagesChecksum)
            {
                throw new DatasetException(shownAs, starts[block], $"the images that were put into block {block + 1}", "others, though block, model and arithmetic are those it was written with",
                    "This is a defect of the program or of this machine's memory. Nothing was written.");
            }
        });
        return SHA256.HashData(pixels).AsSpan().SequenceEqual(header.Content.Span)
            ? (header, pixels)
            : throw VazeHeader.Damaged(shownAs, null, "images with the checksum of those that were compressed", "others");
    }

    private static void RequireModel(VazeHeader header, CodingModel model, string shownAs)
    {
        if (!header.Model.Span.SequenceEqual(model.Fingerprint.Span))
        {
            throw new DatasetException(shownAs, 68, $"the model {Short(header.Model)} that it was compressed with", $"the model {Short(model.Fingerprint)}", "Give the model whose fingerprint `vae model compress` showed.");
        }

        if (header.Image != model.Image || header.Latent != model.Config.Trial.Model.Latent || header.Values != model.Values)
        {
            throw VazeHeader.Damaged(shownAs, 12, "likelihood and sizes of its own model", "others");
        }

        if (header.Probe != model.Probe)
        {
            throw new DatasetException(shownAs, 52, $"arithmetic with the probe {header.Probe:x16}", $"{model.Probe:x16}",
                $"This machine or runtime computes other numbers than the one that wrote the file (version {header.Program}); decompress it there, and report this.");
        }
    }

    private static AnsStack Open(ReadOnlySpan<byte> bytes, VazeHeader header, int block, string shownAs, long offset)
    {
        try
        {
            return new AnsStack(Xoshiro256.MixKey(header.Seed, (ulong)block), bytes);
        }
        catch (FormatException exception)
        {
            throw VazeHeader.Damaged(shownAs, offset, $"block {block + 1} to be a stack", exception.Message);
        }
    }

    private static string Short(ReadOnlyMemory<byte> fingerprint) => Convert.ToHexStringLower(fingerprint.Span[..8]);

    private static long[] Starts(VazeHeader header)
    {
        var starts = new long[header.Blocks.Count];
        long at = header.ByteLength;
        for (var block = 0; block < starts.Length; block++)
        {
            starts[block] = at;
            at += header.Blocks[block].Bytes;
        }

        return starts;
    }
}
