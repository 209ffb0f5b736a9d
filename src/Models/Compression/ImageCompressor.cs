using System.Security.Cryptography;
using Vae.Data;
using Vae.Shared.Determinism;

namespace Vae.Models.Compression;

/// <summary>How to write a file.</summary>
public sealed record CompressionOptions
{
    /// <summary>Images of each block, 1 to <see cref="VazeHeader.BlockImagesMax"/>. Each block costs its first draws, about 10 bits for each latent dimension; blocks are coded side by side. Default 1,000.</summary>
    public int BlockImages { get; init; } = 1_000;

    /// <summary>Threads, 1 or more. The bytes do not depend on them. Default: all processors.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Of the bits that the first draws take, and of the draws of the bound. Default 1.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Dimensions of the IDX file that the images came from: 3, or 4 with one for channels. Default 3 for one channel, else 4.</summary>
    public int? IdxDimensions { get; init; }

    /// <summary>How finely everything is coded. Default: <see cref="CodingPrecision.Default"/> of the model's values.</summary>
    public CodingPrecision? Precision { get; init; }

    /// <summary>What the header says about the writer.</summary>
    public string Program { get; init; } = "";
}

/// <summary>A file in memory.</summary>
/// <param name="Header">Its beginning.</param>
/// <param name="Blocks">What follows.</param>
/// <param name="BorrowedBits">What the first draws of all blocks cost.</param>
public sealed record CompressedImages(VazeHeader Header, IReadOnlyList<byte[]> Blocks, long BorrowedBits)
{
    /// <summary>Length of the file.</summary>
    public long ByteLength => Header.ByteLength + Blocks.Sum(block => (long)block.Length);

    /// <summary>Writes the file.</summary>
    public void Write(Stream target)
    {
        ArgumentNullException.ThrowIfNull(target);
        target.Write(Header.Write());
        foreach (var block in Blocks) target.Write(block);
    }

    /// <summary>The file.</summary>
    public byte[] ToArray()
    {
        using var memory = new MemoryStream();
        Write(memory);
        return memory.ToArray();
    }
}

/// <summary>Images to files, without loss: <c>vae model compress</c>.</summary>
public static class ImageCompressor
{
    /// <summary>Compresses images: of two levels with a model of bits, any with a model of levels.</summary>
    /// <param name="model">A model of their shape.</param>
    /// <param name="pixels">The images, one after the other.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellation">Ends it between two images.</param>
    /// <exception cref="DatasetException">The pixels have more than two levels and the model is one of bits, or they are no whole number of images.</exception>
    public static CompressedImages Compress(CodingModel model, ReadOnlyMemory<byte> pixels, CompressionOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        var values = model.Image.Values;
        if (pixels.IsEmpty || pixels.Length % values != 0) throw new DatasetException($"{pixels.Length:N0} bytes are no whole number of images of {values:N0} bytes.");
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BlockImages, 1);
        var blockImages = (int)Math.Min(Math.Min(options.BlockImages, VazeHeader.BlockImagesMax), Math.Max(1, VazeHeader.BlockBytesMax / values));
        var kind = PixelValues.Of(model.Values, pixels.Span);
        var precision = options.Precision ?? CodingPrecision.Default(model.Values);
        var images = pixels.Length / values;
        var blocks = new byte[(images + blockImages - 1) / blockImages][];
        var index = new VazeBlock[blocks.Length];
        var borrowed = new long[blocks.Length];
        SideBySide.Run(blocks.Length, options.Threads, () => precision.CreateCoder(model), (block, coder) =>
        {
            var part = PartOf(pixels, block, blockImages, values).Span;
            var stack = new AnsStack(Xoshiro256.MixKey(options.Seed, (ulong)block));
            var image = new byte[values];
            for (var at = part.Length - values; at >= 0; at -= values) // The last first, so that a decoder gives the first first.
            {
                cancellation.ThrowIfCancellationRequested();
                kind.FromPixels(part.Slice(at, values), image);
                coder.Push(stack, image);
            }

            blocks[block] = new byte[stack.ByteLength];
            stack.Write(blocks[block]);
            index[block] = new VazeBlock(blocks[block].Length, Crc32C.Of(blocks[block]), Crc32C.Of(part));
            borrowed[block] = stack.Borrowed * 32;
        });

        var header = new VazeHeader
        {
            Image = model.Image,
            Images = images,
            BlockImages = blockImages,
            IdxDimensions = options.IdxDimensions ?? (model.Image.Channels == 1 ? 3 : 4),
            Values = kind.Kind,
            Levels = (kind.Low, kind.High),
            Precision = precision,
            Latent = model.Config.Trial.Model.Latent,
            Model = model.Fingerprint,
            Probe = model.Probe,
            Seed = options.Seed,
            Content = SHA256.HashData(pixels.Span),
            Program = options.Program,
            Blocks = index,
        };
        return new CompressedImages(header, blocks, borrowed.Sum());
    }

    /// <summary>The model's own negative evidence lower bound for the same images, in nats for each image: what the length is measured against.</summary>
    public static double Bound(CodingModel model, ReadOnlyMemory<byte> pixels, CompressionOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        var values = model.Image.Values;
        var kind = PixelValues.Of(model.Values, pixels.Span);
        var images = pixels.Length / values;
        const int run = 256;
        var sums = new double[(images + run - 1) / run];
        SideBySide.Run(sums.Length, options.Threads, () => new BoundEstimate(model.CreateNetwork(), model.CreateObservations((options.Precision ?? CodingPrecision.Default(model.Values)).Likelihood)), (part, bound) =>
        {
            var pixel = PartOf(pixels, part, run, values).Span;
            var random = new Prng(Xoshiro256.MixKey(~options.Seed, (ulong)part));
            var image = new byte[values];
            for (var at = 0; at < pixel.Length; at += values)
            {
                cancellation.ThrowIfCancellationRequested();
                kind.FromPixels(pixel.Slice(at, values), image);
                sums[part] += bound.Nats(image, random);
            }
        });
        return sums.Sum() / images;
    }

    private static ReadOnlyMemory<byte> PartOf(ReadOnlyMemory<byte> pixels, int part, int images, int values)
    {
        var first = (long)part * images * values;
        return pixels.Slice((int)first, (int)Math.Min((long)images * values, pixels.Length - first));
    }
}
