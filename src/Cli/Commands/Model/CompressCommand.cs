using System.CommandLine;
using System.Diagnostics;
using Vae.Cli.Models;
using Vae.Cli.Reports;
using Vae.Cli.Terminal;
using Vae.Models.Compression;
using Vae.Runtime;
using Vae.Shared.Determinism;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model compress</c>: images to a small file, without loss. It does not load libtorch.</summary>
internal static class CompressCommand
{
    private const string Fixed = "fixed", Dynamic = "dynamic";

    public static Command Create()
    {
        var model = ModelOptions.Model();
        var images = ImageInput.ImagesOption();
        var source = ImageInput.SourceOption();
        var count = new Option<int?>("--count") { Description = "How many of the images, from the first. Default: all.", HelpName = "N" };
        count.InRange(1, int.MaxValue);
        var binarize = new Option<string?>("--binarize")
        {
            Description = "fixed: 128 and above become 255, the rest 0. dynamic: a grey value is the probability of a 1, drawn once. The bits are then what is kept. Default: the images as they are; a model of bits refuses those of more than two levels.",
            HelpName = "HOW",
        };
        binarize.AcceptOnlyFromAmong(Fixed, Dynamic);
        var seed = new Option<ulong>("--seed") { Description = "Of the draws: the same seed gives the same file.", HelpName = "N", DefaultValueFactory = _ => 1 };
        var block = new Option<int>("--block") { Description = "Images of each block. Blocks are coded side by side; each costs about 10 bits for each latent dimension.", HelpName = "N", DefaultValueFactory = _ => 1_000 };
        block.InRange(1, VazeHeader.BlockImagesMax);
        var threads = CompressedFile.ThreadsOption();
        var noCheck = new Option<bool>("--no-check") { Description = "Leave out decompressing what was compressed and comparing it, and the model's own bound: faster." };
        var target = new Option<string>("--out") { Description = "File to write.", HelpName = "FILE", DefaultValueFactory = _ => "images.vaez" };
        var command = new Command("compress", "Compress images without loss, with a model's own probabilities (bits-back coding).") { model, images, source, count, binarize, seed, block, threads, noCheck, target };
        command.Do(async (parse, output, cancellation) =>
        {
            var home = parse.GetRequiredValue(GlobalOptions.Home);
            var coding = CodingModel.Load(await ModelPath.FindAsync(parse.GetRequiredValue(model), home, cancellation));
            var given = ImageInput.Read(parse.GetValue(images), parse.GetValue(source), OpenModel.DatasetOf(coding.Config, home), coding.Image);
            var (rowBytes, rows) = (given.Images.RowBytes, Math.Min(parse.GetValue(count) ?? int.MaxValue, given.Count));
            var pixels = Binarized(given.Images.Pixels.Slice(given.First * rowBytes, rows * rowBytes), parse.GetValue(binarize), parse.GetValue(seed), output);
            var options = new CompressionOptions
            {
                BlockImages = parse.GetValue(block), Threads = parse.GetValue(threads) ?? Environment.ProcessorCount, Seed = parse.GetValue(seed), Program = ProgramVersion.Text,
            };
            var report = Compress(coding, pixels, options, isChecked: !parse.GetValue(noCheck), parse.GetRequiredValue(target), cancellation);
            if (output.Mode.Json) output.Json("model_compress", report.WriteTo);
            else foreach (var line in report.Lines()) output.Line(line);
            return ExitCode.Ok;
        });
        return command;
    }

    private static CompressionReport Compress(CodingModel model, ReadOnlyMemory<byte> pixels, CompressionOptions options, bool isChecked, string path, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        var packed = ImageCompressor.Compress(model, pixels, options, cancellation);
        var seconds = watch.Elapsed.TotalSeconds;
        double? checkSeconds = null, bound = null;
        if (isChecked)
        {
            watch.Restart();
            var (_, back) = ImageDecompressor.Decompress(model, packed.ToArray(), path, options.Threads, cancellation);
            if (!back.AsSpan().SequenceEqual(pixels.Span)) throw new InvalidOperationException("What was compressed does not decompress to what it was. Nothing was written.");
            checkSeconds = watch.Elapsed.TotalSeconds;
            bound = ImageCompressor.Bound(model, pixels, options, cancellation);
        }

        CompressedFile.Write(path, packed.Write);
        return new CompressionReport(path, packed, pixels.Length, bound, seconds, checkSeconds);
    }

    private static ReadOnlyMemory<byte> Binarized(ReadOnlyMemory<byte> pixels, string? how, ulong seed, Output output)
    {
        if (how is null) return pixels;
        var grey = pixels.Span;
        var bits = new byte[grey.Length];
        var random = new Prng(seed);
        for (var i = 0; i < bits.Length; i++) bits[i] = (how == Fixed ? grey[i] >= 128 : random.NextDouble() * byte.MaxValue < grey[i]) ? byte.MaxValue : (byte)0;
        if (!grey.SequenceEqual(bits)) output.Warning("The images were made black and white (--binarize): these come back, not the grey values.");
        return bits;
    }
}
