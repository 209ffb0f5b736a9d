using System.Buffers.Binary;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>Data files and cached shards that are not what they should be.</summary>
public class DamagedDataTests
{
    private const int HeaderBytes = 16, Images = 100, Side = 16;

    [Fact]
    public async Task Truncated_image_file_ends_the_run_with_3_and_names_the_file_the_offset_and_what_is_missing()
    {
        using var home = new TemporaryHome();
        var images = WriteIdx(home, [.. Header(), .. new byte[(37 * Side * Side) + 5]]);

        var ending = await TrainAsync(home, images);

        ending.Expect(3).ExpectNoTrace();
        Assert.Contains(images, ending.Error, StringComparison.Ordinal);
        Assert.Contains("byte 16", ending.Error, StringComparison.Ordinal);
        Assert.Contains("25,600", ending.Error, StringComparison.Ordinal);
        Assert.Contains("9,477", ending.Error, StringComparison.Ordinal);
        Assert.Empty(WorkerTable.Of(home));
    }

    [Fact]
    public async Task Damaged_shard_in_the_cache_is_fetched_again_and_the_result_is_the_same()
    {
        using var home = new TemporaryHome();
        var file = home.Write("sweep.yaml", SweepText.Grid("1", "2", epochs: 2));
        var first = await RunAsync(home, file);
        var shard = Directory.EnumerateFiles(home.Cache, "*.shard", SearchOption.AllDirectories).First();
        var whole = await File.ReadAllBytesAsync(shard);
        var damaged = whole.ToArray();
        damaged[damaged.Length / 2] ^= 0x40;
        await File.WriteAllBytesAsync(shard, damaged);

        var second = await RunAsync(home, file);

        Assert.Equal(whole, await File.ReadAllBytesAsync(shard));
        Assert.Equal(first, second);
    }

    private static async Task<double> RunAsync(TemporaryHome home, string file)
    {
        var run = (await RunningProgram.RunVaeAsync("sweep", "run", file, "--workers", "1", "--threads", "1", "--json", "--home", home.Path)).Expect(0);
        return SweepJson.Parse(run.Lines[^1]).Items("trials").Single().Number("elbo");
    }

    private static Task<Ending> TrainAsync(TemporaryHome home, string images) =>
        RunningProgram.RunVaeAsync("train", "--images", images, "--epochs", "1", "--workers", "1", "--threads", "1", "--home", home.Path);

    private static string WriteIdx(TemporaryHome home, byte[] content)
    {
        var path = Path.Combine(home.Path, "images-idx3-ubyte");
        File.WriteAllBytes(path, content);
        return path;
    }

    private static byte[] Header()
    {
        var header = new byte[HeaderBytes];
        (header[2], header[3]) = (0x08, 0x03); // Unsigned bytes in three dimensions.
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), Images);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(8), Side);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(12), Side);
        return header;
    }
}
