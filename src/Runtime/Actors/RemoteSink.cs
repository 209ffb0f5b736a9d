using Vae.Shared;
using Vae.Shared.Actors;

namespace Vae.Runtime.Actors;

/// <summary>The side of an actor system that its network talks to.</summary>
internal sealed class RemoteSink(ActorSystem system, RemoteWatches watches, TimeProvider time) : IRemoteSink
{
    // The actors that are told of connections; one of them lives on each node.
    private static readonly string[] MembershipActors = ["cluster", "agent"];

    public NodeId Node => system.Node;

    public ValueTask<bool> DeliverAsync(ActorId sender, ActorId target, Message message)
    {
        if (system.Find(target.Name) is not { } cell)
        {
            system.DeadLetters.Add(sender, target, message, "there is no such actor");
            return new(true);
        }

        return cell.TryPost(sender, message) ? new(true) : WaitForRoomAsync();

        async ValueTask<bool> WaitForRoomAsync()
        {
            var patience = Task.Delay(system.Options.RemotePatience, time);
            while (await Task.WhenAny(cell.WhenRoomAsync(), patience) != patience)
            {
                if (cell.TryPost(sender, message)) return true;
            }

            system.CountRefused();
            system.DeadLetters.Add(sender, target, message, "its mailbox stayed full");
            return false;
        }
    }

    public void WatchFromRemote(ActorId watcher, ActorId target) => system.Watch(watcher, target);

    public void TerminatedFromRemote(ActorId watcher, ActorId gone, string reason)
    {
        if (watches.Remove(watcher, gone)) system.TellTerminated(watcher, gone, reason);
    }

    public void NodeChanged(NodeId node, bool connected, string reason)
    {
        if (!connected)
        {
            foreach (var watch in watches.TakeAll(node)) system.TellTerminated(watch.Watcher, watch.Target, reason);
            system.ForgetWatchersOf(node);
        }

        foreach (var name in MembershipActors) system.Find(name)?.PostSignal(new Signal.NodeChanged(node, connected, reason));
    }
}
