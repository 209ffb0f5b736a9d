using Vae.Shared;
using Vae.Shared.Datasets;

namespace Vae.Data.Shards;

/// <summary>
/// A data set as the coordinator serves it: the manifest, and any shard on demand. Bodies are cut anew from the pixels at each request, a copy of about
/// 4 MiB, so that serving costs no second copy of the data set in memory.
/// </summary>
public sealed class ShardedDataset : IShardSource
{
    private readonly ImageSet _images;

    private ShardedDataset(ImageSet images, DatasetManifest manifest) => (_images, Manifest) = (images, manifest);

    /// <summary>What workers are told.</summary>
    public DatasetManifest Manifest { get; }

    /// <summary>Cuts a data set and takes the checksum of every shard.</summary>
    /// <param name="dataset">The data set.</param>
    /// <param name="targetBytes">Weight of a shard, default <see cref="ShardPlan.TargetBytes"/>.</param>
    public static ShardedDataset Of(Dataset dataset, int targetBytes = ShardPlan.TargetBytes)
    {
        var images = dataset.Served;
        var plan = ShardPlan.For(images.Count, images.RowBytes + (images.HasLabels ? 1 : 0) + (images.Factors?.Names.Count ?? 0), targetBytes);
        var shards = new ShardInfo[plan.Shards];
        for (var index = 0; index < shards.Length; index++)
        {
            var body = ShardWriter.Write(images, dataset.Fingerprint, plan, index);
            var rows = plan.RowsOf(index);
            shards[index] = new(index, rows.First, rows.Count, body.Length, ShardReader.Checksum(body));
        }

        return new(images, new()
        {
            Fingerprint = dataset.Fingerprint,
            Source = dataset.Source,
            Count = images.Count,
            Channels = images.Channels,
            Height = images.Height,
            Width = images.Width,
            HasLabels = images.HasLabels,
            Classes = dataset.Images.Classes,
            HeldOut = dataset.HeldOut,
            Excluded = dataset.Excluded?.Count ?? 0,
            ShardRows = plan.ShardRows,
            Shards = ValueList.Create<ShardInfo>(shards),
        });
    }

    /// <summary>The body of one shard.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such shard.</exception>
    public byte[] Body(int index) => ShardWriter.Write(_images, Manifest.Fingerprint, Manifest.Plan, index);

    /// <inheritdoc/>
    public Task<byte[]> FetchAsync(string fingerprint, int index, CancellationToken cancellation) =>
        fingerprint == Manifest.Fingerprint
            ? Task.FromResult(Body(index))
            : Task.FromException<byte[]>(new DatasetException($"Data set {fingerprint} is not served here."));
}
