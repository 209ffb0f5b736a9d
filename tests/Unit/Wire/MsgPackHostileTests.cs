using System.Buffers;
using Vae.Shared.Wire;
using Kind = Vae.Shared.Wire.ProtocolErrorKind;

namespace Vae.Tests.Unit.Wire;

/// <summary>RELIABILITY F20: bytes meant to harm are refused by rule and place, before anything is allocated for them.</summary>
public class MsgPackHostileTests
{
    [Theory]
    [InlineData("db7fffffff41")] // text
    [InlineData("c67fffffff41")] // bytes
    [InlineData("dd7fffffff41")] // array
    [InlineData("df7fffffff41")] // map
    [InlineData("c97fffffff41")] // extension
    [InlineData("ddffffffff41")]
    [InlineData("dbffffffff41")]
    public void F20_Six_bytes_that_declare_gigabytes_allocate_nothing(string hex)
    {
        var bytes = Convert.FromHexString(hex);
        var kind = Refusal(bytes); // Once before measuring: the first throw loads its own machinery.
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refusal(bytes);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 8 * 1024); // The exception itself and its text.
        Assert.Equal(Kind.LengthBeyondInput, kind);

        static Kind Refusal(byte[] bytes)
        {
            try
            {
                new MsgPackReader(bytes).Skip();
            }
            catch (ProtocolException refused)
            {
                return refused.Kind;
            }

            throw new InvalidOperationException("It was read.");
        }
    }

    [Fact]
    public void F20_A_hundred_thousand_levels_are_refused_at_the_seventeenth()
    {
        var bytes = Enumerable.Repeat((byte)0x91, 100_000).Append((byte)0).ToArray();
        var refused = Assert.Throws<ProtocolException>(() => new MsgPackReader(bytes).Skip());
        Assert.Equal((Kind.TooDeep, MsgPackReader.DepthMax), (refused.Kind, (int)refused.Offset));
    }

    [Fact]
    public void Sixteen_levels_are_allowed()
    {
        var reader = new MsgPackReader([.. Enumerable.Repeat((byte)0x91, MsgPackReader.DepthMax), 7]);
        reader.Skip();
        reader.RequireEnd();
    }

    [Fact]
    public void F20_A_value_cut_at_any_byte_is_refused()
    {
        byte[] whole = [0x96, 0xA3, 65, 66, 67, 0xCB, 0, 0, 0, 0, 0, 0, 0, 0, 0xC4, 2, 1, 2, 0x81, 0xCD, 1, 0, 0xC0, 0xC7, 1, 5, 9, 0xD2, 1, 2, 3, 4];
        new MsgPackReader(whole).Skip();
        for (var length = 0; length < whole.Length; length++)
        {
            var cut = whole[..length];
            var refused = Assert.Throws<ProtocolException>(() => new MsgPackReader(cut).Skip());
            Assert.True(refused.Kind is Kind.Truncated or Kind.LengthBeyondInput);
            Assert.InRange(refused.Offset, 0, length);
        }
    }

    [Theory]
    [InlineData("c1", Kind.InvalidCode)]
    [InlineData("a1ff", Kind.InvalidText)]
    [InlineData("a3eda080", Kind.InvalidText)] // Half of a surrogate pair.
    [InlineData("01", Kind.WrongType)]
    [InlineData("a24142c0", Kind.TrailingBytes)]
    public void Text_that_breaks_a_rule_names_it(string hex, Kind kind)
    {
        var refused = Assert.Throws<ProtocolException>(() =>
        {
            var reader = new MsgPackReader(Convert.FromHexString(hex));
            reader.ReadString();
            reader.RequireEnd();
        });
        Assert.Equal(kind, refused.Kind);
    }

    [Fact]
    public void An_integer_beyond_its_field_is_refused()
    {
        Assert.Equal(Kind.OutOfRange, Assert.Throws<ProtocolException>(() => new MsgPackReader([0xCE, 0x80, 0, 0, 0]).ReadInt32()).Kind);
        Assert.Equal(Kind.OutOfRange, Assert.Throws<ProtocolException>(() => new MsgPackReader([0xCF, 0x80, 0, 0, 0, 0, 0, 0, 0]).ReadInt64()).Kind);
        Assert.Equal(Kind.OutOfRange, Assert.Throws<ProtocolException>(() => new MsgPackReader([0xFF]).ReadUInt64()).Kind);
    }

    [Fact]
    public void A_frame_header_is_eight_little_endian_bytes()
    {
        var bytes = new byte[FrameHeader.Size];
        new FrameHeader(0x01020304, 0x0506, 0x0708).Write(bytes);
        Assert.Equal("0403020106050807", Convert.ToHexStringLower(bytes));
        Assert.Equal(OperationStatus.Done, FrameHeader.TryRead(bytes, out _));
        for (var length = 0; length < FrameHeader.Size; length++)
        {
            Assert.Equal(OperationStatus.NeedMoreData, FrameHeader.TryRead(bytes.AsSpan(0, length), out _));
        }
    }

    [Theory]
    [InlineData(FrameHeader.BodyLengthMax, OperationStatus.Done)]
    [InlineData(FrameHeader.BodyLengthMax + 1, OperationStatus.InvalidData)]
    [InlineData(uint.MaxValue, OperationStatus.InvalidData)]
    public void A_frame_longer_than_64_MiB_is_refused_by_its_header(uint length, OperationStatus status)
    {
        var bytes = new byte[FrameHeader.Size];
        new FrameHeader(length, 1, 1).Write(bytes);
        Assert.Equal(status, FrameHeader.TryRead(bytes, out var header));
        if (status == OperationStatus.Done) Assert.Equal(length, header.BodyLength);
    }
}
