using System.CommandLine;
using Vae.Cli.Models;
using Vae.Models.Applications;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model interpolate</c>: the images between two.</summary>
internal static class InterpolateCommand
{
    private const string Linear = "linear", Spherical = "spherical", Both = "both";

    public static Command Create()
    {
        var model = ModelOptions.Model();
        var device = ModelOptions.Device();
        var from = new Option<string>("--from") { Description = $"Where to begin. {LatentPlace.Help}.", HelpName = "PLACE", DefaultValueFactory = _ => "0" };
        var to = new Option<string>("--to") { Description = "Where to end, said in the same way.", HelpName = "PLACE", DefaultValueFactory = _ => "1" };
        var steps = ModelOptions.Number("--steps", "N", 10, 2, 200, "Images, both ends included.");
        var path = new Option<string>("--path") { Description = "linear, spherical (along the arc), or both, one row above the other.", HelpName = "NAME", DefaultValueFactory = _ => Both };
        path.AcceptOnlyFromAmong(Linear, Spherical, Both);
        var inputs = new InputOptions(RowPart.HeldOut, "Where rows and labels are from");
        var target = ModelOptions.Out("interpolation.png");
        var command = new Command("interpolate", "Show the images between two, with the two originals at the ends.") { model, from, to, steps, path, target, device };
        inputs.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            using var open = await ModelOptions.OpenAsync(parse, model, device, cancellation);
            var rows = new Lazy<InputRows>(() => inputs.Read(parse, open));
            var (begin, end) = (Place(from), Place(to));
            InterpolationPath[] paths = parse.GetRequiredValue(path) switch { Linear => [InterpolationPath.Linear], Spherical => [InterpolationPath.Spherical], _ => [InterpolationPath.Linear, InterpolationPath.Spherical] };
            var pictures = paths.Select(way => (float[])[.. begin.Original ?? Panels.Empty(open.Image), .. Interpolation.Images(open.Latents, begin.Latent, end.Latent, parse.GetValue(steps), way, begin.Label, end.Label), .. end.Original ?? Panels.Empty(open.Image)]).ToArray();
            var file = parse.GetRequiredValue(target);
            OpenModel.Save(Panels.Rows(open.Image, pictures), file);
            if (output.Mode.Json)
            {
                output.Json("model_interpolate", json =>
                {
                    json.WriteString("file", Path.GetFullPath(file));
                    json.WriteString("from", begin.Name);
                    json.WriteString("to", end.Name);
                    json.WriteNumber("steps", parse.GetValue(steps));
                    json.WriteStartArray("paths");
                    foreach (var way in paths) json.WriteStringValue(way == InterpolationPath.Linear ? Linear : Spherical);
                    json.WriteEndArray();
                });
            }
            else
            {
                output.Line($"{file}: {parse.GetValue(steps):N0} images from {begin.Name} to {end.Name}, {string.Join(" above ", paths.Select(way => way == InterpolationPath.Linear ? Linear : Spherical))}");
            }

            return ExitCode.Ok;

            LatentPlace Place(Option<string> option) => LatentPlace.Find(parse.GetRequiredValue(option), open, () => rows.Value, inputs.Label(parse));
        });
        return command;
    }
}
