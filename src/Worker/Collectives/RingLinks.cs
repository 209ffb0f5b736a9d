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

    internal RingLinks(RingHello self, Socket right, Socket left)
    {
        (Rank, WorldSize, Generation) = (self.Rank, self.WorldSize, self.Key.Generation);
        (Right, Left) = (right, left);
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
    public async Task<IReadOnlyList<byte[]>> GatherAsync(ReadOnlyMemory<byte> own, CancellationToken cancellation)
    {
        if (own.Length > GatherBytesMax) throw new ArgumentException($"A rank says at most {GatherBytesMax} bytes, not {own.Length}.", nameof(own));
        var said = new byte[WorldSize][];
        said[Rank] = own.ToArray();
        for (var hop = 0; hop < WorldSize - 1; hop++)
        {
            var sending = SendAsync(said[(Rank - hop + WorldSize) % WorldSize], cancellation);
            said[(Rank - hop - 1 + WorldSize) % WorldSize] = await ReceiveAsync(cancellation);
            await sending;
        }

        return said;
    }

    /// <summary>Closes both connections.</summary>
    public void Dispose()
    {
        Right.Dispose();
        Left.Dispose();
    }

    private async Task SendAsync(byte[] bytes, CancellationToken cancellation)
    {
        var frame = new byte[sizeof(int) + bytes.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, bytes.Length);
        bytes.CopyTo(frame, sizeof(int));
        try
        {
            for (var sent = 0; sent < frame.Length;) sent += await Right.SendAsync(frame.AsMemory(sent), cancellation);
        }
        catch (SocketException e)
        {
            throw Lost(RingSchedule.RightOf(Rank, WorldSize), e);
        }
    }

    private async Task<byte[]> ReceiveAsync(CancellationToken cancellation)
    {
        var left = RingSchedule.LeftOf(Rank, WorldSize);
        try
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(await RingConnector.ReadExactlyAsync(Left, sizeof(int), cancellation));
            if (length is < 0 or > GatherBytesMax) throw new RingRefusedException(left, $"Rank {left} says {length} bytes while the ranks agree on an all-reduce engine; at most {GatherBytesMax} are allowed. Run the same version on all workers.");
            return await RingConnector.ReadExactlyAsync(Left, length, cancellation);
        }
        catch (Exception e) when (e is SocketException or EndOfStreamException)
        {
            throw Lost(left, e);
        }
    }

    private static PeerLostException Lost(int rank, Exception cause) =>
        new(rank, 0, $"the connection ended while the ranks agreed on an all-reduce engine ({cause.Message.TrimEnd('.')})");
}
