using System.Collections.Concurrent;
using System.Net.Sockets;
using Vae.Runtime.Remoting;
using Vae.Shared;
using Vae.Worker.Collectives;

namespace Vae.Worker.Engine;

/// <summary>Rings over the worker's authenticated data plane.</summary>
public sealed class DataPlaneTransport(NodeIdentity self) : IRingTransport, IDataPlaneAcceptor, IDisposable
{
    private readonly ConcurrentDictionary<(string Host, int Port), NodeId> _expected = new();

    /// <inheritdoc/>
    public RingArrivals Arrivals { get; } = new();

    /// <summary>Says which node must answer at an address, so that a worker which took over the address is not mistaken for it.</summary>
    public void Expect(string host, int port, NodeId node) => _expected[(host, port)] = node;

    /// <inheritdoc/>
    public async Task<Socket> ConnectAsync(string host, int port, ReadOnlyMemory<byte> hello, CancellationToken cancellation)
    {
        try
        {
            return await DataPlane.ConnectAsync(host, port, self, _expected[(host, port)], hello, cancellation);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new SocketException((int)SocketError.TimedOut); // The handshake had its own deadline; the ring may try again.
        }
    }

    /// <inheritdoc/>
    public void Accept(Socket socket, NodeId peer, ReadOnlyMemory<byte> helloPayload) => Arrivals.Offer(socket, helloPayload.Span);

    /// <inheritdoc/>
    public void Dispose() => Arrivals.Dispose();
}
