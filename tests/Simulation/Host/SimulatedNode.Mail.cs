using Vae.Shared;
using Vae.Shared.Actors;

namespace Vae.Tests.Simulation.Host;

/// <content>Where messages and the news of ended actors go.</content>
public sealed partial class SimulatedNode
{
    private const int KeptMax = 16;

    private readonly Queue<Action<TimeSpan>> _kept = [];

    /// <summary>Remembers how to let a message come again.</summary>
    internal void Keep(Action<TimeSpan> echo)
    {
        _kept.Enqueue(echo);
        if (_kept.Count > KeptMax) _kept.Dequeue();
    }

    internal Action<TimeSpan>[] TakeKept()
    {
        var kept = _kept.ToArray();
        _kept.Clear();
        return kept;
    }

    internal void Send(ActorId sender, ActorId target, Message message)
    {
        if (target.Node != Role)
        {
            if (_open.TryGetValue(target.Node, out var link)) link.Send(this, sender, target, message);
            else DeadLetter(sender, target, message, $"no connection to {target.Node}");
        }
        else if (_actors.TryGetValue(target.Name, out var actor))
        {
            actor.Post(sender, sender, message, Cluster.LocalDelay());
        }
        else
        {
            DeadLetter(sender, target, message, "there is no such actor");
        }
    }

    internal void DeliverFromPeer(ActorId sender, string target, Message message)
    {
        if (_actors.TryGetValue(target, out var actor)) actor.PostNow(sender, message);
        else DeadLetter(sender, new(Role, target), message, "there is no such actor");
    }

    internal void DeadLetter(ActorId sender, ActorId target, Message message, string reason) =>
        Cluster.Count(FaultKind.DeadLetter, sender, target, $"{message} ({reason})");

    internal void Watch(ActorId watcher, ActorId target)
    {
        if (target.Node != Role)
        {
            if (_open.TryGetValue(target.Node, out var link)) link.Watch(this, watcher, target);
            else TellTerminated(watcher, target, $"no connection to {target.Node}");
        }
        else if (_actors.TryGetValue(target.Name, out var actor))
        {
            actor.AddWatcher(watcher);
        }
        else
        {
            TellTerminated(watcher, target, "there is no such actor");
        }
    }

    internal void TellTerminated(ActorId watcher, ActorId gone, string reason)
    {
        if (watcher.Node != Role) _open.GetValueOrDefault(watcher.Node)?.TellTerminated(this, watcher, gone, reason);
        else if (_actors.TryGetValue(watcher.Name, out var actor)) actor.Post(gone, ActorId.Host(Role), new Signal.Terminated(gone, reason), TimeSpan.Zero);
    }
}
