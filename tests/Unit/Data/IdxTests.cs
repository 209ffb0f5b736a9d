using System.Buffers.Binary;
using Vae.Data;
using Vae.Data.Idx;
using Vae.Shared.Datasets;

namespace Vae.Tests.Unit.Data;

public class IdxTests
{
    private static readonly byte[] Images = Idx([5, 2, 3], [.. Enumerable.Range(0, 30).Select(i => (byte)(i * 7))]);
    private static readonly byte[] Labels = Idx([5], [3, 1, 4, 1, 5]);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Images_and_labels_are_read_gzip_or_not_whatever_their_name(bool gzip)
    {
        using var folder = new TestFolder();
        folder.Write("images.bin", gzip ? TestFolder.Gzip(Images) : Images);
        folder.Write("labels.bin", Labels);
        var set = Load(folder, "labels.bin").Images;

        Assert.Equal((5, 1, 2, 3, 6), (set.Count, set.Channels, set.Height, set.Width, set.Classes));
        Assert.Equal([42, 49, 56, 63, 70, 77], set.Row(1).ToArray());
        Assert.Equal([3, 1, 4, 1, 5], set.Labels.ToArray());
    }

    [Fact]
    public void F25_Plain_file_cut_off_at_any_byte_is_refused()
    {
        using var folder = new TestFolder();
        for (var length = 0; length < Images.Length; length++)
        {
            folder.Write("images.bin", Images[..length]);
            Assert.Throws<DatasetException>(() => Load(folder));
        }
    }

    [Fact]
    public void F25_Gzip_file_cut_off_at_any_byte_is_refused()
    {
        using var folder = new TestFolder();
        var zipped = TestFolder.Gzip(Images);
        for (var length = 0; length < zipped.Length; length++)
        {
            folder.Write("images.bin", zipped[..length]);
            Assert.Throws<DatasetException>(() => Load(folder));
        }
    }

    [Fact]
    public void F25_Gzip_file_with_a_flipped_bit_in_its_data_or_trailer_is_refused()
    {
        using var folder = new TestFolder();
        var zipped = TestFolder.Gzip(Images);
        var harmless = 0;
        for (var bit = 10 * 8; bit < zipped.Length * 8; bit++) // The ten bytes ahead hold times and flags that no checksum covers.
        {
            var damaged = (byte[])zipped.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            folder.Write("images.bin", damaged);
            try
            {
                Assert.Equal(Images[16..], Load(folder).Images.Pixels.ToArray());
                harmless++;
            }
            catch (DatasetException)
            {
                continue;
            }
        }

        Assert.InRange(harmless, 0, 7); // Up to seven bits of padding stand between the data and the trailer.
    }

    [Theory]
    [InlineData(false, "expected 30 bytes of values after the header, found 24")]
    [InlineData(true, "expected 30 bytes of values (5 x 2 x 3), found the end after 24 of them")]
    public void F25_Header_that_declares_a_row_too_many_is_refused_with_place_and_numbers(bool gzip, string words)
    {
        using var folder = new TestFolder();
        folder.Write("images.bin", gzip ? TestFolder.Gzip(Images[..^6]) : Images[..^6]);
        var error = Assert.Throws<DatasetException>(() => Load(folder));

        Assert.StartsWith($"images.bin, byte {(gzip ? 40 : 16)}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void F25_Byte_too_many_is_refused(bool gzip)
    {
        using var folder = new TestFolder();
        folder.Write("images.bin", gzip ? TestFolder.Gzip([.. Images, 0]) : [.. Images, 0]);

        Assert.Throws<DatasetException>(() => Load(folder));
    }

    [Theory]
    [InlineData(0, 1, 0, "two zero bytes")]
    [InlineData(2, 0x0B, 2, "16-bit integers")]
    [InlineData(2, 0x0D, 2, "32-bit floats")]
    [InlineData(3, 1, 3, "exchange `images` and `labels`")]
    [InlineData(3, 9, 3, "3 or 4 dimensions")]
    [InlineData(7, 0, 4, "dimension 0 of at least 1")]
    public void F25_Wrong_magic_type_or_rank_is_named_with_its_offset(int place, byte value, long offset, string words)
    {
        using var folder = new TestFolder();
        var damaged = (byte[])Images.Clone();
        damaged[place] = value;
        folder.Write("images.bin", damaged);
        var error = Assert.Throws<DatasetException>(() => Load(folder));

        Assert.Equal(offset, error.Offset);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void F25_Header_that_declares_gigabytes_is_refused_without_allocating_them(bool gzip)
    {
        using var folder = new TestFolder();
        var bomb = Idx([50_000, 200, 200], new byte[600]);
        folder.Write("images.bin", gzip ? TestFolder.Gzip(bomb) : bomb);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<DatasetException>(() => Load(folder));

        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 2_000_000);
    }

    [Fact]
    public void F25_Dimensions_whose_product_overflows_are_refused()
    {
        using var folder = new TestFolder();
        var bytes = (byte[])Images.Clone();
        for (var i = 4; i < 16; i++) bytes[i] = 0xFF;
        folder.Write("images.bin", bytes);

        Assert.Contains("a header that declares more", Assert.Throws<DatasetException>(() => Load(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void F25_Labels_of_another_file_are_refused()
    {
        using var folder = new TestFolder();
        folder.Write("images.bin", Images);
        folder.Write("labels.bin", Idx([4], [1, 2, 3, 4]));

        Assert.Contains("labels.bin, byte 4: expected 5 labels, one per image, found 4.", Assert.Throws<DatasetException>(() => Load(folder, "labels.bin")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_file_or_folder_in_its_place_is_a_message()
    {
        using var folder = new TestFolder();

        Assert.Contains("images.bin: expected a file, found nothing at", Assert.Throws<DatasetException>(() => Load(folder)).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(folder["images.bin"]);
        Assert.Throws<DatasetException>(() => Load(folder));
    }

    [Fact]
    public void F25_Path_or_link_that_leads_out_of_the_data_root_is_refused()
    {
        using var folder = new TestFolder();
        folder.Write("secret", Images);
        Directory.CreateDirectory(folder["root/inner"]);
        folder.Write("root/inner/good", Images);
        File.CreateSymbolicLink(folder["root/link"], folder["secret"]);
        Directory.CreateSymbolicLink(folder["root/up"], "..");
        File.CreateSymbolicLink(folder["root/fine"], "inner/good");
        File.CreateSymbolicLink(folder["root/circle"], "circle");
        Dataset LoadInRoot(string path) => DatasetLoader.Load(new() { Source = "idx", Images = path }, folder["root"], folder["root"]);

        Assert.Equal(5, LoadInRoot("inner/good").Images.Count);
        Assert.Equal(5, LoadInRoot("fine").Images.Count);
        foreach (var path in new[] { "../secret", "link", "up/secret", folder["secret"], "circle", "inner/../../secret" })
            Assert.Throws<DatasetException>(() => LoadInRoot(path));
        Assert.Equal(5, DatasetLoader.Load(new() { Source = "idx", Images = "../secret" }, folder["root"]).Images.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_the_writer_wrote_the_reader_reads(bool gzip)
    {
        using var folder = new TestFolder();
        var set = Vae.Data.Sprites.SpriteSource.Make(50, 28);
        var paths = IdxWriter.WriteFolder(set, folder["out"], gzip);
        var read = IdxSource.Read(paths[0], "images", paths[1], "labels");

        Assert.Equal(set.Pixels.ToArray(), read.Pixels.ToArray());
        Assert.Equal(set.Labels.ToArray(), read.Labels.ToArray());
        Assert.Equal(gzip, paths[0].EndsWith(".gz", StringComparison.Ordinal));
        var factors = File.ReadAllBytes(paths[2]);
        Assert.Equal(0, (factors.Length - 250) % 64);
        Assert.Contains("'shape': (50, 5)", System.Text.Encoding.Latin1.GetString(factors), StringComparison.Ordinal);
        Assert.Equal(set.Factors!.Values.ToArray(), factors[^250..]);
        Assert.Equal(["shape", "scale", "orientation", "x", "y"], File.ReadAllLines(paths[3]));
    }

    [Fact]
    public void Colour_images_have_channels_as_their_second_dimension()
    {
        using var folder = new TestFolder();
        folder.Write("images.bin", Idx([2, 3, 2, 2], [.. Enumerable.Range(0, 24).Select(i => (byte)i)]));

        Assert.Equal(3, Load(folder).Images.Channels);
        folder.Write("images.bin", Idx([2, 5, 2, 2], new byte[40]));
        Assert.Contains("1 or 3 channels", Assert.Throws<DatasetException>(() => Load(folder)).Message, StringComparison.Ordinal);
    }

    internal static byte[] Idx(int[] dimensions, byte[] values)
    {
        var bytes = new byte[4 + 4 * dimensions.Length + values.Length];
        bytes[2] = 8;
        bytes[3] = (byte)dimensions.Length;
        for (var i = 0; i < dimensions.Length; i++) BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 + 4 * i), dimensions[i]);
        values.CopyTo(bytes, bytes.Length - values.Length);
        return bytes;
    }

    private static Dataset Load(TestFolder folder, string? labels = null) =>
        DatasetLoader.Load(new DatasetSource { Source = "idx", Images = "images.bin", Labels = labels }, folder.Path);
}
