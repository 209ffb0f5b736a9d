using Vae.Shared.Actors;

namespace Vae.Runtime.Actors;

/// <summary>All timers of a system behind one operating timer: an actor may ask for thousands of wakes, and nothing is ever cancelled.</summary>
internal sealed class TimerQueue : IDisposable
{
    private static readonly TimeSpan Never = Timeout.InfiniteTimeSpan;

    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private readonly PriorityQueue<Entry, Due> _entries = new();
    private readonly List<Entry> _fired = [];
    private long _arrivals;
    private long _armedFor = long.MaxValue;
    private bool _disposed;

    private readonly record struct Entry(ActorCell Cell, int Life, Message? Message);

    // Arrival number breaks ties, so wakes asked for the same time fire in the order of asking.
    private readonly record struct Due(long Timestamp, long Arrival) : IComparable<Due>
    {
        public int CompareTo(Due other) => Timestamp != other.Timestamp ? Timestamp.CompareTo(other.Timestamp) : Arrival.CompareTo(other.Arrival);
    }

    public TimerQueue(TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(static state => ((TimerQueue)state!).Fire(), this, Never, Never);
    }

    public int Count
    {
        get { lock (_lock) return _entries.Count; }
    }

    /// <summary>Wakes <paramref name="cell"/> later with a message, or with its restart when there is none.</summary>
    public void Add(ActorCell cell, int life, TimeSpan after, Message? message)
    {
        var ticks = after <= TimeSpan.Zero ? 0 : (long)(after.TotalSeconds * _time.TimestampFrequency);
        lock (_lock)
        {
            if (_disposed) return;
            var due = _time.GetTimestamp() + ticks;
            _entries.Enqueue(new(cell, life, message), new(due, _arrivals++));
            if (due < _armedFor) Arm(due);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _entries.Clear();
        }

        _timer.Dispose();
    }

    private void Arm(long due)
    {
        _armedFor = due;
        var now = _time.GetTimestamp();
        // Rounded up: a timer that fires a fraction early would find nothing due and have to be armed again.
        var wait = due <= now ? TimeSpan.Zero : TimeSpan.FromMilliseconds(Math.Min(Math.Ceiling(_time.GetElapsedTime(now, due).TotalMilliseconds), int.MaxValue));
        _timer.Change(wait, Never);
    }

    private void Fire()
    {
        lock (_lock)
        {
            if (_disposed) return;
            var now = _time.GetTimestamp();
            while (_entries.TryPeek(out var entry, out var due) && due.Timestamp <= now)
            {
                _entries.Dequeue();
                _fired.Add(entry);
            }

            // Posting only queues, so it may happen under the lock; that keeps two overlapping firings in order.
            foreach (var entry in _fired) entry.Cell.PostTimer(entry.Message, entry.Life);
            _fired.Clear();
            if (_entries.TryPeek(out _, out var next)) Arm(next.Timestamp);
            else _armedFor = long.MaxValue;
        }
    }
}
