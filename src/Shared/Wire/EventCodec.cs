using System.Buffers.Binary;
using System.Numerics;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Shared.Wire;

/// <summary>
/// Durable facts as the store keeps them: a tag and a MessagePack body, from the same catalog as the wire. Behind the body stands a seal: the code that MessagePack never uses (and UTF-8 neither),
/// and the CRC-32C of tag and body. Stores check the structure of their pages, not the content: without it a bit that turned over on the disk would be read as another result.
/// </summary>
public static class EventCodec
{
    private const byte Seal = 0xC1;
    private const int SealBytes = 1 + sizeof(uint);

    /// <summary>The tag to store beside the body.</summary>
    /// <exception cref="ArgumentException">The catalog has no row for this type: an error of this program.</exception>
    public static ushort TagOf(DomainEvent fact, Catalog? catalog = null) => RowOf(fact, catalog).Tag;

    /// <summary>The body and its seal.</summary>
    /// <exception cref="ArgumentException">The catalog has no row for this type: an error of this program.</exception>
    public static byte[] Encode(DomainEvent fact, Catalog? catalog = null)
    {
        var buffer = new WireBuffer(256);
        var writer = new MsgPackWriter(buffer);
        var row = RowOf(fact, catalog);
        row.Write(ref writer, fact);
        writer.Flush();
        var body = buffer.Written;
        var stored = new byte[body.Length + SealBytes];
        body.CopyTo(stored);
        stored[body.Length] = Seal;
        BinaryPrimitives.WriteUInt32LittleEndian(stored.AsSpan(body.Length + 1), Checksum(row.Tag, body));
        return stored;
    }

    /// <summary>The fact that <see cref="Encode"/> turned into bytes, in this build or an older one.</summary>
    /// <exception cref="ProtocolException">The tag is unknown, the fact is whole and another version wrote it in a form that this one does not read, or the bytes are damaged: three kinds.</exception>
    public static DomainEvent Decode(ushort tag, ReadOnlySpan<byte> stored, Catalog? catalog = null)
    {
        var row = (catalog ?? MessageCatalog.Default).Find(tag);
        if (row is null || !row.Type.IsAssignableTo(typeof(DomainEvent))) throw new ProtocolException(ProtocolErrorKind.UnknownTag, 0, $"no fact has tag 0x{tag:X4}");
        var isSealed = stored.Length > SealBytes && stored[^SealBytes] == Seal;
        if (!isSealed || BinaryPrimitives.ReadUInt32LittleEndian(stored[^sizeof(uint)..]) == Checksum(tag, stored[..^SealBytes])) return ReadWhole(row, isSealed ? stored[..^SealBytes] : stored, isSealed);
        try
        {
            return Read(row, stored); // Written before there were seals, with a byte like ours in that place by chance. What is sealed cannot be read so.
        }
        catch (ProtocolException)
        {
            throw new ProtocolException(ProtocolErrorKind.WrongChecksum, 0, "the bytes are not those that were written");
        }
    }

    // What is behind a seal that holds is what was written. Before there were seals nobody knows, but too few fields are an older form rather than damage.
    private static DomainEvent ReadWhole(CatalogRow row, ReadOnlySpan<byte> body, bool isSealed)
    {
        try
        {
            return Read(row, body);
        }
        catch (ProtocolException other) when (isSealed || other.Kind == ProtocolErrorKind.MissingField)
        {
            throw new ProtocolException(ProtocolErrorKind.WrongVersion, other.Offset, other.Detail);
        }
    }

    private static DomainEvent Read(CatalogRow row, ReadOnlySpan<byte> body)
    {
        var reader = new MsgPackReader(body);
        var fact = (DomainEvent)row.Read(ref reader);
        reader.RequireEnd();
        return fact;
    }

    private static uint Checksum(ushort tag, ReadOnlySpan<byte> body) => Crc32C.Append(BitOperations.Crc32C(uint.MaxValue, tag), body);

    private static CatalogRow RowOf(DomainEvent fact, Catalog? catalog) =>
        (catalog ?? MessageCatalog.Default).Find(fact.GetType()) ?? throw new ArgumentException($"{fact.GetType().Name} cannot be stored: the catalog has no row for it.");
}
