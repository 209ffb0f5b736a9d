using System.Net.Sockets;

namespace Vae.Runtime.Remoting;

/// <summary>Bounds and clocks of connections.</summary>
public sealed record RemotingOptions
{
    /// <summary>A peer gets a frame at least this often. Default 2 s.</summary>
    public TimeSpan PingEvery { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A peer that sends nothing for this long is dead, whatever its socket says. Default 10 s.</summary>
    public TimeSpan DeadAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Bytes that may wait for one peer; a peer that falls further behind is disconnected. Default 16 MiB, and always room for one frame.</summary>
    public int SendQueueBytesMax { get; init; } = 16 * 1024 * 1024;

    /// <summary>Strangers that may be in the handshake at once. Default 64: with 16 KiB each, the door costs 1 MiB at most.</summary>
    public int StrangersMax { get; init; } = 64;

    /// <summary>First wait before connecting again; doubles up to <see cref="ReconnectMax"/>, each wait cut by a random part of up to a half. Default 100 ms.</summary>
    public TimeSpan ReconnectMin { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Longest wait. Default 1 s: what a restarted coordinator waits for its workers at most, and a thousand workers that knock once a second are no load.</summary>
    public TimeSpan ReconnectMax { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Makes the stream over an accepted or opened socket; the place where TLS goes. Default: the plain socket.</summary>
    public Func<Socket, bool, CancellationToken, ValueTask<Stream>> StreamFactory { get; init; } =
        static (socket, _, _) => new(new NetworkStream(socket, ownsSocket: true));
}
