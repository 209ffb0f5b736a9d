using System.Buffers;
using System.Diagnostics;
using Vae.Shared.Collectives;

namespace Vae.Worker.Collectives;

/// <summary>
/// Measures the link to the right neighbour by round trips on the ring's own connection, and answers those of the left one meanwhile. Waiting inside an all-reduce cannot tell a slow link: whoever
/// is behind by one wait enters the next sum late, so the wait turns up at the neighbour whose link is sound. A round trip needs no common clock and depends on nobody else in the ring.
/// <para>
/// Every rank sends the same row of pings, each when the one before is answered. The first takes as long as the neighbour needs to come here and is not counted. Then come some that carry nothing, whose
/// quickest is the round trip, and some that carry a load, whose quickest is how fast bytes follow. A rank goes on when its own are answered and the left neighbour's are, so nothing of this is left on the wire.
/// </para>
/// </summary>
internal sealed unsafe class LinkProbe(int rank, int worldSize, int generation, NativeSocket right, NativeSocket left, RingWatch watch)
{
    private const int LoadBytes = 64 * 1024;
    private const double BytesPerSecondMax = 64e9; // Beyond this the clock is what is measured.

    private readonly byte[] _outgoing = GC.AllocateArray<byte>(RingFrame.Size + LoadBytes, pinned: true);
    private readonly byte[] _incoming = GC.AllocateUninitializedArray<byte>(LoadBytes, pinned: true);
    private readonly byte[] _pong = GC.AllocateArray<byte>(RingFrame.Size, pinned: true);
    private readonly byte[] _answer = GC.AllocateArray<byte>(RingFrame.Size, pinned: true);
    private readonly byte[] _header = GC.AllocateArray<byte>(RingFrame.Size, pinned: true);
    private readonly int _leftRank = RingSchedule.LeftOf(rank, worldSize), _rightRank = RingSchedule.RightOf(rank, worldSize);
    private long _step, _sentAt;
    private int _asked, _sent, _heard; // Our pings: the number of the one under way, and bytes of it and of its answer.
    private int _answered, _taken, _said; // The left neighbour's: likewise.
    private long _emptyTicks, _loadedTicks;
    private bool _blocked;

    /// <summary>Bytes that each ping carries.</summary>
    private static ReadOnlySpan<int> Loads => [0, 0, 0, 0, LoadBytes, LoadBytes];

    private bool Asks => _asked < Loads.Length;

    private bool Answers => _answered < Loads.Length;

    public LinkReading Run(long step, TimeSpan deadline)
    {
        var end = Stopwatch.GetTimestamp() + (long)(deadline.TotalSeconds * Stopwatch.Frequency);
        (_step, _asked, _answered, _taken, _said) = (step, 0, 0, 0, 0);
        (_emptyTicks, _loadedTicks) = (long.MaxValue, long.MaxValue);
        Ask();
        while (Asks || Answers)
        {
            var moved = (Asks && (Send() | Hear())) | (Answers && Serve());
            if (!moved) Wait(deadline, end);
        }

        var (empty, loaded) = (Seconds(_emptyTicks), Seconds(_loadedTicks));
        return new(empty, LoadBytes / Math.Max(loaded - empty, LoadBytes / BytesPerSecondMax));
    }

    private static double Seconds(long ticks) => (double)ticks / Stopwatch.Frequency;

    private void Ask()
    {
        (_sent, _heard, _sentAt) = (0, 0, Stopwatch.GetTimestamp());
        if (Asks) Frame(RingPhase.Ping, _asked, Loads[_asked]).Write(_outgoing);
    }

    private RingFrame Frame(RingPhase phase, int number, int load) => new(generation, _step, 0, phase, number, ElementType.Binary32, load);

    private bool Send()
    {
        var length = RingFrame.Size + Loads[_asked];
        _blocked = false;
        if (_sent == length) return false;
        fixed (byte* bytes = _outgoing)
        {
            var transfer = right.Send(bytes + _sent, length - _sent, bytes, 0, out var count);
            if (transfer == Transfer.Lost) throw watch.RightLost(_step);
            _blocked = transfer == Transfer.WouldBlock;
            if (!_blocked) _sent += (int)count;
            return !_blocked;
        }
    }

    private bool Hear()
    {
        fixed (byte* bytes = _answer)
        {
            var transfer = right.Receive(bytes + _heard, RingFrame.Size - _heard, out var count);
            if (transfer == Transfer.Lost) throw watch.RightLost(_step);
            if (transfer != Transfer.Moved) return false;
            _heard += (int)count;
        }

        if (_heard == RingFrame.Size) TakeAnswer();
        return true;
    }

    private void TakeAnswer()
    {
        if (RingFrame.TryRead(_answer, out var frame) != OperationStatus.Done || frame.Phase != RingPhase.Pong) throw watch.Explain(_answer, _step, _rightRank);
        if (frame.DifferenceFrom(Frame(RingPhase.Pong, _asked, 0)) is { } difference) throw new FrameRefusedException(_rightRank, _step, difference);
        var ticks = Stopwatch.GetTimestamp() - _sentAt;
        if (Loads[_asked] > 0) _loadedTicks = Math.Min(_loadedTicks, ticks);
        else if (_asked > 0) _emptyTicks = Math.Min(_emptyTicks, ticks);
        _asked++;
        Ask();
    }

    // Takes a ping, then answers it.
    private bool Serve()
    {
        var length = RingFrame.Size + Loads[_answered];
        return _taken < length ? Take(length) : Answer();
    }

    private bool Take(int length)
    {
        var isHeader = _taken < RingFrame.Size;
        nint count;
        fixed (byte* header = _header, load = _incoming)
        {
            var target = isHeader ? header + _taken : load;
            var transfer = left.Receive(target, (isHeader ? RingFrame.Size : length) - _taken, out count);
            if (transfer == Transfer.Lost) throw watch.LeftLost(_step);
            if (transfer != Transfer.Moved) return false;
        }

        _taken += (int)count;
        if (!isHeader || _taken < RingFrame.Size) return true;
        var known = RingFrame.TryRead(_header, out var frame) == OperationStatus.Done;
        if (!known || frame.DifferenceFrom(Frame(RingPhase.Ping, _answered, Loads[_answered])) is not null)
            throw new FrameRefusedException(_leftRank, _step, known ? frame.DifferenceFrom(Frame(RingPhase.Ping, _answered, Loads[_answered]))! : "these bytes are no ring frame");
        return true;
    }

    private bool Answer()
    {
        if (_said == 0) Frame(RingPhase.Pong, _answered, 0).Write(_pong);
        fixed (byte* bytes = _pong)
        {
            var transfer = left.Send(bytes + _said, RingFrame.Size - _said, bytes, 0, out var count);
            if (transfer == Transfer.Lost) throw watch.LeftLost(_step);
            if (transfer != Transfer.Moved) return false;
            _said += (int)count;
        }

        if (_said == RingFrame.Size) (_answered, _taken, _said) = (_answered + 1, 0, 0);
        return true;
    }

    private void Wait(TimeSpan deadline, long end)
    {
        var now = Stopwatch.GetTimestamp();
        if (now >= end) throw TimedOut(deadline);
        var entries = stackalloc NativeSocket.PollEntry[2];
        var count = 0;
        if (Asks) entries[count++] = new() { Descriptor = right.Descriptor, Events = (short)(NativeSocket.Readable | (_blocked ? NativeSocket.Writable : 0)) };
        if (Answers) entries[count++] = new() { Descriptor = left.Descriptor, Events = _taken == RingFrame.Size + Loads[_answered] ? NativeSocket.Writable : NativeSocket.Readable };
        NativeSocket.Poll(entries, count, (int)long.Min(((end - now) * 1000 / Stopwatch.Frequency) + 1, int.MaxValue));
    }

    private AllReduceTimeoutException TimedOut(TimeSpan deadline)
    {
        var awaited = new List<AwaitedRank>(2);
        if (Answers) awaited.Add(new(_leftRank, AwaitedRank.Left, RingFrame.Size + Loads[_answered] - _taken));
        if (Asks) awaited.Add(new(_rightRank, AwaitedRank.Right, RingFrame.Size - _heard));
        return new(rank, generation, _step, 0, RingPhase.Ping, deadline, awaited);
    }
}
