using System.Buffers;
using System.Diagnostics;
using Vae.Shared.Collectives;

namespace Vae.Worker.Collectives;

/// <summary>Sleeping on the two sockets, and finding out who is really gone when one of them breaks.</summary>
internal sealed unsafe class RingWatch(int rank, int worldSize, int generation, NativeSocket right, NativeSocket left)
{
    // How long a rank whose left neighbour hung up listens for a farewell before it blames that neighbour: the
    // news goes round the other way, through living processes, in far less.
    private const int FarewellGraceMilliseconds = 100;

    private bool _saidFarewell, _rightClosed;

    /// <summary>Sleeps until a socket that matters may move.</summary>
    /// <exception cref="PeerLostException">The right neighbour hung up or said farewell.</exception>
    public void Sleep(long step, bool receiving, bool sending, bool blocked, int milliseconds, TimeSpan spin)
    {
        var entries = stackalloc NativeSocket.PollEntry[2];
        var count = 0;

        // The right neighbour is heard even with nothing more to send: it may know of a loss that keeps the left one silent.
        if (!_rightClosed) entries[count++] = new() { Descriptor = right.Descriptor, Events = (short)(NativeSocket.Readable | NativeSocket.PeerClosed | (blocked ? NativeSocket.Writable : 0)) };
        if (receiving) entries[count++] = new() { Descriptor = left.Descriptor, Events = NativeSocket.Readable };

        if (spin > TimeSpan.Zero) Spin(entries, count, spin);
        if (!Any(entries, count)) NativeSocket.Poll(entries, count, milliseconds);
        if (_rightClosed || (entries[0].Returned & (NativeSocket.Readable | NativeSocket.Gone)) == 0) return;

        if (sending) throw RightLost(step);
        if (ReadFarewell(step, RingSchedule.RightOf(rank, worldSize)) is { } told) throw told;
        _rightClosed = true; // It had all it needed and finished before us, which is its right.
    }

    /// <summary>Whom to blame when the right neighbour's connection broke: whoever its last words named, else itself.</summary>
    public AllReduceException RightLost(long step)
    {
        var neighbour = RingSchedule.RightOf(rank, worldSize);
        return ReadFarewell(step, neighbour) ?? new PeerLostException(neighbour, step, $"the connection to it {How(right)}");
    }

    /// <summary>Whom to blame when the left neighbour's connection broke: whoever the right one names within a moment, else itself.</summary>
    public AllReduceException LeftLost(long step)
    {
        var evidence = $"the connection from it {How(left)}";
        var neighbour = RingSchedule.LeftOf(rank, worldSize);
        if (worldSize > 2)
        {
            var entry = new NativeSocket.PollEntry { Descriptor = right.Descriptor, Events = NativeSocket.Readable };
            NativeSocket.Poll(&entry, 1, FarewellGraceMilliseconds);
            if ((entry.Returned & NativeSocket.Readable) != 0 && ReadFarewell(step, RingSchedule.RightOf(rank, worldSize)) is { } told) return told;
        }

        return new PeerLostException(neighbour, step, evidence);
    }

    /// <summary>Tells the left neighbour, once and if its buffer has room, which rank this one stops for.</summary>
    public void SayFarewell(int lostRank)
    {
        if (_saidFarewell) return;
        _saidFarewell = true;
        var bytes = stackalloc byte[RingFrame.Size];
        new RingFrame(generation, 0, 0, RingPhase.Farewell, lostRank, ElementType.Binary32, 0).Write(new Span<byte>(bytes, RingFrame.Size));
        left.Send(bytes, RingFrame.Size, bytes, 0, out _);
    }

    private AllReduceException? ReadFarewell(long step, int neighbour)
    {
        var bytes = stackalloc byte[RingFrame.Size];
        nint filled = 0;
        while (filled < RingFrame.Size)
        {
            if (right.Receive(bytes + filled, RingFrame.Size - filled, out var received) != Transfer.Moved) return null;
            filled += received;
        }

        return Explain(new ReadOnlySpan<byte>(bytes, RingFrame.Size), step, neighbour);
    }

    /// <summary>Whom a farewell names, or what is wrong with it.</summary>
    public AllReduceException Explain(ReadOnlySpan<byte> farewell, long step, int neighbour)
    {
        var expected = new RingFrame(generation, 0, 0, RingPhase.Farewell, 0, ElementType.Binary32, 0);
        if (RingFrame.TryRead(farewell, out var frame) != OperationStatus.Done) return new FrameRefusedException(neighbour, step, "these bytes are no ring frame");
        if ((frame with { Chunk = 0 }).DifferenceFrom(expected) is { } difference) return new FrameRefusedException(neighbour, step, difference);
        if (frame.Chunk >= worldSize) return new FrameRefusedException(neighbour, step, $"a farewell for rank {frame.Chunk} in a world of {worldSize}");
        return new PeerLostException(frame.Chunk, step, frame.Chunk == neighbour ? "it left the ring" : $"rank {neighbour} passed the news on");
    }

    private static void Spin(NativeSocket.PollEntry* entries, int count, TimeSpan spin)
    {
        var until = Stopwatch.GetTimestamp() + (long)(spin.TotalSeconds * Stopwatch.Frequency);
        do
        {
            NativeSocket.Poll(entries, count, 0);
        }
        while (!Any(entries, count) && Stopwatch.GetTimestamp() < until);
    }

    private static bool Any(NativeSocket.PollEntry* entries, int count) => entries[0].Returned != 0 || (count > 1 && entries[1].Returned != 0);

    private static string How(NativeSocket socket) => socket.LastError is 0 or NativeSocket.Again ? "was closed" : $"broke ({new System.ComponentModel.Win32Exception(socket.LastError).Message})";
}
