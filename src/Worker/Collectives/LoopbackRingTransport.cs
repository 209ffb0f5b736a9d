using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Vae.Worker.Collectives;

/// <summary>Rings over plain TCP on this machine, without authentication: for tests and benchmarks. The hello goes ahead with its length in two bytes.</summary>
public sealed class LoopbackRingTransport : IRingTransport, IDisposable
{
    private static readonly TimeSpan HelloDeadline = TimeSpan.FromSeconds(5);

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();

    /// <param name="port">Where to listen on 127.0.0.1; 0 lets the system choose.</param>
    public LoopbackRingTransport(int port = 0)
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        _listener.Listen();
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _ = ListenAsync();
    }

    /// <summary>Where it listens.</summary>
    public int Port { get; }

    /// <inheritdoc/>
    public RingArrivals Arrivals { get; } = new();

    /// <inheritdoc/>
    public async Task<Socket> ConnectAsync(string host, int port, ReadOnlyMemory<byte> hello, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(host, port, cancellation);
            var frame = new byte[sizeof(ushort) + hello.Length];
            BinaryPrimitives.WriteUInt16LittleEndian(frame, checked((ushort)hello.Length));
            hello.CopyTo(frame.AsMemory(sizeof(ushort)));
            await socket.SendAsync(frame, cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        Arrivals.Dispose();
        _stop.Dispose();
    }

    private async Task ListenAsync()
    {
        try
        {
            while (true) _ = ReadHelloAsync(await _listener.AcceptAsync(_stop.Token), _stop.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task ReadHelloAsync(Socket socket, CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(HelloDeadline);
        try
        {
            var length = await RingConnector.ReadExactlyAsync(socket, sizeof(ushort), deadline.Token);
            var hello = await RingConnector.ReadExactlyAsync(socket, BinaryPrimitives.ReadUInt16LittleEndian(length), deadline.Token);
            Arrivals.Offer(socket, hello);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or EndOfStreamException)
        {
            socket.Dispose();
        }
    }
}
