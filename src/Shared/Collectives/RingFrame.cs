using System.Buffers;
using System.Buffers.Binary;

namespace Vae.Shared.Collectives;

/// <summary>
/// The 32 bytes ahead of every chunk on the data plane: the MessagePack array
/// <c>[generation, step, bucket, phase, chunk, dtype]</c> followed by the header of one MessagePack <c>bin</c>, whose bytes are the chunk.
/// <para>
/// Integers are written in MessagePack's wide forms whatever their value. The format permits it, any decoder reads it, and every
/// header has the same size, so a receiver knows where the payload starts before it has read a byte.
/// </para>
/// <para>Layout: <c>96 | CE generation:4 | CF step:8 | CE bucket:4 | phase:1 | CE chunk:4 | dtype:1 | C6 length:4</c>, big-endian as MessagePack is.</para>
/// </summary>
/// <param name="Generation">Membership of the gang, from 1.</param>
/// <param name="Step">Optimizer update, from 0.</param>
/// <param name="Bucket">Part of the gradient buffer, from 0.</param>
/// <param name="Phase">What the chunk is.</param>
/// <param name="Chunk">Which chunk of the bucket; for <see cref="RingPhase.Exchange"/> the rank it comes from, for <see cref="RingPhase.Farewell"/> the rank that was lost.</param>
/// <param name="Type">Element type of the payload.</param>
/// <param name="PayloadBytes">Length of the payload that follows.</param>
public readonly record struct RingFrame(int Generation, long Step, int Bucket, RingPhase Phase, int Chunk, ElementType Type, int PayloadBytes)
{
    /// <summary>array 1 + u32 5 + u64 9 + u32 5 + fixint 1 + u32 5 + fixint 1 + bin32 5.</summary>
    public const int Size = 32;

    private const byte ArrayOfSix = 0x96, UInt32 = 0xCE, UInt64 = 0xCF, Bin32 = 0xC6, FixIntMax = 0x7F;
    private const int GenerationAt = 1, StepAt = 6, BucketAt = 15, PhaseAt = 20, ChunkAt = 21, TypeAt = 26, LengthAt = 27;

    /// <summary>Writes exactly <see cref="Size"/> bytes.</summary>
    /// <exception cref="ArgumentException"><paramref name="target"/> is shorter than that.</exception>
    public void Write(Span<byte> target)
    {
        if (target.Length < Size) throw new ArgumentException($"A ring frame header needs {Size} bytes, not {target.Length}.", nameof(target));

        target[0] = ArrayOfSix;
        WriteUInt32(target[GenerationAt..], UInt32, Generation);
        target[StepAt] = UInt64;
        BinaryPrimitives.WriteInt64BigEndian(target[(StepAt + 1)..], Step);
        WriteUInt32(target[BucketAt..], UInt32, Bucket);
        target[PhaseAt] = (byte)Phase;
        WriteUInt32(target[ChunkAt..], UInt32, Chunk);
        target[TypeAt] = (byte)Type;
        WriteUInt32(target[LengthAt..], Bin32, PayloadBytes);
    }

    /// <returns>NeedMoreData: fewer than <see cref="Size"/> bytes. InvalidData: not a ring frame, or a number out of its range; hang up.</returns>
    public static OperationStatus TryRead(ReadOnlySpan<byte> source, out RingFrame frame)
    {
        frame = default;
        if (source.Length < Size) return OperationStatus.NeedMoreData;
        if (source[0] != ArrayOfSix || source[StepAt] != UInt64 || source[PhaseAt] > FixIntMax || source[TypeAt] > FixIntMax) return OperationStatus.InvalidData;

        var step = BinaryPrimitives.ReadInt64BigEndian(source[(StepAt + 1)..]);
        if (step < 0
            || !TryReadUInt32(source[GenerationAt..], UInt32, out var generation)
            || !TryReadUInt32(source[BucketAt..], UInt32, out var bucket)
            || !TryReadUInt32(source[ChunkAt..], UInt32, out var chunk)
            || !TryReadUInt32(source[LengthAt..], Bin32, out var length)) return OperationStatus.InvalidData;

        frame = new(generation, step, bucket, (RingPhase)source[PhaseAt], chunk, (ElementType)source[TypeAt], length);
        return OperationStatus.Done;
    }

    /// <summary>The first field in which this frame is not the <paramref name="expected"/> one, as text; null when all are equal.</summary>
    public string? DifferenceFrom(RingFrame expected)
    {
        if (this == expected) return null;
        if (Generation != expected.Generation) return $"generation {Generation} instead of {expected.Generation}";
        if (Step != expected.Step) return $"step {Step} instead of {expected.Step}";
        if (Bucket != expected.Bucket) return $"bucket {Bucket} instead of {expected.Bucket}";
        if (Phase != expected.Phase) return $"phase {Phase} instead of {expected.Phase}";
        if (Chunk != expected.Chunk) return $"chunk {Chunk} instead of {expected.Chunk}";
        if (Type != expected.Type) return $"element type {Type} instead of {expected.Type}";
        return $"{PayloadBytes} payload bytes instead of {expected.PayloadBytes}";
    }

    private static void WriteUInt32(Span<byte> target, byte kind, int value)
    {
        target[0] = kind;
        BinaryPrimitives.WriteInt32BigEndian(target[1..], value);
    }

    private static bool TryReadUInt32(ReadOnlySpan<byte> source, byte kind, out int value)
    {
        value = BinaryPrimitives.ReadInt32BigEndian(source[1..]);
        return source[0] == kind && value >= 0;
    }
}
