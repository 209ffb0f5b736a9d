using Vae.Shared.Determinism;

namespace Vae.Shared.Wire;

/// <summary>One of a closed family of records: the array of its case number and then its fields. Case numbers are never reused.</summary>
public sealed class FamilyCodec<TBase>() : Codec<TBase>(typeof(TBase).Name) where TBase : class
{
    private readonly List<ICase> _cases = [];
    private readonly Dictionary<Type, int> _numberByType = [];

    /// <inheritdoc/>
    public override IReadOnlyList<string> Definition => [$"family {Name}", .. _cases.Select((one, i) => $"  {i} {one.Shape.Name}")];

    /// <inheritdoc/>
    public override IReadOnlyList<WireShape> Parts => [.. _cases.Select(c => c.Shape)];

    /// <summary>Appends a case; the first one has number 0.</summary>
    public FamilyCodec<TBase> Case<T>(RecordCodec<T> codec) where T : class, TBase
    {
        _numberByType.Add(typeof(T), _cases.Count);
        _cases.Add(new CaseOf<T>(codec));
        return this;
    }

    /// <inheritdoc/>
    public override void Write(ref MsgPackWriter writer, TBase value)
    {
        Verify.That(_numberByType.TryGetValue(value.GetType(), out var number));
        _cases[number].Write(ref writer, number, value);
    }

    /// <inheritdoc/>
    public override TBase Read(ref MsgPackReader reader)
    {
        var start = reader.Offset;
        var count = reader.BeginArray();
        if (count == 0) MsgPackReader.Throw(ProtocolErrorKind.MissingField, start, $"{Name} has no case number");
        var number = reader.ReadInt32();
        if ((uint)number >= (uint)_cases.Count) MsgPackReader.Throw(ProtocolErrorKind.OutOfRange, start, $"{Name} has no case {number}");
        return _cases[number].Read(ref reader, start, count - 1);
    }

    private interface ICase
    {
        WireShape Shape { get; }
        void Write(ref MsgPackWriter writer, int number, TBase value);
        TBase Read(ref MsgPackReader reader, int start, int count);
    }

    private sealed class CaseOf<T>(RecordCodec<T> codec) : ICase where T : class, TBase
    {
        public WireShape Shape => codec;

        public void Write(ref MsgPackWriter writer, int number, TBase value)
        {
            writer.WriteArrayHeader(1 + codec.FieldCount);
            writer.Write((long)number);
            codec.WriteFields(ref writer, (T)value);
        }

        public TBase Read(ref MsgPackReader reader, int start, int count) => codec.ReadFields(ref reader, start, count);
    }
}
