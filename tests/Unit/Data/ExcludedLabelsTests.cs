using Vae.Data;
using Vae.Data.Shards;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Data;

public class ExcludedLabelsTests
{
    private static readonly DatasetSource Sprites = new() { Source = DatasetSource.Sprites, Count = 500, Size = 8, HoldOut = 0.2 };

    [Fact]
    public void Rows_of_excluded_labels_are_gone_and_those_held_out_are_held_out_still()
    {
        var all = DatasetLoader.Load(Sprites, "/");
        var without = DatasetLoader.Load(Sprites with { ExcludeLabels = [1] }, "/");

        var labels = all.Images.Labels.ToArray();
        Assert.Equal(labels.Where(label => label != 1), without.Images.Labels.ToArray());
        Assert.Equal(labels.Skip(400).Count(label => label != 1), without.HeldOut);
        int[] kept = [.. Enumerable.Range(0, 500).Where(row => labels[row] != 1)];
        for (var row = 0; row < kept.Length; row++)
        {
            Assert.Equal(all.Images.Row(kept[row]).ToArray(), without.Images.Row(row).ToArray());
            Assert.Equal(all.Images.Factors!.Row(kept[row]).ToArray(), without.Images.Factors!.Row(row).ToArray());
        }
    }

    [Fact]
    public void Held_out_rows_of_excluded_labels_are_served_behind_the_others_for_those_that_look_for_them()
    {
        var data = DatasetLoader.Load(Sprites with { ExcludeLabels = [1] }, "/");
        var strange = LabelFilter.Only(DatasetLoader.Load(Sprites, "/").Images, 400, [1])!;

        var served = ShardedDataset.Of(data);

        Assert.Equal(strange.Pixels.ToArray(), data.Excluded!.Pixels.ToArray());
        Assert.Equal((data.Images.Count + strange.Count, data.HeldOut, strange.Count, data.TrainRows), (served.Manifest.Count, served.Manifest.HeldOut, served.Manifest.Excluded, served.Manifest.TrainRows));
        Assert.Equal([.. data.Images.Pixels.ToArray(), .. strange.Pixels.ToArray()], data.Served.Pixels.ToArray());
        Assert.Equal(strange.Factors!.Row(3).ToArray(), data.Served.Factors!.Row(data.Images.Count + 3).ToArray());
        ManifestRules.Check(served.Manifest);
        Assert.Throws<DatasetException>(() => ManifestRules.Check(served.Manifest with { Excluded = served.Manifest.Count - data.HeldOut }));
        Assert.Throws<DatasetException>(() => ManifestRules.Check(served.Manifest with { Excluded = -1 }));
    }

    [Fact]
    public void Without_excluded_labels_nothing_is_served_behind_the_rows()
    {
        var data = DatasetLoader.Load(Sprites, "/");

        Assert.Null(data.Excluded);
        Assert.Same(data.Images, data.Served);
        Assert.Equal(0, ShardedDataset.Of(data).Manifest.Excluded);
    }

    [Fact]
    public void Other_rows_are_another_data_set_by_its_fingerprint() =>
        Assert.Equal(3, new[] { Sprites, Sprites with { ExcludeLabels = [1] }, Sprites with { ExcludeLabels = [1, 2] } }.Select(source => DatasetLoader.Load(source, "/").Fingerprint).Distinct().Count());

    [Fact]
    public void The_held_out_rows_of_the_labels_can_be_had_alone()
    {
        var images = DatasetLoader.Load(Sprites, "/").Images;

        var strange = LabelFilter.Only(images, 400, [0, 2])!;

        Assert.Equal(images.Labels.ToArray().Skip(400).Where(label => label != 1), strange.Labels.ToArray());
        Assert.Null(LabelFilter.Only(images, 400, [7]));
    }

    [Theory]
    [InlineData(new[] { 0, 1, 2 }, "leaves no row to train on")]
    [InlineData(new[] { 3 }, "the label of no row. Labels go from 0 to 2")]
    public void Labels_that_are_nowhere_or_everywhere_are_refused(int[] labels, string says) =>
        Assert.Contains(says, Assert.Throws<DatasetException>(() => DatasetLoader.Load(Sprites with { ExcludeLabels = [.. labels] }, "/")).Message, StringComparison.Ordinal);

    [Fact]
    public void Data_without_labels_or_without_a_held_out_row_left_is_refused()
    {
        var sorted = new ImageSet(1, 1, 1, new byte[] { 1, 2, 3, 4 }, new byte[] { 0, 0, 0, 1 });
        var plain = new ImageSet(1, 1, 1, new byte[] { 1, 2, 3, 4 });

        Assert.Contains("has none", Assert.Throws<DatasetException>(() => LabelFilter.Without(plain, 1, [1], "x")).Message, StringComparison.Ordinal);
        Assert.Contains("no held-out row", Assert.Throws<DatasetException>(() => LabelFilter.Without(sorted, 1, [1], "x")).Message, StringComparison.Ordinal);
        Assert.Equal((plain, 1, 0), LabelFilter.Without(plain, 1, [], "x"));
    }

    [Theory]
    [InlineData("source: sprites, exclude_labels: [1]", null)]
    [InlineData("source: idx, images: x, labels: y, exclude_labels: [9]", null)]
    [InlineData("source: idx, images: x, exclude_labels: [9]", "the data set names none")]
    [InlineData("source: sprites, exclude_labels: [3]", "0 to 2")]
    [InlineData("source: sprites, exclude_labels: [256]", "each 0 to 255")]
    public void A_sweep_file_names_them_where_there_are_labels(string dataset, string? says)
    {
        var result = SweepParser.Parse($"version: 1\nname: test\ndataset: {{ {dataset} }}\n");

        if (says is null) Assert.NotNull(result.Definition);
        else Assert.Contains(says, Assert.Single(result.Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_config_from_before_there_were_any_reads_as_none()
    {
        var text = TrialSpecJson.WriteConfig(new TrialSpec { Index = 0, Assignments = [], Model = new ModelSpec(), Training = new TrainingSpec() }, Sprites with { ExcludeLabels = [2] });

        Assert.Equal([2], TrialSpecJson.ReadConfig(System.Text.Encoding.UTF8.GetBytes(text)).Dataset!.ExcludeLabels);
        var older = System.Text.RegularExpressions.Regex.Replace(text, @",\s*""exclude_labels"": \[\s*2\s*\]", "");
        Assert.NotEqual(text, older);
        Assert.Equal([], TrialSpecJson.ReadConfig(System.Text.Encoding.UTF8.GetBytes(older)).Dataset!.ExcludeLabels);
    }
}
