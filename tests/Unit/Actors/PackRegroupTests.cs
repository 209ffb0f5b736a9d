using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Actors;

/// <summary>What becomes of a gang when members are lost, leave or join.</summary>
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
    public void A_broken_connection_disturbs_nobody_who_trains_and_a_worker_that_returns_is_whole_again()
    {
        var gang = GangProbe.Training(3);
        Assert.Empty(gang.Break(1).Sent<ReplicaMessage.HaltTraining>());
        gang.After(1);
        Assert.Equal([Some.Replica(1, Now.Value)], gang.Told<ReplicaMessage.Attach>());
        Assert.Single(gang.Tell(1, new PackMessage.ReplicaState(Now, new(1), ReplicaPhase.Training, 40, 0)).OfType<Effect.Watch>());
        gang.Halted(0, 1, 40, silent: 1); // Its word counts no more than before the break.
        gang.Halted(2, 1, 40);
        Assert.Empty(gang.Last.Sent<PlacementMessage.ReleaseMember>());
        gang.Halted(1, 1, 40);
        gang.AssertRegroups(2, 0, 1, 2);
    }

    [Fact]
    public void A_worker_whose_connection_breaks_while_a_ring_is_formed_and_that_comes_back_at_once_halts_nobody()
    {
        var gang = GangProbe.Training(2);
        gang.AllHalted(1, 40, 0, 1);
        gang.Recorded(2);
        Assert.Empty(gang.Break(1).Sent<ReplicaMessage.HaltTraining>());
        gang.After(0.5);
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.FormRing>().Count); // Its order may have been lost with the connection.
        Assert.Single(gang.Tell(1, new PackMessage.ReplicaTraining(Now, new(2))).OfType<Effect.Watch>());
        gang.After(1);
        Assert.Empty(gang.Last.Sent<ReplicaMessage.HaltTraining>());
        gang.Tell(0, new PackMessage.ReplicaTraining(Now, new(2)));
        gang.After(1);
        Assert.Empty(gang.Last.Sent<ReplicaMessage.FormRing>());
    }

    [Fact]
    public void A_worker_whose_connection_stays_broken_halts_a_ring_that_is_being_formed_where_nobody_would_notice()
    {
        var gang = GangProbe.Training(2);
        gang.Halted(0, 1, 40);
        gang.Halted(1, 1, 40);
        gang.Recorded(2);
        Assert.Empty(gang.Break(1).Sent<ReplicaMessage.HaltTraining>());
        gang.After(0.8);
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.HaltTraining>().Count);
        gang.Halted(0, 2, 40);
        Assert.Empty(gang.Last.Sent<SweepMessage.PackRegrouped>());
        Assert.Single(gang.Halted(1, 2, 40).OfType<Effect.Watch>());
        gang.AssertRegroups(3, 0, 1);
    }

    [Fact]
    public void A_worker_that_does_not_answer_repeated_orders_is_out_after_two_seconds()
    {
        var gang = GangProbe.Training(3);
        gang.Halted(0, 1, 40, silent: 1);
        gang.Tell(2, new PackMessage.ReplicaHalting(Now, new(1)));
        gang.After(1.9);
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.HaltTraining>().Count);
        gang.After(0.2);
        gang.AssertReleases(1);
        Assert.Empty(gang.Last.Sent<SweepMessage.PackRegrouped>()); // w2 is busy, and lives.
        gang.Halted(2, 1, 40);
        gang.AssertRegroups(2, 0, 2);
    }

    [Fact]
    public void A_worker_that_lives_but_never_halts_is_out_after_a_minute()
    {
        var gang = GangProbe.Training(2);
        gang.Halted(0, 1, 40, silent: 1);
        gang.Tell(1, new PackMessage.ReplicaHalting(Now, new(1)));
        gang.After(59);
        Assert.Empty(gang.Last.Sent<SweepMessage.PackRegrouped>());
        gang.After(1);
        gang.AssertRegroups(2, 0);
        Assert.Contains("w1 did not halt within 60 s", gang.Regrouped.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void F22_A_worker_that_calls_all_others_dead_excludes_nobody_who_answers()
    {
        var gang = GangProbe.Training(3);
        gang.Halted(0, 1, 40, silent: [1, 2]);
        gang.AllHalted(1, 40, 1, 2);
        gang.AssertRegroups(2, 0, 1, 2);
    }

    [Fact]
    public void F22_Who_calls_the_others_dead_again_and_again_is_isolated_itself()
    {
        var gang = GangProbe.Training(3);
        for (var generation = 1; generation <= PackRunner.FailuresMax; generation++)
        {
            gang.Halted(0, generation, 40, silent: [1, 2]);
            gang.Halted(1, generation, 40, silent: 0); // It was the one to hang up.
            gang.Halted(2, generation, 40, silent: 0);
            if (generation == PackRunner.FailuresMax) break;
            gang.AssertRegroups(generation + 1, 0, 1, 2);
            gang.Recorded(generation + 1);
        }

        gang.AssertRegroups(PackRunner.FailuresMax + 1, 1, 2);
        gang.AssertReleases(0);
    }

    [Fact]
    public void A_pack_that_kills_a_worker_three_times_at_one_place_ends_its_attempt()
    {
        var gang = GangProbe.Training(4);
        for (var generation = 1; generation <= PackRunner.FailuresMax; generation++)
        {
            for (var worker = 0; worker < 4 - generation; worker++) gang.Halted(worker, generation, 40 + generation, silent: 4 - generation);
            gang.Lose(4 - generation);
            if (generation < PackRunner.FailuresMax) gang.Recorded(generation + 1);
        }

        gang.AssertFails(FailureKind.Lost);
    }

    [Fact]
    public void A_gang_that_gets_on_between_losses_survives_any_number_of_them()
    {
        var gang = GangProbe.Training(6);
        for (var generation = 1; generation <= 5; generation++)
        {
            for (var worker = 0; worker < 6 - generation; worker++) gang.Halted(worker, generation, 40 * generation, silent: 6 - generation);
            gang.Lose(6 - generation);
            gang.AssertRegroups(generation + 1, [.. Enumerable.Range(0, 6 - generation)]);
            gang.Recorded(generation + 1);
            gang.AllTrain(generation + 1, [.. Enumerable.Range(0, 6 - generation)]);
        }

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

    [Fact]
    public void A_worker_that_slept_through_its_exclusion_is_told_so_by_name_and_stopped()
    {
        var gang = GangProbe.Training(2);
        gang.Lose(1);
        var refused = Assert.Single(gang.Halted(1, 1, 7, silent: 0).Sent<ReplicaMessage.Dismissed>());
        Assert.Equal("w1 is no member of generation 1 of attempt 2", refused.Reason);
        Assert.Empty(gang.Tell(1, new PackMessage.SlotEnded(Now, 0, Some.Done(0, -1))).Sent<SweepMessage.SlotEnded>());
    }

    [Fact]
    public void Ends_that_became_durable_are_told_again_before_a_generation_forms_and_no_more_once_it_trains()
    {
        var gang = GangProbe.Training(3);
        gang.Feed(new PackMessage.SlotSettled(Now, 0));
        gang.Lose(0);
        gang.Halted(1, 1, 40, silent: 0);
        gang.Halted(2, 1, 40, silent: 0);
        gang.AssertForms(2, source: 1, 1, 2);
        Assert.Equal([(1, 0), (2, 0)], gang.Last.OfType<Effect.Send>().Where(send => send.Message is ReplicaMessage.SlotEndAccepted)
            .Select(send => (int.Parse(send.Target.Node.Value[1..], null), ((ReplicaMessage.SlotEndAccepted)send.Message).Trial)));
        gang.AllTrain(2, 1, 2);
        gang.Lose(1);
        gang.Halted(2, 2, 50, silent: 1);
        gang.AssertForms(3, source: 2, 2);
        Assert.Empty(gang.Last.Sent<ReplicaMessage.SlotEndAccepted>());
    }

    [Fact]
    public void Orders_that_a_lost_member_never_applied_hold_up_nobody()
    {
        var gang = GangProbe.Training(2);
        gang.Feed(new PackMessage.OrderSlots(Now, [new(1, SlotOrderKind.Close, 0, null, "")]));
        gang.Tell(0, new PackMessage.SlotsChanged(Now, 1));
        gang.Lose(1);
        gang.Halted(0, 1, 7);
        gang.Recorded(2);
        Assert.Empty(gang.Tell(0, new PackMessage.ReplicaTraining(Now, new(2))).Sent<ReplicaMessage.ChangeSlots>());
    }

    [Fact]
    public void Who_takes_over_a_state_has_the_orders_in_it_and_gets_the_rest()
    {
        var gang = GangProbe.Training(2);
        gang.Feed(new PackMessage.OrderSlots(Now, [new(1, SlotOrderKind.Empty, 0, null, "x"), new(2, SlotOrderKind.Close, 0, null, "")]));
        gang.Tell(0, new PackMessage.SlotsChanged(Now, 1));
        gang.Halted(0, 1, 8, silent: 1);
        gang.Halted(1, 1, 7);
        gang.Recorded(2);
        gang.AllTrain(2, 0, 1);
        Assert.All(gang.Last.Sent<ReplicaMessage.ChangeSlots>(), change => Assert.Equal([2L], change.Orders.Select(order => order.Number)));
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.ChangeSlots>().Count);
    }

    [Fact]
    public void Ends_and_checkpoints_pass_while_the_gang_stands_still()
    {
        var gang = GangProbe.Training(2);
        gang.Halted(0, 1, 8, silent: 1);
        Assert.Single(gang.Tell(0, new PackMessage.SlotEnded(Now, 0, Some.Done(0, -1))).Sent<SweepMessage.SlotEnded>());
        Assert.Equal(2, gang.Feed(new PackMessage.SlotSettled(Now, 0)).Sent<ReplicaMessage.SlotEndAccepted>().Count);
        var made = new CheckpointInfo(Some.Pack(0), Now, 5, 9, "ab", []);
        Assert.Equal(made, Assert.Single(gang.Tell(0, new PackMessage.CheckpointMade(Now, made)).Sent<SweepMessage.PackCheckpointed>()).Checkpoint);
        Assert.Equal(2, gang.Feed(new PackMessage.CheckpointSettled(Now, 5)).Sent<ReplicaMessage.CheckpointAccepted>().Count);
    }

    [Fact]
    public void A_rank_0_that_is_done_ends_the_attempt_also_while_others_halt()
    {
        var gang = GangProbe.Training(2);
        gang.Halted(1, 1, 7, silent: 0);
        Assert.Single(gang.Done(0, 1).Sent<SweepMessage.PackDone>());
    }

    [Fact]
    public void A_survivor_that_is_done_is_the_source_of_the_generation_that_tells_the_last_ends()
    {
        var gang = GangProbe.Training(3);
        gang.Lose(0);
        gang.Done(1, 1);
        gang.Halted(2, 1, 99, silent: 0);
        gang.AssertForms(2, source: 1, 1, 2);
        Assert.Empty(gang.Done(1, 1).Sent<SweepMessage.PackDone>()); // Of before: it has not told them yet.
        Assert.Single(gang.Done(1, 2).Sent<SweepMessage.PackDone>());
    }
}
