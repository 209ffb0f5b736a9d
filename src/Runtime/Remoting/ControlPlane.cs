using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Vae.Runtime.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Wire;

namespace Vae.Runtime.Remoting;

/// <summary>All control connections of a node: carries messages between its actors and those of other nodes, and tells when a node comes or goes.</summary>
public sealed partial class ControlPlane : IRemoteTransport, IConnectionHandler, IAsyncDisposable
{
    private readonly ActorSystem _system;
    private readonly Catalog _catalog;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly Dictionary<NodeId, PeerConnection> _peers = [];
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Attaches itself to <paramref name="system"/>.</summary>
    public ControlPlane(ActorSystem system, TimeProvider time, ILogger logger, RemotingOptions? options = null, RemotingCounters? counters = null, Catalog? catalog = null)
    {
        (_system, _time, _logger) = (system, time, logger);
        _catalog = catalog ?? MessageCatalog.Default;
        Options = options ?? new();
        Counters = counters ?? new();
        system.Attach(this);
    }

    /// <summary>Bounds and clocks.</summary>
    public RemotingOptions Options { get; }

    /// <summary>What peers did wrong.</summary>
    public RemotingCounters Counters { get; }

    /// <summary>The nodes that are connected now.</summary>
    public IReadOnlyList<NodeId> Connected
    {
        get { lock (_lock) return [.. _peers.Keys.OrderBy(node => node.Value, StringComparer.Ordinal)]; }
    }

    /// <inheritdoc/>
    public Task RunAsync(Socket socket, Stream stream, Peer peer, CancellationToken stopping) => RunAsync(stream, peer.Node, stopping);

    /// <summary>Runs one authenticated connection to its end.</summary>
    /// <returns>Why it ended.</returns>
    public async Task<string> RunAsync(Stream stream, NodeId node, CancellationToken stopping)
    {
        var connection = new PeerConnection(node, stream, _catalog, _system.Remote, Options, Counters, _time);
        Add(connection);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, _stopping.Token);
        try
        {
            await connection.RunAsync(either.Token);
        }
        finally
        {
            Remove(connection);
        }

        return connection.Reason;
    }

    /// <inheritdoc/>
    public bool TrySend(ActorId sender, ActorId target, Message message) => Find(target.Node)?.TrySend(sender, target, message) == true;

    /// <inheritdoc/>
    public bool TryWatch(ActorId watcher, ActorId target) => Find(target.Node)?.TrySend(HostTag.Watch, (watcher, target), static (ref writer, pair) =>
    {
        writer.WriteArrayHeader(2);
        writer.Write(pair.watcher.Name);
        writer.Write(pair.target.Name);
    }) == true;

    /// <inheritdoc/>
    public bool TryTellTerminated(ActorId watcher, ActorId gone, string reason) => Find(watcher.Node)?.TrySend(HostTag.Terminated, (watcher, gone, reason), static (ref writer, told) =>
    {
        writer.WriteArrayHeader(3);
        writer.Write(told.watcher.Name);
        writer.Write(told.gone.Name);
        writer.Write(told.reason);
    }) == true;

    /// <summary>Closes the connection to one node, if there is one.</summary>
    public void Disconnect(NodeId node, string reason) => Find(node)?.Close(reason);

    /// <summary>Closes all connections.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        PeerConnection[] open;
        lock (_lock) open = [.. _peers.Values];
        foreach (var connection in open) connection.Close("this node stops");
    }

    private PeerConnection? Find(NodeId node)
    {
        lock (_lock) return _peers.GetValueOrDefault(node);
    }

    // Coming and going are told under the lock, so that actors hear of them in the order in which they happened.
    private void Add(PeerConnection connection)
    {
        lock (_lock)
        {
            if (_peers.Remove(connection.Node, out var older))
            {
                older.Close($"{connection.Node} connected again");
                _system.Remote.NodeChanged(connection.Node, false, older.Reason);
            }

            _peers.Add(connection.Node, connection);
            _system.Remote.NodeChanged(connection.Node, true, "connected");
        }

        LogConnected(_logger, connection.Node);
    }

    private void Remove(PeerConnection connection)
    {
        lock (_lock)
        {
            if (!_peers.TryGetValue(connection.Node, out var current) || current != connection) return;
            _peers.Remove(connection.Node);
            _system.Remote.NodeChanged(connection.Node, false, connection.Reason);
        }

        LogDisconnected(_logger, connection.Node, connection.Reason);
    }

    [LoggerMessage(EventId = 2211, Level = LogLevel.Information, Message = "{Node} is connected")]
    private static partial void LogConnected(ILogger logger, NodeId node);

    [LoggerMessage(EventId = 2212, Level = LogLevel.Information, Message = "{Node} is disconnected: {Reason}")]
    private static partial void LogDisconnected(ILogger logger, NodeId node, string reason);
}
