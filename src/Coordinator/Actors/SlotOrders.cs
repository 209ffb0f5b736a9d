using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>The orders of one attempt that some member has not applied yet, by number without a gap.</summary>
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

    public ValueList<SlotOrder> MissingTo(PackMember member) => _pending.Where(order => order.Number > member.OrdersApplied).ToValueList();

    public bool AreApplied(IReadOnlyList<PackMember> members) => members.All(member => member.OrdersApplied >= _last);

    public void MarkApplied(PackMember member, long through, IReadOnlyList<PackMember> members)
    {
        member.OrdersApplied = Math.Max(member.OrdersApplied, Math.Min(through, _last));
        var byAll = members.Min(one => one.OrdersApplied);
        while (_pending.TryPeek(out var oldest) && oldest.Number <= byAll) _pending.Dequeue();
    }
}
