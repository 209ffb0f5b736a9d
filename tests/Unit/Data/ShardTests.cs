using Vae.Data;
using Vae.Data.Shards;
using Vae.Data.Sprites;
using Vae.Shared.Datasets;

namespace Vae.Tests.Unit.Data;

public class ShardTests
{
    private static readonly Dataset Sprites = MakeSprites(300, 1);
    private static readonly ShardedDataset Served = ShardedDataset.Of(Sprites, targetBytes: 40_000); // 50 rows of 784 + 1 + 5 bytes.

    [Fact]
    public void Manifest_lists_every_shard_with_its_rows_and_the_length_of_its_body()
    {
        Assert.Equal(6, Served.Manifest.Shards.Count);
        Assert.Equal([50, 50, 50, 50, 50, 50], Served.Manifest.Shards.Select(shard => shard.Rows));
        Assert.All(Served.Manifest.Shards, shard => Assert.Equal(shard.Bytes, Served.Body(shard.Index).Length));
    }

    [Fact]
    public async Task Cache_fetches_each_shard_once_and_then_reads_its_own_copy()
    {
        using var folder = new TestFolder();
        var source = new CountingSource(Served);
        var cache = new ShardCache(folder["cache"]);
        var first = await cache.LoadAsync(Served.Manifest, source);
        var second = await new ShardCache(folder["cache"]).LoadAsync(Served.Manifest, source);

        Assert.Equal(6, source.Fetches);
        Assert.Equal((6, 0), (cache.Fetches, cache.Hits));
        Assert.Equal(Sprites.Fingerprint, DatasetFingerprint.Of(first, Binarize.None));
        Assert.Equal(Sprites.Fingerprint, DatasetFingerprint.Of(second, Binarize.None));
    }

    [Fact]
    public async Task Some_rows_need_only_the_shards_that_hold_them()
    {
        using var folder = new TestFolder();
        var source = new CountingSource(Served);
        var part = await new ShardCache(folder["cache"]).LoadRowsAsync(Served.Manifest, new(95, 60), source);

        Assert.Equal(3, source.Fetches); // Rows 95..154 lie in the shards of 50..99, 100..149 and 150..199.
        Assert.Equal(60, part.Count);
        Assert.Equal(Sprites.Images.Pixels.Slice(95 * 784, 60 * 784).ToArray(), part.Pixels.ToArray());
        Assert.Equal(Sprites.Images.Labels.Slice(95, 60).ToArray(), part.Labels.ToArray());
        Assert.Equal(Sprites.Images.Factors!.Row(154).ToArray(), part.Factors!.Row(59).ToArray());
    }

    [Fact]
    public async Task Damaged_or_cut_off_file_in_the_cache_is_fetched_again()
    {
        using var folder = new TestFolder();
        var source = new CountingSource(Served);
        await new ShardCache(folder["cache"]).LoadAsync(Served.Manifest, source);
        var files = Directory.GetFiles(folder["cache"], "*.shard", SearchOption.AllDirectories).Order().ToArray();
        FlipByte(files[1], 5_000);
        File.WriteAllBytes(files[2], File.ReadAllBytes(files[2])[..100]);
        File.WriteAllBytes(files[3], []);
        var cache = new ShardCache(folder["cache"]);
        var loaded = await cache.LoadAsync(Served.Manifest, source);

        Assert.Equal((3, 3, 3), (cache.Hits, cache.Fetches, cache.Damaged));
        Assert.Equal(Sprites.Fingerprint, DatasetFingerprint.Of(loaded, Binarize.None));
        Assert.Equal(Served.Body(1), File.ReadAllBytes(files[1]));
    }

    [Fact]
    public async Task F25_Source_that_sends_other_bytes_is_asked_twice_and_then_refused()
    {
        using var folder = new TestFolder();
        var other = ShardedDataset.Of(MakeSprites(300, 2), targetBytes: 40_000);
        var source = new CountingSource(new Relabelled(other));
        var error = await Assert.ThrowsAsync<DatasetException>(() => new ShardCache(folder["cache"]).LoadRowsAsync(Served.Manifest, new(0, 10), source));

        Assert.Equal(2, source.Fetches);
        Assert.Contains("expected SHA-256", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["cache"]) && Directory.GetFiles(folder["cache"], "*", SearchOption.AllDirectories).Length > 0);
    }

    [Fact]
    public async Task Body_damaged_once_on_its_way_is_asked_for_again()
    {
        using var folder = new TestFolder();
        var source = new CountingSource(Served) { DamageFirst = true };
        var loaded = await new ShardCache(folder["cache"]).LoadAsync(Served.Manifest, source);

        Assert.Equal(7, source.Fetches);
        Assert.Equal(Sprites.Fingerprint, DatasetFingerprint.Of(loaded, Binarize.None));
    }

    [Fact]
    public async Task Cache_that_outgrows_its_limit_drops_the_longest_unused_data_but_never_what_is_in_use()
    {
        using var folder = new TestFolder();
        var other = ShardedDataset.Of(MakeSprites(300, 3), targetBytes: 40_000);
        await new ShardCache(folder["cache"]).LoadAsync(Served.Manifest, Served);
        var oldest = folder[$"cache/{Served.Manifest.Fingerprint}/000002.shard"];
        File.SetLastWriteTimeUtc(oldest, DateTime.UnixEpoch);
        var bytes = Served.Manifest.Shards.Sum(shard => (long)shard.Bytes);
        await new ShardCache(folder["cache"], 2 * bytes - 1).LoadAsync(other.Manifest, other);

        Assert.False(File.Exists(oldest));
        Assert.Equal(5, Directory.GetFiles(folder[$"cache/{Served.Manifest.Fingerprint}"]).Length);
        await new ShardCache(folder["cache"], 0).LoadAsync(other.Manifest, other);
        Assert.Empty(Directory.GetFiles(folder[$"cache/{Served.Manifest.Fingerprint}"]));
        Assert.Equal(6, Directory.GetFiles(folder[$"cache/{other.Manifest.Fingerprint}"]).Length);
    }

    [Fact]
    public async Task Folder_that_cannot_be_written_costs_the_cache_but_not_the_load()
    {
        using var folder = new TestFolder();
        folder.Write("cache", [1]); // A file where the folder should be: this fails for root too.
        var cache = new ShardCache(folder["cache"]);
        var loaded = await cache.LoadAsync(Served.Manifest, Served);

        Assert.Equal(6, cache.WriteFailures);
        Assert.Equal(Sprites.Fingerprint, DatasetFingerprint.Of(loaded, Binarize.None));
    }

    [Fact]
    public void Shard_cut_off_at_any_byte_or_with_a_flipped_header_bit_is_no_fault_free_shard()
    {
        var body = Served.Body(2);
        for (var length = 0; length < body.Length; length++) Assert.Null(ShardHeader.TryRead(body.AsSpan(0, length), out _));
        var size = ShardHeader.TryRead(body, out _)!.Size;
        for (var bit = 0; bit < size * 8; bit++)
        {
            body[bit / 8] ^= (byte)(1 << (bit % 8));
            ShardHeader.TryRead(body, out _); // Must not throw, whatever it says.
            Assert.NotNull(ShardReader.FindFault(body, Served.Manifest, 2));
            body[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.Null(ShardReader.FindFault(body, Served.Manifest, 2));
        Assert.NotNull(ShardReader.FindFault(body, Served.Manifest, 3));
    }

    [Fact]
    public async Task Hostile_manifest_is_refused_before_it_names_a_folder_or_allocates()
    {
        using var folder = new TestFolder();
        var good = Served.Manifest;
        DatasetManifest[] bad =
        [
            good with { Fingerprint = "../../etc" },
            good with { Fingerprint = good.Fingerprint.ToUpperInvariant() },
            good with { Count = int.MaxValue },
            good with { Height = 0 },
            good with { Height = 60_000, Width = 60_000 },
            good with { HeldOut = good.Count },
            good with { ShardRows = 0 },
            good with { Shards = [.. good.Shards.Take(5)] },
            good with { Shards = [.. good.Shards.Reverse()] },
            good with { Shards = [.. good.Shards.Skip(1), good.Shards[0] with { Index = 5 }] },
        ];
        foreach (var manifest in bad)
            await Assert.ThrowsAsync<DatasetException>(() => new ShardCache(folder["cache"]).LoadAsync(manifest, Served));
        Assert.False(Directory.Exists(folder["cache"]));
    }

    [Fact]
    public async Task Another_fingerprint_than_the_one_served_is_refused() =>
        await Assert.ThrowsAsync<DatasetException>(() => Served.FetchAsync(new string('0', 64), 0, default));

    private static Dataset MakeSprites(int count, ulong seed) => DatasetLoader.Load(new() { Source = "sprites", Count = count, Size = 28, Seed = seed }, ".");

    private static void FlipByte(string path, int offset)
    {
        var bytes = File.ReadAllBytes(path);
        bytes[offset] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private sealed class CountingSource(IShardSource inner) : IShardSource
    {
        private int _fetches;

        public int Fetches => _fetches;

        public bool DamageFirst { get; init; }

        public async Task<byte[]> FetchAsync(string fingerprint, int index, CancellationToken cancellation)
        {
            var body = await inner.FetchAsync(fingerprint, index, cancellation);
            if (Interlocked.Increment(ref _fetches) == 1 && DamageFirst) body[^1] ^= 0x80;
            return body;
        }
    }

    /// <summary>Serves its shards whatever is asked for, as a coordinator would whose file was replaced.</summary>
    private sealed class Relabelled(ShardedDataset other) : IShardSource
    {
        public Task<byte[]> FetchAsync(string fingerprint, int index, CancellationToken cancellation) => Task.FromResult(other.Body(index));
    }
}
