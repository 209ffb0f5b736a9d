using System.Text;
using Vae.Data;
using Vae.Data.Files;

namespace Vae.Tests.Unit.Data;

public class NpyTests
{
    [Fact]
    public void What_is_written_is_read_back()
    {
        float[] values = [1, -2.5f, float.NaN, 1e-30f, 5, 6];
        using var file = new MemoryStream();

        NpyWriter.Write(file, [3, 2], values);

        var array = NpyReader.Read(file, "a.npy");
        Assert.Equal([3, 2], array.Shape);
        Assert.Equal(values, array.Values);
        Assert.Equal(0, (file.Length - 24) % 64); // The header is padded as numpy pads it, so that the numbers are aligned.
    }

    [Fact]
    public void Numbers_of_other_types_become_single_precision()
    {
        using var bytes = new MemoryStream();
        NpyWriter.Write(bytes, 1, 3, new byte[] { 1, 2, 255 });

        Assert.Equal([1f, 2f, 255f], NpyReader.Read(bytes, "b.npy").Values);
        Assert.Equal([0.5f], NpyReader.Read(File("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", BitConverter.GetBytes(0.5)), "d.npy").Values);
    }

    [Theory]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8, "'|O'")]
    [InlineData("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 8, "'>f4'")]
    [InlineData("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", 8, "Fortran")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 8, "8 bytes")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 8, "8 bytes")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2000000000, 2000000000, 2000000000), }", 8, "8 bytes")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }", 8, "99999999999")]
    [InlineData("__import__('os').system('true')", 8, "another")]
    public void A_file_that_is_something_else_is_refused_with_what_it_is(string header, int bytes, string told)
    {
        var refused = Assert.Throws<DatasetException>(() => NpyReader.Read(File(header, new byte[bytes]), "x.npy"));

        Assert.StartsWith("x.npy", refused.Message);
        Assert.Contains(told, refused.Message);
    }

    [Fact]
    public void Any_cut_and_any_changed_byte_of_the_front_is_an_array_or_a_clear_refusal()
    {
        using var file = new MemoryStream();
        NpyWriter.Write(file, [2, 2], new float[] { 1, 2, 3, 4 });
        var whole = file.ToArray();

        for (var length = 0; length < whole.Length; length++) Assert.Throws<DatasetException>(() => NpyReader.Read(new MemoryStream(whole[..length]), "cut.npy"));
        for (var at = 0; at < 128; at++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                var changed = (byte[])whole.Clone();
                changed[at] ^= (byte)(1 << bit);
                if (Record.Exception(() => NpyReader.Read(new MemoryStream(changed), "bad.npy")) is { } refused) Assert.IsType<DatasetException>(refused);
            }
        }
    }

    private static MemoryStream File(string header, byte[] content) =>
        new([0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.ASCII.GetBytes(header), .. content]);
}
