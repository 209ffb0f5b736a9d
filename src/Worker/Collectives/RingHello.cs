using Vae.Shared.Wire;

namespace Vae.Worker.Collectives;

/// <summary>A ring that connections are made for. Attempts and generations of a pack only grow, so an older key is a stray.</summary>
/// <param name="Pack">The pack's id as text.</param>
/// <param name="Attempt">Start of the pack, from 1.</param>
/// <param name="Generation">Membership of the gang, from 1.</param>
public readonly record struct RingKey(string Pack, int Attempt, int Generation)
{
    /// <summary>True when this ring was given up for <paramref name="other"/>.</summary>
    public bool IsOlderThan(RingKey other) =>
        Pack == other.Pack && (Attempt < other.Attempt || (Attempt == other.Attempt && Generation < other.Generation));
}

/// <summary>What a rank says about itself when it connects to its right neighbour, before any gradient moves.</summary>
/// <param name="Key">The ring it wants to join.</param>
/// <param name="Rank">Its place, from 0.</param>
/// <param name="WorldSize">Ranks it believes in.</param>
/// <param name="ElementCount">Elements of its gradient buffer.</param>
/// <param name="ModelHash">Fingerprint of names and shapes of its parameters.</param>
public sealed record RingHello(RingKey Key, int Rank, int WorldSize, long ElementCount, string ModelHash)
{
    private const int FieldCount = 7;

    /// <summary>MessagePack array of pack, attempt, generation, rank, world size, element count, model hash.</summary>
    public byte[] Encode()
    {
        var buffer = new WireBuffer(256);
        var writer = new MsgPackWriter(buffer);
        writer.WriteArrayHeader(FieldCount);
        writer.Write(Key.Pack);
        writer.Write((long)Key.Attempt);
        writer.Write((long)Key.Generation);
        writer.Write((long)Rank);
        writer.Write((long)WorldSize);
        writer.Write(ElementCount);
        writer.Write(ModelHash);
        writer.Flush();
        return buffer.Written.ToArray();
    }

    /// <exception cref="ProtocolException">The bytes are not a hello.</exception>
    public static RingHello Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new MsgPackReader(bytes);
        if (reader.BeginArray() != FieldCount) MsgPackReader.Throw(ProtocolErrorKind.MissingField, 0, $"a ring hello has {FieldCount} fields");
        var hello = new RingHello(
            new(reader.ReadString(), reader.ReadInt32(), reader.ReadInt32()), reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt64(), reader.ReadString());
        reader.EndNested();
        reader.RequireEnd();
        return hello;
    }

    /// <summary>The first field in which this hello is not the <paramref name="expected"/> one, as text; null when all are equal.</summary>
    public string? DifferenceFrom(RingHello expected)
    {
        if (this == expected) return null;
        if (Key.Pack != expected.Key.Pack) return $"pack {Key.Pack} instead of {expected.Key.Pack}";
        if (Key.Attempt != expected.Key.Attempt) return $"attempt {Key.Attempt} instead of {expected.Key.Attempt}";
        if (Key.Generation != expected.Key.Generation) return $"generation {Key.Generation} instead of {expected.Key.Generation}";
        if (Rank != expected.Rank) return $"rank {Rank} instead of {expected.Rank}";
        if (WorldSize != expected.WorldSize) return $"a world of {WorldSize} instead of {expected.WorldSize}";
        if (ElementCount != expected.ElementCount) return $"{ElementCount} gradient elements instead of {expected.ElementCount}";
        return $"model {ModelHash} instead of {expected.ModelHash}";
    }
}
