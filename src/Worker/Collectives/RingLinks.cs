using System.Buffers.Binary;
using System.Net.Sockets;
using Vae.Shared.Collectives;

namespace Vae.Worker.Collectives;

/// <summary>
/// A closed circle of authenticated connections before the first gradient moves. Over it the ranks agree on an engine; then the engine owns it:
/// as its way of moving gradients, or as the line on which the kernel says that a neighbour is gone.
/// </summary>
public sealed class RingLinks : IDisposable
{
    /// <summary>Most bytes a rank may say in one <see cref="GatherAsync"/>. Facts about a host take some hundreds.</summary>
    public const int GatherBytesMax = 64 * 1024;

    private const int CancellationEveryMilliseconds = 20;

    internal RingLinks(RingHello self, Socket right, Socket left)
    {
        (Rank, WorldSize, Generation) = (self.Rank, self.WorldSize, self.Key.Generation);
        (Right, Left) = (right, left);
        foreach (var socket in (Socket[])[right, left])
        {
            // Traffic runs one way: a second small message would wait 40 ms for the acknowledgement of the first.
            if (socket.ProtocolType == ProtocolType.Tcp) socket.NoDelay = true;
        }
    }

    /// <summary>This process's place, from 0.</summary>
    public int Rank { get; }

    /// <summary>Ranks in the circle, at least 2.</summary>
    public int WorldSize { get; }

    /// <summary>Membership that the connections were made for, from 1.</summary>
    public int Generation { get; }

    /// <summary>Connected to rank + 1.</summary>
    public Socket Right { get; }

    /// <summary>Connected from rank - 1.</summary>
    public Socket Left { get; }

    /// <summary>Hands everybody's bytes to everybody. All ranks call it the same number of times.</summary>
    /// <returns>What each rank gave, by rank.</returns>
    /// <exception cref="PeerLostException">A neighbour hung up.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the circle is of no further use.</exception>
    public Task<IReadOnlyList<byte[]>> GatherAsync(ReadOnlyMemory<byte> own, CancellationToken cancellation)
    {
        if (own.Length > GatherBytesMax) throw new ArgumentException($"A rank says at most {GatherBytesMax} bytes, not {own.Length}.", nameof(own));
        var mine = own.ToArray();
        return Task.Factory.StartNew<IReadOnlyList<byte[]>>(() => Gather(mine, cancellation), cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Closes both connections.</summary>
    public void Dispose()
    {
        Right.Dispose();
        Left.Dispose();
    }

    // By hand and not by the sockets' own asynchronous calls: those would enter the sockets into the runtime's event loop, see NativeSocket.
    private byte[][] Gather(byte[] own, CancellationToken cancellation)
    {
        using var right = new NativeSocket(Right, owned: false, brief: true);
        using var left = new NativeSocket(Left, owned: false, brief: true);
        var said = new byte[WorldSize][];
        said[Rank] = own;
        for (var hop = 0; hop < WorldSize - 1; hop++)
        {
            said[(Rank - hop - 1 + WorldSize) % WorldSize] = Pass(right, left, said[(Rank - hop + WorldSize) % WorldSize], cancellation);
        }

        return said;
    }

    // Sends one rank's bytes to the right while another's come from the left; ahead of both goes their length.
    private unsafe byte[] Pass(NativeSocket right, NativeSocket left, byte[] outgoing, CancellationToken cancellation)
    {
        var frame = new byte[sizeof(int) + outgoing.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, outgoing.Length);
        outgoing.CopyTo(frame, sizeof(int));
        var incoming = new byte[sizeof(int)];
        var (sent, received, hasLength) = (0, 0, false);
        var entries = stackalloc NativeSocket.PollEntry[2];
        while (true)
        {
            if (received == incoming.Length)
            {
                if (!hasLength) (incoming, received, hasLength) = (new byte[LengthOf(incoming)], 0, true);
                if (received == incoming.Length && sent == frame.Length) return incoming;
            }

            var moved = false;
            if (sent < frame.Length)
            {
                fixed (byte* source = frame)
                {
                    var transfer = right.Send(source + sent, frame.Length - sent, null, 0, out var count);
                    if (transfer == Transfer.Lost) throw Lost(RingSchedule.RightOf(Rank, WorldSize));
                    if (transfer == Transfer.Moved) (sent, moved) = (sent + (int)count, true);
                }
            }

            if (received < incoming.Length)
            {
                fixed (byte* target = incoming)
                {
                    var transfer = left.Receive(target + received, incoming.Length - received, out var count);
                    if (transfer == Transfer.Lost) throw Lost(RingSchedule.LeftOf(Rank, WorldSize));
                    if (transfer == Transfer.Moved) (received, moved) = (received + (int)count, true);
                }
            }

            if (moved) continue;
            cancellation.ThrowIfCancellationRequested();
            var waiting = 0;
            if (sent < frame.Length) entries[waiting++] = new() { Descriptor = right.Descriptor, Events = NativeSocket.Writable };
            if (received < incoming.Length) entries[waiting++] = new() { Descriptor = left.Descriptor, Events = NativeSocket.Readable };
            NativeSocket.Poll(entries, waiting, CancellationEveryMilliseconds);
        }
    }

    private int LengthOf(byte[] bytes)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        var left = RingSchedule.LeftOf(Rank, WorldSize);
        return length is >= 0 and <= GatherBytesMax
            ? length : throw new RingRefusedException(left, $"Rank {left} says {length} bytes while the ranks agree on an all-reduce engine; at most {GatherBytesMax} are allowed. Run the same version on all workers.");
    }

    private static PeerLostException Lost(int rank) => new(rank, 0, "the connection ended while the ranks agreed on an all-reduce engine");
}
