using Vae.Data;
using Vae.Models.Files;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>
/// Turns the end of a trial into its result: on rank 0 the trial's files are made and stored with the coordinator first. The training thread gives up a copy of the
/// weights and goes on; everything else happens behind its back.
/// </summary>
internal sealed class SlotResults(ReplicaAssignment assignment, EngineParts parts, ImageSet images, CancellationToken stopping)
{
    private readonly List<Task<TrialResult>> _results = [];

    /// <summary>Begins with a trial that has just ended. Called on the training thread, while the weights are still in the slot.</summary>
    public void Take(SlotEnd end, PackTrainer trainer)
    {
        if (assignment.Rank.Value != 0) return;
        _results.Add(end.Kind == SlotEndKind.Done ? StoreAsync(end, trainer) : Task.FromResult(Result(end, [])));
    }

    /// <summary>All results, once every file is stored.</summary>
    public async Task<ValueList<TrialResult>> AllAsync() => (await Task.WhenAll(_results)).ToValueList();

    private async Task<TrialResult> StoreAsync(SlotEnd end, PackTrainer trainer)
    {
        var files = ArtifactMaker.Make(trainer, end.Slot, Config(end), images);
        var artifacts = await new ArtifactMaker(parts.Blobs).UploadAsync(new TrialId(assignment.Pack.Sweep, end.Trial.Index), assignment.Attempt, files, stopping);
        return Result(end, artifacts);
    }

    private static TrialResult Result(SlotEnd end, ValueList<ArtifactInfo> artifacts)
    {
        var (state, report) = (StateOf(end), end.Report);
        return new TrialResult(
            end.Trial.Index, state, report?.Elbo ?? double.NaN, report?.Distortion ?? double.NaN, report?.Rate ?? double.NaN, report?.ActiveUnits ?? 0,
            report?.RatePerDimension.ToValueList() ?? [], end.Step.Value, end.EpochsDone, end.Seconds, end.Parameters, end.Text, artifacts);
    }

    private static TrialState StateOf(SlotEnd end) => end.Kind switch
    {
        SlotEndKind.Done => TrialState.Done,
        SlotEndKind.NonFinite => TrialState.Failed,
        SlotEndKind.Emptied => TrialState.Pruned,
        _ => throw new ArgumentOutOfRangeException(nameof(end), end.Kind, "Unknown end."),
    };

    private ModelConfig Config(SlotEnd end)
    {
        var report = end.Report!;
        return new ModelConfig(
            end.Trial, assignment.Source, new(images.Channels, images.Height, images.Width),
            new ResultFacts(report.Elbo, report.Distortion, report.Rate, report.ActiveUnits, end.Step.Value, end.EpochsDone, end.Seconds, end.Parameters),
            new RunFacts(assignment.Dataset.Fingerprint, assignment.Pack.Sweep.Value, assignment.WorldSize, parts.Facts.Device, assignment.Shape.Threads > 0 ? assignment.Shape.Threads : parts.Facts.Threads,
                parts.Facts.Libtorch, parts.Facts.Blas, parts.Facts.CpuCapability, parts.Facts.Processor, parts.Facts.Version));
    }
}
