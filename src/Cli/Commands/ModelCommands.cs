using System.CommandLine;
using System.Text;
using Vae.Cli.Models;
using Vae.Cli.Terminal;
using Vae.Data;
using Vae.Data.Files;
using Vae.Models.Applications;
using Vae.Models.Files;
using Vae.Shared.Datasets;

namespace Vae.Cli.Commands;

/// <summary><c>vae model generate|reconstruct|export</c>: use what was trained.</summary>
internal static class ModelCommands
{
    private const int ImagesMax = 10_000; // A grid of more is a picture that no program opens.

    public static Command Create() => new("model", "Use trained models.") { CreateGenerate(), CreateReconstruct(), CreateExport() };

    private static Command CreateGenerate()
    {
        var model = ModelArgument();
        var device = DeviceOption();
        var count = CountOption(64, "Images.");
        var seed = SeedOption();
        var target = OutOption("samples.png");
        var command = new Command("generate", "Draw new images from the prior.") { model, count, seed, target, device };
        command.Do(async (parse, output, cancellation) =>
        {
            using var open = await OpenModel.OpenAsync(parse.GetRequiredValue(model), parse.GetRequiredValue(GlobalOptions.Home), parse.GetRequiredValue(device), cancellation);
            var path = parse.GetRequiredValue(target);
            OpenModel.Save(open.Pictures.Samples(parse.GetValue(count), parse.GetValue(seed)), path);
            Tell(output, "model_generate", path, parse.GetValue(count));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command CreateReconstruct()
    {
        var model = ModelArgument();
        var device = DeviceOption();
        var count = CountOption(20, "Images: the first of the file, or of the held-out rows.");
        var images = new Option<string?>("--images") { Description = "An IDX file of images of the model's size, gzip or not. Default: the held-out rows of what the model was trained on.", HelpName = "FILE" };
        var source = new Option<string?>("--source") { Description = "sprites: images that the program draws, at the model's size.", HelpName = "sprites" };
        source.AcceptOnlyFromAmong(DatasetSource.Sprites);
        var target = OutOption("reconstructions.png");
        var command = new Command("reconstruct", "Encode and decode images, and show each input above its reconstruction.") { model, images, source, count, target, device };
        command.Do(async (parse, output, cancellation) =>
        {
            using var open = await OpenModel.OpenAsync(parse.GetRequiredValue(model), parse.GetRequiredValue(GlobalOptions.Home), parse.GetRequiredValue(device), cancellation);
            var inputs = Inputs(open, parse.GetValue(images), parse.GetValue(source), parse.GetValue(count));
            var path = parse.GetRequiredValue(target);
            OpenModel.Save(open.Pictures.Reconstructions(inputs), path);
            Tell(output, "model_reconstruct", path, inputs.Length / open.Model.Network.Image.Values);
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command CreateExport()
    {
        var model = ModelArgument();
        var device = DeviceOption();
        var target = new Option<string>("--out") { Description = "Folder to write; made when it is missing.", HelpName = "FOLDER", Required = true };
        var license = new Option<string>("--license") { Description = "Licence of the weights, as model hubs write it.", HelpName = "ID", DefaultValueFactory = _ => "other" };
        var seed = SeedOption();
        var command = new Command("export", "Write a folder that model hubs take unchanged: weights, config, model card, samples.") { model, target, license, seed, device };
        command.Do(async (parse, output, cancellation) =>
        {
            using var open = await OpenModel.OpenAsync(parse.GetRequiredValue(model), parse.GetRequiredValue(GlobalOptions.Home), parse.GetRequiredValue(device), cancellation);
            var folder = Path.GetFullPath(parse.GetRequiredValue(target));
            Directory.CreateDirectory(folder);
            var config = open.Model.Config; // As it is: a path of this machine does not belong into what is given away.
            var name = Path.GetFileName(folder.TrimEnd(Path.DirectorySeparatorChar));
            AtomicFile.Write(Path.Combine(folder, TrainedModel.FileName), stream => TrainedModel.Write(stream, open.Model.Network, 0, config));
            AtomicFile.WriteAllBytes(Path.Combine(folder, ModelConfig.FileName), Encoding.UTF8.GetBytes(config.Write()));
            AtomicFile.WriteAllBytes(Path.Combine(folder, "README.md"), Encoding.UTF8.GetBytes(ModelCard.Write(config with { Dataset = open.Dataset }, name, parse.GetRequiredValue(license))));
            OpenModel.Save(open.Pictures.Samples(64, parse.GetValue(seed)), Path.Combine(folder, "samples.png"));
            if (output.Mode.Json) output.Json("model_export", json => json.WriteString("folder", folder));
            else output.Line($"{parse.GetRequiredValue(target)}: {TrainedModel.FileName}, {ModelConfig.FileName}, README.md, samples.png");
            return ExitCode.Ok;
        });
        return command;
    }

    private static float[] Inputs(OpenModel model, string? images, string? source, int count)
    {
        var image = model.Model.Network.Image;
        var given = (images, source, model.Dataset) switch
        {
            (not null, not null, _) => throw new CliException(ExitCode.Usage, "--images and --source are two answers to one question; give one."),
            (not null, _, _) => new DatasetSource { Source = DatasetSource.Idx, Images = images, HoldOut = 0 },
            (_, not null, var known) => (known?.Source == DatasetSource.Sprites ? known : new DatasetSource { Source = DatasetSource.Sprites }) with { Size = image.Height },
            (_, _, { } known) => known,
            _ => throw new CliException(ExitCode.Usage, "Which images?", "Give --images FILE (IDX, gzip or not), or --source sprites."),
        };
        var data = DatasetLoader.Load(given, Environment.CurrentDirectory);
        var set = data.Images;
        if ((set.Channels, set.Height, set.Width) != (image.Channels, image.Height, image.Width))
        {
            throw new CliException(ExitCode.InvalidInput,
                $"The images are {set.Channels} x {set.Height} x {set.Width}, but the model takes {image.Channels} x {image.Height} x {image.Width}.", "Give images of the model's size.");
        }

        // Rows that the model was not trained on come last; of a user's own file, all are new to it.
        var first = data.HeldOut > 0 ? data.TrainRows : 0;
        return Pictures.ToFloats(set.Pixels.Span.Slice(first * set.RowBytes, Math.Min(count, set.Count - first) * set.RowBytes));
    }

    private static void Tell(Output output, string type, string path, int images)
    {
        if (!output.Mode.Json)
        {
            output.Line($"{path}: {images:N0} images");
            return;
        }

        output.Json(type, json =>
        {
            json.WriteString("file", Path.GetFullPath(path));
            json.WriteNumber("images", images);
        });
    }

    private static Argument<string> ModelArgument() => new("MODEL") { Description = ModelPath.Help };

    private static Option<string> DeviceOption() => new("--device") { Description = "auto, cpu, cuda or cuda:N.", HelpName = "DEVICE", DefaultValueFactory = _ => "cpu" };

    private static Option<ulong> SeedOption() => new("--seed") { Description = "The same seed gives the same images.", HelpName = "N", DefaultValueFactory = _ => 1 };

    private static Option<string> OutOption(string name) => new("--out") { Description = "PNG file to write.", HelpName = "FILE", DefaultValueFactory = _ => name };

    private static Option<int> CountOption(int count, string description)
    {
        var option = new Option<int>("--count") { Description = description, HelpName = "N", DefaultValueFactory = _ => count };
        option.InRange(1, ImagesMax);
        return option;
    }
}
