using System.Collections.Concurrent;
using Vae.Coordinator.Actors;
using Vae.Data;
using Vae.Data.Shards;
using Vae.Runtime.Actors;
using Vae.Runtime.Blobs;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>The data sets that this process serves: reads and cuts them for the catalog, and hands out their shards by fingerprint.</summary>
/// <param name="dataRoot">Folder that files must lie in, also after following links; null for no such rule.</param>
internal sealed class DatasetShelf(string? dataRoot)
{
    private readonly ConcurrentDictionary<string, ShardedDataset> _byFingerprint = new();

    public void Register(ActorSystem system) => system.RegisterPort<PrepareDatasetJob>(JobPort.Answering<PrepareDatasetJob>((job, _) => Task.FromResult(Prepare(job))));

    public ShardBlob? Open(string fingerprint, int index)
    {
        if (!_byFingerprint.TryGetValue(fingerprint, out var dataset) || index < 0 || index >= dataset.Manifest.Shards.Count) return null;
        var body = dataset.Body(index);
        return new ShardBlob(new MemoryStream(body, writable: false), body.Length, dataset.Manifest.Shards[index].Sha256);
    }

    private Message Prepare(PrepareDatasetJob job)
    {
        try
        {
            var dataset = DatasetLoader.Load(job.Source, job.BaseDirectory, dataRoot);
            var sharded = ShardedDataset.Of(dataset);
            _byFingerprint[sharded.Manifest.Fingerprint] = sharded;
            return new DatasetMessage.DatasetPrepared(job.Source, job.BaseDirectory, sharded.Manifest, dataset.Warnings.ToValueList());
        }
        catch (DatasetException mistake)
        {
            return new DatasetMessage.DatasetUnusable(job.Source, job.BaseDirectory, mistake.Message);
        }
    }
}
