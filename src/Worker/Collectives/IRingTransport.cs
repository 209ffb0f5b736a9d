using System.Net.Sockets;

namespace Vae.Worker.Collectives;

/// <summary>How rings get their sockets: the worker's authenticated data plane, or plain loopback in tests and benchmarks.</summary>
public interface IRingTransport
{
    /// <summary>Connections that others have made to this worker.</summary>
    RingArrivals Arrivals { get; }

    /// <summary>Connects to another worker's data plane and delivers <paramref name="hello"/> to its <see cref="RingArrivals"/>.</summary>
    /// <exception cref="SocketException">Nobody listens there yet, or the way is broken; it is tried again.</exception>
    Task<Socket> ConnectAsync(string host, int port, ReadOnlyMemory<byte> hello, CancellationToken cancellation);
}

/// <summary>One worker of a ring: where rank <paramref name="Rank"/> listens.</summary>
public sealed record RingMember(int Rank, string Host, int Port);
