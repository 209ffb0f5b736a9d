using System.CommandLine;
using Vae.Cli.Models;
using Vae.Data;
using Vae.Models.Applications;
using Vae.Shared.Datasets;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model reconstruct</c>: inputs and what the model makes of them.</summary>
internal static class ReconstructCommand
{
    public static Command Create()
    {
        var model = ModelOptions.Model();
        var device = ModelOptions.Device();
        var count = ModelOptions.Count(20, "Images: the first of the file, or of the held-out rows.");
        var images = new Option<string?>("--images") { Description = "An IDX file of images of the model's size, gzip or not. Default: the held-out rows of what the model was trained on.", HelpName = "FILE" };
        var source = new Option<string?>("--source") { Description = "sprites: images that the program draws, at the model's size.", HelpName = "sprites" };
        source.AcceptOnlyFromAmong(DatasetSource.Sprites);
        var target = ModelOptions.Out("reconstructions.png");
        var command = new Command("reconstruct", "Encode and decode images, and show each input above its reconstruction.") { model, images, source, count, target, device };
        command.Do(async (parse, output, cancellation) =>
        {
            using var open = await ModelOptions.OpenAsync(parse, model, device, cancellation);
            var inputs = Inputs(open, parse.GetValue(images), parse.GetValue(source), parse.GetValue(count));
            var path = parse.GetRequiredValue(target);
            OpenModel.Save(open.Pictures.Reconstructions(inputs), path);
            ModelOptions.Tell(output, "model_reconstruct", path, inputs.Length / open.Model.Network.Image.Values);
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
}
