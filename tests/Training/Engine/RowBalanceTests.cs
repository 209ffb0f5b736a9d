using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Engine;

public sealed class RowBalanceTests
{
    private const int Batch = 128;

    [Fact]
    public void Worker_of_half_the_speed_gets_a_third_of_the_rows()
    {
        var balance = new RowBalance(2, Batch);
        Run(balance, periods: 12, rank => rank == 1 ? 2 : 1);

        Assert.Equal(1.0 / 3, balance.Shares[1], 0.01);
        Assert.InRange(balance.Split(Batch, 1).Count, 42, 44);
        Assert.False(balance.Adjusting);
    }

    [Fact]
    public void A_worker_that_stays_slow_is_named_with_the_ratio_also_after_it_has_fewer_rows_and_no_other_is()
    {
        var balance = new RowBalance(3, Batch);
        Run(balance, periods: 2, rank => rank == 1 ? 3 : 1);
        Assert.Equal(1, balance.SlowdownOf(1));
        Run(balance, periods: 20, rank => rank == 1 ? 3 : 1);

        Assert.Equal(3, balance.SlowdownOf(1), 0.2);
        Assert.InRange(balance.SlowdownOf(0), 0.4, 1);
    }

    [Fact]
    public void A_worker_that_was_disturbed_for_a_period_is_not_called_slow()
    {
        var balance = new RowBalance(2, Batch);
        Run(balance, periods: 4, _ => 1);
        Run(balance, periods: 1, rank => rank == 0 ? 5 : 1);
        Run(balance, periods: 1, _ => 1);

        Assert.Equal(1, balance.SlowdownOf(0), 0.01);
    }

    [Fact]
    public void Parts_tile_the_rows_and_none_is_empty_however_slow_a_rank_is()
    {
        var balance = new RowBalance(4, Batch);
        Run(balance, periods: 60, rank => rank == 2 ? 10_000 : 1 + rank);
        var next = 0;
        for (var rank = 0; rank < 4; rank++)
        {
            var part = balance.Split(Batch, rank);
            Assert.Equal(next, part.First);
            Assert.True(part.Count >= 1);
            next = part.End;
        }

        Assert.Equal(Batch, next);
        Assert.Equal(1, balance.Split(Batch, 2).Count);
    }

    [Fact]
    public void Equal_machines_with_some_noise_keep_the_parts_that_they_would_have_without_balance()
    {
        var noise = new Random(1);
        var balance = new RowBalance(3, Batch);
        var even = new RowBalance(3, Batch, even: true);
        Run(balance, periods: 200, rank => 0.9 + (0.2 * noise.NextDouble()));

        Assert.True(balance.IsEven);
        for (var rank = 0; rank < 3; rank++) Assert.Equal(even.Split(Batch, rank), balance.Split(Batch, rank));
    }

    [Fact]
    public void Disturbance_shorter_than_three_periods_changes_nothing()
    {
        var balance = new RowBalance(2, Batch);
        for (var repeat = 0; repeat < 10; repeat++)
        {
            Run(balance, periods: 2, rank => rank == 1 ? 3 : 1);
            Run(balance, periods: 1, rank => 1);
        }

        Assert.True(balance.IsEven);
    }

    [Fact]
    public void Disturbance_that_hits_now_one_rank_and_now_the_other_changes_nothing()
    {
        var balance = new RowBalance(2, Batch);
        for (var repeat = 0; repeat < 20; repeat++) Run(balance, periods: 2, rank => rank == repeat % 2 ? 2 : 1);

        Assert.True(balance.IsEven);
    }

    [Fact]
    public void Parts_that_are_unequal_already_follow_smaller_changes()
    {
        var balance = new RowBalance(2, Batch);
        Run(balance, periods: 12, rank => rank == 1 ? 2 : 1);
        Run(balance, periods: 12, rank => rank == 1 ? 2.3 : 1);

        Assert.Equal(1 / 3.3, balance.Shares[1], 0.01);
    }

    [Fact]
    public void Worker_that_recovers_gets_equal_parts_again()
    {
        var balance = new RowBalance(2, Batch);
        Run(balance, periods: 12, rank => rank == 1 ? 2 : 1);
        Assert.False(balance.IsEven);
        Run(balance, periods: 30, rank => 1);

        Assert.True(balance.IsEven);
    }

    [Fact]
    public void Work_that_does_not_depend_on_the_rows_is_no_reason_to_go_on_for_ever()
    {
        var balance = new RowBalance(2, Batch);
        // A fixed 40 % of a fast rank's step, and the rest in proportion to its rows.
        for (var period = 0; period < 40; period++) Feed(balance, rank => (rank == 1 ? 2 : 1) * (0.4 + (1.2 * balance.Shares[rank])));

        Assert.False(balance.Adjusting);
        Assert.Equal(1, 2 * (0.4 + (1.2 * balance.Shares[1])) / (0.4 + (1.2 * balance.Shares[0])), RowBalance.SettleBelow - 1);
    }

    [Fact]
    public void Switched_off_it_keeps_equal_parts_and_exchanges_nothing()
    {
        using var allReduce = new NoAllReduce();
        var balance = new RowBalance(2, Batch, even: true);
        for (var step = 0; step < 10 * RowBalance.WindowStepsMax; step++) Assert.False(balance.StepDone(allReduce, step, 1, step));

        Assert.True(balance.IsEven);
        Assert.Equal(0, allReduce.Statistics.Calls);
    }

    [Fact]
    public void Ranks_that_measure_for_themselves_come_to_the_same_shares_at_the_same_steps()
    {
        var changes = new List<(int Step, double Share)>[3];
        RingThreads.Run(3, allReduce =>
        {
            var balance = new RowBalance(3, Batch);
            var mine = changes[allReduce.Rank] = [];
            for (var step = 0; step < 400; step++)
            {
                var seconds = 0.1 * (1 + allReduce.Rank) * balance.Shares[allReduce.Rank];
                if (balance.StepDone(allReduce, step, 0, seconds)) mine.Add((step, balance.Shares[0]));
            }
        });

        Assert.NotEmpty(changes[0]);
        Assert.All(changes, mine => Assert.Equal(changes[0], mine));
    }

    [Theory]
    [InlineData(0.0001, RowBalance.WindowStepsMax)]
    [InlineData(0.02, 50)]
    [InlineData(10, RowBalance.WindowStepsMin)]
    public void Windows_are_about_a_period_long_however_long_a_step_is(double secondsOfStep, int steps)
    {
        var exchanges = new List<int>();
        RingThreads.Run(2, allReduce =>
        {
            var balance = new RowBalance(2, Batch);
            for (var step = 0; step < 2000; step++)
            {
                var calls = allReduce.Statistics.Calls;
                balance.StepDone(allReduce, step, 0, secondsOfStep);
                if (allReduce.Rank == 0 && allReduce.Statistics.Calls > calls) exchanges.Add(step);
            }
        });

        Assert.Equal(RowBalance.WindowStepsMin - 1, exchanges[0]);
        Assert.All(exchanges.Zip(exchanges.Skip(1)), pair => Assert.InRange(pair.Second - pair.First, steps - 1, steps + 1));
    }

    // Each rank's time is its slowness times its share, and a period is as long as it has to be.
    private static void Run(RowBalance balance, int periods, Func<int, double> slowness)
    {
        for (var period = 0; period < periods; period++) Feed(balance, rank => slowness(rank) * balance.Shares[rank]);
    }

    private static void Feed(RowBalance balance, Func<int, double> seconds)
    {
        var window = new float[balance.Shares.Length];
        for (var rank = 0; rank < window.Length; rank++) window[rank] = (float)seconds(rank);
        var scale = (float)RowBalance.PeriodSeconds * 1.01f / window.Max();
        for (var rank = 0; rank < window.Length; rank++) window[rank] *= scale;
        balance.WindowDone(window);
    }
}
