using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Shared.Wire;
using Kind = Vae.Shared.Wire.ProtocolErrorKind;

namespace Vae.Tests.Unit.Wire;

public class CatalogTests
{
    public static TheoryData<ushort> Tags => [.. MessageCatalog.Default.Rows.Select(r => r.Tag)];

    [Fact]
    public void The_contract_file_is_what_the_code_speaks()
    {
        var path = Path.Combine(Repository.Root, "src", "Shared", "Wire", "wire-contract.txt");
        var spoken = MessageCatalog.Default.Describe();
        if (Environment.GetEnvironmentVariable("VAE_UPDATE_CONTRACT") == "1") File.WriteAllText(path, spoken);
        Assert.True(
            File.ReadAllText(path).ReplaceLineEndings("\n") == spoken,
            "The wire changed. If it only grew at the end of records and tables, run this test once with VAE_UPDATE_CONTRACT=1 and commit wire-contract.txt.");
    }

    [Fact]
    public void Every_message_is_in_the_table_or_named_as_local()
    {
        var missing = Families.CasesOf(typeof(Message))
            .Where(t => !t.IsAssignableTo(typeof(Signal)) && MessageCatalog.Default.Find(t) is null && !MessageCatalog.LocalOnly.Contains(t));
        Assert.Empty(missing);
    }

    [Fact]
    public void No_message_is_both_in_the_table_and_named_as_local() =>
        Assert.DoesNotContain(MessageCatalog.LocalOnly, t => MessageCatalog.Default.Find(t) is not null);

    [Fact]
    public void Every_fact_is_in_the_table() =>
        Assert.All(Families.CasesOf(typeof(DomainEvent)), t => Assert.InRange(MessageCatalog.Default.Find(t)!.Tag, 0x8000, 0xFFFF));

    [Fact]
    public void A_tag_or_type_cannot_stand_twice()
    {
        var row = MessageCatalog.Default.Rows[0];
        Assert.Throws<ArgumentException>(() => MessageCatalog.Default.With([row]));
    }

    [Theory, MemberData(nameof(Tags))]
    public void A_record_with_random_fields_comes_back_equal(ushort tag)
    {
        var row = MessageCatalog.Default.Find(tag)!;
        for (ulong seed = 0; seed < 50; seed++)
        {
            var value = new RandomRecords(seed).Make(row.Type);
            var reader = new MsgPackReader(Encode(row, value));
            Assert.Equal(value, row.Read(ref reader));
            reader.RequireEnd();
        }
    }

    [Theory, MemberData(nameof(Tags))]
    public void A_newer_peers_extra_fields_are_skipped_and_missing_ones_refused(ushort tag)
    {
        var row = MessageCatalog.Default.Find(tag)!;
        var value = new RandomRecords(1).Make(row.Type);
        var bytes = Encode(row, value);
        var count = bytes[0] & 0x0F;
        Assert.Equal(0x90, bytes[0] & 0xF0);
        Assert.True(count < 15);

        byte[] longer = [(byte)(bytes[0] + 1), .. bytes[1..], 0x92, 0xA1, 0x41, 0xC0];
        var reader = new MsgPackReader(longer);
        Assert.Equal(value, row.Read(ref reader));
        reader.RequireEnd();

        if (count == 0) return;
        byte[] shorter = [(byte)(bytes[0] - 1), .. bytes[1..]];
        var refused = Assert.Throws<ProtocolException>(() =>
        {
            var short_ = new MsgPackReader(shorter);
            row.Read(ref short_);
        });
        Assert.Equal(Kind.MissingField, refused.Kind);
    }

    [Theory, MemberData(nameof(Tags))]
    public void F20_A_record_cut_at_any_byte_is_refused(ushort tag)
    {
        var row = MessageCatalog.Default.Find(tag)!;
        var whole = Encode(row, new RandomRecords(7).Make(row.Type));
        for (var length = 0; length < whole.Length; length++)
        {
            var cut = whole[..length];
            Assert.Throws<ProtocolException>(() =>
            {
                var reader = new MsgPackReader(cut);
                row.Read(ref reader);
            });
        }
    }

    [Fact]
    public void An_envelope_carries_sender_target_and_message_in_one_frame()
    {
        var sent = new Envelope(new(new("worker-1"), "agent"), "cluster", new ClusterMessage.LeaveCluster(new("worker-1"), ulong.MaxValue, "drained"));
        var buffer = new WireBuffer(8);
        EnvelopeCodec.Encode(MessageCatalog.Default, buffer, sent);
        EnvelopeCodec.Encode(MessageCatalog.Default, buffer, sent); // Frames follow each other in one buffer.

        FrameHeader.TryRead(buffer.Written, out var header);
        Assert.Equal(buffer.Length, 2 * (FrameHeader.Size + (int)header.BodyLength));
        var second = buffer.Written[(buffer.Length / 2)..];
        Assert.Equal(sent, EnvelopeCodec.Decode(MessageCatalog.Default, header, second[FrameHeader.Size..]));
    }

    [Theory]
    [InlineData(0x7FFF, FrameHeader.ProtocolVersion, Kind.UnknownTag)]
    [InlineData(0x8001, FrameHeader.ProtocolVersion, Kind.UnknownTag)] // A fact of the store is no message.
    [InlineData(0x0101, 99, Kind.WrongVersion)]
    public void An_unknown_tag_or_version_is_named(ushort tag, ushort version, Kind kind)
    {
        var refused = Assert.Throws<ProtocolException>(() => EnvelopeCodec.Decode(MessageCatalog.Default, new(1, tag, version), [0x90]));
        Assert.Equal(kind, refused.Kind);
    }

    [Theory]
    [InlineData("../etc")]
    [InlineData("")]
    [InlineData("Worker")]
    public void A_name_that_no_node_may_have_is_refused(string name)
    {
        var buffer = new WireBuffer();
        EnvelopeCodec.Encode(MessageCatalog.Default, buffer, new(new(new(name), "agent"), "cluster", new AgentMessage.RegisterAgain(new(1))));
        var bytes = buffer.Written.ToArray();
        FrameHeader.TryRead(bytes, out var header);
        var refused = Assert.Throws<ProtocolException>(() => EnvelopeCodec.Decode(MessageCatalog.Default, header, bytes.AsSpan(FrameHeader.Size)));
        Assert.Equal(Kind.OutOfRange, refused.Kind);
    }

    [Fact]
    public void A_fact_comes_back_from_its_stored_bytes()
    {
        foreach (var type in Families.CasesOf(typeof(DomainEvent)))
        {
            var fact = (DomainEvent)new RandomRecords(3).Make(type);
            Assert.Equal(fact, EventCodec.Decode(EventCodec.TagOf(fact), EventCodec.Encode(fact)));
        }

        Assert.Equal(Kind.UnknownTag, Assert.Throws<ProtocolException>(() => EventCodec.Decode(0x0101, [0x90])).Kind);
    }

    [Fact]
    public void A_fact_with_any_bit_turned_over_is_refused_and_one_from_before_there_were_seals_is_read()
    {
        const int seal = 5;
        foreach (var type in Families.CasesOf(typeof(DomainEvent)))
        {
            var fact = (DomainEvent)new RandomRecords(11).Make(type);
            var (tag, stored) = (EventCodec.TagOf(fact), EventCodec.Encode(fact));
            Assert.Equal(fact, EventCodec.Decode(tag, stored.AsSpan(..^seal)));
            for (var bit = 0; bit < stored.Length * 8; bit++)
            {
                var damaged = stored.ToArray();
                damaged[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.Throws<ProtocolException>(() => EventCodec.Decode(tag, damaged));
            }
        }
    }

    [Fact]
    public void An_enum_value_without_a_name_is_refused()
    {
        var row = MessageCatalog.Default.Find(typeof(PackMessage.ReplicaFailed))!;
        var refused = Assert.Throws<ProtocolException>(() =>
        {
            var reader = new MsgPackReader([0x93, 1, 99, 0xA0]);
            row.Read(ref reader);
        });
        Assert.Equal(Kind.OutOfRange, refused.Kind);
    }

    private static byte[] Encode(CatalogRow row, object value)
    {
        var buffer = new WireBuffer(16);
        var writer = new MsgPackWriter(buffer);
        row.Write(ref writer, value);
        writer.Flush();
        return buffer.Written.ToArray();
    }
}
