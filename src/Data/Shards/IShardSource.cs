namespace Vae.Data.Shards;

/// <summary>Where shards come from when the cache has none: the coordinator over the network, or a data set in this process.</summary>
public interface IShardSource
{
    /// <summary>The body of one shard. The caller checks it; the source need not.</summary>
    Task<byte[]> FetchAsync(string fingerprint, int index, CancellationToken cancellation);
}
