using Vae.Shared;
using Vae.Shared.Actors;

namespace Vae.Runtime.Actors;

/// <summary>What an actor system needs of a network. Every call returns at once; false means that nothing was sent.</summary>
public interface IRemoteTransport
{
    /// <summary>Queues a message for another node. False when there is no connection, or the peer's queue is full and the peer was disconnected.</summary>
    bool TrySend(ActorId sender, ActorId target, Message message);

    /// <summary>Asks the target's node to tell when the target is gone.</summary>
    bool TryWatch(ActorId watcher, ActorId target);

    /// <summary>Tells a watcher on another node that an actor of this node is gone.</summary>
    bool TryTellTerminated(ActorId watcher, ActorId gone, string reason);
}

/// <summary>What a network tells an actor system.</summary>
public interface IRemoteSink
{
    /// <summary>The node of this system.</summary>
    NodeId Node { get; }

    /// <summary>Delivers a message from another node. Waits while the target's mailbox is full, so that the sender's connection feels it.</summary>
    /// <returns>False when the mailbox stayed full for <see cref="ActorSystemOptions.RemotePatience"/>; the connection is then closed.</returns>
    ValueTask<bool> DeliverAsync(ActorId sender, ActorId target, Message message);

    /// <summary>An actor of another node watches one of ours.</summary>
    void WatchFromRemote(ActorId watcher, ActorId target);

    /// <summary>An actor of another node, watched by one of ours, is gone.</summary>
    void TerminatedFromRemote(ActorId watcher, ActorId gone, string reason);

    /// <summary>A connection is open, or lost.</summary>
    void NodeChanged(NodeId node, bool connected, string reason);
}
