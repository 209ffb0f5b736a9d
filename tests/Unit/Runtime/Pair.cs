using Microsoft.Extensions.Logging.Abstractions;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Shared;
using Vae.Shared.Actors;

namespace Vae.Tests.Unit.Runtime;

/// <summary>One node with its actors, for tests over loopback.</summary>
internal sealed class Node(string name, TimeProvider time, RemotingOptions options, RemotingCounters counters, ActorSystemOptions? system = null)
{
    public NodeIdentity Identity { get; } = Kit.Identity(name);

    public ActorSystem System { get; } = new(new(name), time, NullLogger.Instance, options: system);

    public ControlPlane Plane => field ??= new(System, time, NullLogger.Instance, options, counters);

    /// <summary>What this node's actors received.</summary>
    public Seen<Message> Seen { get; } = new();

    public ActorId Spawn(string actor, Action<ActorId, Message, Effects> rule) => System.SpawnRoot(actor, () => new Scripted((sender, message, effects) =>
    {
        Seen.Add(message);
        rule(sender, message, effects);
    }));
}

/// <summary>A coordinator that listens and a worker that can connect to it, in one process over loopback.</summary>
internal sealed class Pair : IAsyncDisposable
{
    private readonly TimeProvider _time;

    public Pair(TimeProvider? time = null, RemotingOptions? options = null, ActorSystemOptions? system = null)
    {
        _time = time ?? TimeProvider.System;
        Coordinator = new("coordinator", _time, options ?? new(), Counters, system);
        Worker = new("worker-1", _time, options ?? new(), new());
        Handlers = new Dictionary<ConnectionPurpose, IConnectionHandler> { [ConnectionPurpose.Control] = Coordinator.Plane };
        Listener = NodeListener.Start("127.0.0.1", 0, Coordinator.Identity, Handlers, NullLogger.Instance, options, Counters);
    }

    public RemotingCounters Counters { get; } = new();

    public Node Coordinator { get; }

    public Node Worker { get; }

    public Dictionary<ConnectionPurpose, IConnectionHandler> Handlers { get; }

    public NodeListener Listener { get; set; }

    public Connector? Connector { get; private set; }

    public void Connect() =>
        Connector = new(Worker.Plane, Worker.Identity, NodeId.Coordinator, new PeerAddresses(new HostPort("127.0.0.1", Listener.Endpoint.Port)), _time, NullLogger.Instance);

    public async ValueTask DisposeAsync()
    {
        if (Connector is not null) await Connector.DisposeAsync();
        await Listener.DisposeAsync();
        await Coordinator.Plane.DisposeAsync();
        await Worker.Plane.DisposeAsync();
        await Coordinator.System.DisposeAsync();
        await Worker.System.DisposeAsync();
    }
}
