using Vae.Data;
using Vae.Data.Sprites;
using Vae.Shared.Datasets;

namespace Vae.Tests.Unit.Data;

public class SpriteTests
{
    [Fact]
    public void Default_sprites_have_a_pinned_fingerprint_because_a_changed_pixel_would_alter_every_run()
    {
        var dataset = DatasetLoader.Load(new() { Source = "sprites" }, ".");

        Assert.Equal((10_000, 1, 64, 64, 3), (dataset.Images.Count, dataset.Images.Channels, dataset.Images.Height, dataset.Images.Width, dataset.Images.Classes));
        Assert.Equal((8_000, 2_000), (dataset.TrainRows, dataset.HeldOut));
        Assert.Empty(dataset.Warnings);
        Assert.Equal("c36a265848c5b833b78664ef432d6bb374102e3b5bf521ad22cbaf70dfcec75f", dataset.Fingerprint);
    }

    [Fact]
    public void Rows_are_different_combinations_within_the_ranges_of_the_factors()
    {
        var factors = SpriteFactors.Draw(20_000, 3);
        var rows = Enumerable.Range(0, 20_000).Select(row => Convert.ToHexString(factors.Row(row))).ToHashSet();

        Assert.Equal(20_000, rows.Count);
        for (var factor = 0; factor < 5; factor++)
            Assert.Equal(Enumerable.Range(0, SpriteFactors.Sizes[factor]), Enumerable.Range(0, 20_000).Select(row => (int)factors.Row(row)[factor]).Distinct().Order());
    }

    [Fact]
    public void All_combinations_can_be_drawn_each_once()
    {
        var factors = SpriteFactors.Draw(SpriteFactors.Combinations, 1);
        var seen = new bool[SpriteFactors.Combinations];
        for (var row = 0; row < seen.Length; row++)
        {
            var code = 0;
            for (var i = 0; i < 5; i++) code = code * SpriteFactors.Sizes[i] + factors.Row(row)[i];
            seen[code] = true;
        }

        Assert.DoesNotContain(false, seen);
    }

    [Fact]
    public void Smaller_count_is_the_beginning_of_a_larger_one_and_another_seed_is_other_data()
    {
        var few = SpriteSource.Make(20, 32, 5);
        var many = SpriteSource.Make(40, 32, 5);

        Assert.Equal(few.Pixels.ToArray(), many.Pixels[..few.Pixels.Length].ToArray());
        Assert.NotEqual(few.Pixels.ToArray(), SpriteSource.Make(20, 32, 6).Pixels.ToArray());
    }

    [Theory]
    [InlineData(28)]
    [InlineData(32)]
    [InlineData(64)]
    public void Every_image_shows_one_whole_shape_in_black_and_white(int size)
    {
        var set = SpriteSource.Make(3_000, size, 2);
        Assert.False(set.Pixels.Span.ContainsAnyExcept((byte)0, (byte)255));
        for (var row = 0; row < set.Count; row++)
        {
            var image = set.Row(row);
            Assert.True(image.Contains((byte)255));
            Assert.False(image[..size].Contains((byte)255) || image[^size..].Contains((byte)255), "A shape touches the top or bottom edge.");
            for (var y = 0; y < size; y++) Assert.True(image[y * size] == 0 && image[y * size + size - 1] == 0, "A shape touches the left or right edge.");
        }
    }

    [Fact]
    public void Factors_explain_the_pixels()
    {
        var set = SpriteSource.Make(4_000, 64, 4);
        for (var row = 0; row < set.Count; row++)
        {
            var factors = set.Factors!.Row(row);
            var (area, sumX, sumY) = (0, 0, 0);
            for (var i = 0; i < 64 * 64; i++)
                if (set.Row(row)[i] != 0) (area, sumX, sumY) = (area + 1, sumX + i % 64, sumY + i / 64);
            var scale = 0.5 + 0.1 * factors[1];
            var expectedArea = factors[0] switch { 0 => 21 * 21, 1 => Math.PI * 14.8 * 8.2, _ => 3.66 * 11 * 11 } * scale * scale;

            Assert.Equal(set.Labels.Span[row], factors[0]);
            Assert.InRange(area, expectedArea * 0.85, expectedArea * 1.15);
            Assert.InRange((double)sumX / area - (16 + factors[3]), -0.6, 0.6);
            Assert.InRange((double)sumY / area - (16 + factors[4]), -0.6, 0.6);
        }
    }

    [Fact]
    public void Four_turns_of_nine_degrees_differ_and_ten_bring_a_square_back()
    {
        byte[] Square(byte turn)
        {
            var image = new byte[64 * 64];
            SpriteSource.Draw([0, 5, turn, 10, 10], 64, image);
            return image;
        }

        var different = Square(3).Zip(Square(13)).Count(pair => pair.First != pair.Second);
        Assert.NotEqual(Square(0), Square(4));
        Assert.InRange(different, 0, 4); // A pixel whose centre lies on the edge may fall to either side.
    }

    [Theory]
    [InlineData(0, 64, "count must be 1 to 737,280")]
    [InlineData(737_281, 28, "count must be 1 to 737,280")]
    [InlineData(10, 7, "size must be 8 to 256")]
    [InlineData(737_280, 64, "exceed 2 GiB")]
    public void Numbers_out_of_range_are_refused_with_the_range(int count, int size, string words) =>
        Assert.Contains(words, Assert.Throws<DatasetException>(() => SpriteSource.Make(count, size)).Message, StringComparison.Ordinal);
}
