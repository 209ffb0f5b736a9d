using System.Net.Sockets;
using Vae.Data;
using Vae.Models.Files;
using Vae.Models.Networks;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>
/// Turns the end of a trial into its result: on rank 0 the trial's files are made and stored with the coordinator first. The training thread gives up a copy of the
/// weights and goes on; everything else happens behind its back, on threads that all lanes of the worker share.
/// </summary>
/// <param name="assignment">The pack.</param>
/// <param name="rank">The replica's place in this generation.</param>
/// <param name="worldSize">Replicas of the gang in this generation.</param>
/// <param name="parts">What the worker has.</param>
/// <param name="images">For pictures of reconstructions.</param>
/// <param name="heldOut">The rows that are shown.</param>
/// <param name="done">Gets each result once its files are stored.</param>
/// <param name="failed">Hears why a result cannot be had.</param>
/// <param name="stopping">The replica is to go.</param>
internal sealed class SlotResults(
    ReplicaAssignment assignment, int rank, int worldSize, EngineParts parts, ImageSet images, RowRange heldOut, Action<int, TrialResult> done, Action<Exception> failed, CancellationToken stopping)
{
    private static readonly TimeSpan RetryMin = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(8);

    private readonly List<Task> _pending = [];

    /// <summary>Begins with a trial that has just ended. Called on the training thread, while the weights are still in the slot.</summary>
    public void Take(SlotEnd end, PackTrainer trainer)
    {
        if (rank != 0) return;
        _pending.RemoveAll(task => task.IsCompleted);
        _pending.Add(FinishAsync(end, end.Kind == SlotEndKind.Done ? trainer.Extract(end.Slot) : null));
    }

    /// <summary>Ends when all results have been handed on or have failed.</summary>
    public Task AllAsync() => Task.WhenAll(_pending);

    private async Task FinishAsync(SlotEnd end, VaeNetwork? network)
    {
        try
        {
            var artifacts = network is null ? [] : await StoreAsync(end, network);
            done(end.Slot, Result(end, artifacts));
        }
        catch (Exception exception)
        {
            failed(exception);
        }
    }

    private async Task<ValueList<ArtifactInfo>> StoreAsync(SlotEnd end, VaeNetwork network)
    {
        var files = await parts.Studio.Do(() =>
        {
            using (network) return ArtifactMaker.Make(network, Config(end), images, heldOut);
        });
        var maker = new ArtifactMaker(parts.Blobs);
        var trial = new TrialId(assignment.Pack.Sweep, end.Trial.Index);
        for (var pause = RetryMin; ; pause = pause + pause < RetryMax ? pause + pause : RetryMax)
        {
            try
            {
                return await maker.UploadAsync(trial, assignment.Attempt, files, stopping);
            }
            catch (Exception exception) when (exception is IOException or SocketException)
            {
                // The coordinator is away. The other trials go on meanwhile; whoever gives up on the coordinator stops the replica.
                await Task.Delay(pause, stopping);
            }
        }
    }

    private static TrialResult Result(SlotEnd end, ValueList<ArtifactInfo> artifacts)
    {
        var report = end.Report;
        return new TrialResult(
            end.Trial.Index, StateOf(end), report?.Elbo ?? double.NaN, report?.Distortion ?? double.NaN, report?.Rate ?? double.NaN, report?.ActiveUnits ?? 0,
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
            new RunFacts(assignment.Dataset.Fingerprint, assignment.Pack.Sweep.Value, worldSize, parts.Facts.Device, parts.ThreadsOf(assignment.Shape),
                parts.Facts.Libtorch, parts.Facts.Blas, parts.Facts.CpuCapability, parts.Facts.Processor, parts.Facts.Version));
    }
}
