using System.CommandLine;
using Vae.Cli.Models;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model reconstruct</c>: inputs and what the model makes of them.</summary>
internal static class ReconstructCommand
{
    public static Command Create()
    {
        var model = ModelOptions.Model();
        var device = ModelOptions.Device();
        var count = ModelOptions.Count(20, "Images: the first of the rows.");
        var inputs = new InputOptions(RowPart.HeldOut, "What to reconstruct");
        var target = ModelOptions.Out("reconstructions.png");
        var command = new Command("reconstruct", "Encode and decode images, and show each input above its reconstruction.") { model, count, target, device };
        inputs.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            using var open = await ModelOptions.OpenAsync(parse, model, device, cancellation);
            var rows = inputs.Read(parse, open);
            var values = rows.Values(parse.GetValue(count));
            var labels = open.Model.Model.Classes > 0 ? rows.LabelsFor(open.Latents, parse.GetValue(count)) : [];
            var path = parse.GetRequiredValue(target);
            OpenModel.Save(open.Pictures.Reconstructions(values, labels), path);
            ModelOptions.Tell(output, "model_reconstruct", path, values.Length / open.Image.Values);
            return ExitCode.Ok;
        });
        return command;
    }
}
