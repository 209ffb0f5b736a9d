using System.CommandLine;
using System.Diagnostics;
using Vae.Cli.Models;
using Vae.Cli.Terminal;
using Vae.Data.Idx;
using Vae.Models.Compression;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model decompress</c>: the images of a compressed file, bit for bit, or an error. It does not load libtorch.</summary>
internal static class DecompressCommand
{
    public static Command Create()
    {
        var model = ModelOptions.Model();
        var file = new Argument<string>("FILE") { Description = "What `vae model compress` wrote." };
        var threads = CompressedFile.ThreadsOption();
        var target = new Option<string>("--out") { Description = "IDX file to write; compressed with gzip when its name ends in .gz.", HelpName = "FILE", DefaultValueFactory = _ => "images-idx3-ubyte" };
        var command = new Command("decompress", "Give back, bit for bit, the images of a compressed file; a wrong model or a damaged file is an error.") { model, file, threads, target };
        command.Do(async (parse, output, cancellation) =>
        {
            var coding = CodingModel.Load(await ModelPath.FindAsync(parse.GetRequiredValue(model), parse.GetRequiredValue(GlobalOptions.Home), cancellation));
            var name = parse.GetRequiredValue(file);
            var watch = Stopwatch.StartNew();
            var (header, pixels) = ImageDecompressor.Decompress(coding, CompressedFile.Read(name), name, parse.GetValue(threads) ?? Environment.ProcessorCount, cancellation);
            var seconds = watch.Elapsed.TotalSeconds;
            var path = parse.GetRequiredValue(target);
            var image = header.Image;
            int[] dimensions = header.IdxDimensions == 3 ? [header.Images, image.Height, image.Width] : [header.Images, image.Channels, image.Height, image.Width];
            CompressedFile.Write(path, stream => IdxWriter.Write(stream, dimensions, pixels, path.EndsWith(".gz", StringComparison.Ordinal)));
            if (!output.Mode.Json)
            {
                output.Line($"{path}: {Units.Count(header.Images, "image")}, {Units.Count(pixels.Length, "byte")} in {seconds:F2} s");
                return ExitCode.Ok;
            }

            output.Json("model_decompress", json =>
            {
                json.WriteString("file", Path.GetFullPath(path));
                json.WriteNumber("images", header.Images);
                json.WriteNumber("bytes", pixels.Length);
                json.WriteNumber("seconds", seconds);
                json.WriteNumber("images_per_second", header.Images / seconds);
                json.WriteString("model", Convert.ToHexStringLower(header.Model.Span));
            });
            return ExitCode.Ok;
        });
        return command;
    }
}
