using FsCheck;
using FsCheck.Fluent;
using Vae.Shared.Wire;

namespace Vae.Tests.Properties.Wire;

/// <summary>RELIABILITY F20: whatever bytes come, the answer is a value or a ProtocolException, and memory stays in proportion to them.</summary>
public class WireProperties
{
    private static readonly Config Many = Config.QuickThrowOnFailure.WithMaxTest(5_000).WithEndSize(400);

    // Random bytes alone hardly ever open an array; codes of containers and lengths are drawn far more often than they would be.
    private static readonly Gen<byte> Hostile = Gen.Frequency(
        (2, Gen.Choose(0, 255).Select(b => (byte)b)),
        (2, Gen.Choose(0x80, 0x9F).Select(b => (byte)b)),
        (1, Gen.Elements<byte>(0xA0, 0xA3, 0xC0, 0xC4, 0xC5, 0xC6, 0xC7, 0xC9, 0xCB, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF)),
        (2, Gen.Choose(0, 4).Select(b => (byte)b)));

    [Fact]
    public void Any_bytes_are_skipped_or_refused() => Check.One(Many, Prop.ForAll(Hostile.ArrayOf().ToArbitrary(), bytes =>
    {
        Refusable(() => new MsgPackReader(bytes).Skip());
    }));

    [Fact]
    public void Any_bytes_are_a_record_or_refused_by_every_row() => Check.One(Many.WithMaxTest(1_000), Prop.ForAll(Hostile.ArrayOf().ToArbitrary(), bytes =>
    {
        foreach (var row in MessageCatalog.Default.Rows)
        {
            Refusable(() =>
            {
                var reader = new MsgPackReader(bytes);
                row.Read(ref reader);
            });
        }
    }));

    [Fact]
    public void Any_text_of_whole_characters_comes_back() => Check.One(Many, Prop.ForAll(ArbMap.Default.ArbFor<string>(), text =>
    {
        if (text is null || text.EnumerateRunes().Any(r => r.Value == 0xFFFD)) return;
        var buffer = new WireBuffer(4);
        var writer = new MsgPackWriter(buffer);
        writer.Write(text);
        writer.Flush();
        Assert.Equal(text, new MsgPackReader(buffer.Written).ReadString());
    }));

    [Fact]
    public void Any_integer_comes_back_in_at_most_nine_bytes_and_not_one_too_many() => Check.One(Many, Prop.ForAll(
        Gen.Choose(0, 63).SelectMany(shift => ArbMap.Default.GeneratorFor<ulong>().Select(n => unchecked((long)(n * 0x9E3779B97F4A7C15) >> shift))).ToArbitrary(), value =>
    {
        var buffer = new WireBuffer(4);
        var writer = new MsgPackWriter(buffer);
        writer.Write(value);
        writer.Flush();
        var smallest = value switch
        {
            >= -32 and <= 127 => 1,
            >= sbyte.MinValue and <= byte.MaxValue => 2,
            >= short.MinValue and <= ushort.MaxValue => 3,
            >= int.MinValue and <= uint.MaxValue => 5,
            _ => 9,
        };
        Assert.Equal(smallest, buffer.Length);
        Assert.Equal(value, new MsgPackReader(buffer.Written).ReadInt64());
    }));

    [Theory]
    [InlineData("dd000f4240", 0xC0)] // A million nils where numbers are expected: refused at the first one.
    [InlineData("dd000f4240", 0x00)] // A million small numbers: 8 bytes each once they are a list, and the list grew by doubling.
    public void F20_A_long_list_costs_memory_in_proportion_to_its_bytes(string head, byte filler)
    {
        byte[] bytes = [.. Convert.FromHexString(head), .. Enumerable.Repeat(filler, 1_000_000)];
        var codec = Codecs.List(Codecs.F64);
        Refusable(() => Read(codec, bytes));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refusable(() => Read(codec, bytes));
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(allocated, 0, filler == 0xC0 ? 64 * 1024 : 24L * bytes.Length);

        static void Read(Codec<Vae.Shared.ValueList<double>> codec, byte[] bytes)
        {
            var reader = new MsgPackReader(bytes);
            codec.Read(ref reader);
        }
    }

    [Fact]
    public void F20_Text_costs_at_most_twice_its_bytes()
    {
        byte[] bytes = [0xDB, 0x00, 0x0F, 0x42, 0x40, .. Enumerable.Repeat((byte)'x', 1_000_000)];
        new MsgPackReader(bytes).ReadString();
        var before = GC.GetAllocatedBytesForCurrentThread();
        new MsgPackReader(bytes).ReadString();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2L * bytes.Length + 1024);
    }

    private static void Refusable(Action read)
    {
        try
        {
            read();
        }
        catch (ProtocolException)
        {
            // The one way to say no.
        }
    }
}
