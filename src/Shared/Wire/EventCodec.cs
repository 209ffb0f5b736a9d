using Vae.Shared.Actors;

namespace Vae.Shared.Wire;

/// <summary>Durable facts as the store keeps them: a tag and a MessagePack body, from the same catalog as the wire.</summary>
public static class EventCodec
{
    /// <summary>The tag to store beside the body.</summary>
    /// <exception cref="ArgumentException">The catalog has no row for this type: an error of this program.</exception>
    public static ushort TagOf(DomainEvent fact, Catalog? catalog = null) => RowOf(fact, catalog).Tag;

    /// <summary>The body.</summary>
    /// <exception cref="ArgumentException">The catalog has no row for this type: an error of this program.</exception>
    public static byte[] Encode(DomainEvent fact, Catalog? catalog = null)
    {
        var buffer = new WireBuffer(256);
        var writer = new MsgPackWriter(buffer);
        RowOf(fact, catalog).Write(ref writer, fact);
        writer.Flush();
        return buffer.Written.ToArray();
    }

    /// <summary>The fact that <see cref="Encode"/> turned into bytes, in this build or an older one.</summary>
    /// <exception cref="ProtocolException">The tag is unknown, or the bytes are damaged.</exception>
    public static DomainEvent Decode(ushort tag, ReadOnlySpan<byte> body, Catalog? catalog = null)
    {
        var row = (catalog ?? MessageCatalog.Default).Find(tag);
        if (row is null || !row.Type.IsAssignableTo(typeof(DomainEvent))) throw new ProtocolException(ProtocolErrorKind.UnknownTag, 0, $"no fact has tag 0x{tag:X4}");
        var reader = new MsgPackReader(body);
        var fact = (DomainEvent)row.Read(ref reader);
        reader.RequireEnd();
        return fact;
    }

    private static CatalogRow RowOf(DomainEvent fact, Catalog? catalog) =>
        (catalog ?? MessageCatalog.Default).Find(fact.GetType()) ?? throw new ArgumentException($"{fact.GetType().Name} cannot be stored: the catalog has no row for it.");
}
