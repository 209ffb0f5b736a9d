using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Runtime.Blobs;

/// <summary>Which file of which trial. Ids only: the store chooses names and folders.</summary>
public sealed record ArtifactKey(TrialId Trial, Attempt Attempt, ArtifactKind Kind);

/// <summary>Which checkpoint. Ids and numbers only: the store chooses names and folders.</summary>
/// <param name="Pack">The pack that made it.</param>
/// <param name="Attempt">Its attempt.</param>
/// <param name="Position">Acts since the attempt began.</param>
public sealed record CheckpointKey(PackId Pack, Attempt Attempt, long Position);

/// <summary>A shard to be sent.</summary>
/// <param name="Content">Read from its current position; disposed after the transfer.</param>
/// <param name="Length">Bytes, at most <see cref="BlobLimits.ShardBytesMax"/>.</param>
/// <param name="Sha256">Lower-case hex digest of the content.</param>
public sealed record ShardBlob(Stream Content, long Length, string Sha256);

/// <summary>An artifact being received. Disposed without a commit, it leaves nothing behind.</summary>
public interface IArtifactSink : IAsyncDisposable
{
    /// <summary>Where the bytes go.</summary>
    Stream Content { get; }

    /// <summary>All bytes are written and their digest is right: make them durable under their final name.</summary>
    Task CommitAsync(CancellationToken cancellation);
}

/// <summary>Where a <see cref="BlobServer"/> finds shards and puts artifacts.</summary>
public interface IBlobStore
{
    /// <summary>Null when there is no such shard.</summary>
    Task<ShardBlob?> OpenShardAsync(string fingerprint, int index, CancellationToken cancellation);

    /// <summary>Makes room for an artifact.</summary>
    /// <exception cref="Actors.UserFitException">It is not wanted: unknown trial, older attempt, disk full.</exception>
    Task<IArtifactSink> StoreArtifactAsync(ArtifactKey key, long length, CancellationToken cancellation);

    /// <summary>Makes room for a checkpoint.</summary>
    /// <exception cref="Actors.UserFitException">It is not wanted: unknown pack, older attempt, disk full.</exception>
    Task<IArtifactSink> StoreCheckpointAsync(CheckpointKey key, long length, CancellationToken cancellation);

    /// <summary>Opens a stored checkpoint from its start; null when there is no such file. Whether its content is what was stored is for the reader to check.</summary>
    Task<Stream?> OpenCheckpointAsync(CheckpointKey key, CancellationToken cancellation);
}

/// <summary>Caps, checked before anything is allocated.</summary>
public static class BlobLimits
{
    /// <summary>Longest shard: 64 MiB.</summary>
    public const long ShardBytesMax = 64L * 1024 * 1024;

    /// <summary>Longest artifact: 4 GiB.</summary>
    public const long ArtifactBytesMax = 4L * 1024 * 1024 * 1024;

    /// <summary>Longest checkpoint: 64 GiB.</summary>
    public const long CheckpointBytesMax = 64L * 1024 * 1024 * 1024;

    /// <summary>Longest silence within a transfer before it is given up.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

    internal const int RequestMax = 4_096;
    internal const int ChunkBytes = 128 * 1024;
}
