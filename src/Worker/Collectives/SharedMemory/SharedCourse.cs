namespace Vae.Worker.Collectives.SharedMemory;

/// <summary>
/// What one rank does with the bytes of one call. A buffer is cut into blocks of a slot's size and each block into one slice per rank. A rank <b>gives</b> a block by
/// copying the other ranks' slices into its slot, <b>sums</b> its own slice of all ranks' blocks into its slot and its buffer, and <b>takes</b> the slices
/// that the others have summed. Slots are few and small, so this traffic stays in the processor's cache, and main memory sees each buffer
/// read once and written once.
/// <para>Every element is added in rank order, x0 + x1 + x2 ..., by one rank, and copied to the rest: all ranks hold the same bits.</para>
/// </summary>
internal sealed unsafe class SharedCourse(SegmentLayout layout, int rank, int worldSize, int slotBytes)
{
    private const int SliceAlignment = 16; // Floats of a cache line: no two ranks write to one line.

    private readonly float*[] _sources = new float*[worldSize];
    private float* _buffer;
    private int _elements;
    private long _firstBlock;

    /// <summary>Blocks of this call.</summary>
    public int Blocks { get; private set; }

    private int BlockElements => slotBytes / sizeof(float);

    /// <param name="buffer">Pinned by the caller until the call ends.</param>
    public void Begin(float* buffer, int elements, long firstBlock)
    {
        _buffer = buffer;
        (_elements, _firstBlock) = (elements, firstBlock);
        Blocks = (int)(((long)elements + BlockElements - 1) / BlockElements);
    }

    /// <summary>The caller's buffer is about to be unpinned.</summary>
    public void End() => _buffer = null;

    /// <summary>Lays the whole buffer, which fits into a slot, out for all.</summary>
    public void GiveWhole() => Copy(_buffer, (float*)layout.Slot(rank, _firstBlock), _elements);

    /// <summary>Sums the whole buffers of all ranks into the own one.</summary>
    public void SumWhole()
    {
        for (var peer = 0; peer < worldSize; peer++) _sources[peer] = peer == rank ? _buffer : (float*)layout.Slot(peer, _firstBlock);
        fixed (float** sources = _sources) VectorSum.SumAll(sources, worldSize, _buffer, null, _elements);
    }

    /// <summary>Lays out what the others sum of a block.</summary>
    public void Give(int block)
    {
        var slot = Slot(rank, block);
        var source = Start(block);
        var (ownStart, ownEnd) = Slice(rank, block);
        Copy(source, slot, ownStart);
        Copy(source + ownEnd, slot + ownEnd, Length(block) - ownEnd);
    }

    /// <summary>Sums the own slice of a block.</summary>
    public void Sum(int block)
    {
        var (start, end) = Slice(rank, block);
        for (var peer = 0; peer < worldSize; peer++) _sources[peer] = (peer == rank ? Start(block) : Slot(peer, block)) + start;
        fixed (float** sources = _sources) VectorSum.SumAll(sources, worldSize, Start(block) + start, Slot(rank, block) + start, end - start);
    }

    /// <summary>Takes what the others have summed of a block.</summary>
    public void Take(int block)
    {
        for (var i = 1; i < worldSize; i++)
        {
            var peer = (rank + i) % worldSize;
            var (start, end) = Slice(peer, block);
            Copy(Slot(peer, block) + start, Start(block) + start, end - start);
        }
    }

    /// <summary>Bytes of <paramref name="peer"/>'s that this rank reads of a block: its part of our slice, and its sums.</summary>
    public (long Inputs, long Sums) BytesFrom(int peer, int block)
    {
        var (ownStart, ownEnd) = Slice(rank, block);
        var (start, end) = Slice(peer, block);
        return ((long)(ownEnd - ownStart) * sizeof(float), (long)(end - start) * sizeof(float));
    }

    private (int Start, int End) Slice(int owner, int block)
    {
        var length = Length(block);
        var slice = (((length + worldSize - 1) / worldSize) + SliceAlignment - 1) / SliceAlignment * SliceAlignment;
        return (Math.Min(owner * slice, length), Math.Min((owner + 1) * slice, length));
    }

    private int Length(int block) => Math.Min(BlockElements, _elements - (block * BlockElements));

    private float* Start(int block) => _buffer + ((long)block * BlockElements);

    private float* Slot(int owner, int block) => (float*)layout.Slot(owner, _firstBlock + block);

    private static void Copy(float* source, float* target, int elements)
    {
        if (elements > 0) new ReadOnlySpan<float>(source, elements).CopyTo(new Span<float>(target, elements));
    }
}
