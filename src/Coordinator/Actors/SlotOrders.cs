using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>The orders of one attempt that some rank has not applied yet, by number without a gap.</summary>
internal sealed class SlotOrders
{
    private readonly Queue<SlotOrder> _pending = []; // About as many as there are slots: a slot is refilled after it was filled.
    private long _last;

    /// <summary>Appends what follows on the last; the rest is known.</summary>
    public void Add(ValueList<SlotOrder> orders)
    {
        foreach (var order in orders)
        {
            if (order.Number != _last + 1) continue;
            _pending.Enqueue(order);
            _last = order.Number;
        }
    }

    public ValueList<SlotOrder> MissingTo(RankProgress rank) => _pending.Where(order => order.Number > rank.OrdersApplied).ToValueList();

    public bool AreApplied(RankProgress[] ranks) => Array.TrueForAll(ranks, rank => rank.OrdersApplied >= _last);

    public void MarkApplied(RankProgress rank, long through, RankProgress[] ranks)
    {
        rank.OrdersApplied = Math.Max(rank.OrdersApplied, Math.Min(through, _last));
        var byAll = ranks.Min(one => one.OrdersApplied);
        while (_pending.TryPeek(out var oldest) && oldest.Number <= byAll) _pending.Dequeue();
    }
}
