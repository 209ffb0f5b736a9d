using Vae.Shared.Determinism;

namespace Vae.Shared.Collectives;

/// <summary>
/// Who sends which part of a buffer when, so that every rank ends with the sum over all ranks.
/// <para>
/// The ranks sit in a circle; each speaks to its right neighbour and listens to its left one. The buffer is cut into as many
/// <b>chunks</b> as there are ranks. Think of chunk c as a parcel that starts at rank c and travels round the circle twice.
/// On the first round (<b>reduce-scatter</b>) every rank it reaches adds its own values, so after n - 1 hops the parcel holds the
/// sum of all ranks. On the second round (<b>all-gather</b>) the finished parcel is handed on unchanged and everybody keeps a copy.
/// All n parcels travel at once, one per link and hop, so every link is busy in every hop and each rank sends
/// 2 (n - 1) / n times the buffer, which is the least that any all-reduce can do, whatever n is.
/// </para>
/// <para>
/// In hop k, rank r sends chunk (r - k) mod n and receives chunk (r - k - 1) mod n: what it receives in one hop is what it sends in
/// the next. That holds across the border between the two rounds too, so a sender may pass on the first bytes of a chunk while
/// the last ones are still arriving.
/// </para>
/// <para>
/// Order of addition, the same on every rank because only one rank adds each link: chunk c is
/// ((x[c] + x[c+1]) + x[c+2]) + ... + x[c+n-1], ranks taken modulo n.
/// </para>
/// </summary>
public readonly record struct RingSchedule
{
    /// <summary>Elements to which chunk borders are rounded: 64 bytes of float32, one cache line and one vector of the widest kind.</summary>
    public const int DefaultAlignment = 16;

    /// <param name="worldSize">Ranks in the circle, at least 1.</param>
    /// <param name="elementCount">Elements of the buffer, at least 0. May be smaller than the world: some chunks are then empty.</param>
    /// <param name="alignment">Chunk borders are multiples of this many elements, at least 1. Default 16.</param>
    /// <exception cref="ArgumentOutOfRangeException">One of the three is out of its range.</exception>
    public RingSchedule(int worldSize, int elementCount, int alignment = DefaultAlignment)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(elementCount);
        ArgumentOutOfRangeException.ThrowIfLessThan(alignment, 1);
        WorldSize = worldSize;
        ElementCount = elementCount;
        Alignment = alignment;
    }

    /// <summary>Ranks in the circle.</summary>
    public int WorldSize { get; }

    /// <summary>Elements of the whole buffer.</summary>
    public int ElementCount { get; }

    /// <summary>Chunk borders are multiples of this many elements.</summary>
    public int Alignment { get; }

    /// <summary>Hops of both rounds together: 2 (n - 1); 0 for a world of one.</summary>
    public int HopCount => 2 * (WorldSize - 1);

    /// <summary>The round that hop <paramref name="hop"/> belongs to.</summary>
    public RingPhase PhaseOf(int hop) => hop < WorldSize - 1 ? RingPhase.ReduceScatter : RingPhase.AllGather;

    /// <summary>The chunk that <paramref name="rank"/> sends to its right neighbour in hop <paramref name="hop"/>.</summary>
    public int ChunkSent(int rank, int hop) => Circle(rank - hop, WorldSize);

    /// <summary>The chunk that <paramref name="rank"/> receives from its left neighbour in hop <paramref name="hop"/>.</summary>
    public int ChunkReceived(int rank, int hop) => Circle(rank - hop - 1, WorldSize);

    /// <summary>First element of chunk <paramref name="chunk"/>; for <c>chunk == WorldSize</c> the end of the buffer.</summary>
    public int ChunkStart(int chunk)
    {
        Verify.That(chunk >= 0 && chunk <= WorldSize);
        var blocks = ((long)ElementCount + Alignment - 1) / Alignment;
        return (int)long.Min(blocks * chunk / WorldSize * Alignment, ElementCount);
    }

    /// <summary>Elements of chunk <paramref name="chunk"/>; chunks differ by at most one alignment and the buffer's ragged end.</summary>
    public int ChunkLength(int chunk) => ChunkStart(chunk + 1) - ChunkStart(chunk);

    /// <summary>The rank that <paramref name="rank"/> sends to.</summary>
    public static int RightOf(int rank, int worldSize) => Circle(rank + 1, worldSize);

    /// <summary>The rank that <paramref name="rank"/> receives from.</summary>
    public static int LeftOf(int rank, int worldSize) => Circle(rank - 1, worldSize);

    /// <summary><paramref name="place"/> on a circle of <paramref name="size"/> places: the remainder that is never negative.</summary>
    public static int Circle(int place, int size)
    {
        var remainder = place % size;
        return remainder < 0 ? remainder + size : remainder;
    }
}
