using Vae.Shared;
using Vae.Shared.Actors;

namespace Vae.Runtime.Actors;

/// <summary>Which actors of this node watch which actors of other nodes, so that a lost connection can end the watches.</summary>
internal sealed class RemoteWatches
{
    private readonly Lock _lock = new();
    private readonly Dictionary<NodeId, HashSet<Watch>> _byNode = [];

    public readonly record struct Watch(ActorId Watcher, ActorId Target);

    public void Add(ActorId watcher, ActorId target)
    {
        lock (_lock)
        {
            if (!_byNode.TryGetValue(target.Node, out var watches)) _byNode.Add(target.Node, watches = []);
            watches.Add(new(watcher, target));
        }
    }

    public bool Remove(ActorId watcher, ActorId target)
    {
        lock (_lock)
        {
            return _byNode.TryGetValue(target.Node, out var watches) && watches.Remove(new(watcher, target));
        }
    }

    public IReadOnlyCollection<Watch> TakeAll(NodeId node)
    {
        lock (_lock)
        {
            return _byNode.Remove(node, out var watches) ? watches : [];
        }
    }
}
