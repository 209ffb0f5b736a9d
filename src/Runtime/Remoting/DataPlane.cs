using System.Net.Sockets;
using Vae.Shared;

namespace Vae.Runtime.Remoting;

/// <summary>Takes raw sockets of the data plane. Once it has a socket, the socket is its own.</summary>
public interface IDataPlaneAcceptor
{
    /// <param name="socket">Connected, authenticated, no delay; nothing was read beyond the handshake.</param>
    /// <param name="peer">The worker at the other end.</param>
    /// <param name="helloPayload">What the peer sent along: which pack, generation and rank it is.</param>
    void Accept(Socket socket, NodeId peer, ReadOnlyMemory<byte> helloPayload);
}

/// <summary>Opens and accepts raw, authenticated sockets between workers.</summary>
public static class DataPlane
{
    /// <summary>The handler to give to a <see cref="NodeListener"/> for <see cref="ConnectionPurpose.Data"/>.</summary>
    public static IConnectionHandler Handler(IDataPlaneAcceptor acceptor) => new RawHandler(acceptor);

    /// <summary>Connects to another worker's data plane.</summary>
    /// <param name="host">Its host.</param>
    /// <param name="port">Its port.</param>
    /// <param name="self">Who this node is.</param>
    /// <param name="expected">Who must be at the other end.</param>
    /// <param name="payload">Sent along, at most <see cref="Handshake.PayloadMax"/> bytes.</param>
    /// <param name="cancellation">Ends the wait, which is at most <see cref="Handshake.Deadline"/> anyway.</param>
    /// <exception cref="HandshakeException">The ends refused each other.</exception>
    /// <exception cref="SocketException">Nobody answers there.</exception>
    /// <exception cref="OperationCanceledException">No answer in time.</exception>
    public static async Task<Socket> ConnectAsync(string host, int port, NodeIdentity self, NodeId expected, ReadOnlyMemory<byte> payload, CancellationToken cancellation = default)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(Handshake.Deadline);
        var socket = await Sockets.ConnectAsync(host, port, deadline.Token);
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: false);
            var peer = await Handshake.ConnectAsync(stream, self, ConnectionPurpose.Data, payload, deadline.Token);
            if (peer.Node != expected) throw new HandshakeException(HandshakeRule.WrongNode, $"{host}:{port} is {peer.Node}, not {expected}.");
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // The stream is left undisposed on purpose: disposing it would close the socket, which now belongs to the acceptor. Its finalizer does not.
    private sealed class RawHandler(IDataPlaneAcceptor acceptor) : IConnectionHandler
    {
        public Task RunAsync(Socket socket, Stream stream, Peer peer, CancellationToken stopping)
        {
            acceptor.Accept(socket, peer.Node, peer.Payload);
            return Task.CompletedTask;
        }
    }
}
