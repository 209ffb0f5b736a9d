using Vae.Shared.Wire;

namespace Vae.Tests.Unit.Wire;

/// <summary>Byte for byte against the public specification (msgpack/spec.md): each format at both ends of its range.</summary>
public class MsgPackFormatTests
{
    private delegate void Writing(ref MsgPackWriter writer);

    [Theory]
    [InlineData(0, "00")]
    [InlineData(127, "7f")]
    [InlineData(128, "cc80")]
    [InlineData(255, "ccff")]
    [InlineData(256, "cd0100")]
    [InlineData(65_535, "cdffff")]
    [InlineData(65_536, "ce00010000")]
    [InlineData(4_294_967_295, "ceffffffff")]
    [InlineData(4_294_967_296, "cf0000000100000000")]
    [InlineData(long.MaxValue, "cf7fffffffffffffff")]
    [InlineData(-1, "ff")]
    [InlineData(-32, "e0")]
    [InlineData(-33, "d0df")]
    [InlineData(-128, "d080")]
    [InlineData(-129, "d1ff7f")]
    [InlineData(-32_768, "d18000")]
    [InlineData(-32_769, "d2ffff7fff")]
    [InlineData(int.MinValue, "d280000000")]
    [InlineData(int.MinValue - 1L, "d3ffffffff7fffffff")]
    [InlineData(long.MinValue, "d38000000000000000")]
    public void A_signed_integer_takes_the_smallest_format_and_comes_back(long value, string hex)
    {
        Assert.Equal(hex, Hex((ref w) => w.Write(value)));
        Assert.Equal(value, new MsgPackReader(Convert.FromHexString(hex)).ReadInt64());
    }

    [Theory]
    [InlineData(127UL, "7f")]
    [InlineData(128UL, "cc80")]
    [InlineData(ulong.MaxValue, "cfffffffffffffffff")]
    public void An_unsigned_integer_takes_the_smallest_format_and_comes_back(ulong value, string hex)
    {
        Assert.Equal(hex, Hex((ref w) => w.Write(value)));
        Assert.Equal(value, new MsgPackReader(Convert.FromHexString(hex)).ReadUInt64());
    }

    [Theory]
    [InlineData("d0ff", -1)] // Other writers need not choose the smallest format.
    [InlineData("d1ffff", -1)]
    [InlineData("d2ffffffff", -1)]
    [InlineData("d3ffffffffffffffff", -1)]
    [InlineData("d3000000000000002a", 42)]
    [InlineData("cf000000000000002a", 42)]
    public void An_integer_in_a_wider_format_than_needed_is_read_too(string hex, long value) =>
        Assert.Equal(value, new MsgPackReader(Convert.FromHexString(hex)).ReadInt64());

    [Fact]
    public void Nil_and_truth_values_are_single_bytes()
    {
        Assert.Equal("c0", Hex((ref w) => w.WriteNil()));
        Assert.Equal("c2", Hex((ref w) => w.Write(false)));
        Assert.Equal("c3", Hex((ref w) => w.Write(true)));
        var reader = new MsgPackReader([0xC0, 0xC2, 0xC3]);
        Assert.True(reader.TryReadNil());
        Assert.False(reader.TryReadNil());
        Assert.False(reader.ReadBoolean());
        Assert.True(reader.ReadBoolean());
        reader.RequireEnd();
    }

    [Theory]
    [InlineData(1.5, "cb3ff8000000000000")]
    [InlineData(-0.0, "cb8000000000000000")]
    [InlineData(double.PositiveInfinity, "cb7ff0000000000000")]
    [InlineData(double.Epsilon, "cb0000000000000001")]
    public void A_double_keeps_its_bits(double value, string hex)
    {
        Assert.Equal(hex, Hex((ref w) => w.Write(value)));
        var back = new MsgPackReader(Convert.FromHexString(hex)).ReadDouble();
        Assert.Equal(BitConverter.DoubleToInt64Bits(value), BitConverter.DoubleToInt64Bits(back));
    }

    [Fact]
    public void A_float_keeps_its_bits_and_widens_to_a_double()
    {
        Assert.Equal("ca3fc00000", Hex((ref w) => w.Write(1.5f)));
        Assert.Equal(1.5f, new MsgPackReader([0xCA, 0x3F, 0xC0, 0, 0]).ReadSingle());
        Assert.Equal(1.5, new MsgPackReader([0xCA, 0x3F, 0xC0, 0, 0]).ReadDouble());
        Assert.Equal(-3.0, new MsgPackReader([0xFD]).ReadDouble());
        Assert.Equal(18446744073709551615.0, new MsgPackReader([0xCF, 255, 255, 255, 255, 255, 255, 255, 255]).ReadDouble());
    }

    [Theory]
    [InlineData(0, "a0")]
    [InlineData(31, "bf")]
    [InlineData(32, "d920")]
    [InlineData(255, "d9ff")]
    [InlineData(256, "da0100")]
    [InlineData(65_535, "daffff")]
    [InlineData(65_536, "db00010000")]
    public void Text_takes_the_smallest_header_and_comes_back(int length, string head)
    {
        var text = new string('x', length);
        var bytes = Bytes((ref w) => w.Write(text));
        Assert.Equal(head, Convert.ToHexStringLower(bytes[..^length]));
        Assert.Equal(text, new MsgPackReader(bytes).ReadString());
    }

    [Fact]
    public void Text_is_counted_in_bytes_of_utf8()
    {
        Assert.Equal("a2c3a9", Hex((ref w) => w.Write("é")));
        Assert.Equal("a4f09f9880", Hex((ref w) => w.Write("😀")));
        Assert.Equal("😀", new MsgPackReader([0xA4, 0xF0, 0x9F, 0x98, 0x80]).ReadString());
    }

    [Theory]
    [InlineData(0, "c400")]
    [InlineData(255, "c4ff")]
    [InlineData(256, "c50100")]
    [InlineData(65_535, "c5ffff")]
    [InlineData(65_536, "c600010000")]
    public void Bytes_take_the_smallest_header_and_come_back(int length, string head)
    {
        var payload = Enumerable.Range(0, length).Select(i => (byte)i).ToArray();
        var bytes = Bytes((ref w) => w.Write(payload.AsSpan()));
        Assert.Equal(head, Convert.ToHexStringLower(bytes[..^length]));
        Assert.Equal(payload, new MsgPackReader(bytes).ReadBytes().ToArray());
    }

    [Theory]
    [InlineData(0, "90", "80")]
    [InlineData(15, "9f", "8f")]
    [InlineData(16, "dc0010", "de0010")]
    [InlineData(65_535, "dcffff", "deffff")]
    [InlineData(65_536, "dd00010000", "df00010000")]
    public void Arrays_and_maps_take_the_smallest_header_and_come_back(int count, string array, string map)
    {
        var arrayHead = Bytes((ref w) => w.WriteArrayHeader(count));
        var mapHead = Bytes((ref w) => w.WriteMapHeader(count));
        Assert.Equal(array, Convert.ToHexStringLower(arrayHead));
        Assert.Equal(map, Convert.ToHexStringLower(mapHead));
        Assert.Equal(count, new MsgPackReader([.. arrayHead, .. new byte[count]]).BeginArray());
        Assert.Equal(count, new MsgPackReader([.. mapHead, .. new byte[2 * count]]).BeginMap());
    }

    [Theory]
    [InlineData(0, "c70005")]
    [InlineData(1, "d405")]
    [InlineData(2, "d505")]
    [InlineData(3, "c70305")]
    [InlineData(4, "d605")]
    [InlineData(8, "d705")]
    [InlineData(16, "d805")]
    [InlineData(17, "c71105")]
    [InlineData(255, "c7ff05")]
    [InlineData(256, "c8010005")]
    [InlineData(65_536, "c90001000005")]
    public void Extensions_take_the_smallest_header_and_are_skipped_whole(int length, string head)
    {
        var bytes = Bytes((ref w) => w.WriteExtension(5, new byte[length]));
        Assert.Equal(head, Convert.ToHexStringLower(bytes[..^length]));
        AssertSkips(bytes);
    }

    [Fact]
    public void Every_format_is_skipped_whole()
    {
        var bytes = Bytes((ref w) =>
        {
            w.WriteArrayHeader(16);
            foreach (var value in new[] { 0L, 200, 60_000, 70_000, long.MaxValue, -1, -100, -30_000, -70_000, long.MinValue }) w.Write(value);
            w.Write(1.5f);
            w.Write(1.5);
            w.Write(new string('x', 300));
            w.Write(new byte[300].AsSpan());
            w.WriteMapHeader(2);
            w.Write("a");
            w.WriteNil();
            w.Write("b");
            w.WriteArrayHeader(1);
            w.Write(true);
            w.WriteExtension(-1, new byte[16]);
        });
        AssertSkips(bytes);
    }

    [Fact]
    public void The_example_of_the_specifications_front_page_is_27_bytes_of_json_in_18()
    {
        // {"compact":true,"schema":0}
        Assert.Equal("82a7636f6d70616374c3a6736368656d6100", Hex((ref w) =>
        {
            w.WriteMapHeader(2);
            w.Write("compact");
            w.Write(true);
            w.Write("schema");
            w.Write(0L);
        }));
    }

    private static void AssertSkips(byte[] bytes)
    {
        var reader = new MsgPackReader([.. bytes, 0x2A]);
        reader.Skip();
        Assert.Equal(42, reader.ReadInt64());
        reader.RequireEnd();
    }

    private static string Hex(Writing write) => Convert.ToHexStringLower(Bytes(write));

    private static byte[] Bytes(Writing write)
    {
        var buffer = new WireBuffer(16); // Small, so that growing in the middle of a value is part of every test.
        var writer = new MsgPackWriter(buffer);
        write(ref writer);
        writer.Flush();
        return buffer.Written.ToArray();
    }
}
