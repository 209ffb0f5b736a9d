using System.Buffers.Binary;
using System.Net.Sockets;
using Vae.Worker.Collectives;

namespace Vae.Benchmarks.Parallel;

/// <summary>
/// Loopback as slow as a network: the kernel paces what each rank sends (SO_MAX_PACING_RATE), by its own timers, so that nothing but the wait is added; a proxy
/// would take the very cores that are measured.
/// </summary>
internal sealed class PacedTransport(int port, long bytesPerSecond) : IRingTransport, IDisposable
{
    private const int SocketLevel = 1, MaxPacingRate = 47;

    private readonly LoopbackRingTransport _inner = new(port);

    public RingArrivals Arrivals => _inner.Arrivals;

    public async Task<Socket> ConnectAsync(string host, int port, ReadOnlyMemory<byte> hello, CancellationToken cancellation)
    {
        var socket = await _inner.ConnectAsync(host, port, hello, cancellation);
        var rate = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(rate, bytesPerSecond);
        socket.SetRawSocketOption(SocketLevel, MaxPacingRate, rate);
        return socket;
    }

    public void Dispose() => _inner.Dispose();
}
