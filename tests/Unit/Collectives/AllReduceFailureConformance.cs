using System.Diagnostics;
using Vae.Worker.Collectives;

namespace Vae.Tests.Unit.Collectives;

/// <summary>How every engine fails: with a named rank, on all ranks, before the deadline where it can know.</summary>
public abstract class AllReduceFailureConformance
{
    /// <summary>More than the kernel's buffers hold: a silent neighbour also blocks who sends to it.</summary>
    protected const int Elements = 3_000_000;

    /// <summary>A gang in this process.</summary>
    protected abstract LocalRing Ring(int worldSize, RingOptions? options = null, int generation = 1);

    [EngineFact]
    public void F01_a_rank_that_dies_in_the_middle_is_named_to_all_survivors()
    {
        using var ring = Ring(4);
        using var everyoneHasStepZero = new Barrier(4);

        // Rank 2 takes part once, then closes as the kernel does for a killed process. Without the barrier a slow rank may hear
        // of the loss while it still finishes step 0, and would rightly name that step.
        var failures = ring.OnAll(rank =>
        {
            var buffer = new float[Elements];
            rank.AllReduce(buffer, 0, 0);
            everyoneHasStepZero.SignalAndWait(TimeSpan.FromSeconds(50));
            if (rank.Rank == 2) rank.Dispose();
            else rank.AllReduce(buffer, 1, 0);
        });

        Assert.Null(failures[2]);
        Assert.All((int[])[0, 1, 3], survivor =>
        {
            var lost = Assert.IsType<PeerLostException>(failures[survivor]);
            Assert.Equal((2, 1L), (lost.Rank, lost.Step));
        });
    }

    [EngineFact]
    public void Abort_wakes_a_waiting_rank_at_once_and_its_neighbours_learn_that_it_left()
    {
        using var ring = Ring(3);
        var watch = new Stopwatch();

        var failures = ring.OnAll(rank =>
        {
            if (rank.Rank != 0)
            {
                rank.AllReduce(new float[1000], 4, 0);
                return;
            }

            // Both others wait for rank 0 before it is aborted: their inputs have come, which is all that the exchange sends ahead.
            watch.Start();
            rank.Abort("the coordinator moved on");
            rank.AllReduce(new float[1000], 4, 0);
        });

        var aborted = Assert.IsType<AllReduceAbortedException>(failures[0]);
        Assert.Equal("the coordinator moved on", aborted.Reason);
        Assert.Equal([0, 0], [Assert.IsType<PeerLostException>(failures[1]).Rank, Assert.IsType<PeerLostException>(failures[2]).Rank]);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), "The default deadline of 30 s was waited for.");
    }

    [EngineFact]
    public void Abort_from_another_thread_ends_a_sleep_long_before_the_deadline()
    {
        using var ring = Ring(2);
        var asleep = ring.Ranks[0];
        using var started = new ManualResetEventSlim();

        var sleeper = new Thread(() =>
        {
            started.Set();
            Assert.Throws<AllReduceAbortedException>(() => asleep.AllReduce(new float[Elements], 0, 0));
        });
        sleeper.Start();
        started.Wait();
        asleep.Abort("stop");

        Assert.True(sleeper.Join(TimeSpan.FromSeconds(10)), "Abort did not wake the rank; only the 30 s deadline would.");
    }

    [EngineFact]
    public void Ranks_with_buffers_of_different_length_refuse_each_other()
    {
        using var ring = Ring(2);

        var failures = ring.OnAll(rank => rank.AllReduce(new float[100 + rank.Rank], 0, 0));

        Assert.Contains(failures, failure => failure is FrameRefusedException refused && refused.Difference.Contains("payload bytes", StringComparison.Ordinal));
        Assert.All(failures, failure => Assert.IsAssignableFrom<AllReduceException>(failure));
    }
}
