using System.CommandLine;
using Vae.Cli.Models;
using Vae.Data.Png;
using Vae.Models.Applications;
using Vae.Models.Evaluation;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model arithmetic</c>: a - b + c.</summary>
internal static class ArithmeticCommand
{
    public static Command Create()
    {
        var model = ModelOptions.Model();
        var device = ModelOptions.Device();
        var (a, b, c) = (Place("--a", $"What to start from. {LatentPlace.Help}."), Place("--b", "What to take away, said in the same way."), Place("--c", "What to add, said in the same way."));
        var inputs = new InputOptions(RowPart.Train, "Where rows and labels are from");
        var target = ModelOptions.Out("arithmetic.png");
        var command = new Command("arithmetic", "Compute a - b + c with latents, and show the images of a, b, c and the result.") { model, a, b, c, target, device };
        inputs.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            using var open = await ModelOptions.OpenAsync(parse, model, device, cancellation);
            var rows = new Lazy<InputRows>(() => inputs.Read(parse, open));
            LatentPlace[] places = [.. new[] { a, b, c }.Select(option => LatentPlace.Find(parse.GetRequiredValue(option), open, () => rows.Value, inputs.Label(parse)))];
            var result = LatentArithmetic.Combine(places[0].Latent, places[1].Latent, places[2].Latent);
            var file = parse.GetRequiredValue(target);
            int[] labels = places[0].Label is { } painted ? [.. places.Select(place => place.Label!.Value), painted] : []; // The result is an A that is less of B and more of C.
            var images = LatentRows.Decode(open.Latents, [.. places.SelectMany(place => place.Latent), .. result], labels);
            OpenModel.Save(PixelText.WithMargins(Panels.Rows(open.Image, images), [], ["A", "-B", "+C", "="]), file);
            if (output.Mode.Json)
            {
                output.Json("model_arithmetic", json =>
                {
                    json.WriteString("file", Path.GetFullPath(file));
                    json.WriteString("a", places[0].Name);
                    json.WriteString("b", places[1].Name);
                    json.WriteString("c", places[2].Name);
                    json.WriteStartArray("latent");
                    foreach (var value in result) json.WriteNumberValue(value);
                    json.WriteEndArray();
                });
            }
            else
            {
                output.Line($"{file}: {places[0].Name}, {places[1].Name}, {places[2].Name}, and {places[0].Name} - {places[1].Name} + {places[2].Name}");
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Option<string> Place(string name, string description) => new(name) { Description = description, HelpName = "PLACE", Required = true };
}
