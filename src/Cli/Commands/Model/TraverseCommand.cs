using System.CommandLine;
using Vae.Cli.Models;
using Vae.Models.Applications;
using Vae.Models.Evaluation;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model traverse</c>: what each latent dimension does.</summary>
internal static class TraverseCommand
{
    private const int RateRowsMax = 10_000; // The order of the dimensions needs no more.

    public static Command Create()
    {
        var model = ModelOptions.Model();
        var device = ModelOptions.Device();
        var at = new Option<string?>("--at") { Description = $"The latent that is changed. {LatentPlace.Help}. Default: the mean of the prior.", HelpName = "PLACE" };
        var range = new Option<double>("--range") { Description = "How far each dimension goes to either side, in standard deviations of the prior.", HelpName = "X", DefaultValueFactory = _ => 3 };
        var steps = ModelOptions.Number("--steps", "N", 11, 2, 101, "Images of a row.");
        var top = ModelOptions.Number("--top", "N", 32, 1, 256, "Rows at most: the dimensions of the highest rate.");
        var inputs = new InputOptions(RowPart.HeldOut, "What the rates are measured on");
        var target = ModelOptions.Out("traversal.png");
        var command = new Command("traverse", "Show what each latent dimension does: one row for each, by falling rate (KL) on held-out rows.") { model, at, range, steps, top, target, device };
        inputs.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            if (!(parse.GetValue(range) is > 0 and <= 100 and var reach)) throw new CliException(ExitCode.Usage, "--range must be above 0 and at most 100.");
            using var open = await ModelOptions.OpenAsync(parse, model, device, cancellation);
            var rows = inputs.Read(parse, open);
            var rates = LatentRows.Encode(open.Latents, rows.Values(RateRowsMax), rows.LabelsFor(open.Latents, RateRowsMax)).MeanRates();
            var place = parse.GetValue(at) is { } named ? LatentPlace.Find(named, open, () => rows, inputs.Label(parse)) : null;
            var start = place?.Latent ?? open.Latents.PriorMean();
            var painter = open.Latents.Classes == 0 ? open.Latents : open.Under(place?.Label ?? inputs.Label(parse)
                ?? throw new CliException(ExitCode.Usage, "Under which label? The mean of the prior has none.", "Give --label N, or --at with a row of that label."));
            int[] order = [.. Traversal.Order(rates).Take(parse.GetValue(top))];
            var traversal = Traversal.Of(painter, start, order, Traversal.Spread(reach, parse.GetValue(steps)));
            var file = parse.GetRequiredValue(target);
            OpenModel.Save(Panels.Traversed(open.Image, traversal, rates), file);
            if (output.Mode.Json)
            {
                output.Json("model_traverse", json =>
                {
                    json.WriteString("file", Path.GetFullPath(file));
                    json.WriteNumber("range", reach);
                    json.WriteNumber("steps", traversal.Values.Count);
                    json.WriteStartArray("dimensions");
                    foreach (var dimension in order)
                    {
                        json.WriteStartObject();
                        json.WriteNumber("dimension", dimension);
                        json.WriteNumber("rate", rates[dimension]);
                        json.WriteEndObject();
                    }

                    json.WriteEndArray();
                });
            }
            else
            {
                output.Line($"{file}: {order.Length:N0} of {rates.Length:N0} dimensions, {traversal.Values.Count:N0} images each, from {-reach:G} to {reach:G}");
                output.Note($"rate in nats: {string.Join(", ", order.Take(8).Select(j => $"z{j} {rates[j]:F2}"))}{(order.Length > 8 ? ", ..." : "")}; all dimensions together {rates.Sum():F2}");
            }

            return ExitCode.Ok;
        });
        return command;
    }
}
