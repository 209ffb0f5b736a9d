using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

/// <summary>What a pack trains with in one generation of its gang, and what the ranks have agreed on in it.</summary>
internal sealed class PackCourse(IAllReduce allReduce, IGradientExchange exchange, RowBalance balance, ITrainingListener listener, SlotOrders orders)
{
    public IAllReduce AllReduce => allReduce;

    public IGradientExchange Exchange => exchange;

    public ITrainingListener Listener => listener;

    public SlotOrders Orders => orders;

    /// <summary>All ranks hold the next order, and all know it: it is applied before the next step.</summary>
    public bool OrderIsDue { get; private set; }

    /// <summary>Takes in how many ranks held the next order when they sent their statistics.</summary>
    public void Count(int votes) => OrderIsDue = votes == allReduce.WorldSize;

    /// <summary>The order that is due.</summary>
    public SlotOrder TakeOrder()
    {
        OrderIsDue = false;
        return orders.Take();
    }

    /// <summary>This rank's part of <paramref name="rows"/> rows.</summary>
    public RowRange ShareOf(int rows) => balance.Split(rows, allReduce.Rank);

    /// <summary>Lets the rows be shared by what each rank needed for the step, without its waiting.</summary>
    public void StepDone(long step, StepClock clock)
    {
        if (balance.StepDone(allReduce, step, exchange.FreeBucket + 1, clock.StepSeconds - clock.Seconds(StepPhase.AllReduce))) listener.RowsShared(balance);
    }
}
