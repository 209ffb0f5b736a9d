using System.Diagnostics;

namespace Vae.Worker.Collectives.SharedMemory;

/// <summary>
/// One rank's view of all counters: it raises its own and waits for those of others. A sleeper writes down what it waits for and looks once more before
/// it sleeps; a rank that raises a counter writes it and looks who waits for it afterwards. With a full fence between the two steps on either
/// side one of them always sees the other, so no wake-up is lost, and none is sent that nobody needs.
/// </summary>
internal sealed unsafe class SharedBoard(SegmentLayout layout, int rank, int worldSize, TimeSpan spinMost)
{
    // A sleeper looks this often whether its peers still live: the kernel tells of a death on the sockets, which futex cannot watch.
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(10);

    // Fewer rounds of looking than this are not worth a clock reading.
    private const int PausesPerLook = 20;

    private readonly long _spinMost = (long)(spinMost.TotalSeconds * Stopwatch.Frequency);
    private long _spin = (long)(spinMost.TotalSeconds * Stopwatch.Frequency);

    /// <summary>Time asleep or looking, in ticks of <see cref="Stopwatch"/>, since it was last taken.</summary>
    public long WaitedTicks { get; set; }

    public bool Has(int peer, Progress kind, long value) => Volatile.Read(ref *layout.Counter(peer, kind)) >= value;

    /// <summary>Whether all others have come so far.</summary>
    public bool HaveAll(Progress kind, long value)
    {
        for (var peer = 0; peer < worldSize; peer++)
        {
            if (peer != rank && !Has(peer, kind, value)) return false;
        }

        return true;
    }

    /// <summary>Sets this rank's counter and wakes who waits for that. What was written before is seen by whoever sees the counter.</summary>
    public void Raise(Progress kind, long value)
    {
        Interlocked.Exchange(ref *layout.Counter(rank, kind), value); // A full fence, unlike Volatile.Write: the reads below must not come first.
        for (var peer = 0; peer < worldSize; peer++)
        {
            if (peer == rank) continue;
            var want = Volatile.Read(ref *layout.WantOf(peer));
            if (want != 0 && Want.IsMet(want, rank, kind, value) && Interlocked.CompareExchange(ref *layout.WantOf(peer), 0, want) == want) WakeUp(peer);
        }
    }

    /// <summary>Waits until all others have come so far.</summary>
    /// <param name="watch">Asked at each awakening whether waiting still makes sense; throws when it does not.</param>
    public void AwaitAll(Progress kind, long value, IBoardWatch watch)
    {
        for (var i = 1; i < worldSize; i++)
        {
            // Each begins with its right neighbour, so that not all wait for the same one.
            var peer = (rank + i) % worldSize;
            if (!Has(peer, kind, value)) Await(peer, kind, value, watch);
        }
    }

    /// <summary>Says what becomes of this rank, and wakes everyone to read it.</summary>
    public void Announce(int state)
    {
        if (Volatile.Read(ref *layout.State(rank)) != 0) return;
        Interlocked.Exchange(ref *layout.State(rank), state);
        for (var peer = 0; peer < worldSize; peer++)
        {
            if (peer != rank && Interlocked.Exchange(ref *layout.WantOf(peer), 0) != 0) WakeUp(peer);
        }
    }

    /// <summary>Ends this rank's sleep from another thread.</summary>
    public void WakeSelf()
    {
        if (Interlocked.Exchange(ref *layout.WantOf(rank), 0) != 0) WakeUp(rank);
    }

    /// <summary>What became of a rank: see <see cref="SegmentLayout.State"/>.</summary>
    public int StateOf(int peer) => Volatile.Read(ref *layout.State(peer));

    private void Await(int peer, Progress kind, long value, IBoardWatch watch)
    {
        var started = Stopwatch.GetTimestamp();
        if (!Spin(peer, kind, value, started))
        {
            var first = true;
            while (true)
            {
                var want = Want.For(peer, kind, value);
                Interlocked.Exchange(ref *layout.WantOf(rank), want);
                if (Has(peer, kind, value)) break;
                watch.Look(peer, kind, value, first);
                first = false;
                Futex.Sleep((int*)layout.WantOf(rank), (int)want, LookEvery);
                if (Has(peer, kind, value)) break;
            }

            Volatile.Write(ref *layout.WantOf(rank), 0);
        }

        WaitedTicks += Stopwatch.GetTimestamp() - started;
    }

    // Looking again for a moment saves two switches of context where every rank has a core; where it fails it is soon given up, because the
    // time may be another rank's.
    private bool Spin(int peer, Progress kind, long value, long started)
    {
        if (_spinMost == 0) return false;
        do
        {
            for (var i = 0; i < PausesPerLook; i++)
            {
                if (Has(peer, kind, value))
                {
                    _spin = Math.Min(_spinMost, _spin * 2);
                    return true;
                }

                Thread.SpinWait(1);
            }
        }
        while (Stopwatch.GetTimestamp() - started < _spin);

        _spin = Math.Max(_spinMost / 16, _spin / 2);
        return false;
    }

    private void WakeUp(int peer) => Futex.WakeAll((int*)layout.WantOf(peer));
}

/// <summary>Decides whether a rank goes on waiting.</summary>
internal interface IBoardWatch
{
    /// <summary>Called before each sleep.</summary>
    /// <param name="peer">Who is waited for.</param>
    /// <param name="kind">Which counter.</param>
    /// <param name="value">What it has to reach.</param>
    /// <param name="first">The wait has only begun: only what costs no system call is looked at.</param>
    /// <exception cref="AllReduceException">There is no use in waiting.</exception>
    void Look(int peer, Progress kind, long value, bool first);
}
