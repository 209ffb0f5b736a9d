using Vae.Data;
using Vae.Data.Shards;
using Vae.Shared.Datasets;

namespace Vae.Tests.Unit.Data;

public class MnistTests
{
    [MnistFact]
    public void Real_test_images_have_the_published_figures()
    {
        var images = Load().Images;
        var histogram = new int[10];
        foreach (var label in images.Labels.Span) histogram[label]++;
        long sum = 0;
        foreach (var pixel in images.Pixels.Span) sum += pixel;

        Assert.Equal((10_000, 1, 28, 28), (images.Count, images.Channels, images.Height, images.Width));
        Assert.Equal([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009], histogram);
        Assert.Equal(33.79, (double)sum / images.Pixels.Length, 0.01);
        Assert.Equal(7, images.Labels.Span[0]);
    }

    [MnistFact]
    public void Real_test_images_split_8000_to_2000_without_a_warning()
    {
        var dataset = Load();

        Assert.Equal((8_000, 2_000), (dataset.TrainRows, dataset.HeldOut));
        Assert.Empty(dataset.Warnings);
    }

    [MnistFact]
    public async Task Real_test_images_survive_the_way_through_shards_and_cache()
    {
        using var folder = new TestFolder();
        var dataset = Load();
        var served = ShardedDataset.Of(dataset);
        var cache = new ShardCache(folder["cache"]);
        var fetched = await cache.LoadAsync(served.Manifest, served);

        Assert.Equal(2, served.Manifest.Shards.Count);
        Assert.Equal(dataset.Fingerprint, DatasetFingerprint.Of(fetched, Binarize.Dynamic));
    }

    private static Dataset Load() => DatasetLoader.Load(
        new() { Source = "idx", Images = "t10k-images-idx3-ubyte.gz", Labels = "t10k-labels-idx1-ubyte.gz", Binarize = Binarize.Dynamic }, MnistFactAttribute.Folder!);
}
