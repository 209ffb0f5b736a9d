using System.Diagnostics;
using Vae.Shared.Collectives;

namespace Vae.Worker.Collectives.SharedMemory;

/// <summary>
/// All-reduce between processes of one host through memory that all have mapped. Small buffers are laid out by every rank and summed by every rank;
/// larger ones go through in blocks, each rank doing whatever is ready: take, sum, give, the oldest block first. The ring's sockets carry
/// nothing, but stay open, for through them the kernel tells of a process that died.
/// </summary>
public sealed class SharedMemoryAllReduce : IAllReduce
{
    private readonly RingOptions _options;
    private readonly SharedSegment _segment;
    private readonly SegmentLayout _layout;
    private readonly SharedBoard _board;
    private readonly SharedCourse _course;
    private readonly SharedWatch _watch;
    private readonly NativeSocket _right, _left;
    private readonly Lock _closing = new();
    private readonly int _generation, _exchangeElements;
    private volatile string? _abortReason;
    private AllReduceException? _failure;
    private long _block, _calls, _bytes, _totalTicks, _inputWaitTicks, _sumWaitTicks;
    private int _bucket, _elements, _given, _summed, _taken;
    private bool _exchanging, _disposed;

    internal SharedMemoryAllReduce(RingLinks links, SharedSegment segment, SegmentPlan plan, TimeSpan spin, RingOptions options)
    {
        (Rank, WorldSize, _generation, _options, _segment) = (links.Rank, links.WorldSize, links.Generation, options, segment);
        (_right, _left) = (new(links.Right), new(links.Left));
        unsafe
        {
            _layout = new(segment.Start, WorldSize, plan.SlotBytes);
        }

        _board = new(_layout, Rank, WorldSize, spin);
        _course = new(_layout, Rank, WorldSize, plan.SlotBytes);
        _exchangeElements = plan.ExchangeBytes / sizeof(float);
        _watch = new(_board, Rank, WorldSize, _right, _left) { TimedOut = TimedOut };
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int WorldSize { get; }

    /// <inheritdoc/>
    public string Engine => "shared_memory";

    /// <summary>Bytes are those that others read of this rank's and this rank of others': the same as a ring would move, without headers.</summary>
    public AllReduceStatistics Statistics => new(
        _calls, _bytes, _bytes, Stopwatch.GetElapsedTime(0, _totalTicks), Stopwatch.GetElapsedTime(0, _inputWaitTicks), Stopwatch.GetElapsedTime(0, _sumWaitTicks));

    /// <inheritdoc/>
    public void AllReduce(Span<float> buffer, long step, int bucket)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNegative(bucket);
        if (buffer.Length > int.MaxValue / sizeof(float)) throw new ArgumentException($"A bucket holds at most {int.MaxValue / sizeof(float)} elements, not {buffer.Length}.", nameof(buffer));
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_abortReason is { } reason) throw new AllReduceAbortedException(step, reason);
        if (_failure is { } first) throw new RingBrokenException(step, first);

        var started = Stopwatch.GetTimestamp();
        (_watch.Step, _watch.Deadline, _bucket) = (step, started + (long)(_options.Deadline.TotalSeconds * Stopwatch.Frequency), bucket);
        try
        {
            Run(buffer, new() { Step = step, Bucket = bucket, Elements = buffer.Length });
        }
        catch (AllReduceException e)
        {
            var told = _abortReason is { } why ? new AllReduceAbortedException(step, why) : e;
            _failure = told;
            GiveUp(told);
            if (ReferenceEquals(told, e)) throw;
            throw told;
        }
        finally
        {
            _course.End();
            _totalTicks += Stopwatch.GetTimestamp() - started;
        }

        _calls++;
    }

    /// <inheritdoc/>
    public void Abort(string reason)
    {
        lock (_closing)
        {
            if (_abortReason is not null || _disposed) return;
            _abortReason = reason;
            _board.Announce(1 + Rank);
            _board.WakeSelf();
        }
    }

    /// <summary>Lets go of the memory and closes both sockets. Call it when no all-reduce runs; to end one that does, <see cref="Abort"/> first.</summary>
    public void Dispose()
    {
        lock (_closing)
        {
            if (_disposed) return;
            _disposed = true;
            _board.Announce(SegmentLayout.Left);
            _right.Dispose();
            _left.Dispose();
            _segment.Dispose();
        }
    }

    private unsafe void Run(Span<float> buffer, CallCard call)
    {
        fixed (float* start = buffer)
        {
            _course.Begin(start, buffer.Length, _block);
            (_given, _summed, _taken) = (0, 0, 0);
            *_layout.Call(Rank, _calls) = call;
            (_elements, _exchanging) = (buffer.Length, buffer.Length <= _exchangeElements);
            if (_exchanging) Exchange(call);
            else Slices(call);
        }
    }

    private void Exchange(CallCard call)
    {
        AwaitAll(Progress.Taken, _block - SegmentLayout.Depth + 1);
        _course.GiveWhole();
        _board.Raise(Progress.Given, _block + 1);
        AwaitAll(Progress.Given, _block + 1);
        Compare(call);
        _course.SumWhole();
        _board.Raise(Progress.Taken, ++_block);
        _bytes += (long)call.Elements * sizeof(float) * (WorldSize - 1);
    }

    private void Slices(CallCard call)
    {
        var blocks = _course.Blocks;
        while (_taken < blocks)
        {
            if (_taken < _summed && _board.HaveAll(Progress.Summed, _block + _taken + 1))
            {
                _course.Take(_taken++);
                _board.Raise(Progress.Taken, _block + _taken);
            }
            else if (_summed < _given && _board.HaveAll(Progress.Given, _block + _summed + 1))
            {
                if (_summed == 0) Compare(call);
                _course.Sum(_summed++);
                _board.Raise(Progress.Summed, _block + _summed);
            }
            else if (_given < blocks && _board.HaveAll(Progress.Taken, _block + _given - SegmentLayout.Depth + 1))
            {
                _course.Give(_given++);
                _board.Raise(Progress.Given, _block + _given);
            }
            else
            {
                // Nothing is ready. The oldest block is what all others wait for, too.
                if (_taken < _summed) AwaitAll(Progress.Summed, _block + _taken + 1);
                else if (_summed < _given) AwaitAll(Progress.Given, _block + _summed + 1);
                else AwaitAll(Progress.Taken, _block + _given - SegmentLayout.Depth + 1);
            }
        }

        _block += blocks;
        _bytes += (long)call.Elements * sizeof(float) * 2 * (WorldSize - 1) / WorldSize;
    }

    private void AwaitAll(Progress kind, long value)
    {
        _board.AwaitAll(kind, value, _watch);
        if (kind == Progress.Summed) _sumWaitTicks += _board.WaitedTicks;
        else _inputWaitTicks += _board.WaitedTicks;
        _board.WaitedTicks = 0;
    }

    // Everybody's arguments stand in the segment before its first input does.
    private unsafe void Compare(CallCard call)
    {
        for (var peer = 0; peer < WorldSize; peer++)
        {
            var other = *_layout.Call(peer, _calls);
            if (other.Step != call.Step) throw new FrameRefusedException(peer, call.Step, $"step {other.Step} instead of {call.Step}");
            if (other.Bucket != call.Bucket) throw new FrameRefusedException(peer, call.Step, $"bucket {other.Bucket} instead of {call.Bucket}");
            if (other.Elements != call.Elements) throw new FrameRefusedException(peer, call.Step, $"{other.Elements * (long)sizeof(float)} payload bytes instead of {call.Elements * (long)sizeof(float)}");
        }
    }

    private AllReduceTimeoutException TimedOut(int peer, Progress kind)
    {
        var phase = _exchanging ? RingPhase.Exchange : kind == Progress.Summed ? RingPhase.AllGather : RingPhase.ReduceScatter;
        var awaited = new List<AwaitedRank>();
        for (var other = 0; other < WorldSize; other++)
        {
            if (other == Rank) continue;
            long missing = 0;
            if (_exchanging && !_board.Has(other, Progress.Given, _block + 1)) missing = _elements * (long)sizeof(float);
            for (var block = _taken; !_exchanging && block < _course.Blocks; block++)
            {
                var (inputs, sums) = _course.BytesFrom(other, block);
                if (!_board.Has(other, Progress.Given, _block + block + 1)) missing += inputs;
                if (!_board.Has(other, Progress.Summed, _block + block + 1)) missing += sums;
            }

            if (other == peer || missing > 0) awaited.Add(new(other, AwaitedRank.Memory, missing));
        }

        return new(Rank, _generation, _watch.Step, _bucket, phase, _options.Deadline, awaited);
    }

    // A timeout is passed on as this rank's own leaving: who was slow, the coordinator finds out from all complaints together.
    private void GiveUp(AllReduceException failure)
    {
        lock (_closing)
        {
            if (!_disposed) _board.Announce(1 + failure switch { PeerLostException lost => lost.Rank, FrameRefusedException refused => refused.Rank, _ => Rank });
        }
    }
}
