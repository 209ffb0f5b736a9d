using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Worker.Training;

/// <summary>
/// Changes to the slots of a running pack on their way to the training thread. Orders are taken in the order of their numbers, and only when the votes of all ranks
/// have told that each of them holds the next one: so all apply it between the same two steps.
/// </summary>
public sealed class SlotOrders
{
    private readonly object _gate = new();
    private readonly Dictionary<long, (SlotOrder Order, TrialSnapshot? State)> _waiting = [];
    private long _next = 1;
    private volatile bool _holdsNext;

    /// <summary>Queues orders; those that are known already are skipped. Any thread may, and in any order: an order waits for those before it.</summary>
    /// <param name="orders">The orders.</param>
    /// <param name="states">States that trials go on from, by the trial's index; a trial that is not among them begins from its initial weights.</param>
    public void Add(ValueList<SlotOrder> orders, IReadOnlyDictionary<int, TrialSnapshot>? states = null)
    {
        lock (_gate)
        {
            foreach (var order in orders.Span)
            {
                if (order.Number >= _next) _waiting[order.Number] = (order, order.Trial is null ? null : states?.GetValueOrDefault(order.Trial.Index));
            }

            _holdsNext = _waiting.ContainsKey(_next);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Everything up to an order is applied, here or in the state that this rank has taken over; the next one counts from there.</summary>
    internal void Applied(long through)
    {
        lock (_gate)
        {
            for (; _next <= through; _next++) _waiting.Remove(_next);
            _holdsNext = _waiting.ContainsKey(_next);
        }
    }

    /// <summary>Whether this rank holds the next order.</summary>
    internal bool HoldsNext => _holdsNext;

    /// <summary>Takes the next order, which must be there, with the state that its trial goes on from, if any.</summary>
    internal (SlotOrder Order, TrialSnapshot? State) Take()
    {
        lock (_gate)
        {
            if (!_waiting.Remove(_next, out var held)) throw new InvalidOperationException("The next order has not come.");
            _holdsNext = _waiting.ContainsKey(++_next);
            return held;
        }
    }

    /// <summary>Sleeps until the next order is there.</summary>
    internal void Wait(CancellationToken cancellation)
    {
        using var wake = cancellation.UnsafeRegister(static orders => ((SlotOrders)orders!).Wake(), this);
        lock (_gate)
        {
            while (!_holdsNext && !cancellation.IsCancellationRequested) Monitor.Wait(_gate);
        }

        cancellation.ThrowIfCancellationRequested();
    }

    private void Wake()
    {
        lock (_gate) Monitor.PulseAll(_gate);
    }
}
