using System.Runtime.CompilerServices;
using Vae.Shared.Determinism;

namespace Vae.Shared.Wire;

/// <summary>The codecs that all others are put together from.</summary>
public static class Codecs
{
    public static readonly Codec<string> Text = Scalar<string>("text", (ref w, v) => w.Write(v), (ref r) => r.ReadString());
    public static readonly Codec<bool> Bool = Scalar<bool>("bool", (ref w, v) => w.Write(v), (ref r) => r.ReadBoolean());
    public static readonly Codec<int> I32 = Scalar<int>("i32", (ref w, v) => w.Write((long)v), (ref r) => r.ReadInt32());
    public static readonly Codec<long> I64 = Scalar<long>("i64", (ref w, v) => w.Write(v), (ref r) => r.ReadInt64());
    public static readonly Codec<ulong> U64 = Scalar<ulong>("u64", (ref w, v) => w.Write(v), (ref r) => r.ReadUInt64());
    public static readonly Codec<double> F64 = Scalar<double>("f64", (ref w, v) => w.Write(v), (ref r) => r.ReadDouble());

    /// <summary>In ticks of 100 ns.</summary>
    public static readonly Codec<TimeSpan> Ticks = Scalar<TimeSpan>("ticks", (ref w, v) => w.Write(v.Ticks), (ref r) => new(r.ReadInt64()));

    /// <summary>A value that is one MessagePack value.</summary>
    public static Codec<T> Scalar<T>(string name, WriteValue<T> write, ReadValue<T> read) => new ScalarCodec<T>(name, [], write, read);

    /// <summary>An array of any length.</summary>
    public static Codec<ValueList<T>> List<T>(Codec<T> item) => new ListCodec<T>(item);

    /// <summary>Nil, or the value.</summary>
    public static Codec<T?> Optional<T>(Codec<T> value) where T : class => new ScalarCodec<T?>(
        $"optional {value.Name}", [value],
        (ref w, v) => { if (v is null) w.WriteNil(); else value.Write(ref w, v); },
        (ref r) => r.TryReadNil() ? null : value.Read(ref r));

    /// <inheritdoc cref="Optional{T}"/>
    public static Codec<T?> OptionalValue<T>(Codec<T> value) where T : struct => new ScalarCodec<T?>(
        $"optional {value.Name}", [value],
        (ref w, v) => { if (v is { } some) value.Write(ref w, some); else w.WriteNil(); },
        (ref r) => r.TryReadNil() ? null : value.Read(ref r));

    /// <summary>One of the names of an enum whose values are 0, 1, 2, ...; a number that this build has no name for is refused.</summary>
    public static Codec<T> Enum<T>() where T : struct, Enum => new EnumCodec<T>();

    /// <summary>Starts a record: its fields, then how they are read.</summary>
    public static RecordCodec<T> Record<T>(string? name = null) where T : notnull => new(name ?? RecordCodec<T>.NameOf(typeof(T)));

    private sealed class ScalarCodec<T>(string name, WireShape[] parts, WriteValue<T> write, ReadValue<T> read) : Codec<T>(name)
    {
        public override IReadOnlyList<WireShape> Parts => parts;

        public override void Write(ref MsgPackWriter writer, T value) => write(ref writer, value);

        public override T Read(ref MsgPackReader reader) => read(ref reader);
    }

    private sealed class ListCodec<T>(Codec<T> item) : Codec<ValueList<T>>($"list of {item.Name}")
    {
        // A count is believed up to here; beyond, memory grows only as items really come, so that a lie costs the liar its own bytes.
        private const int BelievedMax = 256;

        public override IReadOnlyList<WireShape> Parts => [item];

        public override void Write(ref MsgPackWriter writer, ValueList<T> value)
        {
            writer.WriteArrayHeader(value.Count);
            foreach (var one in value.Span) item.Write(ref writer, one);
        }

        public override ValueList<T> Read(ref MsgPackReader reader)
        {
            var count = reader.BeginArray();
            var items = new T[Math.Min(count, BelievedMax)];
            for (var i = 0; i < count; i++)
            {
                if (i == items.Length) Array.Resize(ref items, Math.Min(count, 2 * i));
                items[i] = item.Read(ref reader);
            }

            reader.EndNested();
            return new ValueList<T>(items);
        }
    }

    private sealed class EnumCodec<T> : Codec<T> where T : struct, Enum
    {
        private readonly int _count;

        public EnumCodec() : base(typeof(T).Name)
        {
            var values = System.Enum.GetValues<T>();
            _count = values.Length;
            for (var i = 0; i < _count; i++) Verify.That(Convert.ToInt64(values[i]) == i);
            Verify.That(Unsafe.SizeOf<T>() == sizeof(int));
        }

        public override IReadOnlyList<string> Definition => [$"enum {Name}", .. System.Enum.GetNames<T>().Select((name, i) => $"  {i} {name}")];

        public override void Write(ref MsgPackWriter writer, T value) => writer.Write((long)Unsafe.BitCast<T, int>(value));

        public override T Read(ref MsgPackReader reader)
        {
            var start = reader.Offset;
            var value = reader.ReadInt32();
            if ((uint)value >= (uint)_count) MsgPackReader.Throw(ProtocolErrorKind.OutOfRange, start, $"{Name} has no value {value}");
            return Unsafe.BitCast<int, T>(value);
        }
    }
}
