using System.Globalization;
using System.Text.Json;
using Vae.Cli.Terminal;
using Vae.Coordinator.Hosting;
using Vae.Coordinator.Projections;
using Vae.Shared.Messages;

namespace Vae.Cli.Reports;

/// <summary>Sweeps as tables and as JSON. Local and remote sweeps come here in the same form.</summary>
internal static class SweepReport
{
    private const int PlansMax = 4;
    private const int GapsMax = 5;
    private const int ExtraMax = 4;

    /// <summary>What a script learns of a sweep that has ended, or still runs.</summary>
    public static ExitCode CodeOf(SweepSummary sweep) => sweep.State switch
    {
        "done_with_failures" => ExitCode.SomeTrialsFailed,
        "failed" or SweepSummary.Interrupted => ExitCode.Failed,
        _ => ExitCode.Ok,
    };

    /// <summary>The ranked table, then the trials without a result.</summary>
    public static void WriteText(SweepDocument document, Output output)
    {
        WriteHead(document.Sweep, output);
        var ranked = document.Trials.Where(trial => trial.Rank is not null).ToList();
        if (ranked.Count > 0)
        {
            output.Line();
            // What trials are ranked by stands first, if it has no column anyway.
            string[] extra = [.. ranked.SelectMany(trial => trial.Figures?.Keys ?? []).Distinct().OrderByDescending(name => name == document.Metric).Take(ExtraMax)];
            var table = new TextTable(
                [Right("rank"), Right("trial"), new("hyperparameters"), .. extra.Select(Right),
                    Right("ELBO"), Right("distortion"), Right("rate"), Right("active"), Right("steps"), Right("seconds")]);
            foreach (var trial in ranked)
            {
                table.Add(
                [
                    Whole(trial.Rank), Whole(trial.Trial), trial.Label, .. extra.Select(name => Figure(trial.Figures?.GetValueOrDefault(name))),
                    Units.Nats(trial.Elbo), Units.Nats(trial.Distortion), Units.Nats(trial.Rate), Whole(trial.ActiveUnits), Units.Whole(trial.Steps), Units.Seconds(trial.Seconds),
                ]);
            }

            table.WriteTo(output.Results);
            if (ranked[0].Diagnosis is { } diagnosis) output.Line($"{Environment.NewLine}trial {ranked[0].Trial}: {diagnosis}");
        }

        foreach (var trial in document.Trials.Where(trial => trial.LackingSteps > 0)) output.Line($"trial {trial.Trial}: its curve lacks {Lacks(trial)}");
        foreach (var trial in document.Trials.Where(trial => trial.DamagedPoints > 0)) output.Line($"trial {trial.Trial}: {Damaged(trial)}");
        foreach (var trial in document.Trials.Where(trial => trial is { State: "done", Rank: null, Reason.Length: > 0 })) output.Line($"trial {trial.Trial} is done but has {trial.Reason}: {trial.Label}");
        foreach (var trial in document.Trials.Where(trial => trial.State == "failed")) output.Line($"trial {trial.Trial} failed: {trial.Label}: {trial.Reason}");
    }

    /// <summary>Where the sweep stands, and its trials in the order of their numbers.</summary>
    public static void WriteStatus(SweepDocument document, Output output)
    {
        WriteHead(document.Sweep, output);
        if (document.Fingerprint is { } fingerprint) output.Line($"data    {document.TrainRows:N0} rows to train on, {document.HeldOutRows:N0} held out, fingerprint {fingerprint[..Math.Min(12, fingerprint.Length)]}");
        foreach (var plan in document.Plans.Take(PlansMax)) output.Line($"packs   {plan.Reason}{(document.Plans.Count > 1 ? $" ({plan.Signature})" : "")}");
        if (document.Plans.Count > PlansMax) output.Line($"        and {document.Plans.Count - PlansMax} more kinds of packs; --json has them all");
        if (document.Trials.Count == 0) return;
        output.Line();
        var table = new TextTable(Right("trial"), new("hyperparameters"), new("state"), Right("ELBO"), Right("starts"), new("pack"), new("workers"), new("remark"));
        foreach (var trial in document.Trials.OrderBy(trial => trial.Trial))
        {
            table.Add(Whole(trial.Trial), trial.Label, trial.State, Units.Nats(trial.Elbo), Whole(trial.Attempts), Place(trial), string.Join(", ", trial.Workers), trial.Reason);
        }

        table.WriteTo(output.Results);
    }

    /// <summary>One trial with all that is known of it.</summary>
    /// <param name="trial">The trial.</param>
    /// <param name="folder">Where its files lie; null where they are on another machine.</param>
    /// <param name="output">Where to.</param>
    public static void WriteTrial(TrialDocument trial, string? folder, Output output)
    {
        output.Line($"trial             {trial.Trial} ({trial.State}{(trial.Rank is { } rank ? $", rank {rank}" : "")})");
        foreach (var (path, value) in trial.Hyperparameters) output.Line($"{path,-17} {value}");
        output.Line($"ELBO              {Units.Nats(trial.Elbo)} nats per row, held out, at beta = 1");
        output.Line($"distortion        {Units.Nats(trial.Distortion)}");
        output.Line($"rate              {Units.Nats(trial.Rate)}");
        output.Line($"active units      {Whole(trial.ActiveUnits)} of {trial.KlPerDimension.Count}");
        if (trial.KlPerDimension.Count > 0) output.Line($"rate by dimension {string.Join(' ', trial.KlPerDimension.Select(Units.Nats))}");
        if (trial.Diagnosis is { } diagnosis) output.Line($"diagnosis         {diagnosis}");
        foreach (var (name, value) in trial.Figures ?? new Dictionary<string, double?>()) output.Line($"{name,-17} {Figure(value)}");
        output.Line($"steps             {Units.Whole(trial.Steps)} in {Whole(trial.Epochs)} epochs, {Units.Seconds(trial.Seconds)} s");
        output.Line($"parameters        {Units.Whole(trial.Parameters)}");
        if (trial.LackingSteps > 0) output.Line($"curve             lacks {Lacks(trial)}");
        if (trial.DamagedPoints > 0) output.Line($"damaged           {Damaged(trial)}");
        if (trial.Reason.Length > 0) output.Line($"remark            {trial.Reason}");
        if (folder is null || !Directory.Exists(folder)) return;
        output.Line($"files             {folder}");
        foreach (var file in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal)) output.Line($"                  {Path.GetFileName(file)}");
    }

    /// <summary>Sweeps, the newest first.</summary>
    public static void WriteList(IReadOnlyList<SweepSummary> sweeps, Output output)
    {
        var table = new TextTable(new("sweep"), new("name"), new("state"), Right("trials"), Right("done"), Right("failed"), Right("best ELBO"), Right("best trial"));
        foreach (var sweep in sweeps.Reverse())
        {
            table.Add(
                sweep.Id, sweep.Name, sweep.State, Units.Whole(sweep.Trials), Units.Whole(sweep.Counts.GetValueOrDefault("done")), Units.Whole(sweep.Counts.GetValueOrDefault("failed")),
                Units.Nats(sweep.BestElbo), Whole(sweep.BestTrial));
        }

        table.WriteTo(output.Results);
    }

    /// <summary>One JSON object: the sweep and its trials.</summary>
    public static void WriteJson(SweepDocument document, Output output, string type = "sweep_results") => output.Json(type, json =>
    {
        // The members of the document, without another object around them.
        using var members = JsonSerializer.SerializeToDocument(document, SweepDocumentJson.Default.SweepDocument);
        foreach (var member in members.RootElement.EnumerateObject()) member.WriteTo(json);
    });

    /// <summary>One JSON object per sweep, oldest first.</summary>
    public static void WriteListJson(IReadOnlyList<SweepSummary> sweeps, Output output)
    {
        foreach (var sweep in sweeps) WriteSummaryJson(sweep, output, "sweep");
    }

    /// <summary>One sweep without its trials.</summary>
    public static void WriteSummaryJson(SweepSummary sweep, Output output, string type) => output.Json(type, json =>
    {
        using var members = JsonSerializer.SerializeToDocument(sweep, SweepDocumentJson.Default.SweepSummary);
        foreach (var member in members.RootElement.EnumerateObject()) member.WriteTo(json);
    });

    private static void WriteHead(SweepSummary sweep, Output output)
    {
        output.Line($"sweep   {sweep.Id} ({sweep.Name})");
        output.Line($"state   {sweep.State}{(sweep.Reason.Length > 0 ? $": {sweep.Reason}" : "")}");
        var counts = sweep.Counts.Where(pair => pair.Value > 0).Select(pair => $"{pair.Value:N0} {pair.Key}");
        output.Line($"trials  {sweep.Trials:N0}: {string.Join(", ", counts)}");
    }

    private static string Damaged(TrialDocument trial) =>
        $"{Units.Whole(trial.DamagedPoints)} {(trial.DamagedPoints == 1 ? "point of its curve was" : "points of its curve were")} changed on the disk and left out; {SweepFolders.FileName(ArtifactKind.Curves)} names the steps. A backup of the store may have them whole.";

    private static string Lacks(TrialDocument trial)
    {
        var runs = (trial.Gaps ?? []).Take(GapsMax).Select(gap => gap.First == gap.Last ? Units.Whole(gap.First) : $"{Units.Whole(gap.First)} to {Units.Whole(gap.Last)}");
        return $"{Units.Whole(trial.LackingSteps)} of {Units.Whole(trial.Steps)} steps: {string.Join(", ", runs)}{(trial.Gaps?.Count > GapsMax ? ", ..." : "")}";
    }

    // Pack and slot, as in the live table.
    private static string Place(TrialDocument trial) => trial.Pack is { } pack ? string.Create(CultureInfo.InvariantCulture, $"{pack}.{trial.Slot}") : "-";

    private static TextTable.Column Right(string title) => new(title, TextTable.Align.Right);

    private static string Figure(double? value) => value?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "-";

    private static string Whole(int? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "-";
}
