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
    private readonly Queue<SlotOrder> _queue = [];
    private volatile bool _holdsNext;
    private long _known;

    /// <summary>Queues orders; those that are known already are skipped. Any thread may.</summary>
    /// <exception cref="ArgumentException">A number is missing.</exception>
    public void Add(ValueList<SlotOrder> orders)
    {
        lock (_gate)
        {
            foreach (var order in orders.Span)
            {
                if (order.Number <= _known) continue;
                if (order.Number != _known + 1) throw new ArgumentException($"Slot order {order.Number} came after {_known}; the ones between are missing.", nameof(orders));
                _queue.Enqueue(order);
                _known = order.Number;
            }

            _holdsNext = _queue.Count > 0;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Whether this rank holds the next order.</summary>
    internal bool HoldsNext => _holdsNext;

    /// <summary>Takes the next order, which must be there.</summary>
    internal SlotOrder Take()
    {
        lock (_gate)
        {
            var order = _queue.Dequeue();
            _holdsNext = _queue.Count > 0;
            return order;
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
