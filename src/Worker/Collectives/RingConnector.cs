using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Vae.Worker.Collectives;

/// <summary>A neighbour's hello was not the one due, or ours was not to a neighbour. The text names the field and both values.</summary>
public sealed class RingRefusedException(int rank, string text) : Exception(text)
{
    /// <summary>The other side.</summary>
    public int Rank { get; } = rank;
}

/// <summary>Neighbours did not appear in time.</summary>
public sealed class RingConnectTimeoutException(IReadOnlyList<int> missingRanks, string text) : Exception(text)
{
    /// <summary>The neighbours that are missing: one or two.</summary>
    public IReadOnlyList<int> MissingRanks { get; } = missingRanks;
}

/// <summary>
/// Closes the circle: connects to the right neighbour while it accepts from the left one. Both sides have checked the other's
/// pack, attempt, generation, rank, world size, element count and model before the first gradient moves.
/// </summary>
public static class RingConnector
{
    private const int AnswerTextMax = 1024;
    private static readonly TimeSpan RetryFirst = TimeSpan.FromMilliseconds(20), RetryMax = TimeSpan.FromMilliseconds(500);

    /// <summary>Connects, and sums over TCP.</summary>
    /// <param name="self">What this rank is, and what it expects all others to be but for the rank.</param>
    /// <param name="members">All ranks; exactly 0 to world size - 1.</param>
    /// <param name="transport">Where sockets come from.</param>
    /// <param name="deadline">For all of it, later starters included.</param>
    /// <param name="options">Default: a new <see cref="RingOptions"/>.</param>
    /// <param name="cancellation">Gives up early.</param>
    /// <returns>A ready ring; <see cref="NoAllReduce"/> for a world of one.</returns>
    /// <exception cref="RingRefusedException">A neighbour is not what we expect, or does not expect us.</exception>
    /// <exception cref="RingConnectTimeoutException">A neighbour did not appear.</exception>
    public static async Task<IAllReduce> ConnectAsync(
        RingHello self, IReadOnlyList<RingMember> members, IRingTransport transport, TimeSpan deadline, RingOptions? options = null, CancellationToken cancellation = default)
    {
        var links = await ConnectLinksAsync(self, members, transport, deadline, cancellation);
        return links is null ? new NoAllReduce() : new RingAllReduce(links.Rank, links.WorldSize, links.Generation, links.Right, links.Left, options);
    }

    /// <summary>Connects only; what moves over the connections is agreed afterwards.</summary>
    /// <param name="self">What this rank is, and what it expects all others to be but for the rank.</param>
    /// <param name="members">All ranks; exactly 0 to world size - 1.</param>
    /// <param name="transport">Where sockets come from.</param>
    /// <param name="deadline">For all of it, later starters included.</param>
    /// <param name="cancellation">Gives up early.</param>
    /// <returns>The circle; null for a world of one.</returns>
    /// <exception cref="RingRefusedException">A neighbour is not what we expect, or does not expect us.</exception>
    /// <exception cref="RingConnectTimeoutException">A neighbour did not appear.</exception>
    public static async Task<RingLinks?> ConnectLinksAsync(
        RingHello self, IReadOnlyList<RingMember> members, IRingTransport transport, TimeSpan deadline, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(members.Count, self.WorldSize);
        if (self.WorldSize == 1) return null;

        var leftRank = Shared.Collectives.RingSchedule.LeftOf(self.Rank, self.WorldSize);
        var right = members.Single(member => member.Rank == Shared.Collectives.RingSchedule.RightOf(self.Rank, self.WorldSize));
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        time.CancelAfter(deadline);

        var toRight = ConnectRightAsync(self, right, transport, time.Token);
        var fromLeft = AcceptLeftAsync(self with { Rank = leftRank }, self.Rank, transport.Arrivals, time.Token);
        try
        {
            var first = await Task.WhenAny(toRight, fromLeft);
            if (first.IsFaulted) await time.CancelAsync(); // No use in waiting for the other one.
            await Task.WhenAll(toRight, fromLeft);
            return new RingLinks(self, toRight.Result, fromLeft.Result);
        }
        catch (Exception)
        {
            if (toRight.IsCompletedSuccessfully) toRight.Result.Dispose();
            if (fromLeft.IsCompletedSuccessfully) fromLeft.Result.Dispose();
            var refusal = new[] { toRight, fromLeft }.Select(task => task.Exception?.InnerException).FirstOrDefault(e => e is not null and not OperationCanceledException);
            if (refusal is not null) throw refusal;
            cancellation.ThrowIfCancellationRequested();

            var missing = new List<int>();
            if (!fromLeft.IsCompletedSuccessfully) missing.Add(leftRank);
            if (!toRight.IsCompletedSuccessfully && !missing.Contains(right.Rank)) missing.Add(right.Rank);
            throw new RingConnectTimeoutException(missing,
                $"Rank {self.Rank} of pack {self.Key.Pack} (attempt {self.Key.Attempt}, generation {self.Key.Generation}) waited {deadline.TotalSeconds:0.###} s for rank {string.Join(" and rank ", missing)}"
                + $" to join the ring. Right neighbour: {right.Host}:{right.Port}. Check that these workers run and reach each other's data-plane port.");
        }
    }

    private static async Task<Socket> ConnectRightAsync(RingHello self, RingMember right, IRingTransport transport, CancellationToken cancellation)
    {
        var hello = self.Encode();
        var pause = RetryFirst;
        while (true)
        {
            Socket? socket = null;
            try
            {
                socket = await transport.ConnectAsync(right.Host, right.Port, hello, cancellation);
                var refusal = await ReadAnswerAsync(socket, cancellation);
                if (refusal is null) return socket;
                throw new RingRefusedException(right.Rank, $"Rank {right.Rank} at {right.Host}:{right.Port} refused rank {self.Rank}: {refusal}");
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                // It does not listen yet, restarts, or died while it shook hands: try again until the deadline.
                socket?.Dispose();
                await Task.Delay(pause, cancellation);
                pause = pause * 2 < RetryMax ? pause * 2 : RetryMax;
            }
            catch
            {
                socket?.Dispose();
                throw;
            }
        }
    }

    private static async Task<Socket> AcceptLeftAsync(RingHello expected, int selfRank, RingArrivals arrivals, CancellationToken cancellation)
    {
        while (true)
        {
            var (socket, hello) = await arrivals.TakeAsync(expected.Key, cancellation);
            try
            {
                var difference = hello.DifferenceFrom(expected);
                await WriteAnswerAsync(socket, difference, cancellation);
                if (difference is null) return socket;
                socket.Dispose();
                if (hello.Rank == expected.Rank) throw new RingRefusedException(hello.Rank, $"Rank {selfRank} refused rank {hello.Rank}: it has {difference}.");
            }
            catch (SocketException)
            {
                socket.Dispose(); // It gave up while it waited; it will come again.
            }
            catch (OperationCanceledException)
            {
                socket.Dispose();
                throw;
            }
        }
    }

    /// <summary>The answer to a hello: length in two bytes, then the reason for a refusal; empty means welcome.</summary>
    private static async Task WriteAnswerAsync(Socket socket, string? refusal, CancellationToken cancellation)
    {
        var text = Encoding.UTF8.GetBytes(refusal ?? "");
        var answer = new byte[sizeof(ushort) + Math.Min(text.Length, AnswerTextMax)];
        BinaryPrimitives.WriteUInt16LittleEndian(answer, (ushort)(answer.Length - sizeof(ushort)));
        text.AsSpan(0, answer.Length - sizeof(ushort)).CopyTo(answer.AsSpan(sizeof(ushort)));
        await socket.SendAsync(answer, cancellation);
    }

    private static async Task<string?> ReadAnswerAsync(Socket socket, CancellationToken cancellation)
    {
        var length = BinaryPrimitives.ReadUInt16LittleEndian(await ReadExactlyAsync(socket, sizeof(ushort), cancellation));
        if (length > AnswerTextMax) return "its answer is no ring answer";
        return length == 0 ? null : Encoding.UTF8.GetString(await ReadExactlyAsync(socket, length, cancellation));
    }

    internal static async Task<byte[]> ReadExactlyAsync(Socket socket, int length, CancellationToken cancellation)
    {
        var bytes = new byte[length];
        for (var filled = 0; filled < length;)
        {
            var received = await socket.ReceiveAsync(bytes.AsMemory(filled), cancellation);
            if (received == 0) throw new EndOfStreamException("The other side closed the connection.");
            filled += received;
        }

        return bytes;
    }
}
