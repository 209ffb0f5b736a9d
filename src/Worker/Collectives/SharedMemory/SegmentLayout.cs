namespace Vae.Worker.Collectives.SharedMemory;

/// <summary>What a rank tells the others about its work, as counters of blocks that only grow.</summary>
internal enum Progress
{
    /// <summary>Its input of so many blocks lies in its slots.</summary>
    Given,

    /// <summary>Its slice of so many blocks is summed and lies in its slots.</summary>
    Summed,

    /// <summary>It has taken what it needs of so many blocks; their slots may be used again.</summary>
    Taken,
}

/// <summary>
/// Where everything lies in a segment: the secret, then a card of counters per rank, then the slots. Each word that one rank writes while
/// others read has two cache lines to itself, because processors fetch lines in pairs.
/// </summary>
internal readonly unsafe struct SegmentLayout
{
    /// <summary>Blocks in flight per rank: one being written, one summed, one read, one of slack for ranks that are not in step.</summary>
    public const int Depth = 4;

    /// <summary>More ranks than one host has cores for.</summary>
    public const int RanksMax = 256;

    /// <summary>Largest segment; slots shrink to stay below it.</summary>
    public const long BytesMax = 64L << 20;

    private const int SlotAlignment = 4096, PaddedWord = 128;
    private const int WantAt = PaddedWord, StateAt = 2 * PaddedWord, CallsAt = 3 * PaddedWord, CallBytes = 32, CardBytes = 512;

    private readonly byte* _start;
    private readonly byte* _slots;
    private readonly int _slotBytes;

    public SegmentLayout(byte* start, int worldSize, int slotBytes)
    {
        _start = start;
        _slotBytes = slotBytes;
        _slots = start + SlotsAt(worldSize);
    }

    /// <summary>Bytes of a slot for so many ranks when <paramref name="wished"/> are asked for: whole pages, at least one.</summary>
    public static int SlotBytes(int worldSize, int wished)
    {
        var most = (BytesMax - SlotsAt(worldSize)) / ((long)worldSize * Depth);
        return (int)(Math.Max(SlotAlignment, Math.Min(wished, most)) / SlotAlignment * SlotAlignment);
    }

    /// <summary>Bytes of the whole segment.</summary>
    public static long TotalBytes(int worldSize, int slotBytes) => SlotsAt(worldSize) + ((long)worldSize * Depth * slotBytes);

    /// <summary>Written by <paramref name="rank"/> alone.</summary>
    public long* Counter(int rank, Progress kind) => (long*)Card(rank) + (int)kind;

    /// <summary>What <paramref name="rank"/> sleeps for (<see cref="Want"/>), 0 while it is awake; also the word it sleeps on.</summary>
    public long* WantOf(int rank) => (long*)(Card(rank) + WantAt);

    /// <summary>0 while <paramref name="rank"/> takes part; then <see cref="Left"/>, or 1 + the rank that it gave up for.</summary>
    public int* State(int rank) => (int*)(Card(rank) + StateAt);

    /// <summary>State of a rank that has left in good order.</summary>
    public const int Left = -1;

    /// <summary>The arguments of <paramref name="rank"/>'s call number <paramref name="call"/>: two stand there, for a rank may be one call ahead.</summary>
    public CallCard* Call(int rank, long call) => (CallCard*)(Card(rank) + CallsAt + ((call & 1) * CallBytes));

    /// <summary>Where <paramref name="rank"/> lays its part of <paramref name="block"/>.</summary>
    public byte* Slot(int rank, long block) => _slots + (((long)rank * Depth) + (block % Depth)) * _slotBytes;

    private byte* Card(int rank) => _start + CardsAt + ((long)rank * CardBytes);

    private const int CardsAt = 4096;

    private static long SlotsAt(int worldSize) => (CardsAt + ((long)worldSize * CardBytes) + SlotAlignment - 1) / SlotAlignment * SlotAlignment;
}

/// <summary>The arguments of one call, for the others to compare with their own.</summary>
internal struct CallCard
{
    public long Step;
    public int Bucket;
    public int Elements;
}

/// <summary>What a sleeping rank waits for, in one word: who, which counter, which value.</summary>
internal static class Want
{
    private const int RankBits = 16, KindBits = 8;

    /// <summary>Never 0: the low 16 bits hold rank + 1, so that the half that the futex compares tells sleeping from awake.</summary>
    public static long For(int rank, Progress kind, long value) => (value << (RankBits + KindBits)) | ((long)kind << RankBits) | (uint)(rank + 1);

    /// <summary>Whether <paramref name="want"/> is met now that <paramref name="rank"/>'s counter stands at <paramref name="value"/>.</summary>
    public static bool IsMet(long want, int rank, Progress kind, long value) =>
        (want & ((1 << RankBits) - 1)) == rank + 1 && ((want >> RankBits) & ((1 << KindBits) - 1)) == (long)kind && value >= want >> (RankBits + KindBits);
}
