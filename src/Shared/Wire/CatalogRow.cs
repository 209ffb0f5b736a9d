namespace Vae.Shared.Wire;

/// <summary>One row of a catalog: a tag, the record it stands for, and how that record travels.</summary>
public abstract class CatalogRow
{
    private protected CatalogRow(ushort tag, Type type, WireShape shape) => (Tag, Type, Shape) = (tag, type, shape);

    /// <summary>The number on the wire and in the store.</summary>
    public ushort Tag { get; }

    /// <summary>A message or a domain event.</summary>
    public Type Type { get; }

    /// <summary>What the contract file says of it.</summary>
    public WireShape Shape { get; }

    /// <summary>A row.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The tag belongs to the hosts, see <see cref="FrameHeader.HostTagMax"/>.</exception>
    public static CatalogRow Of<T>(ushort tag, RecordCodec<T> codec) where T : class
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(tag, FrameHeader.HostTagMax);
        return new Row<T>(tag, codec);
    }

    /// <summary>Writes a value of <see cref="Type"/>.</summary>
    public abstract void Write(ref MsgPackWriter writer, object value);

    /// <summary>Reads a value of <see cref="Type"/>.</summary>
    /// <exception cref="ProtocolException">The bytes are not such a value.</exception>
    public abstract object Read(ref MsgPackReader reader);

    private sealed class Row<T>(ushort tag, RecordCodec<T> codec) : CatalogRow(tag, typeof(T), codec) where T : class
    {
        public override void Write(ref MsgPackWriter writer, object value) => codec.Write(ref writer, (T)value);

        public override object Read(ref MsgPackReader reader) => codec.Read(ref reader);
    }
}
