using Vae.Worker.Engine;

namespace Vae.Tests.Unit.Checkpoints;

public sealed class CheckpointPaceTests
{
    private const long Small = 1_000;

    [Theory]
    [InlineData(0.05, 2, 40)]
    [InlineData(0.1, 2, 20)]
    [InlineData(0.05, 4, 80)]
    public void The_next_one_is_due_when_what_the_last_one_cost_is_the_budgets_share_of_the_time(double budget, double cost, double apart)
    {
        var pace = new CheckpointPace(budget);
        pace.Stored(Seconds(100), Seconds(cost));

        Assert.False(pace.IsDue(Seconds(100 + apart - 0.001), Small));
        Assert.True(pace.IsDue(Seconds(100 + apart + 0.001), Small));
    }

    [Fact]
    public void A_cheap_one_is_not_followed_by_another_within_ten_seconds()
    {
        var pace = new CheckpointPace(0.5);
        pace.Stored(Seconds(100), Seconds(0.001));

        Assert.False(pace.IsDue(Seconds(109.999), Small));
        Assert.True(pace.IsDue(Seconds(110), Small));
    }

    [Fact]
    public void Before_the_first_one_its_cost_is_guessed_from_its_bytes()
    {
        var (small, large) = (new CheckpointPace(0.1), new CheckpointPace(0.1));

        Assert.Equal((false, false), (small.IsDue(Seconds(5), Small), large.IsDue(Seconds(5), 1_500_000_000)));
        Assert.Equal((true, false), (small.IsDue(Seconds(15), Small), large.IsDue(Seconds(54.9), 1_500_000_000)));
        Assert.True(large.IsDue(Seconds(55.1), 1_500_000_000));
    }

    [Fact]
    public void A_measured_cost_takes_the_place_of_the_guess()
    {
        var pace = new CheckpointPace(0.1);
        Assert.False(pace.IsDue(default, 3_000_000_000));
        pace.Stored(Seconds(100), Seconds(1));

        Assert.True(pace.IsDue(Seconds(110), 3_000_000_000));
    }

    [Fact]
    public void A_budget_of_zero_is_never_due_also_after_one_that_was_ordered_or_that_failed()
    {
        var pace = new CheckpointPace(0);
        Assert.False(pace.IsDue(Seconds(1), Small));
        Assert.False(pace.IsDue(TimeSpan.FromDays(1_000), Small));

        pace.Stored(Seconds(100), Seconds(1)); // Handing work over stores one under any budget.
        Assert.False(pace.IsDue(TimeSpan.FromDays(1_000), Small));

        pace.Failed(Seconds(200));
        Assert.False(pace.IsDue(TimeSpan.FromDays(1_000), Small));
    }

    [Fact]
    public void A_budget_that_is_as_good_as_none_is_not_due_and_breaks_nothing()
    {
        var pace = new CheckpointPace(1e-300);
        Assert.False(pace.IsDue(Seconds(1), long.MaxValue));
        pace.Stored(Seconds(100), Seconds(1));

        Assert.False(pace.IsDue(TimeSpan.FromDays(300), Small));
    }

    [Fact]
    public void Pauses_after_failures_grow_from_ten_seconds_to_five_minutes_and_one_success_ends_them()
    {
        var pace = new CheckpointPace(0.5);
        var now = 100.0;
        foreach (var pause in (double[])[10, 20, 40, 80, 160, 300, 300])
        {
            pace.Failed(Seconds(now));
            Assert.False(pace.IsDue(Seconds(now + pause - 0.001), Small));
            Assert.True(pace.IsDue(Seconds(now + pause), Small));
            now += pause;
        }

        pace.Stored(Seconds(now), Seconds(0.001));
        pace.Failed(Seconds(now));
        Assert.True(pace.IsDue(Seconds(now + 10), Small));
    }

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
