using System.Globalization;
using System.Text;
using Vae.Models.Files;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Models;

/// <summary>README.md of an exported model: front matter that model hubs read, then what a person needs to know to use it.</summary>
internal static class ModelCard
{
    /// <param name="config">Of the model.</param>
    /// <param name="name">What to call it.</param>
    /// <param name="license">Identifier of the licence the weights are given away under.</param>
    /// <param name="files">Names of the files beside the card.</param>
    public static string Write(ModelConfig config, string name, string license, IReadOnlyCollection<string> files)
    {
        var trial = config.Trial;
        var dataset = DatasetName(config.Dataset);
        var text = new StringBuilder();
        text.Append("---\n");
        Line($"license: {Yaml(license)}");
        Line($"library_name: vae-distributed");
        Line($"pipeline_tag: unconditional-image-generation");
        text.Append("tags:\n- vae\n- variational-autoencoder\n");
        if (trial.Training.Beta != 1) text.Append("- beta-vae\n");
        Line($"datasets:\n- {Yaml(dataset)}");
        text.Append("metrics:\n- elbo\n");
        WriteIndex(text, config, name, dataset);
        text.Append("---\n\n");
        Line($"# {name}\n");
        Line($"A variational autoencoder{Family(trial.Model)}: {SpecWord.Of(trial.Model.Architecture)}, {Latents(config)}, {SpecWord.Of(trial.Model.Likelihood)} likelihood, images of {config.Image.Channels} x {config.Image.Height} x {config.Image.Width}.");
        text.Append("\n![Samples from the prior](samples.png)\n\n");
        if (files.Contains("traversal.png")) text.Append(CultureInfo.InvariantCulture, $"One row for each latent dimension, from -3 to 3 standard deviations of the prior; on the left its number and its rate (KL) in nats on held-out rows{(trial.Model.Classes is null ? "" : "; all of label 0")}.\n\n![What each latent dimension does](traversal.png)\n\n");
        WriteResult(text, config);
        text.Append("## Training\n\n| | |\n| --- | --- |\n");
        Line($"| data set | {dataset} |");
        if (config.Run is { Fingerprint.Length: > 0 } known) Line($"| fingerprint of the data | `{known.Fingerprint}` |");
        Line($"| hyperparameters of the search | {trial.Label} |");
        Line($"| objective | {Objective(trial.Training)} |");
        Line($"| prior | {(trial.Model.Prior == Prior.Vamp ? $"vamp, {trial.Model.PseudoInputs} pseudo-inputs" : SpecWord.Of(trial.Model.Prior))} |");
        Line($"| optimizer | {trial.Training.Optimizer.ToString().ToLowerInvariant()}, learning rate {trial.Training.LearningRate}, batch {trial.Training.Batch}, {trial.Training.Epochs} epochs |");
        Line($"| beta | {trial.Training.Beta} |");
        Line($"| seed | {trial.Training.Seed} |");
        if (config.Run is { } run)
        {
            Line($"| trained on | {run.Workers} workers, {run.Device}, {run.Threads} threads each, {run.Processor} |");
            Line($"| software | vae-distributed {run.Version}, libtorch {run.Libtorch}, {run.Blas}, {run.CpuCapability} |");
        }

        text.Append("\n`config.json` holds every setting. `model.safetensors` holds the weights under PyTorch's names and layouts.\n\n## Use\n\n```\n");
        text.Append("vae model generate . --count 64 --out samples.png\nvae model reconstruct . --images FILE --out reconstructions.png\nvae model encode . --images FILE --out latents.npy\n```\n");
        if (files.Contains(PyTorchLoader.FileName)) WritePyTorch(text, config);
        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string Latents(ModelConfig config) => config.Trial.Model.Family == ModelFamily.Vq
        ? FormattableString.Invariant($"{config.Trial.Model.CodePositions(config.Image.Height, config.Image.Width)} codes of a codebook of {config.Trial.Model.Codes} (VQ-VAE)")
        : FormattableString.Invariant($"{Dimensions(config.Trial.Model)} latent dimensions");

    private static int Dimensions(ModelSpec model) => model.Family == ModelFamily.Ladder ? model.Ladder.Sum() : model.Latent;

    private static string Family(ModelSpec model) => model.Family switch
    {
        ModelFamily.Conditional or ModelFamily.M2 => FormattableString.Invariant($" of the family {SpecWord.Of(model.Family)} with {model.Classes} labels"),
        ModelFamily.Ladder => FormattableString.Invariant($" of the family {SpecWord.Of(model.Family)} with {model.Ladder.Count} layers of latents"),
        _ => "",
    };

    private static void WritePyTorch(StringBuilder text, ModelConfig config)
    {
        var isVq = config.Trial.Model.Family == ModelFamily.Vq;
        var (import, before, given) = config.Trial.Model.Classes is { } classes ? ("import torch\n", string.Create(CultureInfo.InvariantCulture, $"labels = torch.arange(64) % {classes}\n"), ", labels") : ("", "", "");
        text.Append(CultureInfo.InvariantCulture, $"\nIn plain PyTorch, with the loader beside this card:\n\n```python\n{import}from load_model import load\n\nmodel = load(\".\")\n");
        text.Append(CultureInfo.InvariantCulture, $"{before}images = model.decode(model.draw(64){given})          # [64, {config.Image.Values}]: channel, row, column\n");
        text.Append(CultureInfo.InvariantCulture, $"{(isVq ? "codes" : "mean, log_variance")} = model.encode(images{given})\n```\n");
    }

    private static void WriteIndex(StringBuilder text, ModelConfig config, string name, string dataset)
    {
        if (config.Result is not { } result) return;
        text.Append(CultureInfo.InvariantCulture, $"model-index:\n- name: {Yaml(name)}\n  results:\n  - task:\n      type: unconditional-image-generation\n");
        text.Append(CultureInfo.InvariantCulture, $"    dataset:\n      name: {Yaml(dataset)}\n      type: {Yaml(dataset)}\n      split: test\n    metrics:\n");
        foreach (var (type, title, value) in ((string, string, double)[])[("elbo", "ELBO (nats per image, beta = 1)", result.Elbo), ("distortion", "Distortion (nats per image)", result.Distortion),
            ("rate", "Rate (nats per image)", result.Rate), ("active_units", "Active latent dimensions", config.Trial.Model.Family == ModelFamily.Vq ? double.NaN : result.ActiveUnits)])
        {
            if (double.IsFinite(value)) text.Append(CultureInfo.InvariantCulture, $"    - type: {type}\n      name: {Yaml(title)}\n      value: {value:R}\n");
        }
    }

    private static void WriteResult(StringBuilder text, ModelConfig config)
    {
        if (config.Result is not { } result) return;
        if (config.Trial.Model.Family == ModelFamily.Vq)
        {
            text.Append("## Held-out figures\n\nMeans per image, in nats, on rows that were never trained on; the rate is what the learned prior pays for the codes.\n\n| ELBO | distortion | rate | perplexity | parameters | steps |\n| ---: | ---: | ---: | ---: | ---: | ---: |\n");
            text.Append(CultureInfo.InvariantCulture, $"| {result.Elbo:F2} | {result.Distortion:F2} | {result.Rate:F2} | {result.Figures?.GetValueOrDefault("perplexity") ?? double.NaN:F1} of {config.Trial.Model.Codes} | {result.Parameters:N0} | {result.Steps:N0} |\n\n");
            return;
        }

        text.Append("## Held-out figures\n\nMeans per image, in nats, on rows that were never trained on.\n\n| ELBO (beta = 1) | distortion | rate | active dimensions | parameters | steps |\n| ---: | ---: | ---: | ---: | ---: | ---: |\n");
        text.Append(CultureInfo.InvariantCulture, $"| {result.Elbo:F2} | {result.Distortion:F2} | {result.Rate:F2} | {result.ActiveUnits} of {Dimensions(config.Trial.Model)} | {result.Parameters:N0} | {result.Steps:N0} |\n\n");
        foreach (var (name, value) in result.Figures ?? new Dictionary<string, double>()) text.Append(CultureInfo.InvariantCulture, $"- {name}: {value:G6}\n");
        if (result.Figures is { Count: > 0 }) text.Append('\n');
    }

    private static string Objective(TrainingSpec training)
    {
        var text = SpecWord.Of(training.Objective);
        if (training.Objective == TrainingObjective.Iwae) text += $", {training.ImportanceSamples} samples";
        if (training.FreeBits > 0) text += string.Create(CultureInfo.InvariantCulture, $", free bits {training.FreeBits} nats per dimension");
        if (training.Capacity is { } capacity) text += string.Create(CultureInfo.InvariantCulture, $", capacity {capacity} nats");
        return text;
    }

    private static string DatasetName(DatasetSource? dataset) => dataset switch
    {
        null => "unknown",
        { Source: not DatasetSource.Sprites, Images: { Length: > 0 } images } => Path.GetFileName(images),
        _ => dataset.Source,
    };

    // Always quoted: a name such as `no` or `1.0` would otherwise be read as something else than text.
    private static string Yaml(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
