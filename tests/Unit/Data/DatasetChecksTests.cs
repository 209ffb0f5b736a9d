using Vae.Data;
using Vae.Shared.Datasets;

namespace Vae.Tests.Unit.Data;

public class DatasetChecksTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(200)]
    public void F26_Images_of_one_shade_only_are_refused(byte shade)
    {
        var pixels = new byte[200 * 4];
        Array.Fill(pixels, shade);

        Assert.Contains($"every pixel of all 200 images is {shade}", Assert.Throws<DatasetException>(() => Check(pixels)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void F26_A_single_row_is_refused() => Assert.Contains("has 1 row", Assert.Throws<DatasetException>(() => Check([1, 2, 3, 4], 0)).Message, StringComparison.Ordinal);

    [Fact]
    public void F26_Some_even_images_are_a_warning_with_their_number()
    {
        var pixels = Varied(200);
        pixels.AsSpan(40, 8).Fill(9);

        Assert.Equal(["2 of 200 images are of one even shade. They may be damaged or empty."], Check(pixels));
    }

    [Fact]
    public void F26_Even_images_of_different_shades_are_a_warning_not_an_error() => Assert.Contains("200 of 200", Check([.. Enumerable.Range(0, 800).Select(i => (byte)(i / 4))])[0], StringComparison.Ordinal);

    [Fact]
    public void Few_rows_and_nothing_held_out_are_warnings()
    {
        var warnings = Check(Varied(10), 0);

        Assert.Equal(2, warnings.Count);
        Assert.Contains("only 10 rows", warnings[0], StringComparison.Ordinal);
        Assert.Contains("No rows are held out", warnings[1], StringComparison.Ordinal);
    }

    [Fact]
    public void File_sorted_by_label_is_a_warning_that_names_the_labels_nobody_trains_on()
    {
        var labels = Enumerable.Range(0, 200).Select(row => (byte)(row / 40)).ToArray();
        var warnings = DatasetChecks.Check(new(1, 2, 2, Varied(200), labels), 40, Binarize.None, "x");

        Assert.Contains("(4)", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void F26_Fewer_rows_than_workers_is_an_error_that_names_both()
    {
        DatasetChecks.RequireRowsForWorkers(4, 4);

        Assert.Contains("3 training rows cannot be shared by 4 workers", Assert.Throws<DatasetException>(() => DatasetChecks.RequireRowsForWorkers(3, 4)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fingerprint_changes_with_a_pixel_a_label_the_geometry_and_the_threshold_but_not_with_dynamic_binarization()
    {
        var pixels = Varied(12);
        var labels = new byte[12];
        string Of(ImageSet set, Binarize binarize = Binarize.None) => DatasetFingerprint.Of(set, binarize);
        var original = Of(new(1, 2, 2, pixels, labels));
        byte[] otherPixels = [.. pixels[..^1], 77], otherLabels = [.. labels[..^1], 1];
        string[] others = [Of(new(1, 2, 2, otherPixels, labels)), Of(new(1, 2, 2, pixels, otherLabels)), Of(new(1, 2, 2, pixels)), Of(new(1, 4, 1, pixels, labels)), Of(new(1, 2, 2, pixels, labels), Binarize.Fixed)];

        Assert.Equal(6, others.Append(original).Distinct().Count());
        Assert.Equal(original, Of(new(1, 2, 2, pixels, labels), Binarize.Dynamic));
    }

    // sha256 of the documented line and the bytes, computed with sha256sum.
    [Fact]
    public void Fingerprint_is_the_documented_hash() => Assert.Equal("7ec8c148601ddaddc879baea6bcb611451243cb9632455df4ddbe7b088cda3c4", DatasetFingerprint.Of(new(1, 1, 2, new byte[] { 1, 2, 3, 4 }, new byte[] { 5, 6 }), Binarize.None));

    [Fact]
    public void Fixed_binarization_cuts_at_128()
    {
        using var folder = new TestFolder();
        folder.Write("x", IdxTests.Idx([2, 1, 4], [0, 127, 128, 255, 1, 2, 254, 200]));
        var dataset = DatasetLoader.Load(new() { Source = "idx", Images = "x", Binarize = Binarize.Fixed, HoldOut = 0.5 }, folder.Path);

        Assert.Equal([0, 0, 255, 255, 0, 0, 255, 255], dataset.Images.Pixels.ToArray());
        Assert.Equal(1, dataset.HeldOut);
    }

    [Fact]
    public void Report_states_exact_figures()
    {
        using var folder = new TestFolder();
        folder.Write("x", IdxTests.Idx([2, 1, 4], [0, 0, 255, 255, 0, 0, 0, 51]));
        folder.Write("y", IdxTests.Idx([2], [0, 2]));
        var report = DatasetReport.Of(DatasetLoader.Load(new() { Source = "idx", Images = "x", Labels = "y", HoldOut = 0.5 }, folder.Path));

        Assert.Equal([1, 0, 1], report.LabelCounts);
        Assert.Equal(0.275, report.PixelMean, 12);
        Assert.Equal(0.42353, report.PixelDeviation, 5);
        Assert.Equal((0.625, 0.25, (0, 255)), (report.BlackFraction, report.WhiteFraction, report.PixelRange));
    }

    [Theory]
    [InlineData("mnist", 0.2, "unknown source `mnist`")]
    [InlineData("idx", 0.2, "needs `images`")]
    [InlineData("sprites", 0.95, "holdout must be 0 to 0.9")]
    [InlineData("sprites", double.NaN, "holdout must be 0 to 0.9")]
    public void Definitions_that_cannot_be_loaded_say_what_is_missing(string source, double holdOut, string words) =>
        Assert.Contains(words, Assert.Throws<DatasetException>(() => DatasetLoader.Load(new() { Source = source, HoldOut = holdOut }, ".")).Message, StringComparison.Ordinal);

    private static byte[] Varied(int rows) => [.. Enumerable.Range(0, rows * 4).Select(i => (byte)(i * 37))];

    private static IReadOnlyList<string> Check(byte[] pixels, int heldOut = 20) => DatasetChecks.Check(new(1, 2, 2, pixels), heldOut, Binarize.None, "x");
}
