using System.Buffers;
using System.Diagnostics;
using Vae.Shared.Collectives;
using Vae.Torch;
using Vae.Torch.Distributed;

namespace Vae.Worker.Collectives.Groups;

/// <summary>
/// A process group of libtorch with the ring's connections beside it. libtorch moves the gradients, but it neither knows which step a buffer belongs to
/// nor which rank is gone. So each rank first says to its right neighbour what it is about to sum, and hears the same from its left one: a sum of
/// another step or length is refused before a byte moves, and a neighbour that is late has a name. When libtorch fails, the connections tell who was lost,
/// as they do for the other engines.
/// </summary>
internal sealed unsafe class GroupLine : IDisposable
{
    // A killed process loses all its connections at once, but not in one order: how long to look for the one that has a name.
    private const int EvidenceMilliseconds = 1000;

    // How long a rank that is done waits for its neighbours' last words.
    private const int NeighbourSeconds = 5;

    private readonly ProcessGroup _group;
    private readonly RingOptions _options;
    private readonly string _engine;
    private readonly int _rank, _worldSize, _generation;
    private readonly NativeSocket _right, _left;
    private readonly RingWatch _watch;
    private readonly Lock _closing = new();
    private readonly byte[] _frame = new byte[RingFrame.Size];
    private volatile string? _abortReason;
    private AllReduceException? _failure;
    private long _calls, _bytes, _totalTicks, _waitTicks;
    private bool _disposed;

    public GroupLine(string engine, RingLinks links, ProcessGroup group, RingOptions options)
    {
        (_engine, _group, _options) = (engine, group, options);
        (_rank, _worldSize, _generation) = (links.Rank, links.WorldSize, links.Generation);
        SocketTuning.Apply(links.Right, options);
        SocketTuning.Apply(links.Left, options);
        (_right, _left) = (new(links.Right), new(links.Left));
        _watch = new(_rank, _worldSize, _generation, _right, _left);
    }

    public int Rank => _rank;

    public int WorldSize => _worldSize;

    // libtorch does not count: what a ring moves at least, plus our own announcements.
    public AllReduceStatistics Statistics => new(_calls, _bytes, _bytes, Stopwatch.GetElapsedTime(0, _totalTicks), Stopwatch.GetElapsedTime(0, _waitTicks), TimeSpan.Zero);

    /// <summary>Sums the device's buffer, or the host's where there is none.</summary>
    public void Sum(Span<float> host, Tensor? device, int elements, long step, int bucket)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNegative(bucket);
        if (elements > int.MaxValue / sizeof(float)) throw new ArgumentException($"A bucket holds at most {int.MaxValue / sizeof(float)} elements, not {elements}.", nameof(host));
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_abortReason is { } reason) throw new AllReduceAbortedException(step, reason);
        if (_failure is { } first) throw new RingBrokenException(step, first);

        var started = Stopwatch.GetTimestamp();
        try
        {
            var announcement = new RingFrame(_generation, step, bucket, RingPhase.Announcement, _rank, ElementType.Binary32, elements * sizeof(float));
            Announce(announcement, started);
            if (elements > 0) Run(host, device, announcement, started);
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
            _totalTicks += Stopwatch.GetTimestamp() - started;
        }

        _calls++;
        _bytes += RingFrame.Size + (2L * (_worldSize - 1) * elements * sizeof(float) / _worldSize);
    }

    public void Abort(string reason)
    {
        lock (_closing)
        {
            if (_abortReason is not null || _disposed) return;
            _abortReason = reason;
            _watch.SayFarewell(_rank);
            _left.Shutdown();
            _right.Shutdown();
            _group.Abort();
        }
    }

    public void Dispose()
    {
        lock (_closing)
        {
            if (_disposed) return;
            _disposed = true;
        }

        if (_failure is not null || _abortReason is not null) Close();
        else _ = Task.Run(CloseAfterNeighbours);
    }

    private void Run(Span<float> host, Tensor? device, in RingFrame announcement, long started)
    {
        try
        {
            var rest = _options.Deadline - Stopwatch.GetElapsedTime(started);
            if (rest < TimeSpan.FromMilliseconds(1)) rest = TimeSpan.FromMilliseconds(1);
            if (!(device is null ? _group.TrySum(host, rest) : _group.TrySum(device, rest))) throw TimedOut(announcement, []);
        }
        catch (TorchException e)
        {
            throw FindLost(announcement.Step) ?? new GroupBrokenException(_engine, announcement.Step, e.Message);
        }
    }

    // Says what this rank is about to sum, and waits for the left neighbour to say the same.
    private void Announce(in RingFrame own, long started)
    {
        own.Write(_frame);
        fixed (byte* frame = _frame)
        {
            // 32 bytes, one such frame on its way at most per call: the kernel's buffer has room, or the neighbour is far behind.
            for (nint sent = 0; sent < RingFrame.Size;)
            {
                var transfer = _right.Send(frame + sent, RingFrame.Size - sent, frame, 0, out var moved);
                if (transfer == Transfer.Lost) throw _watch.RightLost(own.Step);
                sent += moved;
                if (transfer == Transfer.WouldBlock) Wait(own, receiving: false, started);
            }

            for (nint filled = 0; filled < RingFrame.Size;)
            {
                var transfer = _left.Receive(frame + filled, RingFrame.Size - filled, out var moved);
                if (transfer == Transfer.Lost) throw _watch.LeftLost(own.Step);
                if (transfer == Transfer.Moved) filled += moved;
                else Wait(own, receiving: true, started);
            }
        }

        var left = RingSchedule.LeftOf(_rank, _worldSize);
        if (RingFrame.TryRead(_frame, out var heard) != OperationStatus.Done) throw new FrameRefusedException(left, own.Step, "these bytes are no ring frame");
        if (heard.DifferenceFrom(own with { Chunk = left }) is { } difference) throw new FrameRefusedException(left, own.Step, difference);
    }

    private void Wait(in RingFrame own, bool receiving, long started)
    {
        var asleepAt = Stopwatch.GetTimestamp();
        var rest = _options.Deadline - Stopwatch.GetElapsedTime(started, asleepAt);
        if (rest <= TimeSpan.Zero) throw TimedOut(own, [new(receiving ? RingSchedule.LeftOf(_rank, _worldSize) : RingSchedule.RightOf(_rank, _worldSize), AwaitedRank.Group, own.PayloadBytes)]);
        _watch.Sleep(own.Step, receiving, sending: !receiving, blocked: !receiving, (int)Math.Ceiling(rest.TotalMilliseconds), TimeSpan.Zero);
        _waitTicks += Stopwatch.GetTimestamp() - asleepAt;
    }

    private AllReduceTimeoutException TimedOut(in RingFrame own, IReadOnlyList<AwaitedRank> awaited) =>
        new(_rank, _generation, own.Step, own.Bucket, RingPhase.Announcement, _options.Deadline, awaited);

    // Which neighbour hung up, or said who did; null when none did in time.
    private AllReduceException? FindLost(long step)
    {
        if (_abortReason is not null) return null; // Our own doing.
        var entries = stackalloc NativeSocket.PollEntry[2];
        var bytes = stackalloc byte[RingFrame.Size];
        var until = Stopwatch.GetTimestamp() + (EvidenceMilliseconds * Stopwatch.Frequency / 1000);
        while (Stopwatch.GetTimestamp() < until)
        {
            entries[0] = new() { Descriptor = _right.Descriptor, Events = NativeSocket.Readable | NativeSocket.PeerClosed };
            entries[1] = new() { Descriptor = _left.Descriptor, Events = NativeSocket.Readable };
            NativeSocket.Poll(entries, 2, (int)((until - Stopwatch.GetTimestamp()) * 1000 / Stopwatch.Frequency) + 1);
            if (entries[0].Returned != 0) return _watch.RightLost(step);
            if (entries[1].Returned == 0) continue;

            // The left neighbour may have had its sum and announced the next one; only its end is evidence.
            while (_left.Receive(bytes, RingFrame.Size, out _) is var transfer && transfer != Transfer.WouldBlock)
            {
                if (transfer == Transfer.Lost) return _watch.LeftLost(step);
            }
        }

        return null;
    }

    // A timeout is passed on as this rank's own leaving: who was slow, the coordinator finds out from all complaints together.
    private void GiveUp(AllReduceException failure)
    {
        lock (_closing)
        {
            if (_disposed || _abortReason is not null) return;
            _watch.SayFarewell(failure switch { PeerLostException lost => lost.Rank, FrameRefusedException refused => refused.Rank, _ => _rank });
            _group.Abort();
        }
    }

    // Closing a connection with something unread in it takes from the neighbour what it has not read yet, and Gloo leaves notes unread. So each rank
    // says that it is done and keeps its connections until its neighbours are, for a while. A neighbour that speaks instead has begun another sum: it
    // is not to wait for this rank.
    private void CloseAfterNeighbours()
    {
        var entries = stackalloc NativeSocket.PollEntry[2];
        var bytes = stackalloc byte[RingFrame.Size];
        var until = Stopwatch.GetTimestamp() + (NeighbourSeconds * Stopwatch.Frequency);
        _left.ShutdownSending();
        _right.ShutdownSending();
        List<NativeSocket> open = [_right, _left];
        while (open.Count > 0 && Stopwatch.GetTimestamp() < until)
        {
            for (var i = 0; i < open.Count; i++) entries[i] = new() { Descriptor = open[i].Descriptor, Events = NativeSocket.Readable };
            NativeSocket.Poll(entries, open.Count, (int)((until - Stopwatch.GetTimestamp()) * 1000 / Stopwatch.Frequency) + 1);
            for (var i = open.Count - 1; i >= 0; i--)
            {
                var transfer = open[i].Receive(bytes, RingFrame.Size, out _);
                if (transfer == Transfer.Moved) until = 0;
                if (transfer == Transfer.Lost) open.RemoveAt(i);
            }
        }

        Close();
    }

    private void Close()
    {
        _left.Dispose();
        _right.Dispose();
        _group.Dispose();
    }
}
