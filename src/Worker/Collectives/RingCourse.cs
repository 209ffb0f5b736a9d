using Vae.Shared.Collectives;

namespace Vae.Worker.Collectives;

/// <summary>What a receiver does with a payload.</summary>
internal enum Arrival
{
    /// <summary>Add it to what is in the buffer.</summary>
    Add,

    /// <summary>It is the final value: put it into the buffer.</summary>
    Replace,

    /// <summary>Another rank's input: keep it aside until all have come.</summary>
    KeepAside,
}

/// <summary>
/// One all-reduce laid out as hops: which frame is due in which hop, and where its payload lies in memory. Two courses exist. The
/// <b>ring</b> (see <see cref="RingSchedule"/>) moves the fewest bytes. The <b>exchange</b> hands every rank's whole input once round
/// the circle and everybody adds for itself in rank order: more bytes, half the hops, hence for small buffers only.
/// Reused from call to call; holds pointers into the caller's pinned buffers during a call only.
/// <para>
/// Compressed, the ring carries chunks rounded to bfloat16. A rank rounds each place of the buffer exactly once: on sending its own input of the first chunk and
/// its partial sums of the others, the last of which is the finished sum that everybody gets. Hence one residual per place keeps all that this rank ever cut off.
/// </para>
/// </summary>
internal sealed unsafe class RingCourse
{
    private const int ScratchAlignment = 64;

    private readonly int _rank, _worldSize, _generation, _exchangeBytesMax, _pieceBytes, _slotBytes;
    private readonly byte[] _memory;
    private readonly byte* _scratch;
    private RingSchedule _schedule;
    private bool _exchange;
    private byte* _buffer;
    private float* _residual;
    private ushort[] _packedMemory = [];
    private ushort* _packed;
    private long _step;
    private int _bucket;

    public RingCourse(int rank, int worldSize, int generation, RingOptions options)
    {
        (_rank, _worldSize, _generation, _pieceBytes) = (rank, worldSize, generation, options.PieceBytes);
        _exchangeBytesMax = (options.ExchangeBytesMax / worldSize) & ~(sizeof(float) - 1);
        _slotBytes = (RingFrame.Size + _exchangeBytesMax + ScratchAlignment - 1) / ScratchAlignment * ScratchAlignment;
        _memory = GC.AllocateUninitializedArray<byte>(Math.Max(RingFrame.Size + _pieceBytes, _slotBytes * worldSize) + (2 * ScratchAlignment), pinned: true);

        // Payloads, not headers, shall start on a cache line.
        fixed (byte* start = _memory)
        {
            _scratch = (byte*)(((nint)start + RingFrame.Size + ScratchAlignment - 1) / ScratchAlignment * ScratchAlignment) - RingFrame.Size;
        }
    }

    public int HopCount { get; private set; }

    /// <summary>Bytes of an element on the wire.</summary>
    public int ElementBytes => Compressed ? BrainFloat.Size : sizeof(float);

    private bool Compressed => _residual != null;

    /// <param name="buffer">Pinned by the caller until the call ends.</param>
    /// <param name="residual">Likewise, as long as the buffer; null to send it as it is.</param>
    /// <param name="elementCount">Elements of the buffer.</param>
    /// <param name="step">As in <see cref="RingFrame"/>.</param>
    /// <param name="bucket">As in <see cref="RingFrame"/>.</param>
    public void Begin(float* buffer, float* residual, int elementCount, long step, int bucket)
    {
        _buffer = (byte*)buffer;
        (_step, _bucket) = (step, bucket);
        _schedule = new(_worldSize, elementCount);
        _exchange = elementCount <= _exchangeBytesMax / sizeof(float);
        HopCount = _exchange ? _worldSize - 1 : _schedule.HopCount;
        _residual = _exchange ? null : residual;
        if (Compressed) PackFirst();
    }

    public RingFrame SentIn(int hop) => Frame(hop, _schedule.ChunkSent(_rank, hop));

    public RingFrame ReceivedIn(int hop) => Frame(hop, _schedule.ChunkReceived(_rank, hop));

    /// <summary>First payload byte of a frame of ours, sent or received, in its lasting place.</summary>
    public byte* PlaceOf(RingFrame frame) => Compressed
        ? (byte*)(_packed + _schedule.ChunkStart(frame.Chunk))
        : !_exchange
        ? _buffer + ((long)_schedule.ChunkStart(frame.Chunk) * sizeof(float))
        : frame.Chunk == _rank ? _buffer : Slot(frame.Chunk);

    public static Arrival ArrivalOf(RingPhase phase) => phase switch
    {
        RingPhase.ReduceScatter => Arrival.Add,
        RingPhase.AllGather => Arrival.Replace,
        _ => Arrival.KeepAside,
    };

    /// <summary>
    /// Where to receive a frame's header, with room behind it for <paramref name="room"/> bytes of its payload: they come in with the same
    /// call, but into memory that is nobody's gradient, for the header is not checked yet. A frame that replaces has no such room.
    /// </summary>
    public byte* HeaderOf(RingFrame frame, out int room)
    {
        var arrival = ArrivalOf(frame.Phase);
        room = arrival switch { Arrival.Add => int.Min(frame.PayloadBytes, _pieceBytes), Arrival.KeepAside => frame.PayloadBytes, _ => 0 };
        return arrival == Arrival.KeepAside ? Slot(frame.Chunk) - RingFrame.Size : _scratch;
    }

    /// <summary>Adds elements that came in for a frame, behind the <paramref name="settled"/> bytes of it that did before.</summary>
    public void Add(RingFrame frame, byte* received, int settled, int elements)
    {
        if (!Compressed)
        {
            VectorSum.Add((float*)received, (float*)(PlaceOf(frame) + settled), elements);
            return;
        }

        var at = _schedule.ChunkStart(frame.Chunk) + (settled / BrainFloat.Size);
        BrainFloat.AddAndPack((ushort*)received, (float*)_buffer + at, _residual + at, _packed + at, elements);
    }

    /// <summary>Bytes from <paramref name="first"/> to <paramref name="end"/> of a finished sum have come to their place.</summary>
    public void Placed(RingFrame frame, int first, int end)
    {
        if (!Compressed) return;

        // A number of which only one byte is there is left for the next time.
        var (start, stop) = (first / BrainFloat.Size, end / BrainFloat.Size);
        var at = _schedule.ChunkStart(frame.Chunk) + start;
        BrainFloat.Unpack(_packed + at, (float*)_buffer + at, stop - start);
    }

    /// <summary>Exchange only: all inputs are here; adds them in rank order, the same way on every rank, and leaves the sum in the buffer.</summary>
    public void Finish()
    {
        if (!_exchange) return;
        var sum = (float*)InputOf(0);
        for (var rank = 1; rank < _worldSize; rank++) VectorSum.Add((float*)InputOf(rank), sum, _schedule.ElementCount);
        if (_rank != 0) new ReadOnlySpan<float>(sum, _schedule.ElementCount).CopyTo(new Span<float>(_buffer, _schedule.ElementCount));
    }

    /// <summary>The caller's buffers are about to be unpinned.</summary>
    public void End()
    {
        _buffer = null;
        _residual = null;
    }

    // What the first hop sends is this rank's own input; all else is packed as it is added.
    private void PackFirst()
    {
        if (_packedMemory.Length < _schedule.ElementCount)
        {
            _packedMemory = GC.AllocateUninitializedArray<ushort>(_schedule.ElementCount, pinned: true);
            fixed (ushort* start = _packedMemory) _packed = start;
        }

        var chunk = _schedule.ChunkSent(_rank, 0);
        var at = _schedule.ChunkStart(chunk);
        BrainFloat.Pack((float*)_buffer + at, _residual + at, _packed + at, _schedule.ChunkLength(chunk));
    }

    private byte* InputOf(int rank) => rank == _rank ? _buffer : Slot(rank);

    private byte* Slot(int rank) => _scratch + RingFrame.Size + ((long)rank * _slotBytes);

    private RingFrame Frame(int hop, int chunk)
    {
        var (phase, elements) = _exchange ? (RingPhase.Exchange, _schedule.ElementCount) : (_schedule.PhaseOf(hop), _schedule.ChunkLength(chunk));
        return new(_generation, _step, _bucket, phase, chunk, Compressed ? ElementType.BFloat16 : ElementType.Binary32, elements * ElementBytes);
    }
}
