namespace Vae.Tests.Simulation.Host;

/// <summary>Virtual time: what is due next happens next. Ties are broken by arrival number, so a seed has exactly one history.</summary>
internal sealed class Timeline
{
    private readonly PriorityQueue<Action, (long Due, long Number)> _queue = new();
    private long _number;

    /// <summary>Time since the run began.</summary>
    public TimeSpan Now { get; private set; }

    public bool IsEmpty => _queue.Count == 0;

    /// <summary>When the next event is due; only while there is one.</summary>
    public TimeSpan NextDue => _queue.TryPeek(out _, out var due) ? new(due.Due) : TimeSpan.MaxValue;

    public void At(TimeSpan due, Action action) => _queue.Enqueue(action, (Math.Max(due.Ticks, Now.Ticks), _number++));

    public void After(TimeSpan delay, Action action) => At(Now + delay, action);

    public bool RunOne()
    {
        if (!_queue.TryDequeue(out var action, out var due)) return false;
        Now = new(due.Due);
        action();
        return true;
    }

    /// <summary>Lets time pass up to a moment before which nothing is due.</summary>
    public void SkipTo(TimeSpan moment) => Now = moment > Now ? moment : Now;
}
