using Vae.Shared;

namespace Vae.Tests.Simulation.Host;

/// <summary>
/// Which process of a name leads: the advisory lock of a shared store. Processes of one name wait for it in the order of their coming. It is given back when the store notices that the
/// holder's session is gone, be it that the process died or that only the session did: then two processes believe that they lead, and the store's terms must tell them apart.
/// </summary>
internal sealed class Leadership(SimulatedCluster cluster)
{
    private static readonly TimeSpan NoticeMin = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan NoticeMax = TimeSpan.FromSeconds(2);

    private readonly List<(SimulatedNode Node, int Life)> _waiting = [];
    private (SimulatedNode Node, int Life)? _holder;

    public bool IsHeldBy(SimulatedNode node) => _holder is { } holder && holder.Node == node && holder.Life == node.Life;

    public void Ask(SimulatedNode node)
    {
        _waiting.Add((node, node.Life));
        Grant();
    }

    /// <summary>The holder's session ended: the next in the line leads once the store has noticed.</summary>
    public void End(SimulatedNode node)
    {
        if (_holder is not { } holder || holder.Node != node) return;
        cluster.Timeline.After(cluster.StoreDelay(NoticeMin, NoticeMax), () =>
        {
            if (_holder != holder) return;
            _holder = null;
            Grant();
        });
    }

    private void Grant()
    {
        while (_holder is null && _waiting.Count > 0)
        {
            var next = _waiting[0];
            _waiting.RemoveAt(0);
            if (!next.Node.IsAlive || next.Node.Life != next.Life) continue;
            _holder = next;
            next.Node.Pass(next.Node.Lead);
        }
    }
}
