using Vae.Data.Shards;
using Vae.Runtime.Blobs;

namespace Vae.Worker.Engine;

/// <summary>Shards from the coordinator.</summary>
internal sealed class BlobShardSource(BlobClient client) : IShardSource
{
    public Task<byte[]> FetchAsync(string fingerprint, int index, CancellationToken cancellation) => client.GetShardAsync(fingerprint, index, cancellation);
}
