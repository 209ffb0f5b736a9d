using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Vae.Cli.Models;
using Vae.Cli.Reports;
using Vae.Cli.Terminal;
using Vae.Data;
using Vae.Data.Files;
using Vae.Models.Evaluation;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model evaluate</c>: what a model is worth, in figures with units.</summary>
internal static class EvaluateCommand
{
    private const int SamplesDefault = 100;
    private const string All = "all";

    private static readonly string[] Names = [.. Enum.GetNames<MetricGroup>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];

    public static Command Create()
    {
        var model = ModelOptions.Model();
        var samples = ModelOptions.Number("--samples", "K", SamplesDefault, 1, ImportanceEstimate.SamplesMax, "Draws per row of log_likelihood. Papers use 5,000.");
        var metrics = new Option<string>("--metrics") { Description = $"Which, with commas: {string.Join(", ", Names)}. Default: all that the data allows.", HelpName = "NAMES", DefaultValueFactory = _ => All };
        var images = new Option<string?>("--images") { Description = "An IDX file of images of the model's size, gzip or not. Default: the held-out rows of what the model was trained on.", HelpName = "FILE" };
        var labels = new Option<string?>("--labels") { Description = "The label file that belongs to the images.", HelpName = "FILE" };
        var source = new Option<string?>("--source") { Description = "sprites: images that the program draws, at the model's size; their factors are known.", HelpName = "sprites" };
        source.AcceptOnlyFromAmong(DatasetSource.Sprites);
        var anomalies = new Option<string?>("--anomalies") { Description = "An IDX file of strange images: adds how well they are told from the others (AUROC). Default: the held-out rows of dataset.exclude_labels, if the sweep file has it.", HelpName = "FILE" };
        var binarize = new Option<string?>("--binarize") { Description = "none, fixed or dynamic: how grey values become bits. Default: as in training.", HelpName = "HOW" };
        binarize.AcceptOnlyFromAmong("none", "fixed", "dynamic");
        var rows = new Option<int?>("--rows") { Description = "At most so many held-out rows, the first ones.", HelpName = "N" };
        var seed = new Option<ulong?>("--seed") { Description = "Of all draws. Default: the trial's own, with which the ELBO is the one that training reported.", HelpName = "N" };
        var target = new Option<string?>("--out") { Description = "Write the result as JSON to a file too.", HelpName = "FILE" };
        var device = ModelOptions.Device();
        var command = new Command("evaluate", "Measure a model on held-out images: bound, likelihood, latents, disentanglement, collapse.")
        {
            model, samples, metrics, images, labels, source, anomalies, binarize, rows, seed, target, device,
        };
        command.Do(async (parse, output, cancellation) =>
        {
            var wanted = Parse(parse.GetRequiredValue(metrics));
            if (parse.GetValue(rows) is < 1) throw new CliException(ExitCode.Usage, "--rows must be at least 1.");
            using var open = await ModelOptions.OpenAsync(parse, model, device, cancellation);
            var how = parse.GetValue(binarize) is { } typed ? Enum.Parse<Binarize>(typed, ignoreCase: true) : (Binarize?)null;
            var choice = new EvaluationChoice(parse.GetValue(images), parse.GetValue(labels), parse.GetValue(source), how, parse.GetValue(rows));
            var inputs = EvaluationInputs.Find(open, choice);
            foreach (var warning in inputs.Data.Warnings) output.Warning(warning);
            var strange = parse.GetValue(anomalies) is { } file ? EvaluationInputs.Load(file, inputs.Data.Binarize, open).Images : EvaluationInputs.Excluded(open, choice);
            if (open.Model.Model is CodeModel coded)
            {
                return Show(new CodedEvaluation(coded, inputs, parse.GetValue(seed) ?? open.Model.Config.Trial.Training.Seed, open.Model.Config.Trial).Run(parse.GetRequiredValue(model), wanted, Names, strange));
            }

            var work = new Work(open, inputs, parse.GetValue(seed) ?? open.Model.Config.Trial.Training.Seed, parse.GetValue(samples), output, cancellation);
            var report = work.Run(parse.GetRequiredValue(model), wanted, strange);
            return Show(report);

            ExitCode Show(EvaluationReport made)
            {
                if (output.Mode.Json) made.WriteJson(output);
                else made.WriteText(output);
                if (parse.GetValue(target) is { } path) Save(made, path, output);
                return ExitCode.Ok;
            }
        });
        return command;
    }

    // Null: all that the data allows.
    private static List<MetricGroup>? Parse(string typed)
    {
        var names = typed.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (names is [] or [All]) return null;
        var groups = new List<MetricGroup>();
        foreach (var name in names)
        {
            var place = Array.IndexOf(Names, name);
            if (place < 0) throw new CliException(ExitCode.Usage, $"There is no metric {name}.", $"--metrics takes {string.Join(", ", Names)}, or {All}.");
            groups.Add(Enum.GetValues<MetricGroup>()[place]);
        }

        return groups;
    }

    private static void Save(EvaluationReport report, string path, Output output)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        report.WriteJson(new Output(text, output.Notes, output.Mode with { Json = true }));
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
        AtomicFile.WriteAllBytes(path, Encoding.UTF8.GetBytes(text.ToString()));
    }

    private sealed class Work(OpenModel open, EvaluationInputs inputs, ulong seed, int samples, Output output, CancellationToken cancellation)
    {
        private readonly LatentModel _model = open.Latents;
        private readonly EvaluationRows _rows = new(inputs.Data.Images, inputs.Data.Binarize, seed, open.Latents.Device);

        public EvaluationReport Run(string name, List<MetricGroup>? wanted, ImageSet? anomalies)
        {
            var evaluation = new ModelEvaluation(_model, _rows, inputs.Ranges, inputs.Factors);
            var (measured, skipped) = (new List<Measured>(), new List<string>());
            foreach (var group in wanted ?? [.. Enum.GetValues<MetricGroup>().Where(evaluation.Concerns)])
            {
                if (!evaluation.Concerns(group)) throw new CliException(ExitCode.Usage, $"{Names[(int)group]} says nothing about this model: it infers no labels.", "Leave it out of --metrics.");
                if (evaluation.Lacks(group) is { } missing)
                {
                    if (wanted is not null) throw new CliException(ExitCode.Usage, $"{Names[(int)group]} needs {missing}, and these images have none.", Remedy(missing));
                    skipped.Add($"{Names[(int)group]} was left out: it needs {missing}. {Remedy(missing)}");
                    continue;
                }

                cancellation.ThrowIfCancellationRequested();
                if (output.Mode.Interactive) output.Note($"{Names[(int)group]} ...");
                measured.AddRange(evaluation.Compute(group, samples, cancellation: cancellation));
            }

            if (anomalies is not null) measured.AddRange(Anomalies(evaluation, anomalies));
            var config = open.Model.Config.Trial;
            var kind = string.Create(CultureInfo.InvariantCulture, $"{Word(config.Model.Family)}, {Word(config.Model.Architecture)}, {_model.Latent} latents, {Word(config.Model.Likelihood)}");
            var rates = evaluation.Pass.RatePerDimension;
            var isWhole = _model.RateColumns < _model.Latent;
            if (isWhole) skipped.Add("rate by dimension was left out: that of a mixture prior does not come apart into dimensions.");
            return new(name, kind, inputs.Told, inputs.Ranges.HeldOut.Count, Word(inputs.Data.Binarize), seed, measured, isWhole ? [] : rates, CollapseDiagnosis.Of(rates, config), skipped)
            {
                Layers = LatentLayer.Of(rates, config.Model),
            };
        }

        // Higher is stranger: little likelihood, a low bound, a bad reconstruction, far from the prior.
        private IEnumerable<Measured> Anomalies(ModelEvaluation evaluation, ImageSet images)
        {
            if (_model.Classes > 0 && !_model.InfersLabels) throw new CliException(ExitCode.Usage, "The model takes the label of each image, and anomalies have none.", "Use `vae model anomaly MODEL --images FILE --labels FILE`.");
            var rows = new EvaluationRows(images, inputs.Data.Binarize, seed, _model.Device);
            var range = new RowRange(0, images.Count);
            if (evaluation.Importance is null) evaluation.Compute(MetricGroup.LogLikelihood, samples, cancellation: cancellation);
            var strange = ImportanceEstimate.Of(_model, rows, range, samples, cancellation: cancellation);
            yield return new("auroc_log_likelihood", Auroc.Of(Negative(evaluation.Importance!.PerRow), Negative(strange.PerRow)), "0 to 1", null, "score: -log_likelihood");
            foreach (var figure in evaluation.Anomalies(images, cancellation)) yield return figure;
        }

        private static double[] Negative(double[] values) => [.. values.Select(value => -value)];

        private static string Word<T>(T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

        private static string Remedy(string missing) => missing == "labels"
            ? "Give --labels FILE (IDX, one label per image)."
            : "Only drawn images have known factors: evaluate a model of sprites, or give --source sprites.";
    }
}
