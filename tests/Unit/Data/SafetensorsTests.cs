using System.Buffers.Binary;
using System.Text;
using Vae.Data.Safetensors;

namespace Vae.Tests.Unit.Data;

public class SafetensorsTests
{
    [Fact]
    public void Bytes_follow_the_format_with_header_padded_to_eight_and_tensors_by_size_then_name()
    {
        var bytes = Bytes(new SafetensorsWriter().Metadata("format", "pt").Add("b", [2], new float[] { 1, 2 }).Add("a", [1], new byte[] { 7 }).Add("c", [], new long[] { -1 }));
        const string json = """{"__metadata__":{"format":"pt"},"c":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},"a":{"dtype":"U8","shape":[1],"data_offsets":[16,17]}}""";
        var padded = json.PadRight((json.Length + 7) / 8 * 8);

        Assert.Equal((ulong)padded.Length, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        Assert.Equal(padded, Encoding.UTF8.GetString(bytes, 8, padded.Length));
        Assert.Equal("FFFFFFFFFFFFFFFF" + "0000803F00000040" + "07", Convert.ToHexString(bytes[(8 + padded.Length)..]));
    }

    [Fact]
    public void What_was_written_is_read_back()
    {
        using var file = Open(Bytes(Small()));

        Assert.Equal([1f, 2, 3, 4, 5, 6], file.Floats("weight"));
        Assert.Equal([0.5, -0.5], file.Doubles("moments"));
        Assert.Equal([42L], file.Integers("step"));
        Assert.Equal([9, 8, 7], file.Bytes("state"));
        Assert.Equal([2L, 3], file.Find("weight").Shape);
        Assert.Equal("mlp \u00e4 \"quoted\"", file.Metadata["model"]);
        Assert.Empty(file.Floats("empty"));
    }

    [Fact]
    public void Order_of_adding_does_not_change_the_bytes() => Assert.Equal(
        Bytes(new SafetensorsWriter().Add("x", [1], new float[] { 1 }).Add("y", [1], new float[] { 2 })),
        Bytes(new SafetensorsWriter().Add("y", [1], new float[] { 2 }).Add("x", [1], new float[] { 1 })));

    [Fact]
    public void F27_File_cut_off_at_any_byte_is_refused()
    {
        var whole = Bytes(Small());
        for (var length = 0; length < whole.Length; length++) Assert.Throws<SafetensorsException>(() => Open(whole[..length]).Dispose());

        Open(whole).Dispose();
        Assert.Throws<SafetensorsException>(() => Open([.. whole, 0]).Dispose());
    }

    [Fact]
    public void F27_Flipped_bit_in_the_header_is_refused_or_changes_no_tensor_but_its_name()
    {
        var whole = Bytes(Small());
        using var original = Open(whole);
        var expected = Layout(original);
        var headerEnd = 8 + (int)BinaryPrimitives.ReadUInt64LittleEndian(whole);
        var refused = 0;
        for (var bit = 0; bit < headerEnd * 8; bit++)
        {
            var damaged = (byte[])whole.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            try
            {
                using var file = Open(damaged);
                Assert.Equal(expected, Layout(file));
                Assert.True(bit >= 64, "A changed length must never pass.");
            }
            catch (SafetensorsException)
            {
                refused++;
            }
        }

        // Names, metadata and the shape of the empty tensor have no redundancy; everything else has.
        Assert.InRange(refused, headerEnd * 8 / 2, headerEnd * 8 - 1);
    }

    [Theory]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}", 4, "a", "twice")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, "b", "inside the tensor before it")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]}}", 5, "b", "gap")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 3, null, "end at byte 2")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,3]}}", 3, "a", "needs 2 bytes")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, "a", "needs 8 bytes")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,0]}}", 2, "a", "backwards")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "a", "overflows")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[-2],\"data_offsets\":[0,2]}}", 2, "a", "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2.5],\"data_offsets\":[0,2]}}", 2, "a", "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,18446744073709551616]}}", 2, "a", "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2,4]}}", 2, "a", "more than 2")]
    [InlineData("{\"a\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[0,2]}}", 2, "a", "BF16")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2]}}", 2, "a", "missing")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2],\"x\":1}}", 2, "a", "unknown key `x`")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,2]}}", 2, "a", "comes twice")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[[[[[[[[2]]]]]]]],\"data_offsets\":[0,2]}}", 2, "a", "whole numbers")]
    [InlineData("{\"__metadata__\":{\"a\":1}}", 0, null, "must be a string")]
    [InlineData("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, null, "comes twice")]
    [InlineData("{} {}", 0, null, "not valid JSON")]
    [InlineData("{\"a\\ud800\":{}}", 0, null, "not valid JSON")]
    [InlineData("[1,2]", 0, null, "start with `{`")]
    public void F27_Broken_rule_is_named_with_its_tensor(string header, int dataBytes, string? tensor, string rule)
    {
        var error = Assert.Throws<SafetensorsException>(() => Open(Raw(header, dataBytes)).Dispose());

        Assert.Equal(tensor, error.Tensor);
        Assert.Contains(rule, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("model.safetensors: ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1UL << 63)]
    [InlineData(ulong.MaxValue)]
    [InlineData(100_000_001UL)]
    [InlineData(99_999_999UL)]
    public void F27_Header_length_beyond_the_file_is_refused_without_allocating_for_it(ulong length)
    {
        var bytes = new byte[64];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<SafetensorsException>(() => Open(bytes).Dispose());

        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000_000);
    }

    [Fact]
    public void F27_Deep_nesting_is_refused_and_does_not_end_the_process() =>
        Assert.Throws<SafetensorsException>(() => Open(Raw("{\"a\":" + new string('[', 100_000), 0)).Dispose());

    [Theory]
    [InlineData("504B0304140000000800", "zip archive")]
    [InlineData("80027D71002858060000", "pickle")]
    [InlineData("8004950B000000000000", "pickle")]
    [InlineData("", "empty")]
    public void F27_Renamed_pickle_zip_or_empty_file_gets_a_message_that_says_so(string hex, string words)
    {
        var error = Assert.Throws<SafetensorsException>(() => Open(Convert.FromHexString(hex)).Dispose());

        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Header_whose_length_looks_like_the_start_of_a_pickle_is_still_read()
    {
        var header = "{}".PadRight(0x0280);

        Open(Raw(header, 0)).Dispose();
    }

    [Fact]
    public void Missing_tensor_and_wrong_type_or_length_are_named()
    {
        using var file = Open(Bytes(Small()));

        Assert.Contains("`bias`: it is missing", Assert.Throws<SafetensorsException>(() => file.Floats("bias")).Message, StringComparison.Ordinal);
        Assert.Contains("holds F64 where F32", Assert.Throws<SafetensorsException>(() => file.Floats("moments")).Message, StringComparison.Ordinal);
        Assert.Contains("24 bytes (shape [2, 3]) where 20", Assert.Throws<SafetensorsException>(() => file.CopyTo("weight", new byte[20])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Writer_refuses_a_shape_that_does_not_fit_its_values_and_a_name_given_twice()
    {
        var writer = new SafetensorsWriter().Add("a", [2], new float[2]);

        Assert.Throws<ArgumentException>(() => writer.Add("b", [2, 2], new float[3]));
        Assert.Throws<ArgumentException>(() => writer.Add("a", [2], new float[2]));
        Assert.Throws<ArgumentException>(() => writer.Add("__metadata__", [2], new float[2]));
    }

    [Fact]
    public void File_written_in_place_of_an_old_one_is_read_back()
    {
        using var folder = new TestFolder();
        folder.Write("model.safetensors", [1, 2, 3]);
        Small().WriteFile(folder["model.safetensors"]);
        using var file = SafetensorsFile.Open(folder["model.safetensors"]);

        Assert.Equal(6, file.Floats("weight").Length);
        Assert.Single(Directory.GetFiles(folder.Path));
        Assert.Contains("no such file", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(folder["gone"])).Message, StringComparison.Ordinal);
    }

    private static SafetensorsWriter Small() => new SafetensorsWriter()
        .Metadata("model", "mlp \u00e4 \"quoted\"")
        .Add("weight", [2, 3], new float[] { 1, 2, 3, 4, 5, 6 })
        .Add("moments", [2], new[] { 0.5, -0.5 })
        .Add("step", [], new[] { 42L })
        .Add("state", [3], new byte[] { 9, 8, 7 })
        .Add("empty", [0, 4], Array.Empty<float>());

    private static byte[] Bytes(SafetensorsWriter writer)
    {
        var stream = new MemoryStream();
        writer.Write(stream);
        return stream.ToArray();
    }

    private static byte[] Raw(string header, int dataBytes)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + json.Length + dataBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)json.Length);
        json.CopyTo(bytes, 8);
        return bytes;
    }

    private static SafetensorsFile Open(byte[] bytes) => SafetensorsFile.Read(new MemoryStream(bytes), "model.safetensors");

    // The shape of a tensor without data is free: [0, 4] and [0, 5] both need no byte.
    private static string Layout(SafetensorsFile file) =>
        string.Join('\n', file.Tensors.Values.Where(tensor => tensor.ByteLength > 0).OrderBy(tensor => tensor.Begin).ThenBy(tensor => tensor.End).Select(tensor => $"{tensor.Type} [{string.Join(',', tensor.Shape)}] {tensor.Begin} {tensor.End}"));
}
