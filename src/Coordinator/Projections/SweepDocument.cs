using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Projections;

/// <summary>One line of a list of sweeps.</summary>
/// <param name="Id">The sweep.</param>
/// <param name="Name">From the sweep file.</param>
/// <param name="State"><c>running</c>, <c>done</c>, <c>done_with_failures</c>, <c>failed</c> or <c>cancelled</c>; <c>interrupted</c> where nobody runs it and it can be resumed, <c>damaged</c> when its facts are not what was written, <c>unreadable</c> when another version of this program wrote them.</param>
/// <param name="Reason">Why it ended so; empty while it runs.</param>
/// <param name="Trials">All trials.</param>
/// <param name="Counts">Trials in each state, by the state's name; states without a trial are 0.</param>
/// <param name="BestTrial">The first trial by the sweep's objective; null before the first result.</param>
/// <param name="BestElbo">Its ELBO in nats per row.</param>
public sealed record SweepSummary(
    string Id, string Name, string State, string Reason, int Trials, IReadOnlyDictionary<string, int> Counts, int? BestTrial, double? BestElbo)
{
    /// <summary>The state of a sweep that has not ended.</summary>
    public const string Running = "running";

    /// <summary>The state of a sweep that nobody runs although it has not ended.</summary>
    public const string Interrupted = "interrupted";

    /// <summary>The state of a sweep with a fact that is not what was written.</summary>
    public const string Damaged = "damaged";

    /// <summary>The state of a sweep with a fact that another version of this program wrote.</summary>
    public const string Unreadable = "unreadable";
}

/// <summary>One trial, with its result where it has one. Figures that are not finite are null, because JSON has no word for them.</summary>
/// <param name="Rank">1 for the best; null without a result.</param>
/// <param name="Trial">Index in the sweep.</param>
/// <param name="State">For example <c>done</c>.</param>
/// <param name="Label">For people: <c>beta=4 latent=16</c>.</param>
/// <param name="Hyperparameters">What the search chose, by path.</param>
/// <param name="Elbo">Held-out, at beta = 1, nats per row.</param>
/// <param name="Distortion">-E[log p(x|z)].</param>
/// <param name="Rate">KL(q(z|x) || p(z)).</param>
/// <param name="ActiveUnits">Latent dimensions in use.</param>
/// <param name="KlPerDimension">The rate by latent dimension.</param>
/// <param name="Steps">Optimizer updates.</param>
/// <param name="Epochs">Passes over the training rows.</param>
/// <param name="Seconds">Time of training.</param>
/// <param name="Parameters">Trained values.</param>
/// <param name="Workers">Names of the workers of the last attempt.</param>
/// <param name="Attempts">How often it was started.</param>
/// <param name="Reason">Why it failed, was interrupted, or has no rank although it is done; else empty.</param>
/// <param name="Files">Names of its files, in the trial's folder.</param>
/// <param name="Pack">The pack that it was last in; null before it was in any.</param>
/// <param name="Slot">Its place in that pack.</param>
/// <param name="LackingSteps">Steps of its curve without a point; null before the curve is written.</param>
/// <param name="Gaps">The first runs of those steps.</param>
/// <param name="DamagedPoints">Points that the disk has changed and that its curve leaves out; null before the curve is written.</param>
/// <param name="Figures">Figures of the trial's own objective (a perplexity, an importance-weighted bound), and metrics that were computed because the sweep ranks by them, by name.</param>
/// <param name="Diagnosis">How many latent units collapsed and what to try, in words; null without a result.</param>
public sealed record TrialDocument(
    int? Rank, int Trial, string State, string Label, IReadOnlyDictionary<string, string> Hyperparameters, double? Elbo, double? Distortion, double? Rate, int? ActiveUnits,
    IReadOnlyList<double?> KlPerDimension, long? Steps, int? Epochs, double? Seconds, long? Parameters, IReadOnlyList<string> Workers, int Attempts, string Reason, IReadOnlyList<string> Files,
    int? Pack, int? Slot, long? LackingSteps = null, IReadOnlyList<GapDocument>? Gaps = null, string? Diagnosis = null, IReadOnlyDictionary<string, double?>? Figures = null,
    int? DamagedPoints = null);

/// <summary>A run of steps without a point.</summary>
/// <param name="First">The first one.</param>
/// <param name="Last">The last one.</param>
public sealed record GapDocument(long First, long Last);

/// <summary>How the packs of one signature are trained.</summary>
/// <param name="Signature">What its trials have in common.</param>
/// <param name="Slots">Trials fused into one model.</param>
/// <param name="Lanes">Packs side by side on a worker.</param>
/// <param name="Threads">Compute threads of a lane; 0 where the worker chooses.</param>
/// <param name="Reason">Why, in words.</param>
public sealed record PlanDocument(string Signature, int Slots, int Lanes, int Threads, string Reason);

/// <summary>A sweep as the command line shows it and the HTTP interface serves it: one form, so that they cannot disagree.</summary>
/// <param name="Sweep">The sweep.</param>
/// <param name="Fingerprint">Of its data set; null before that is ready.</param>
/// <param name="TrainRows">Rows that are trained on; null before.</param>
/// <param name="HeldOutRows">Rows that are evaluated on; null before.</param>
/// <param name="Trials">Trials that something happened to, the best first, those without a result after them.</param>
/// <param name="Plans">The planned shapes of packs, by signature.</param>
/// <param name="Metric">What trials are ranked by, for example <c>elbo</c>.</param>
public sealed record SweepDocument(
    SweepSummary Sweep, string? Fingerprint, int? TrainRows, int? HeldOutRows, IReadOnlyList<TrialDocument> Trials, IReadOnlyList<PlanDocument> Plans, string Metric = "elbo")
{
    /// <summary>One line of a list.</summary>
    public static SweepSummary Summarize(SweepView view) => new(
        view.Id.Value, view.Name, view.Damage is null ? Word(view.State.ToString()) : view.IsForeign ? SweepSummary.Unreadable : SweepSummary.Damaged, view.Damage ?? view.Reason, view.Trials,
        Enum.GetValues<TrialState>().ToDictionary(state => Word(state.ToString()), view.Count), view.Best?.Index, view.Best is { Result: { } best } ? Finite(best.Elbo) : null);

    /// <summary>The whole sweep.</summary>
    /// <param name="view">A sweep that was submitted.</param>
    /// <param name="trialsMax">Trials to describe, the best first; for answers that must stay small.</param>
    public static SweepDocument Of(SweepView view, int trialsMax = int.MaxValue)
    {
        using var specs = new TrialList(DefinitionOf(view));
        var ranked = view.Ranked.Select((trial, place) => (Row: view.Row(trial.Index), Rank: (int?)(place + 1)));
        var others = view.Touched.Where(row => row.Result is not { State: TrialState.Done } result || !double.IsFinite(MetricTable.ScoreOf(view.Objective, result))).Select(row => (Row: row, Rank: (int?)null));
        var trials = ranked.Concat(others).Take(trialsMax).Select(pair => Describe(pair.Row, specs[pair.Row.Index], pair.Rank, view.Objective));
        var plans = view.Plans.Values.Select(plan => new PlanDocument(plan.Signature, plan.Shape.Slots, plan.Shape.Lanes, plan.Shape.Threads, plan.Reason));
        return new(Summarize(view), view.Dataset?.Fingerprint, view.Dataset?.TrainRows, view.Dataset?.HeldOut, [.. trials], [.. plans], MetricTable.Of(view.Objective.Metric).Name);
    }

    /// <summary>What the sweep was submitted with.</summary>
    public static SweepDefinition DefinitionOf(SweepView view) =>
        SweepDefinitionJson.Read(Encoding.UTF8.GetBytes((view.Submission ?? throw new ArgumentException($"{view.Id} was never submitted.", nameof(view))).Definition));

    /// <summary>The words that JSON and tables use for our names: <c>DoneWithFailures</c> is <c>done_with_failures</c>.</summary>
    public static string Word(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);

    private static TrialDocument Describe(TrialRow row, TrialSpec spec, int? rank, ObjectiveSpec objective)
    {
        var hyperparameters = spec.Assignments.ToDictionary(assignment => assignment.Path, assignment => assignment.Value);
        var workers = row.Workers.Select(worker => worker.Value).ToArray();
        var (pack, slot) = row.Pack < 0 ? ((int?)null, (int?)null) : (row.Pack, row.Slot);
        if (row.Result is not { } result)
        {
            return new(
                null, row.Index, Word(row.State.ToString()), spec.Label, hyperparameters, null, null, null, null, [], null, null, null, null, workers, row.Attempt.Value, row.Reason, [],
                pack, slot);
        }

        var measured = result.State == TrialState.Done;
        var files = result.Artifacts.Select(artifact => artifact.Kind).Concat(measured ? [ArtifactKind.Curves] : []); // The curves are written here, from what the workers told.
        return new(
            rank, row.Index, Word(row.State.ToString()), spec.Label, hyperparameters,
            measured ? Finite(result.Elbo) : null, measured ? Finite(result.Distortion) : null, measured ? Finite(result.Rate) : null, measured ? result.ActiveUnits : null,
            [.. result.KlPerDimension.Select(Finite)], result.Steps, result.Epochs, Finite(result.TrainSeconds), result.Parameters, workers, row.Attempt.Value,
            measured && rank is null && result.FailureText.Length == 0 ? $"no rank: {MetricTable.Of(objective.Metric).Name} is not finite" : result.FailureText, [.. files.Select(Hosting.SweepFolders.FileName)], pack, slot,
            Diagnosis: measured ? CollapseDiagnosis.Of(result, spec)?.Text : null,
            Figures: result.Figures.Count > 0 ? result.Figures.ToDictionary(figure => figure.Name, figure => Finite(figure.Value)) : null);
    }

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}

/// <summary>A list of sweeps, as the HTTP interface serves it.</summary>
/// <param name="Sweeps">Oldest first.</param>
public sealed record SweepListDocument(IReadOnlyList<SweepSummary> Sweeps);

/// <summary>The answer to a submitted sweep.</summary>
/// <param name="Id">The sweep.</param>
/// <param name="Trials">How many trials it has.</param>
public sealed record SweepAcceptedDocument(string Id, int Trials);

/// <summary>Serializers made at build time: no reflection at start.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SweepDocument))]
[JsonSerializable(typeof(SweepListDocument))]
[JsonSerializable(typeof(SweepAcceptedDocument))]
public sealed partial class SweepDocumentJson : JsonSerializerContext;
