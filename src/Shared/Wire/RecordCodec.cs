using Vae.Shared.Determinism;

namespace Vae.Shared.Wire;

/// <summary>
/// A record as the array of its fields, in order. Fields are only ever added at the end: a longer array is a newer peer's and its extra
/// fields are skipped, a shorter one is refused.
/// </summary>
public sealed class RecordCodec<T> : Codec<T> where T : notnull
{
    private readonly List<IField> _fields = [];
    private ReadValue<T>? _read;

    internal RecordCodec(string name) : base(name) { }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Definition => [$"record {Name}", .. FieldLines];

    /// <inheritdoc/>
    public override IReadOnlyList<WireShape> Parts => [.. _fields.Select(f => f.Shape)];

    internal IEnumerable<string> FieldLines => _fields.Select((one, i) => $"  {i} {one.Name} {one.Shape.Name}");

    /// <summary>Names of the fields, in wire order.</summary>
    public IReadOnlyList<string> FieldNames => [.. _fields.Select(f => f.Name)];

    internal int FieldCount => _fields.Count;

    internal static string NameOf(Type type) => type.DeclaringType is { } family ? $"{family.Name}.{type.Name}" : type.Name;

    /// <summary>Appends a field.</summary>
    public RecordCodec<T> Field<TField>(string name, Codec<TField> codec, Func<T, TField> get)
    {
        _fields.Add(new FieldOf<TField>(name, codec, get));
        return this;
    }

    /// <summary>Says how the fields are read back, each once and in the order above: C# evaluates arguments from left to right.</summary>
    public RecordCodec<T> ReadBy(ReadValue<T> read)
    {
        _read = read;
        return this;
    }

    /// <inheritdoc/>
    public override void Write(ref MsgPackWriter writer, T value)
    {
        writer.WriteArrayHeader(_fields.Count);
        WriteFields(ref writer, value);
    }

    /// <inheritdoc/>
    public override T Read(ref MsgPackReader reader)
    {
        var start = reader.Offset;
        return ReadFields(ref reader, start, reader.BeginArray());
    }

    internal void WriteFields(ref MsgPackWriter writer, T value)
    {
        foreach (var field in _fields) field.Write(ref writer, value);
    }

    /// <summary>Reads the fields of an entered array that has <paramref name="count"/> items left, and leaves it.</summary>
    internal T ReadFields(ref MsgPackReader reader, int start, int count)
    {
        Verify.That(_read is not null);
        if (count < _fields.Count) MsgPackReader.Throw(ProtocolErrorKind.MissingField, start, $"{Name} has {_fields.Count} fields, found {count}");
        var value = _read(ref reader);
        for (var extra = _fields.Count; extra < count; extra++) reader.Skip();
        reader.EndNested();
        return value;
    }

    private interface IField
    {
        string Name { get; }
        WireShape Shape { get; }
        void Write(ref MsgPackWriter writer, T record);
    }

    private sealed class FieldOf<TField>(string name, Codec<TField> codec, Func<T, TField> get) : IField
    {
        public string Name => name;
        public WireShape Shape => codec;
        public void Write(ref MsgPackWriter writer, T record) => codec.Write(ref writer, get(record));
    }
}
