using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Actors;

/// <summary>How a gang that has lost members becomes the next generation: who is in it, whose state counts, and that its number is durable before anybody hears of it.</summary>
public class PackRegroupTests
{
    private static readonly Attempt Now = GangProbe.Attempt;

    [Fact]
    public void F01_Survivors_of_a_loss_go_on_as_the_next_generation_with_the_state_of_the_furthest()
    {
        var gang = GangProbe.Training(3);
        gang.Halted(0, 1, 40, silent: 1);
        Assert.Equal(3, gang.Last.Sent<ReplicaMessage.HaltTraining>().Count + 1);
        gang.Halted(2, 1, 41, silent: 1);
        Assert.Empty(gang.Last.Sent<SweepMessage.PackRegrouped>()); // Peers' word alone excludes nobody.
        gang.Break(1);
        gang.AssertRegroups(2, 2, 0); // Readings of act 41 are with w2 alone, so it has to publish them.
        Assert.Contains("w1", gang.Regrouped.Reason, StringComparison.Ordinal);
        gang.AssertReleases(1);
        gang.AssertForms(2, source: 2, 2, 0);
        gang.AllTrain(2, 0, 2);
        Assert.Empty(gang.Last.Sent<SweepMessage.PackFailed>());
    }

    [Fact]
    public void Two_losses_at_once_make_one_generation()
    {
        var gang = GangProbe.Training(4);
        gang.Halted(0, 1, 40, silent: 1);
        gang.Lose(1);
        gang.Lose(2);
        Assert.Empty(gang.Last.Sent<SweepMessage.PackRegrouped>());
        gang.Halted(3, 1, 40, silent: 2);
        gang.AssertRegroups(2, 0, 3);
    }

    [Fact]
    public void Rank_0_is_lost_like_any_other_and_the_next_in_order_takes_its_place()
    {
        var gang = GangProbe.Training(3);
        gang.Lose(0);
        gang.Halted(1, 1, 7, silent: 0);
        gang.Halted(2, 1, 7, silent: 0);
        gang.AssertRegroups(2, 1, 2);
        gang.AssertForms(2, source: 1, 1, 2);
        gang.AllTrain(2, 1, 2);
        Assert.Empty(gang.Done(2, 2).Sent<SweepMessage.PackDone>());
        Assert.Single(gang.Done(1, 2).Sent<SweepMessage.PackDone>());
    }

    [Fact]
    public void A_loss_while_the_generation_is_being_recorded_takes_the_next_number()
    {
        var gang = GangProbe.Training(3);
        gang.Lose(2);
        gang.AllHalted(1, 7, 0, 1);
        gang.AssertRegroups(2, 0, 1);
        gang.Lose(1);
        gang.AssertRegroups(3, 0);
        Assert.Empty(gang.Recorded(2).Sent<ReplicaMessage.FormRing>()); // Nobody may hear of it any more.
        gang.AssertForms(3, source: 0, 0);
    }

    [Fact]
    public void A_generation_is_asked_for_until_it_is_recorded_and_its_ring_ordered_until_each_trains()
    {
        var gang = GangProbe.Training(3);
        gang.Lose(2);
        gang.AllHalted(1, 7, 0, 1);
        gang.After(1);
        gang.AssertRegroups(2, 0, 1);
        gang.Recorded(2);
        gang.AllTrain(2, 0);
        gang.After(1);
        Assert.Equal([Some.Replica(1, Now.Value)], gang.Told<ReplicaMessage.FormRing>());
        Assert.Single(gang.Halted(1, 1, 7).Sent<ReplicaMessage.FormRing>()); // It still says that it is halted: the order was lost.
        Assert.Empty(gang.Recorded(2)); // Told twice.
    }

    [Fact]
    public void The_source_is_lost_before_the_others_have_its_state_and_the_next_best_takes_its_place()
    {
        var gang = GangProbe.Training(4);
        gang.Lose(3);
        gang.Halted(0, 1, 7);
        gang.Halted(1, 1, 8);
        gang.Halted(2, 1, 7);
        gang.AssertForms(2, source: 1, 1, 0, 2);
        gang.Lose(1);
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.HaltTraining>().Count);
        gang.Halted(0, 2, -1, silent: 1); // Cut off in the middle.
        gang.Halted(2, 2, 7, silent: 1);
        gang.AssertRegroups(3, 2, 0);
        gang.AssertForms(3, source: 2, 2, 0);
    }

    [Fact]
    public void When_nobody_has_the_state_any_more_the_attempt_is_lost()
    {
        var gang = GangProbe.Training(3);
        gang.Lose(2);
        gang.Halted(0, 1, 7);
        gang.Halted(1, 1, 8);
        gang.Recorded(2);
        gang.Lose(1);
        gang.Halted(0, 2, -1, silent: 1);
        gang.AssertFails(FailureKind.Lost);
        Assert.Single(gang.Last.Sent<PlacementMessage.ReleaseGang>());
    }

    [Fact]
    public void The_last_worker_is_lost_and_the_attempt_with_it()
    {
        var gang = GangProbe.Training(1);
        Assert.Empty(gang.Break(0).Sent<ReplicaMessage.HaltTraining>()); // It may come back, and nobody waits for it.
        Assert.Equal(FailureKind.Lost, Assert.Single(gang.Lose(0).Sent<SweepMessage.PackFailed>()).Kind);
    }

    [Fact]
    public void A_loss_before_the_first_ring_goes_on_without_it_and_nobody_has_anything_to_take_over()
    {
        var gang = GangProbe.Preparing(3);
        gang.Ready(1);
        gang.Ready(2);
        gang.Lose(0);
        gang.AssertRegroups(2, 1, 2);
        gang.AssertForms(2, source: null, 1, 2);
    }

    [Fact]
    public void A_refusal_costs_the_gang_one_worker_and_a_gang_of_refusers_its_attempt()
    {
        var gang = GangProbe.Preparing(2);
        Assert.Empty(gang.Refuse(0, "busy").Sent<SweepMessage.PackFailed>());
        Assert.Equal(FailureKind.Refused, Assert.Single(gang.Refuse(1, "busy").Sent<SweepMessage.PackFailed>()).Kind);
    }

    [Fact]
    public void A_generation_that_does_not_form_in_time_halts_and_names_whom_it_waited_for()
    {
        var gang = GangProbe.Training(2);
        gang.Halted(0, 1, 7, silent: 1);
        gang.Halted(1, 1, 7);
        gang.Recorded(2);
        gang.AllTrain(2, 0);
        gang.After(120);
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.HaltTraining>().Count);
        gang.Halted(0, 2, 8);
        gang.Halted(1, 2, 7);
        Assert.Contains("w1 did not form the ring", gang.Regrouped.Reason, StringComparison.Ordinal);
    }
}
