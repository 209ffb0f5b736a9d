using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Vae.Coordinator.Hosting;
using Vae.Coordinator.Projections;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Xunit.Sdk;

namespace Vae.Tests.Processes.Support;

/// <summary>
/// What a run left behind, held against the invariants of the simulator by a model of its own. The facts must tell one story (I1, I3, I7, I11, I13: <see cref="FactModel"/>), whatever a
/// client was told must still be so (I2), every step of a finished trial has been trained and recorded once (I5, I8), and every file that a fact names is there, whole (I9).
/// </summary>
internal sealed class RunHistory
{
    private readonly List<string> _acknowledged = [];
    private readonly Dictionary<(string Sweep, int Trial), JsonElement> _told = [];

    /// <summary>A client was told that this sweep is taken.</summary>
    public string Acknowledge(string sweep)
    {
        _acknowledged.Add(sweep);
        return sweep;
    }

    /// <summary>A client was shown this.</summary>
    public JsonElement See(JsonElement document)
    {
        var sweep = document.GetProperty("sweep").Text("id");
        foreach (var trial in document.Items("trials"))
        {
            var key = (sweep, trial.Int("trial"));
            if (_told.TryGetValue(key, out var before)) RequireSuccessor(key, before, trial);
            _told[key] = trial;
        }

        return document;
    }

    /// <summary>Checks everything that is known of a home's sweeps.</summary>
    /// <param name="home">Its folder; nobody writes there any more.</param>
    /// <param name="store">Another store than the one in the folder; null for that.</param>
    /// <param name="thinned">Whether points may be missing because workers had to drop some, which they declare.</param>
    /// <returns>The facts, for the test's own questions.</returns>
    public IReadOnlyList<SweepEvent> Check(string home, (IEventReader Events, IPointReader Points)? store = null, bool thinned = false)
    {
        var folders = new SweepFolders(home);
        var (events, points) = store ?? Both(SqliteReader.Open(folders.StoreFile));
        var model = new FactModel();
        foreach (var stored in events.ReadAll()) model.Follow(stored);
        foreach (var sweep in _acknowledged) Require(model.Views.ContainsKey(sweep), $"I2: sweep {sweep} was acknowledged and is gone");
        foreach (var ((sweep, trial), told) in _told) RequireSuccessor((sweep, trial), told, model.Views[sweep]);
        foreach (var view in model.Views.Values)
        {
            foreach (var row in view.Touched.Where(row => row.Result is { State: TrialState.Done })) CheckDone(view, row, points, folders, thinned);
            foreach (var (trial, checkpoint) in model.Newest.Where(pair => pair.Key.Sweep == view.Id && view.State == SweepState.Running && !view.Row(pair.Key.Index).HasEnded))
            {
                CheckFile(folders.Checkpoint(new(checkpoint.Pack, checkpoint.Attempt, checkpoint.Position)), checkpoint.Bytes, checkpoint.Sha256);
            }
        }

        return model.Facts;
    }

    /// <summary>Whether the points of all finished trials are there: they travel on their own way, and may come a moment after the results.</summary>
    public static bool HasAllPoints(string home)
    {
        var store = SqliteReader.Open(new SweepFolders(home).StoreFile);
        return SweepReader.Open(home).All().All(view => view.Touched.Where(row => row.Result is { State: TrialState.Done }).All(row =>
            store.ReadAttempts(new(view.Id, row.Index)).SelectMany(attempt => store.ReadTrainSteps(new(view.Id, row.Index), attempt, int.MaxValue)).Select(point => point.Step.Value).Distinct().Count() >= row.Result!.Steps));
    }

    private static (IEventReader, IPointReader) Both(SqliteReader reader) => (reader, reader);

    // I5, I8, I9, and that nothing was told of a trial after its end (I13).
    private static void CheckDone(SweepView view, TrialRow row, IPointReader points, SweepFolders folders, bool thinned)
    {
        var trial = new TrialId(view.Id, row.Index);
        var attempts = points.ReadAttempts(trial);
        Require(attempts.All(attempt => attempt.Value <= row.Attempt.Value), $"I13: points of attempts {string.Join(", ", attempts)} of {trial}, which ended in attempt {row.Attempt}");
        using var specs = new TrialList(SweepDocument.DefinitionOf(view));
        var training = specs[row.Index].Training;
        var perEpoch = (view.Dataset!.TrainRows + training.Batch - 1) / training.Batch;
        Require(row.Result!.Steps == (long)perEpoch * row.Result.Epochs, $"I5: {trial} made {row.Result.Steps} steps in {row.Result.Epochs} epochs of {perEpoch}");
        var steps = new SortedDictionary<long, MetricPoint.TrainStep>();
        foreach (var attempt in attempts.OrderBy(attempt => attempt.Value))
        {
            foreach (var point in points.ReadTrainSteps(trial, attempt, int.MaxValue)) steps[point.Step.Value] = point; // The newest attempt that made a step is the one that counts.
        }

        Require(steps.Values.All(point => point.EpochIndex == (point.Step.Value - 1) / perEpoch), $"I5: steps of {trial} lie in other epochs than they belong to");
        Require(steps.Values.All(point => double.IsFinite(point.Loss)), $"{trial} is done and has a loss that is not finite");
        var missing = Enumerable.Range(1, (int)row.Result.Steps).Where(step => !steps.ContainsKey(step)).ToList();
        if (!thinned) Require(missing.Count == 0, $"I8: {trial} has no point for {missing.Count} of {row.Result.Steps} steps, the first {(missing.Count > 0 ? missing[0] : 0)}");
        Require(steps.Count == 0 || steps.Keys.Max() <= row.Result.Steps, $"I8: {trial} has points behind its last step {row.Result.Steps}");
        foreach (var artifact in row.Result.Artifacts) CheckFile(Path.Combine(folders.Trial(trial), SweepFolders.FileName(artifact.Kind)), artifact.Bytes, artifact.Sha256);
    }

    private static void CheckFile(string path, long bytes, string sha256)
    {
        Require(File.Exists(path), $"I9: {path} is missing");
        var content = File.ReadAllBytes(path);
        Require(content.Length == bytes && Convert.ToHexStringLower(SHA256.HashData(content)) == sha256, $"I9: {path} is not what was stored");
    }

    // What a client saw first may have gone on since, but never back.
    private static void RequireSuccessor((string Sweep, int Trial) key, JsonElement before, JsonElement now)
    {
        Require(now.Int("attempts") >= before.Int("attempts"), $"I2: {key} was shown with attempt {before.Int("attempts")} and later with {now.Int("attempts")}");
        if (IsEnd(before.Text("state"))) Require(now.Text("state") == before.Text("state") && now.GetProperty("elbo").GetRawText() == before.GetProperty("elbo").GetRawText(), $"I13: {key} was shown as {before} and later as {now}");
    }

    private static void RequireSuccessor((string Sweep, int Trial) key, JsonElement told, SweepView view)
    {
        var row = view.Row(key.Trial);
        Require(row.Attempt.Value >= told.Int("attempts"), $"I2: {key} was shown with attempt {told.Int("attempts")}, the store has {row.Attempt}");
        if (IsEnd(told.Text("state"))) Require(SweepDocument.Word(row.State.ToString()) == told.Text("state"), $"I13: {key} was shown as {told.Text("state")}, the store has {row.State}");
    }

    private static bool IsEnd(string state) => state is "done" or "failed" or "pruned" or "cancelled";

    internal static void Require(bool condition, FormattableString text)
    {
        if (!condition) throw new XunitException(text.ToString(CultureInfo.InvariantCulture));
    }
}
