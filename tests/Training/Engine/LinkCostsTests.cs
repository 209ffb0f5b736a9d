using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Engine;

/// <summary>Which link is named as slow, and that none is that is not.</summary>
public sealed class LinkCostsTests
{
    private const double NamedFrom = 1.25; // Where the coordinator begins to name.

    private static readonly LinkReading Good = new(0.2e-3, 1e9);
    private static readonly LinkReading Far = new(0.1, 1e9);
    private static readonly LinkReading Thin = new(0.2e-3, 20e6);

    // 30 ms of work, 4 sums, 4 MB over each link.
    private static LinkUse Use(double stepSeconds) => new(stepSeconds, 4, 4e6);

    private static void Run(LinkCosts costs, int periods, double stepSeconds, Func<int, LinkReading> reading, int links)
    {
        for (var period = 0; period < periods; period++) costs.PeriodDone([.. Enumerable.Range(0, links).Select(reading)], Use(stepSeconds));
    }

    public static TheoryData<LinkReading, double> Bad => new() { { Far, 0.03 + 0.2 }, { Thin, 0.03 + 0.2 } };

    [Theory, MemberData(nameof(Bad))]
    public void A_slow_link_is_named_with_what_a_step_would_take_without_it_and_no_other_is(LinkReading bad, double stepSeconds)
    {
        var costs = new LinkCosts(4);
        Run(costs, 2, stepSeconds, link => link == 2 ? bad : Good, 4);
        Assert.Equal(1, costs.SlowdownOf(2));
        Run(costs, 1, stepSeconds, link => link == 2 ? bad : Good, 4);

        Assert.Equal(stepSeconds / 0.035, costs.SlowdownOf(2), 2.0);
        foreach (var link in (int[])[0, 1, 3]) Assert.Equal(1, costs.SlowdownOf(link), 0.01);
        Assert.Equal(bad, costs.ReadingOf(2));
    }

    [Fact]
    public void Of_two_members_the_slow_link_is_named_and_the_way_back_is_not()
    {
        var costs = new LinkCosts(2);
        Run(costs, 3, 0.23, link => link == 0 ? Far : Good, 2);

        Assert.True(costs.SlowdownOf(0) > 3);
        Assert.Equal(1, costs.SlowdownOf(1));
    }

    [Fact]
    public void Both_links_of_a_member_with_a_bad_network_are_named()
    {
        var costs = new LinkCosts(3);
        Run(costs, 3, 0.43, link => link == 1 ? Good : Far, 3);

        Assert.Equal([true, false, true], Enumerable.Range(0, 3).Select(link => costs.SlowdownOf(link) > NamedFrom));
    }

    [Fact]
    public void A_network_that_is_slow_everywhere_blames_none_of_several_links()
    {
        var costs = new LinkCosts(4);
        Run(costs, 3, 0.43, _ => Far, 4);

        for (var link = 0; link < 4; link++) Assert.Equal(1, costs.SlowdownOf(link));
    }

    [Fact]
    public void A_link_that_is_worse_but_costs_a_step_next_to_nothing_is_not_named()
    {
        var costs = new LinkCosts(4);
        Run(costs, 3, 1.5, link => link == 2 ? Far : Good, 4);

        Assert.InRange(costs.SlowdownOf(2), 1.1, NamedFrom);
    }

    // A worker that computes slowly makes steps long. One that is stopped most of the time also answers late, whenever a round trip falls into such a time.
    [Fact]
    public void The_links_of_a_slow_worker_are_not_named()
    {
        var noise = new Random(3);
        var costs = new LinkCosts(3);
        for (var period = 0; period < 500; period++)
        {
            // Links 0 and 1 lead to and from rank 1.
            Run(costs, 1, 0.3, link => link < 2 && noise.NextDouble() < 0.05 ? Far : Good, 3);
            for (var link = 0; link < 3; link++) Assert.InRange(costs.SlowdownOf(link), 1, NamedFrom);
        }
    }

    [Fact]
    public void A_link_that_is_disturbed_in_two_measurements_of_three_is_not_named_and_one_that_recovers_no_more()
    {
        var costs = new LinkCosts(3);
        for (var repeat = 0; repeat < 20; repeat++)
        {
            Run(costs, 2, 0.43, link => link == 0 ? Far : Good, 3);
            Run(costs, 1, 0.43, _ => Good, 3);
            Assert.Equal(1, costs.SlowdownOf(0));
        }

        Run(costs, 3, 0.43, link => link == 0 ? Far : Good, 3);
        Assert.True(costs.SlowdownOf(0) > NamedFrom);
        Run(costs, 1, 0.03, _ => Good, 3);
        Assert.Equal(1, costs.SlowdownOf(0));
    }

    [Fact]
    public void A_reading_that_would_be_more_than_the_whole_step_gives_the_greatest_ratio()
    {
        var costs = new LinkCosts(2);
        Run(costs, 3, 0.1, link => link == 0 ? new LinkReading(10, 1) : Good, 2);

        Assert.Equal(LinkCosts.SlowdownMax, costs.SlowdownOf(0));
    }
}
