using System.Net;
using System.Net.Sockets;

namespace Vae.Tests.Processes.Support;

/// <summary>What happens to bytes on their way in one direction.</summary>
internal enum LinkState
{
    /// <summary>They arrive.</summary>
    Open,

    /// <summary>They wait, as behind a cut wire that will be mended: TCP would send them again.</summary>
    Held,

    /// <summary>They vanish, and neither end hears of it: a half-open connection.</summary>
    Lost,
}

/// <summary>
/// A wire between a program and a server that a test can cut, in one direction or both, slow down, break, or whose frames it can lose, double and reorder. The program is given
/// <see cref="Port"/> instead of the server's. Connections that are opened while the wire is cut get nothing through either.
/// </summary>
internal sealed class FaultProxy : IDisposable
{
    private readonly TcpListener _listener;
    private readonly IPEndPoint _server;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Socket> _sockets = [];
    private volatile TaskCompletionSource _changed = new();
    private LinkState _toServer, _toClient;

    /// <param name="server">Where the server listens.</param>
    /// <param name="listen">Where to listen for the program; null for a free port of loopback.</param>
    public FaultProxy(IPEndPoint server, IPEndPoint? listen = null)
    {
        _server = server;
        _listener = new TcpListener(listen ?? new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Start();
        _ = AcceptAsync();
    }

    public FaultProxy(int server) : this(new IPEndPoint(IPAddress.Loopback, server)) { }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How long each piece takes to pass, by its number; null for no time at all. What comes behind it waits.</summary>
    public Func<int, TimeSpan>? Delay { get; set; }

    /// <summary>Decides about the frames of control connections; null leaves them alone.</summary>
    public IFrameFaults? Frames { get; set; }

    /// <summary>Connections taken so far.</summary>
    public int Connections { get; private set; }

    /// <summary>Cuts or mends the wire.</summary>
    public void Set(LinkState toServer, LinkState toClient)
    {
        (_toServer, _toClient) = (toServer, toClient);
        Interlocked.Exchange(ref _changed, new TaskCompletionSource()).TrySetResult();
    }

    public void Cut(LinkState how = LinkState.Held) => Set(how, how);

    /// <summary>Lets bytes through again. Connections that lost some are closed, as their ends would find them.</summary>
    public void Mend()
    {
        if (_toServer == LinkState.Lost || _toClient == LinkState.Lost) Break();
        Set(LinkState.Open, LinkState.Open);
    }

    /// <summary>Closes all connections.</summary>
    public void Break()
    {
        lock (_sockets)
        {
            foreach (var socket in _sockets) socket.Dispose();
            _sockets.Clear();
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Stop();
        Break();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync(_stop.Token);
                Connections++;
                _ = JoinAsync(client);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task JoinAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            Keep(client, server);
            await OpenAsync(() => _toServer, _stop.Token);
            await server.ConnectAsync(_server, _stop.Token);
            (client.NoDelay, server.NoDelay) = (true, true);
            await Task.WhenAny(PumpAsync(client, server, () => _toServer, toServer: true), PumpAsync(server, client, () => _toClient, toServer: false));
        }
        catch (Exception exception) when (IsOver(exception))
        {
            // One end is gone; the other hears of it now.
        }
        finally
        {
            client.Dispose();
        }
    }

    private async Task PumpAsync(Socket from, Socket to, Func<LinkState> state, bool toServer)
    {
        var buffer = new byte[64 * 1024];
        var cutter = new FrameCutter();
        var pieces = 0;
        try
        {
            while (await from.ReceiveAsync(buffer, _stop.Token) is var count and > 0)
            {
                if (Delay is { } delay) await Task.Delay(delay(pieces++), _stop.Token);
                ReadOnlyMemory<byte> bytes = Frames is { } faults ? cutter.Pass(buffer.AsSpan(0, count), toServer, faults) : buffer.AsMemory(0, count);
                await OpenAsync(state, _stop.Token);
                if (state() == LinkState.Lost) continue;
                while (bytes.Length > 0) bytes = bytes[await to.SendAsync(bytes, _stop.Token)..];
            }

            await OpenAsync(() => state() == LinkState.Lost ? LinkState.Held : state(), _stop.Token); // The end of a stream does not pass a cut wire either.
            to.Shutdown(SocketShutdown.Both);
        }
        catch (Exception exception) when (IsOver(exception))
        {
            if (state() != LinkState.Open) await OpenAsync(() => state() == LinkState.Lost ? LinkState.Held : state(), _stop.Token);
        }
    }

    // Ends when the link is no longer held.
    private async Task OpenAsync(Func<LinkState> state, CancellationToken cancellation)
    {
        while (true)
        {
            var changed = _changed.Task; // Before the look, or a change between the two would be missed.
            if (state() != LinkState.Held) return;
            await changed.WaitAsync(cancellation);
        }
    }

    private void Keep(Socket client, Socket server)
    {
        lock (_sockets)
        {
            _sockets.Add(client);
            _sockets.Add(server);
        }
    }

    private static bool IsOver(Exception exception) => exception is SocketException or ObjectDisposedException or OperationCanceledException;
}
