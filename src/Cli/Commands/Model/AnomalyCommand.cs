using System.CommandLine;
using System.Globalization;
using Vae.Cli.Models;
using Vae.Cli.Terminal;
using Vae.Data.Files;
using Vae.Models.Applications;
using Vae.Models.Evaluation;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model anomaly</c>: what the model has not learnt.</summary>
internal static class AnomalyCommand
{
    private const int ReferenceRowsMax = 5_000;

    public static Command Create()
    {
        var model = ModelOptions.Model();
        var device = ModelOptions.Device();
        var samples = ModelOptions.Number("--samples", "N", 16, 1, Anomaly.SamplesMax, "Draws of the latent for each image; a vq model draws none.");
        var quantile = new Option<double>("--quantile") { Description = "The threshold is what this share of ordinary rows scores at most. Ordinary are the held-out rows of what the model was trained on, or --reference.", HelpName = "SHARE", DefaultValueFactory = _ => 0.99 };
        var threshold = new Option<double?>("--threshold") { Description = "The threshold itself, in nats; no ordinary rows are looked at.", HelpName = "X" };
        var reference = new Option<string[]>("--reference") { Description = "Ordinary images: an IDX file or PNG files.", HelpName = "FILE...", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
        var anomalous = new Option<int[]>("--anomalous") { Description = "Labels that are anomalies: tells how well the scores find them (AUROC). Default: those that the sweep file excluded from training.", HelpName = "LABEL...", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
        var scores = new Option<string?>("--scores") { Description = "CSV file to write, a line for each image.", HelpName = "FILE" };
        var top = ModelOptions.Number("--top", "N", 10, 1, 100, "Images in the picture and in the table: those of the highest scores.");
        var seed = ModelOptions.Seed();
        var inputs = new InputOptions(RowPart.HeldOut, "What to score");
        var target = ModelOptions.Out("anomalies.png");
        var command = new Command("anomaly", "Score images by how little the model expects them, and show the strangest with where they are strange.") { model, samples, quantile, threshold, reference, anomalous, scores, top, seed, target, device };
        inputs.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            if (!(parse.GetValue(quantile) is >= 0 and <= 1)) throw new CliException(ExitCode.Usage, "--quantile must be 0 to 1.");
            using var open = await ModelOptions.OpenAsync(parse, model, device, cancellation);
            var rows = inputs.Read(parse, open, excluded: true);
            var found = Score(rows, int.MaxValue);
            var limit = parse.GetValue(threshold) ?? Limit();
            int[] strange = [.. parse.GetRequiredValue(anomalous)];
            if (strange.Length == 0 && rows.HasLabels) strange = [.. (open.Dataset?.ExcludeLabels ?? []).Where(rows.HasLabel)];
            var report = new AnomalyReport(rows, found, limit, strange.ToHashSet());
            if (report.Strangest(1) is []) throw new CliException(ExitCode.Failed, "No image has a finite score.", "The model's weights may not be finite: `vae model reconstruct` shows what it paints.");
            var (file, table) = (parse.GetRequiredValue(target), parse.GetValue(scores));
            OpenModel.Save(Picture(open, rows, report, parse.GetValue(top)), file);
            if (table is not null) AtomicFile.Write(table, report.WriteCsv);
            if (output.Mode.Json) output.Json("model_anomaly", json => report.WriteJson(json, file, table));
            else report.WriteText(output, file, table, parse.GetValue(top));
            return ExitCode.Ok;

            double Limit()
            {
                var given = parse.GetRequiredValue(reference);
                var ordinary = given.Length > 0 ? InputFiles.Read(open.Image, open.Dataset?.Binarize ?? Shared.Datasets.Binarize.None, given, null)
                    : open.Dataset is { } known ? InputFiles.Read(open.Image, known, RowPart.HeldOut)
                    : throw new CliException(ExitCode.Usage, "What is ordinary?", "Give --reference FILE, or --threshold X.");
                return Anomaly.Threshold(Score(ordinary with { CommonLabel = inputs.Label(parse) }, ReferenceRowsMax).Total, parse.GetValue(quantile));
            }

            AnomalyScores Score(InputRows some, int most) => open.Model.Model is CodeModel coded ? Anomaly.Score(coded, some.Values(most), cancellation)
                : Anomaly.Score(open.Latents, some.Values(most), some.LabelsFor(open.Latents, most), parse.GetValue(samples), parse.GetValue(seed), cancellation);
        });
        return command;
    }

    private static Data.Png.PngImage Picture(OpenModel open, InputRows rows, AnomalyReport report, int top)
    {
        var shown = report.Strangest(top);
        var values = rows.Some(shown);
        var labels = open.Model.Model.Classes > 0 ? rows.LabelsFor(open.Latents, shown) : [];
        var painted = open.Model.Model.Reconstruct(values, labels);
        var heat = Anomaly.HeatMaps(values, painted, open.Image, PixelExcess.Of(open.Model.Network, open.Model.Config.Trial.Model));
        return Panels.Anomalies(open.Image, values, painted, heat, [.. shown.Select(row => report.Scores.Total[row])]);
    }
}
