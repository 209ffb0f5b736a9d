using Vae.Coordinator.Projections;
using Vae.Runtime.Actors;
using Vae.Runtime.Blobs;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>
/// Serves shards and keeps artifacts. An artifact is taken only from the attempt that runs now: an older one that wakes up late overwrites nothing. Neither does a rank that makes the files of an ended trial again, because it has not
/// heard that the rank 0 before it, which is gone, had told the end in time: its files are read and dropped, for they are not those that the result names.
/// </summary>
internal sealed class ArtifactStore(SweepFolders folders, SweepViews views, DatasetShelf shelf) : IBlobStore
{
    private static readonly TimeSpan ViewsFollowWithin = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(10);

    public Task<ShardBlob?> OpenShardAsync(string fingerprint, int index, CancellationToken cancellation) => Task.FromResult(shelf.Open(fingerprint, index));

    public async Task<IArtifactSink> StoreArtifactAsync(ArtifactKey key, long length, CancellationToken cancellation)
    {
        if (key.Kind == ArtifactKind.Curves) throw new UserFitException("The coordinator writes curves itself; none is taken from a worker.");
        if (!await RunsAsync(key.Trial.Sweep, view => Look(view, key), cancellation)) throw new UserFitException($"Attempt {key.Attempt.Value} of trial {key.Trial} does not run now; its files are not taken.");
        if (views.Read(key.Trial.Sweep, view => view.Row(key.Trial.Index).State) != TrialState.Running) return new Dropped();
        return ArtifactFile.Create(Path.Combine(folders.Trial(key.Trial), SweepFolders.FileName(key.Kind)), length);
    }

    public async Task<IArtifactSink> StoreCheckpointAsync(CheckpointKey key, long length, CancellationToken cancellation)
    {
        if (!await RunsAsync(key.Pack.Sweep, view => Look(view, key), cancellation)) throw new UserFitException($"Attempt {key.Attempt.Value} of pack {key.Pack} does not run now; its checkpoint is not taken.");
        return ArtifactFile.Create(folders.Checkpoint(key), length, "checkpoint");
    }

    public Task<Stream?> OpenCheckpointAsync(CheckpointKey key, CancellationToken cancellation)
    {
        try
        {
            return Task.FromResult<Stream?>(new FileStream(folders.Checkpoint(key), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0, FileOptions.Asynchronous | FileOptions.SequentialScan));
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return Task.FromResult<Stream?>(null);
        }
    }

    // The views follow the facts with a delay, for the curves of ended trials are written between. A short trial may be over before its start is seen here.
    private async Task<bool> RunsAsync(SweepId sweep, Func<SweepView, (bool Known, bool Runs)> look, CancellationToken cancellation)
    {
        var deadline = Environment.TickCount64 + (long)ViewsFollowWithin.TotalMilliseconds;
        while (true)
        {
            var (known, runs) = views.Read(sweep, look);
            if (known || Environment.TickCount64 >= deadline) return runs;
            await Task.Delay(LookAgain, cancellation);
        }
    }

    // Known: the views have seen this attempt's start, or that of a later one.
    private static (bool Known, bool Runs) Look(SweepView view, ArtifactKey key)
    {
        if (key.Trial.Index < 0 || key.Trial.Index >= view.Trials) return (true, false);
        var row = view.Row(key.Trial.Index);
        return (row.Attempt.Value >= key.Attempt.Value, row.Attempt == key.Attempt && row.State is (TrialState.Running or TrialState.Done or TrialState.Failed or TrialState.Pruned));
    }

    private static (bool Known, bool Runs) Look(SweepView view, CheckpointKey key)
    {
        var runs = view.Packs.TryGetValue(key.Pack.Number, out var row) && row.Attempt == key.Attempt;
        return (runs || row?.Attempt.Value > key.Attempt.Value || view.State != SweepState.Running, runs);
    }

    private sealed class Dropped : IArtifactSink
    {
        public Stream Content => Stream.Null;

        public Task CommitAsync(CancellationToken cancellation) => Task.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
