using Vae.Data.Files;
using Vae.Shared.Datasets;

namespace Vae.Data.Shards;

/// <summary>
/// Shards on a worker's disk, a folder per fingerprint. A body is checked against the manifest each time it is opened; a damaged one is deleted and fetched
/// again. Several processes may share the folder: files appear whole (<see cref="AtomicFile"/>) and one that another process removed is fetched again. When the cache
/// outgrows its limit, the shards unused for longest go, but never those of the data set in use. A disk that is full costs time, not the training: the
/// fetched bytes are used and <see cref="WriteFailures"/> counts.
/// </summary>
public sealed class ShardCache
{
    /// <summary>Default limit: 20 GiB.</summary>
    public const long DefaultBytesMax = 20L << 30;

    private const int FetchesAtOnce = 4; // Enough to hide the round trip; more would only queue at the coordinator.
    private const int FetchAttempts = 2; // A body damaged twice on its way is no accident.

    private readonly string _folder;
    private readonly long _bytesMax;
    private readonly Lock _trimming = new();
    private int _hits, _fetches, _damaged, _writeFailures;

    /// <param name="folder">Made when it is missing. Nothing else should live in it.</param>
    /// <param name="bytesMax">Limit in bytes for all data sets together.</param>
    public ShardCache(string folder, long bytesMax = DefaultBytesMax)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytesMax);
        (_folder, _bytesMax) = (Path.GetFullPath(folder), bytesMax);
    }

    /// <summary>Shards that were found whole.</summary>
    public int Hits => Volatile.Read(ref _hits);

    /// <summary>Shards that were fetched.</summary>
    public int Fetches => Volatile.Read(ref _fetches);

    /// <summary>Shards that were found damaged and deleted.</summary>
    public int Damaged => Volatile.Read(ref _damaged);

    /// <summary>Shards that could not be kept, because the disk was full or refused.</summary>
    public int WriteFailures => Volatile.Read(ref _writeFailures);

    /// <summary>All rows of a data set.</summary>
    /// <exception cref="DatasetException">The manifest breaks a rule, or a shard arrives damaged again and again.</exception>
    public Task<ImageSet> LoadAsync(DatasetManifest manifest, IShardSource source, CancellationToken cancellation = default)
    {
        ManifestRules.Check(manifest);
        return LoadRowsAsync(manifest, new(0, manifest.Count), source, cancellation);
    }

    /// <summary>The rows <paramref name="rows"/> of a data set; only the shards that hold them are read. Row 0 of the result is row <c>rows.First</c>.</summary>
    /// <exception cref="DatasetException">The manifest breaks a rule, or a shard arrives damaged again and again.</exception>
    public async Task<ImageSet> LoadRowsAsync(DatasetManifest manifest, RowRange rows, IShardSource source, CancellationToken cancellation = default)
    {
        ManifestRules.Check(manifest);
        var assembly = new ShardAssembly(manifest, rows);
        var shards = manifest.Plan.ShardsOf(rows);
        var options = new ParallelOptions { MaxDegreeOfParallelism = FetchesAtOnce, CancellationToken = cancellation };
        await Parallel.ForAsync(shards.First, shards.End, options, async (index, stop) => assembly.Add(index, await GetAsync(manifest, index, source, stop)));
        Trim(manifest.Fingerprint);
        return assembly.Finish();
    }

    private async Task<byte[]> GetAsync(DatasetManifest manifest, int index, IShardSource source, CancellationToken cancellation)
    {
        var path = Path.Combine(_folder, manifest.Fingerprint, $"{index:D6}.shard");
        if (await TryOpenAsync(path, manifest, index, cancellation) is { } cached) return cached;

        var body = await FetchAsync(manifest, index, source, cancellation);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            AtomicFile.WriteAllBytes(path, body);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Interlocked.Increment(ref _writeFailures);
        }

        return body;
    }

    private async Task<byte[]?> TryOpenAsync(string path, DatasetManifest manifest, int index, CancellationToken cancellation)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists) return null;
            // A file of another length is damaged whatever it holds, and must not be read into memory to find out.
            var body = file.Length == manifest.Shards[index].Bytes ? await File.ReadAllBytesAsync(path, cancellation) : [];
            if (ShardReader.FindFault(body, manifest, index) is null)
            {
                Interlocked.Increment(ref _hits);
                File.SetLastWriteTimeUtc(path, DateTime.UtcNow); // Marks it as used; many disks are mounted without access times.
                return body;
            }

            Interlocked.Increment(ref _damaged);
            File.Delete(path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // Unreadable is as good as absent: it is fetched.
        }
    }

    private async Task<byte[]> FetchAsync(DatasetManifest manifest, int index, IShardSource source, CancellationToken cancellation)
    {
        string? fault = null;
        for (var attempt = 0; attempt < FetchAttempts; attempt++)
        {
            Interlocked.Increment(ref _fetches);
            var body = await source.FetchAsync(manifest.Fingerprint, index, cancellation);
            fault = ShardReader.FindFault(body, manifest, index);
            if (fault is null) return body;
        }

        throw new DatasetException($"Shard {index} of data set {manifest.Fingerprint[..12]} arrived damaged {FetchAttempts} times: {fault}. The file behind it may have been replaced while the sweep runs: start the coordinator again.");
    }

    private void Trim(string inUse)
    {
        lock (_trimming)
        {
            try
            {
                if (!Directory.Exists(_folder)) return;
                var files = new DirectoryInfo(_folder).EnumerateFiles("*.shard", SearchOption.AllDirectories).OrderBy(file => file.LastWriteTimeUtc).ToList();
                var bytes = files.Sum(file => file.Length);
                foreach (var file in files.Where(file => file.Directory!.Name != inUse))
                {
                    if (bytes <= _bytesMax) break;
                    bytes -= file.Length;
                    file.Delete();
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another process is trimming the same folder; the next load tries again.
            }
        }
    }
}
