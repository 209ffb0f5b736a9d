using System.Globalization;
using Vae.Cli.Models;
using Vae.Cli.Reports;
using Vae.Data;
using Vae.Models.Evaluation;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model evaluate</c> of a vq model: its figures need no draws.</summary>
/// <param name="Model">The model.</param>
/// <param name="Inputs">What it is judged by.</param>
/// <param name="Seed">Of binarisation.</param>
/// <param name="Trial">What the model is.</param>
internal sealed record CodedEvaluation(CodeModel Model, EvaluationInputs Inputs, ulong Seed, TrialSpec Trial)
{
    /// <summary>Measures.</summary>
    /// <param name="name">As the user named the model.</param>
    /// <param name="wanted">Which groups; null: all that model and data allow.</param>
    /// <param name="names">How the groups are called.</param>
    /// <param name="anomalies">Strange images, or null.</param>
    /// <exception cref="CliException">A group was asked for that cannot be computed.</exception>
    public EvaluationReport Run(string name, List<MetricGroup>? wanted, IReadOnlyList<string> names, ImageSet? anomalies)
    {
        var evaluation = new CodeEvaluation(Model, new EvaluationRows(Inputs.Data.Images, Inputs.Data.Binarize, Seed, Model.Device), Inputs.Ranges);
        var (measured, skipped) = (new List<Measured>(), new List<string>());
        foreach (var group in wanted ?? [.. Enum.GetValues<MetricGroup>()])
        {
            if (evaluation.Lacks(group) is not { } missing) measured.AddRange(evaluation.Compute(group));
            else if (wanted is not null) throw new CliException(ExitCode.Usage, $"{names[(int)group]} needs {Told(missing)}.", Remedy(missing));
            else if (missing == "labels") skipped.Add($"{names[(int)group]} was left out: it needs labels. {Remedy(missing)}");
        }

        if (wanted is null) skipped.Add("Metrics of continuous latents were left out: a vq model has codes.");
        if (anomalies is not null) measured.AddRange(evaluation.Anomalies(anomalies));
        var counts = evaluation.Counts();
        var diagnosis = CollapseDiagnosis.OfCodes(counts.Count(count => count > 0), Perplexity.Of(counts), Trial);
        var kind = string.Create(CultureInfo.InvariantCulture, $"vq, {SpecWord.Of(Trial.Model.Architecture)}, {Model.Positions} positions of {Model.Codes} codes, {SpecWord.Of(Trial.Model.Likelihood)}");
        return new(name, kind, Inputs.Told, Inputs.Ranges.HeldOut.Count, SpecWord.Of(Inputs.Data.Binarize), Seed, measured, evaluation.RatePerPosition(), diagnosis, skipped);
    }

    private static string Told(string missing) => missing == "labels" ? "labels, and these images have none" : "continuous latents, and a vq model has codes";

    private static string Remedy(string missing) => missing == "labels" ? "Give --labels FILE (IDX, one label per image)." : "Ask for bound, reconstruction_error, linear_probe or knn.";
}
