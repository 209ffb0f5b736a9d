using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

/// <summary>What a pack trains with in one generation of its gang, and what the ranks have agreed on in it.</summary>
internal sealed class PackCourse(IAllReduce allReduce, IGradientExchange exchange, RowBalance balance, ITrainingListener listener, SlotOrders orders)
{
    private readonly LinkWatch _links = new(allReduce);
    private double? _busySeconds;

    public IAllReduce AllReduce => allReduce;

    public IGradientExchange Exchange => exchange;

    public ITrainingListener Listener => listener;

    public SlotOrders Orders => orders;

    /// <summary>All ranks hold the next order, and all know it: it is applied before the next act.</summary>
    public bool OrderIsDue { get; private set; }

    /// <summary>Takes in how many ranks held the next order when they sent their statistics.</summary>
    public void Count(int votes) => OrderIsDue = votes == allReduce.WorldSize;

    /// <summary>The order that is due, with the state that its trial goes on from, if any.</summary>
    public (SlotOrder Order, TrialSnapshot? State) TakeOrder()
    {
        OrderIsDue = false;
        return orders.Take();
    }

    /// <summary>This rank's part of <paramref name="rows"/> rows.</summary>
    public RowRange ShareOf(int rows) => balance.Split(rows, allReduce.Rank);

    /// <summary>A step was applied: what it took, without waiting, goes into the next exchange of times.</summary>
    public void StepDone(StepClock clock)
    {
        _busySeconds = clock.StepSeconds - clock.Seconds(StepPhase.AllReduce);
        _links.StepDone(clock.StepSeconds);
    }

    /// <summary>
    /// Lets the rows be shared by what each rank needed for its steps, when a window of them is over. This is a sum of its own, so it comes at the beginning of an act: one that fails must not
    /// part what a step was from what follows from it. Links are measured at the same place.
    /// </summary>
    public void ShareRows(long position)
    {
        if (_busySeconds is not { } busy) return;
        _busySeconds = null;
        var compared = balance.Periods;
        if (balance.StepDone(allReduce, position, exchange.FreeBucket + 1, busy)) listener.RowsShared(balance);
        if (balance.Periods != compared) listener.TimesCompared(balance);
        if (_links.MeasureIfDue(position, exchange.FreeBucket + 2)) listener.LinksCompared(_links.Costs!);
    }
}
