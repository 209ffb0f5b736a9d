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
/// Turns the end of a trial into its result. The training thread of every rank gives up a copy of the weights and goes on. On rank 0 the trial's files are made and stored with the coordinator behind its back, on threads that
/// all lanes of the worker share, and then its end is told. The others keep their copies, and whoever is rank 0 in the next generation makes and tells what nobody has accepted yet.
/// </summary>
/// <param name="assignment">The pack.</param>
/// <param name="parts">What the worker has.</param>
/// <param name="images">For pictures of reconstructions.</param>
/// <param name="excluded">Held-out images of labels that are left out of training; null without any.</param>
/// <param name="heldOut">The rows that are shown.</param>
/// <param name="failed">Hears why a result cannot be had.</param>
/// <param name="stopping">The replica is to go.</param>
internal sealed class SlotResults(
    ReplicaAssignment assignment, EngineParts parts, ImageSet images, ImageSet? excluded, RowRange heldOut, Action<Exception> failed, CancellationToken stopping) : IDisposable
{
    private static readonly TimeSpan RetryMin = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(8);

    private readonly List<Task> _pending = [];
    private readonly HashSet<int> _told = [];
    private Action<int, TrialResult> _done = static (_, _) => { };
    private CancellationToken _halting;
    private int _rank;
    private int _worldSize;

    /// <summary>The ends that nobody has accepted yet.</summary>
    public KeptEnds Kept { get; } = new();

    /// <summary>A generation begins. On rank 0, what earlier generations have left is made and told. Called on the training thread.</summary>
    /// <param name="rank">In this generation.</param>
    /// <param name="worldSize">Of this generation.</param>
    /// <param name="done">Gets each result once its files are stored.</param>
    /// <param name="halting">The generation is to halt: what is under way is left to the next one, so that never two ranks store a trial's files at a time.</param>
    public void Join(int rank, int worldSize, Action<int, TrialResult> done, CancellationToken halting)
    {
        (_rank, _worldSize, _done, _halting) = (rank, worldSize, done, halting);
        _pending.Clear();
        if (rank != 0) return;
        foreach (var kept in Kept.All) Tell(kept);
    }

    /// <summary>Begins with a trial that has just ended. Called on the training thread, while the weights are still in the slot.</summary>
    public void Take(SlotEnd end, PackTrainer trainer)
    {
        if (Kept.Add(end, end.Kind == SlotEndKind.Done ? trainer.Extract(end.Slot) : null) is { } kept && _rank == 0) Tell(kept);
    }

    /// <summary>On rank 0 it ends when all results have been handed on or have failed; on the others never, but by a halt.</summary>
    /// <exception cref="OperationCanceledException">The generation halts.</exception>
    public async Task AllAsync(CancellationToken halting)
    {
        if (_rank != 0) await Task.Delay(Timeout.InfiniteTimeSpan, halting);
        await Task.WhenAll(_pending);
        halting.ThrowIfCancellationRequested();
    }

    /// <inheritdoc/>
    public void Dispose() => Kept.Dispose();

    private void Tell(KeptEnd kept)
    {
        _pending.RemoveAll(task => task.IsCompleted);
        lock (_told)
        {
            if (_told.Contains(kept.End.Trial.Index)) return; // The replica repeats it.
        }

        if (kept.TryUse()) _pending.Add(FinishAsync(kept, _done, _halting));
    }

    private async Task FinishAsync(KeptEnd kept, Action<int, TrialResult> done, CancellationToken halting)
    {
        var (end, network) = (kept.End, kept.Network);
        try
        {
            var artifacts = network is null ? [] : await StoreAsync(end, network, halting);
            var ended = network is null ? EndFigures.None : await parts.Studio.Do(() => TrialFigures.Of(assignment, end.Trial, end.Report!, network, images, excluded, heldOut, halting));
            halting.ThrowIfCancellationRequested();
            if (Kept.IsForgotten(end.Trial.Index)) return;
            lock (_told) _told.Add(end.Trial.Index);
            var result = Result(end, artifacts);
            done(end.Slot, result with { Figures = [.. ended.Figures, .. result.Figures], FailureText = result.FailureText.Length > 0 ? result.FailureText : ended.Lack });
        }
        catch (OperationCanceledException) when (halting.IsCancellationRequested)
        {
            // The next generation's rank 0 begins again.
        }
        catch (Exception exception)
        {
            failed(exception);
        }
        finally
        {
            kept.Release();
        }
    }

    private async Task<ValueList<ArtifactInfo>> StoreAsync(SlotEnd end, PackNetwork network, CancellationToken halting)
    {
        var files = await parts.Studio.Do(() => ArtifactMaker.Make(network, Config(end), images, heldOut));
        var maker = new ArtifactMaker(parts.Blobs);
        var trial = new TrialId(assignment.Pack.Sweep, end.Trial.Index);
        for (var pause = RetryMin; ; pause = pause + pause < RetryMax ? pause + pause : RetryMax)
        {
            try
            {
                return await maker.UploadAsync(trial, assignment.Attempt, files, halting);
            }
            catch (Exception exception) when (exception is IOException or SocketException && !stopping.IsCancellationRequested)
            {
                // The coordinator is away. The other trials go on meanwhile; whoever gives up on the coordinator stops the replica.
                await Task.Delay(pause, halting);
            }
        }
    }

    private static TrialResult Result(SlotEnd end, ValueList<ArtifactInfo> artifacts)
    {
        var report = end.Report;
        return new TrialResult(
            end.Trial.Index, StateOf(end), report?.Elbo ?? double.NaN, report?.Distortion ?? double.NaN, report?.Rate ?? double.NaN, report?.ActiveUnits ?? 0,
            report?.RatePerDimension.ToValueList() ?? [], end.Step.Value, end.EpochsDone, end.Seconds, end.Parameters, end.Text, artifacts)
        {
            Figures = report is null ? [] : [.. report.Figures.Select(figure => new NamedFigure(figure.Name, figure.Value))],
        };
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
            new ResultFacts(report.Elbo, report.Distortion, report.Rate, report.ActiveUnits, end.Step.Value, end.EpochsDone, end.Seconds, end.Parameters)
            {
                Figures = report.Figures.Count == 0 ? null : report.Figures.ToDictionary(figure => figure.Name, figure => figure.Value),
            },
            new RunFacts(assignment.Dataset.Fingerprint, assignment.Pack.Sweep.Value, _worldSize, parts.Facts.Device, parts.ThreadsOf(assignment.Shape),
                parts.Facts.Libtorch, parts.Facts.Blas, parts.Facts.CpuCapability, parts.Facts.Processor, parts.Facts.Version));
    }
}
