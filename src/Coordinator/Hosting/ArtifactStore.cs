using Vae.Runtime.Actors;
using Vae.Runtime.Blobs;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>Serves shards and keeps artifacts. An artifact is taken only from the attempt that runs now: an older one that wakes up late overwrites nothing.</summary>
internal sealed class ArtifactStore(SweepFolders folders, SweepViews views, DatasetShelf shelf) : IBlobStore
{
    public Task<ShardBlob?> OpenShardAsync(string fingerprint, int index, CancellationToken cancellation) => Task.FromResult(shelf.Open(fingerprint, index));

    public Task<IArtifactSink> StoreArtifactAsync(ArtifactKey key, long length, CancellationToken cancellation)
    {
        if (key.Kind == ArtifactKind.Curves) throw new UserFitException("The coordinator writes curves itself; none is taken from a worker.");
        var wanted = views.Read(key.Trial.Sweep, view => key.Trial.Index >= 0 && key.Trial.Index < view.Trials
            && view.Row(key.Trial.Index) is { State: TrialState.Running } row && row.Attempt == key.Attempt);
        if (!wanted) throw new UserFitException($"Attempt {key.Attempt.Value} of trial {key.Trial} does not run now; its files are not taken.");
        return Task.FromResult<IArtifactSink>(ArtifactFile.Create(Path.Combine(folders.Trial(key.Trial), SweepFolders.FileName(key.Kind)), length));
    }
}
