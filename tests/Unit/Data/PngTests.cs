using System.Text;
using Vae.Data;
using Vae.Data.Files;
using Vae.Data.Png;

namespace Vae.Tests.Unit.Data;

public class PngTests
{
    [Fact]
    public void Checksum_of_the_standard_example_and_of_any_cut_is_right()
    {
        var text = "123456789"u8.ToArray();

        Assert.Equal(0xCBF43926u, Crc32.Append(0, text));
        for (var cut = 0; cut <= text.Length; cut++) Assert.Equal(0xCBF43926u, Crc32.Append(Crc32.Append(0, text.AsSpan(0, cut)), text.AsSpan(cut)));
    }

    // Made by hand in Python: one grey pixel of value 128, IDAT by zlib.compress(b"\x00\x80").
    [Fact]
    public void Picture_made_by_another_program_is_read()
    {
        var png = Convert.FromHexString("89504E470D0A1A0A0000000D49484452000000010000000108000000003A7E9B550000000974455874436F6D6D656E740078D7F474080000000A49444154789C636800000082008177CD72B60000000049454E44AE426082");
        var image = PngReader.Read(png, "one.png");

        Assert.Equal((1, 1, 1), (image.Width, image.Height, image.Channels));
        Assert.Equal([128], image.Pixels);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void What_the_writer_wrote_the_reader_reads_with_every_filter_in_use(int channels)
    {
        var random = new Vae.Shared.Determinism.Prng(3);
        var pixels = new byte[40 * 30 * channels];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)((i / (40 * channels)) switch { < 6 => i % 3, < 12 => i * 5, < 18 => i / 40 * 9 + i % 7, < 24 => random.NextBelow(256), _ => pixels[i - 40 * channels] + i % 2 });
        var image = new PngImage(40, 30, channels, pixels);

        Assert.Equal(pixels, PngReader.Read(Bytes(image), "x.png").Pixels);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Each_row_filter_is_undone_exactly(int filter)
    {
        byte[] above = [9, 200, 30, 255, 0, 77], row = [250, 3, 128, 0, 255, 76], filtered = new byte[6];
        var (encode, decode) = Filters();
        encode(filter, row, above, 2, filtered);
        decode(filter, filtered, above, 2);

        Assert.Equal(row, filtered);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_long_row_is_filtered_byte_for_byte_as_the_standard_says(int filter)
    {
        var random = new Vae.Shared.Determinism.Prng(5);
        foreach (var (length, step) in new[] { (31, 1), (32, 1), (33, 1), (203, 3), (690, 1), (512, 4) })
        {
            byte[] above = [.. Enumerable.Range(0, length).Select(_ => (byte)random.NextBelow(256))], row = [.. Enumerable.Range(0, length).Select(_ => (byte)random.NextBelow(256))];
            var filtered = new byte[length];
            PngFormat.Filter(filter, row, above, step, filtered);

            for (var i = 0; i < length; i++)
            {
                int left = i < step ? 0 : row[i - step], up = above[i], corner = i < step ? 0 : above[i - step], p = left + up - corner;
                int[] distances = [Math.Abs(p - left), Math.Abs(p - up), Math.Abs(p - corner)];
                int[] predictions = [0, left, up, (left + up) / 2, new[] { left, up, corner }[Array.IndexOf(distances, distances.Min())]];
                Assert.Equal((byte)(row[i] - predictions[filter]), filtered[i]);
            }
        }
    }

    [Fact]
    public void F25_Picture_cut_off_at_any_byte_or_with_any_bit_flipped_is_refused()
    {
        var whole = Bytes(new(5, 4, 3, [.. Enumerable.Range(0, 60).Select(i => (byte)(i * i))]));
        for (var length = 0; length < whole.Length; length++) Assert.Throws<DatasetException>(() => PngReader.Read(whole.AsSpan(0, length), "x.png"));
        for (var bit = 0; bit < whole.Length * 8; bit++)
        {
            var damaged = (byte[])whole.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<DatasetException>(() => PngReader.Read(damaged, "x.png"));
        }
    }

    [Theory]
    [InlineData(24, 16, "16 bits")]
    [InlineData(25, 3, "colour type 3")]
    [InlineData(28, 1, "interlacing 1")]
    [InlineData(16, 0x7F, "sides of 1 to")]
    [InlineData(18, 0x70, "one of")]
    public void Kinds_that_are_not_read_are_refused_by_name(int place, byte value, string words)
    {
        var bytes = Bytes(new(5, 4, 1, new byte[20]));
        bytes[place] = value;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(29), Crc32.Append(0, bytes.AsSpan(12, 17)));

        Assert.Contains(words, Assert.Throws<DatasetException>(() => PngReader.Read(bytes, "x.png")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Grid_puts_images_row_by_row_enlarged_with_lines_between()
    {
        var picture = new ImageGrid { Rows = 2, Columns = 2, Zoom = 2, Separator = 1, SeparatorGrey = 5 }.Compose((ReadOnlySpan<byte>)[10, 20, 30, 40, 50, 60], 1, 1, 2);

        Assert.Equal((11, 7, 1), (picture.Width, picture.Height, picture.Channels));
        Assert.Equal("""
            5 5 5 5 5 5 5 5 5 5 5
            5 10 10 20 20 5 30 30 40 40 5
            5 10 10 20 20 5 30 30 40 40 5
            5 5 5 5 5 5 5 5 5 5 5
            5 50 50 60 60 5 5 5 5 5 5
            5 50 50 60 60 5 5 5 5 5 5
            5 5 5 5 5 5 5 5 5 5 5
            """.ReplaceLineEndings("\n"), Text(picture));
    }

    [Fact]
    public void Planes_of_colour_become_pixels_of_colour()
    {
        var picture = new ImageGrid { Rows = 1, Columns = 1, Zoom = 1, Separator = 0 }.Compose((ReadOnlySpan<byte>)[1, 2, 3, 4, 5, 6], 3, 1, 2);

        Assert.Equal([1, 3, 5, 2, 4, 6], picture.Pixels);
    }

    [Fact]
    public void Floats_are_rounded_cut_at_the_ends_and_black_where_they_are_no_number()
    {
        var picture = new ImageGrid { Rows = 1, Columns = 1, Zoom = 1, Separator = 0 }.Compose([0f, 0.5f, 1f, -3f, 7f, float.NaN, float.PositiveInfinity], 1, 1, 7);

        Assert.Equal([0, 128, 255, 0, 255, 0, 255], picture.Pixels);
    }

    [Fact]
    public void Reconstructions_stand_below_their_inputs_in_pairs_also_in_an_incomplete_band()
    {
        float[] inputs = [0.1f, 0.2f, 0.3f], outputs = [0.6f, 0.9f, 0.8f];
        var picture = ImageGrid.Reconstructions(inputs, outputs, 1, 1, 1, columns: 2);
        const int tile = 96, line = 2;
        int At(int row, int column) => picture.Pixels[(line + row * (tile + line)) * picture.Width + line + column * (tile + line)];

        Assert.Equal([26, 51, 153, 230, 76, 96, 204, 96], new[] { At(0, 0), At(0, 1), At(1, 0), At(1, 1), At(2, 0), At(2, 1), At(3, 0), At(3, 1) });
    }

    [Fact]
    public void Squarish_grid_has_a_place_for_every_image_and_no_empty_row()
    {
        for (var count = 1; count <= 200; count++)
        {
            var grid = ImageGrid.Squarish(count);
            Assert.True(grid.Rows * grid.Columns >= count && (grid.Rows - 1) * grid.Columns < count);
        }
    }

    private static (Action<int, byte[], byte[], int, byte[]> Encode, Action<int, byte[], byte[], int> Decode) Filters() =>
        ((filter, row, above, step, target) => PngFormat.Filter(filter, row, above, step, target), (filter, row, above, step) => PngFormat.Unfilter(filter, row, above, step));

    private static byte[] Bytes(PngImage image)
    {
        var stream = new MemoryStream();
        PngWriter.Write(stream, image);
        return stream.ToArray();
    }

    private static string Text(PngImage image)
    {
        var text = new StringBuilder();
        for (var y = 0; y < image.Height; y++) text.Append(y == 0 ? "" : "\n").AppendJoin(' ', image.Pixels.AsSpan(y * image.Width, image.Width).ToArray());
        return text.ToString();
    }
}
