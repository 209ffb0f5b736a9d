using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Vae.Shared.Wire;

namespace Vae.Runtime.Remoting;

/// <summary>Takes over an authenticated connection, its socket and stream included.</summary>
public interface IConnectionHandler
{
    /// <summary>Runs the connection to its end. The handler disposes the stream.</summary>
    Task RunAsync(Socket socket, Stream stream, Peer peer, CancellationToken stopping);
}

/// <summary>One port for every purpose: lets nobody in without the handshake, then hands the connection to the handler of its purpose.</summary>
public sealed partial class NodeListener : IAsyncDisposable
{
    private static readonly TimeSpan LogEvery = TimeSpan.FromSeconds(1);

    private readonly Socket _socket;
    private readonly NodeIdentity _self;
    private readonly RemotingOptions _options;
    private readonly IReadOnlyDictionary<ConnectionPurpose, IConnectionHandler> _handlers;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _accepting;
    private int _strangers;
    private long _unlogged;
    private long _loggedAt = long.MinValue;

    private NodeListener(Socket socket, NodeIdentity self, IReadOnlyDictionary<ConnectionPurpose, IConnectionHandler> handlers, RemotingOptions options, RemotingCounters counters, ILogger logger)
    {
        (_socket, _self, _handlers, _options, Counters, _logger) = (socket, self, handlers, options, counters, logger);
        Endpoint = (IPEndPoint)socket.LocalEndPoint!;
        _accepting = AcceptAsync();
    }

    /// <summary>Where the node listens; the port is the real one even if 0 was asked for.</summary>
    public IPEndPoint Endpoint { get; }

    /// <summary>Strangers turned away, and what peers did wrong.</summary>
    public RemotingCounters Counters { get; }

    /// <summary>Begins to listen.</summary>
    /// <param name="host">An address of this machine; 127.0.0.1 unless the user asks for more.</param>
    /// <param name="port">0 takes any free one.</param>
    /// <param name="self">Who this node is.</param>
    /// <param name="handlers">What the port serves; other purposes are refused.</param>
    /// <param name="options">Bounds; null for the defaults.</param>
    /// <param name="counters">Counters to share with other parts of the node; null for fresh ones.</param>
    /// <param name="logger">One line per second at most about strangers.</param>
    /// <exception cref="ListenException">The port cannot be listened on.</exception>
    public static NodeListener Start(
        string host, int port, NodeIdentity self, IReadOnlyDictionary<ConnectionPurpose, IConnectionHandler> handlers,
        ILogger logger, RemotingOptions? options = null, RemotingCounters? counters = null) =>
        new(Sockets.Listen(host, port), self, handlers, options ?? new(), counters ?? new(), logger);

    /// <summary>Stops listening and tells running connections to end.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _socket.Dispose();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var socket = await _socket.AcceptAsync(_stopping.Token);
                socket.NoDelay = true;
                _ = ServeAsync(socket);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException exception)
            {
                // The stranger was gone before it was accepted, or descriptors ran out; neither may end the listener.
                LogAcceptFailed(_logger, Endpoint, exception.Message);
                if (exception.SocketErrorCode is SocketError.TooManyOpenSockets) await Task.Delay(100);
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        var from = socket.RemoteEndPoint;
        Stream? stream = null;
        Peer peer;
        var crowded = Interlocked.Increment(ref _strangers) > _options.StrangersMax;
        try
        {
            if (crowded) throw new HandshakeException(HandshakeRule.Crowded, "Too many connections are being opened at once; try again.");
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
            deadline.CancelAfter(Handshake.Deadline);
            stream = await _options.StreamFactory(socket, true, deadline.Token);
            peer = await Handshake.AcceptAsync(stream, _self, _handlers.ContainsKey, deadline.Token);
        }
        catch (Exception exception) when (exception is HandshakeException or IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            if (!_stopping.IsCancellationRequested) Reject(from, exception);
            if (stream is null) socket.Dispose();
            else await stream.DisposeAsync();
            return;
        }
        finally
        {
            Interlocked.Decrement(ref _strangers);
        }

        await RunAsync(socket, stream, peer);
    }

    private async Task RunAsync(Socket socket, Stream stream, Peer peer)
    {
        try
        {
            await _handlers[peer.Purpose].RunAsync(socket, stream, peer, _stopping.Token);
        }
        catch (ProtocolException exception)
        {
            Counters.CountProtocolError(exception.Kind);
            LogPeerBroke(_logger, peer.Node, peer.Purpose, exception.Message);
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            LogPeerLost(_logger, peer.Node, peer.Purpose, exception.Message);
        }
        catch (Exception exception)
        {
            LogHandlerFailed(_logger, exception, peer.Node, peer.Purpose);
            await stream.DisposeAsync();
        }
    }

    private void Reject(EndPoint? from, Exception exception)
    {
        var rule = exception switch
        {
            HandshakeException refusal => refusal.Rule,
            OperationCanceledException => HandshakeRule.Deadline,
            _ => HandshakeRule.HungUp,
        };
        Counters.CountRejected(rule);

        var unlogged = Interlocked.Increment(ref _unlogged);
        var last = Volatile.Read(ref _loggedAt);
        var now = TimeProvider.System.GetTimestamp();
        if (last != long.MinValue && TimeProvider.System.GetElapsedTime(last, now) < LogEvery) return;
        if (Interlocked.CompareExchange(ref _loggedAt, now, last) != last) return;
        Interlocked.Add(ref _unlogged, -unlogged);
        LogRejected(_logger, from, rule, exception is HandshakeException ? exception.Message : "", unlogged - 1);
    }

    [LoggerMessage(EventId = 2201, Level = LogLevel.Warning, Message = "Turned away {Peer}: {Rule}. {Text} ({Others} more since the last line)")]
    private static partial void LogRejected(ILogger logger, EndPoint? peer, HandshakeRule rule, string text, long others);

    [LoggerMessage(EventId = 2202, Level = LogLevel.Warning, Message = "Cannot accept on {Endpoint}: {Reason}")]
    private static partial void LogAcceptFailed(ILogger logger, IPEndPoint endpoint, string reason);

    [LoggerMessage(EventId = 2203, Level = LogLevel.Warning, Message = "{Node} broke the {Purpose} protocol and was disconnected: {Reason}")]
    private static partial void LogPeerBroke(ILogger logger, Shared.NodeId node, ConnectionPurpose purpose, string reason);

    [LoggerMessage(EventId = 2204, Level = LogLevel.Debug, Message = "{Purpose} connection of {Node} ended: {Reason}")]
    private static partial void LogPeerLost(ILogger logger, Shared.NodeId node, ConnectionPurpose purpose, string reason);

    [LoggerMessage(EventId = 2205, Level = LogLevel.Error, Message = "The {Purpose} handler failed on {Node}")]
    private static partial void LogHandlerFailed(ILogger logger, Exception exception, Shared.NodeId node, ConnectionPurpose purpose);
}
