namespace Vae.Shared.Wire;

/// <summary>Writes one value.</summary>
public delegate void WriteValue<in T>(ref MsgPackWriter writer, T value);

/// <summary>Reads one value.</summary>
/// <exception cref="ProtocolException">The bytes are not such a value.</exception>
public delegate T ReadValue<out T>(ref MsgPackReader reader);

/// <summary>What the wire contract says about a codec: its name, and for records, families and enums what they are made of.</summary>
public abstract class WireShape
{
    private protected WireShape(string name) => Name = name;

    /// <summary>As the contract file calls it, for example <c>i32</c> or <c>list of TrialResult</c>.</summary>
    public string Name { get; }

    /// <summary>The lines that define it in the contract file; none for values that MessagePack itself defines.</summary>
    public virtual IReadOnlyList<string> Definition => [];

    /// <summary>The shapes it is made of.</summary>
    public virtual IReadOnlyList<WireShape> Parts => [];
}

/// <summary>How values of one type travel.</summary>
public abstract class Codec<T> : WireShape
{
    private protected Codec(string name) : base(name) { }

    /// <summary>Writes <paramref name="value"/>.</summary>
    public abstract void Write(ref MsgPackWriter writer, T value);

    /// <summary>Reads what <see cref="Write"/> wrote, by this build or a newer one.</summary>
    /// <exception cref="ProtocolException">The bytes are not such a value.</exception>
    public abstract T Read(ref MsgPackReader reader);
}
