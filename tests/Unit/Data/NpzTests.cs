using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Vae.Data;
using Vae.Shared.Datasets;

namespace Vae.Tests.Unit.Data;

public class NpzTests
{
    // Six images of 2 x 3, of which image i is filled with i; column 0 of the factors has one value, as dSprites' colour.
    private static readonly byte[] Images = Npy("|u1", "(6, 2, 3)", [.. Enumerable.Range(0, 36).Select(i => (byte)(i / 6))]);
    private static readonly byte[] Classes = Npy("<i8", "(6, 6)", [.. Enumerable.Range(0, 36).SelectMany(i => Eight(i % 6 == 0 ? 0 : (i / 6 + i) % 3))]);

    [Fact]
    public void Images_and_factors_are_read_in_a_random_order_that_the_seed_decides()
    {
        using var folder = new TestFolder();
        folder.Write("d.npz", Zip(("imgs", Images), ("latents_classes", Classes)));

        var set = Load(folder, count: 100).Images;

        Assert.Equal((6, 1, 2, 3), (set.Count, set.Channels, set.Height, set.Width));
        Assert.Equal(["shape", "scale", "orientation", "x", "y"], set.Factors!.Names);
        var order = Enumerable.Range(0, 6).Select(row => (int)set.Row(row)[0]).ToArray();
        Assert.Equal([0, 1, 2, 3, 4, 5], order.Order());
        Assert.NotEqual(order, order.Order());
        for (var row = 0; row < 6; row++)
        {
            Assert.True(set.Row(row).IndexOfAnyExcept((byte)order[row]) < 0);
            for (var column = 1; column < 6; column++) Assert.Equal((order[row] + (6 * order[row]) + column) % 3, set.Factors.Row(row)[column - 1]);
            Assert.Equal(set.Factors.Row(row)[0], set.Labels.Span[row]);
        }

        Assert.Equal(set.Pixels.ToArray(), Load(folder, count: 100).Images.Pixels.ToArray());
        Assert.NotEqual(set.Pixels.ToArray(), Load(folder, count: 100, seed: 2).Images.Pixels.ToArray());
    }

    [Fact]
    public void Fewer_rows_are_the_first_ones_of_the_same_order()
    {
        using var folder = new TestFolder();
        folder.Write("d.npz", Zip(("images", Images)));

        var (all, some) = (Load(folder, count: 6).Images, Load(folder, count: 4).Images);

        Assert.Equal(4, some.Count);
        Assert.Equal(all.Pixels[..(4 * 6)].ToArray(), some.Pixels.ToArray());
        Assert.False(some.HasLabels);
    }

    [Fact]
    public void Pixels_of_nothing_but_zeros_and_ones_are_black_and_white()
    {
        using var folder = new TestFolder();
        folder.Write("d.npz", Zip(("imgs", Npy("|u1", "(2, 1, 2)", [0, 1, 1, 0]))));

        Assert.Equal([0, 255], Load(folder, count: 2).Images.Pixels.ToArray().Select(pixel => (int)pixel).Distinct().Order());
    }

    [Theory]
    [InlineData("(2, 1, 2, 3)")]
    [InlineData("(2, 3, 1, 2)")]
    public void Colours_are_read_with_the_channels_last_or_first(string shape)
    {
        using var folder = new TestFolder();
        folder.Write("d.npz", Zip(("images", Npy("|u1", shape, [.. Enumerable.Range(10, 12).Select(i => (byte)i)])), ("labels", Npy("<i4", "(2,)", [4, 0, 0, 0, 9, 0, 0, 0]))));

        var set = Load(folder, count: 2).Images;

        Assert.Equal((2, 3, 1, 2, 10), (set.Count, set.Channels, set.Height, set.Width, set.Classes));
        var first = set.Labels.Span[0] == 4 ? 0 : 1;
        byte[] expected = shape == "(2, 1, 2, 3)" ? [10, 13, 11, 14, 12, 15] : [10, 11, 12, 13, 14, 15];
        Assert.Equal(expected, set.Row(first).ToArray());
    }

    public static TheoryData<string, byte[], string> Bad => new()
    {
        { "no archive", "PK no"u8.ToArray(), "a .npz archive" },
        { "no images", Zip(("other", Images)), "found other" },
        { "text instead of an array", Zip(("imgs", "hello, this is no array"u8.ToArray())), "a .npy array" },
        { "pickled objects", Zip(("imgs", Npy("|O", "(6, 2, 3)", [1, 2, 3]))), "'|O'" },
        { "fractions", Zip(("imgs", Npy("<f4", "(1, 1, 1)", [1, 2, 3, 4]))), "'<f4'" },
        { "wide numbers", Zip(("imgs", Npy("<i4", "(1, 1, 1)", [1, 2, 3, 4]))), "bytes (uint8)" },
        { "a row short", Zip(("imgs", Npy("|u1", "(7, 2, 3)", new byte[36]))), "found 36" },
        { "a header that promises the world", Zip(("imgs", Npy("|u1", "(9999999, 2000, 2000)", new byte[36]))), "expected" },
        { "more rows than anyone has", Zip(("imgs", Npy("|u1", "(2000000000, 1, 1)", new byte[36]))), "rows" },
        { "no rows", Zip(("imgs", Npy("|u1", "(0, 2, 3)", []))), "sizes of 1" },
        { "other order", Zip(("imgs", Encoding.ASCII.GetBytes(Encoding.ASCII.GetString(Images[..80])).Concat(Images[80..]).ToArray())), "signature" },
        { "Fortran order", Zip(("imgs", Header("{'descr': '|u1', 'fortran_order': True, 'shape': (6, 2, 3), }").Concat(new byte[36]).ToArray())), "Fortran" },
        { "factors of other rows", Zip(("imgs", Images), ("factors", Npy("|u1", "(5, 1)", new byte[5]))), "6 rows" },
        { "a negative factor", Zip(("imgs", Images), ("factors", Npy("<i8", "(6,)", [.. Enumerable.Range(0, 6).SelectMany(_ => Eight(-1))]))), "0 to 255" },
        { "two labels for each row", Zip(("imgs", Images), ("labels", Npy("|u1", "(6, 2)", new byte[12]))), "one label" },
    };

    [Theory, MemberData(nameof(Bad))]
    public void A_file_that_cannot_be_used_is_refused_with_the_reason(string kind, byte[] file, string says)
    {
        using var folder = new TestFolder();
        folder.Write("d.npz", file);

        var fault = Assert.Throws<DatasetException>(() => Load(folder, count: 10));

        Assert.True(fault.Message.Contains(says, StringComparison.Ordinal), $"{kind}: {fault.Message}");
    }

    [Fact]
    public void A_file_cut_off_or_with_a_flipped_bit_is_refused_or_harmless()
    {
        using var folder = new TestFolder();
        var file = Zip(("imgs", Images));
        folder.Write("d.npz", file);
        var sound = Load(folder, count: 6).Images.Pixels.ToArray();
        for (var length = 0; length < file.Length; length += 7)
        {
            folder.Write("d.npz", file[..length]);
            Assert.Throws<DatasetException>(() => Load(folder, count: 6));
        }

        var refused = 0;
        for (var bit = 0; bit < file.Length * 8; bit += 5)
        {
            var damaged = (byte[])file.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            folder.Write("d.npz", damaged);
            try
            {
                Assert.Equal(sound, Load(folder, count: 6).Images.Pixels.ToArray());
            }
            catch (DatasetException)
            {
                refused++;
            }
        }

        Assert.True(refused > 20);
    }

    private static Dataset Load(TestFolder folder, int count, ulong seed = 1) =>
        DatasetLoader.Load(new DatasetSource { Source = DatasetSource.Npz, Images = "d.npz", Count = count, Seed = seed, HoldOut = 0.25 }, folder.Path);

    private static byte[] Zip(params (string Name, byte[] Content)[] arrays)
    {
        using var file = new MemoryStream();
        using (var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in arrays)
            {
                using var entry = zip.CreateEntry(name + ".npy").Open();
                entry.Write(content);
            }
        }

        return file.ToArray();
    }

    private static byte[] Npy(string type, string shape, byte[] values) => [.. Header($"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}"), .. values];

    private static byte[] Header(string text)
    {
        text = text.PadRight(117) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, 0, .. Encoding.ASCII.GetBytes(text)];
    }

    private static byte[] Eight(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return bytes;
    }
}
