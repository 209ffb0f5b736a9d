using System.Diagnostics;
using System.Security.Cryptography;
using Vae.Shared.Collectives;

namespace Vae.Worker.Collectives;

/// <summary>
/// Hands what one rank says to all others, once round the ring, over the connections that the ring was made of and before anything else uses them. Every rank passes on what has come while the rest is still on
/// its way, so n ranks take hardly longer than two. At the end stands a SHA-256 over all of it. The rank on the left of the source passes nothing on. For one thread.
/// </summary>
/// <param name="links">The circle; not closed.</param>
/// <param name="source">The rank that speaks.</param>
/// <param name="silence">Longest time without a byte from the left, or one taken on the right.</param>
/// <param name="cancellation">Gives up early, within some milliseconds.</param>
internal sealed unsafe class StateRelay(RingLinks links, int source, TimeSpan silence, CancellationToken cancellation) : IDisposable
{
    private const int CancellationEveryMilliseconds = 20;

    // A piece is passed on before the next is asked for: small enough that ranks work side by side, large enough that calls cost nothing beside copying.
    private const int PieceBytes = 256 * 1024;

    private readonly NativeSocket _right = new(links.Right, owned: false, brief: true);
    private readonly NativeSocket _left = new(links.Left, owned: false, brief: true);
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] _unwanted = [];

    /// <summary>Whether this rank is the one that speaks.</summary>
    public bool IsSource => links.Rank == source;

    private int LeftRank => RingSchedule.LeftOf(links.Rank, links.WorldSize);

    private int RightRank => RingSchedule.RightOf(links.Rank, links.WorldSize);

    /// <summary>The source: says this to all others.</summary>
    /// <exception cref="PeerLostException">A neighbour hung up.</exception>
    /// <exception cref="StateTransferException">A neighbour takes nothing.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the circle is of no further use.</exception>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        PassOn(bytes);
    }

    /// <summary>The others: the next bytes that the source says, exactly as many.</summary>
    /// <inheritdoc cref="Send"/>
    public void Receive(Span<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var count = TakeSome(bytes[..Math.Min(bytes.Length, PieceBytes)]);
            _hash.AppendData(bytes[..count]);
            if (RightRank != source) PassOn(bytes[..count]);
            bytes = bytes[count..];
        }
    }

    /// <summary>The others: passes on what it does not need itself.</summary>
    /// <inheritdoc cref="Send"/>
    public void Skip(long count)
    {
        if (_unwanted.Length == 0) _unwanted = new byte[PieceBytes];
        for (; count > 0; count -= Math.Min(count, PieceBytes)) Receive(_unwanted.AsSpan(0, (int)Math.Min(count, PieceBytes)));
    }

    /// <summary>All ranks, at the end: the source says its digest, the others compare it with theirs.</summary>
    /// <exception cref="StateTransferException">What came is not what was sent.</exception>
    /// <inheritdoc cref="Send"/>
    public void Seal()
    {
        Span<byte> own = stackalloc byte[SHA256.HashSizeInBytes];
        _hash.GetHashAndReset(own);
        if (IsSource)
        {
            PassOn(own);
            return;
        }

        Span<byte> said = stackalloc byte[SHA256.HashSizeInBytes];
        Receive(said);
        if (!said.SequenceEqual(own)) throw new StateTransferException($"The state of rank {source} came to rank {links.Rank} with another digest than it was sent with; it is not used.", []);
    }

    /// <summary>The connections stay open.</summary>
    public void Dispose()
    {
        _hash.Dispose();
        _right.Dispose();
        _left.Dispose();
    }

    private int TakeSome(Span<byte> target)
    {
        var waitingSince = Stopwatch.GetTimestamp();
        fixed (byte* start = target)
        {
            while (true)
            {
                var transfer = _left.Receive(start, target.Length, out var received);
                if (transfer == Transfer.Moved) return (int)received;
                if (transfer == Transfer.Lost) throw Lost(LeftRank);
                Wait(_left, NativeSocket.Readable, LeftRank, "hand on", waitingSince);
            }
        }
    }

    private void PassOn(ReadOnlySpan<byte> bytes)
    {
        var waitingSince = Stopwatch.GetTimestamp();
        fixed (byte* start = bytes)
        {
            for (nint sent = 0; sent < bytes.Length;)
            {
                var transfer = _right.Send(start + sent, bytes.Length - sent, start, 0, out var moved);
                if (transfer == Transfer.Lost) throw Lost(RightRank);
                if (transfer == Transfer.Moved) (sent, waitingSince) = (sent + moved, Stopwatch.GetTimestamp());
                else Wait(_right, NativeSocket.Writable, RightRank, "take", waitingSince);
            }
        }
    }

    private void Wait(NativeSocket socket, short events, int rank, string what, long since)
    {
        cancellation.ThrowIfCancellationRequested();
        if (Stopwatch.GetElapsedTime(since) >= silence)
            throw new StateTransferException($"Rank {links.Rank} waited {silence.TotalSeconds:0.###} s for rank {rank} to {what} the state of rank {source}. Look at that worker's load and network.", [rank]);
        var entry = new NativeSocket.PollEntry { Descriptor = socket.Descriptor, Events = events };
        NativeSocket.Poll(&entry, 1, CancellationEveryMilliseconds);
    }

    private PeerLostException Lost(int rank) => new(rank, 0, $"the connection ended while the state of rank {source} went round the ring");
}

/// <summary>A rank's state did not come round the ring whole. Nothing of it was used.</summary>
public sealed class StateTransferException(string text, IReadOnlyList<int> silent) : AllReduceException(text, 0)
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> Silent => silent;
}
