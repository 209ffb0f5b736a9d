using System.Diagnostics;
using Vae.Shared.Collectives;

namespace Vae.Worker.Collectives.SharedMemory;

/// <summary>
/// Whether waiting still makes sense. A rank that gives up writes for whom into its card, before its sockets close; a rank that the system has
/// killed writes nothing, but the kernel closes its sockets, which its two neighbours see and write into their own cards for the rest.
/// </summary>
internal sealed unsafe class SharedWatch(SharedBoard board, int rank, int worldSize, NativeSocket right, NativeSocket left) : IBoardWatch
{
    private bool _rightDone, _leftDone;

    /// <summary>The optimizer update of the running call.</summary>
    public long Step { get; set; }

    /// <summary>Makes the exception for a deadline that has passed.</summary>
    public required Func<int, Progress, AllReduceException> TimedOut { get; init; }

    /// <summary>When waiting ends, in ticks of <see cref="Stopwatch"/>.</summary>
    public long Deadline { get; set; }

    /// <inheritdoc/>
    public void Look(int peer, Progress kind, long value, bool first)
    {
        if (FromCards(peer, kind, value) is { } told) throw told;
        if (first) return;
        if (FromSockets() is { } lost) throw FromCards(peer, kind, value) ?? lost; // Who leaves writes first and closes afterwards.
        if (Stopwatch.GetTimestamp() >= Deadline) throw TimedOut(peer, kind);
    }

    private PeerLostException? FromCards(int awaited, Progress kind, long value)
    {
        for (var other = 0; other < worldSize; other++)
        {
            var state = board.StateOf(other);
            if (other == rank ? state == 0 : state is 0 or SegmentLayout.Left) continue;
            if (other == rank) return new(rank, Step, "it was told to stop"); // Abort from another thread; the caller knows why.
            var lost = state - 1;
            return new(lost, Step, lost == other ? "it left the ring" : $"rank {other} passed the news on");
        }

        return board.StateOf(awaited) == SegmentLayout.Left && !board.Has(awaited, kind, value) ? new(awaited, Step, "it left the ring") : null;
    }

    private PeerLostException? FromSockets()
    {
        var entries = stackalloc NativeSocket.PollEntry[2];
        var count = 0;
        if (!_rightDone) entries[count++] = new() { Descriptor = right.Descriptor, Events = NativeSocket.Readable | NativeSocket.PeerClosed };
        if (!_leftDone) entries[count++] = new() { Descriptor = left.Descriptor, Events = NativeSocket.Readable | NativeSocket.PeerClosed };
        NativeSocket.Poll(entries, count, 0);
        for (var i = 0; i < count; i++)
        {
            if (entries[i].Returned == 0) continue;
            var isRight = entries[i].Descriptor == right.Descriptor;
            var neighbour = isRight ? RingSchedule.RightOf(rank, worldSize) : RingSchedule.LeftOf(rank, worldSize);
            if (board.StateOf(neighbour) != SegmentLayout.Left) return new(neighbour, Step, "its process is gone: the connection to it was closed");
            if (isRight) _rightDone = true;
            else _leftDone = true;
        }

        return null;
    }
}
