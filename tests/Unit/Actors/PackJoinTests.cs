using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Actors;

/// <summary>Workers that come to a running gang and workers that leave it on purpose.</summary>
public class PackJoinTests
{
    private static readonly Attempt Now = GangProbe.Attempt;

    private static GangProbe Grown(params int[] joiners)
    {
        var gang = GangProbe.Training(2);
        gang.Feed(new PackMessage.GangGrown(joiners.Select(Some.Member).ToValueList()));
        return gang;
    }

    [Fact]
    public void Joiners_prepare_while_the_others_train_and_join_together_when_the_last_is_ready()
    {
        var gang = Grown(2, 3);
        Assert.Equal([GangProbe.Agent(2), GangProbe.Agent(3)], gang.Told<AgentMessage.AssignReplica>());
        Assert.Empty(gang.Ready(2).Sent<ReplicaMessage.HaltTraining>());
        Assert.Equal(2, gang.Ready(3).Sent<ReplicaMessage.HaltTraining>().Count);
        gang.AllHalted(1, 40, 0, 1);
        gang.AssertRegroups(2, 0, 1, 2, 3);
        Assert.Equal("w2 joins; w3 joins", gang.Regrouped.Reason);
        gang.AssertForms(2, source: 0, 0, 1, 2, 3);
    }

    [Fact]
    public void A_joiner_is_told_twice_is_assigned_once_and_again_until_it_accepts()
    {
        var gang = Grown(2);
        Assert.Empty(gang.Feed(new PackMessage.GangGrown([Some.Member(2)])).Sent<AgentMessage.AssignReplica>());
        Assert.Single(gang.After(1).Sent<AgentMessage.AssignReplica>());
        gang.Accept(2);
        Assert.Empty(gang.After(1).Sent<AgentMessage.AssignReplica>());
    }

    [Fact]
    public void A_joiner_that_placement_told_of_by_a_lost_message_is_found_at_the_next_look()
    {
        var gang = GangProbe.Training(2);
        Assert.Single(gang.After(10).Sent<PlacementMessage.RequestGang>());
        gang.Feed(new PackMessage.GangGranted([Some.Member(0), Some.Member(1), Some.Member(2)], 0));
        Assert.Equal([GangProbe.Agent(2)], gang.Told<AgentMessage.AssignReplica>());
    }

    [Theory]
    [InlineData("lost")]
    [InlineData("failed")]
    [InlineData("refused")]
    [InlineData("leaving")]
    [InlineData("late")]
    public void A_joiner_that_does_not_make_it_disturbs_nobody(string how)
    {
        var gang = Grown(2);
        if (how == "lost") gang.Lose(2);
        else if (how == "failed") gang.Tell(2, new PackMessage.ReplicaFailed(Now, FailureKind.OutOfMemory, "8 GB asked"));
        else if (how == "refused") gang.Refuse(2, "busy");
        else if (how == "leaving") gang.Leaves(2);
        else gang.After(30);
        Assert.Equal(how == "lost" ? 0 : 1, gang.Last.Sent<PlacementMessage.ReleaseMember>().Count);
        Assert.Empty(gang.Last.Sent<ReplicaMessage.HaltTraining>());
        Assert.Empty(gang.Last.Sent<SweepMessage.PackFailed>());
        gang.Done(1, 1);
        Assert.Single(gang.Done(0, 1).Sent<SweepMessage.PackDone>());
    }

    [Fact]
    public void A_worker_that_was_let_go_comes_back_only_when_placement_gives_it_anew()
    {
        var gang = Grown(2);
        gang.Refuse(2, "busy");
        Assert.Empty(gang.Feed(new PackMessage.GangGranted([Some.Member(0), Some.Member(1), Some.Member(2)], 0)).Sent<AgentMessage.AssignReplica>()); // Said before it had heard.
        Assert.Single(gang.Feed(new PackMessage.GangGrown([Some.Member(2)])).Sent<AgentMessage.AssignReplica>());
    }

    [Fact]
    public void A_loss_while_joiners_prepare_takes_those_along_that_are_ready()
    {
        var gang = Grown(2, 3);
        gang.Ready(3);
        gang.Lose(1);
        gang.Halted(0, 1, 40, silent: 1);
        gang.AssertRegroups(2, 0, 3);
        gang.AssertForms(2, source: 0, 0, 3);
        gang.AllTrain(2, 0, 3);
        Assert.Equal(2, gang.Ready(2).Sent<ReplicaMessage.HaltTraining>().Count);
    }

    [Fact]
    public void A_joiner_that_no_state_has_reached_cannot_go_on_alone()
    {
        var gang = Grown(2);
        gang.Ready(2);
        gang.AllHalted(1, 40, 0, 1);
        gang.Recorded(2);
        gang.Lose(0);
        gang.Lose(1);
        gang.Halted(2, 2, 0, silent: 0);
        Assert.Contains("nobody is left who has the state", Assert.Single(gang.Last.Sent<SweepMessage.PackFailed>()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void F05_A_leaver_is_let_go_when_the_others_have_what_it_has()
    {
        var gang = GangProbe.Training(3);
        Assert.Equal(3, gang.Leaves(1).Sent<ReplicaMessage.HaltTraining>().Count);
        Assert.Empty(gang.Leaves(1));
        gang.AllHalted(1, 40, 0, 1, 2);
        Assert.Empty(gang.Last.Sent<SweepMessage.PackRegrouped>()); // Others may have been told to leave as well.
        gang.After(0.25);
        gang.AssertRegroups(2, 0, 2);
        gang.AssertReleases(1);
    }

    [Fact]
    public void F05_A_leaver_that_alone_is_ahead_hands_its_state_over_first()
    {
        var gang = GangProbe.Training(2);
        gang.Leaves(1);
        gang.Halted(0, 1, 40);
        gang.Halted(1, 1, 41);
        gang.After(0.25);
        gang.AssertRegroups(2, 1, 0);
        gang.AssertForms(2, source: 1, 1, 0);
        gang.AllTrain(2, 0, 1);
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.HaltTraining>().Count);
        gang.AllHalted(2, 42, 0, 1);
        gang.AssertRegroups(3, 0);
        gang.AssertForms(3, source: 0, 0);
    }

    [Fact]
    public void F05_A_leaver_that_is_always_ahead_is_let_go_at_last()
    {
        var gang = GangProbe.Training(2);
        gang.Leaves(1);
        for (var generation = 1; generation <= PackRunner.CarriesMax + 1; generation++)
        {
            gang.Halted(0, generation, 40 * generation);
            gang.Halted(1, generation, (40 * generation) + 1);
            gang.After(0.25);
            if (generation > PackRunner.CarriesMax) break;
            gang.Recorded(generation + 1);
            gang.AllTrain(generation + 1, 0, 1);
        }

        gang.AssertRegroups(PackRunner.CarriesMax + 2, 0);
    }

    [Fact]
    public void F05_When_all_leave_the_state_is_stored_before_the_attempt_ends()
    {
        var gang = GangProbe.Training(2);
        gang.Leaves(0);
        gang.Leaves(1);
        gang.Halted(0, 1, 40);
        gang.Halted(1, 1, 41);
        Assert.Equal([Some.Replica(1, Now.Value)], gang.Told<ReplicaMessage.SaveCheckpoint>());
        Assert.Single(gang.After(1).Sent<ReplicaMessage.SaveCheckpoint>());
        gang.Tell(1, new PackMessage.CheckpointMade(Now, new(Some.Pack(0), Now, 41, 9, "ab", [])));
        Assert.Empty(gang.Feed(new PackMessage.CheckpointSettled(Now, 30)).Sent<SweepMessage.PackFailed>()); // An older one.
        gang.Feed(new PackMessage.CheckpointSettled(Now, 41));
        gang.AssertFails(FailureKind.Preempted);
        Assert.Single(gang.Last.Sent<PlacementMessage.ReleaseGang>());
    }

    [Fact]
    public void F05_When_all_leave_and_no_trial_is_left_there_is_nothing_to_store()
    {
        var gang = GangProbe.Training(1);
        gang.Feed(new PackMessage.SlotSettled(Now, 0));
        gang.Tell(0, new PackMessage.ReplicaLeaving(Now, "SIGTERM"));
        gang.Halted(0, 1, 40);
        Assert.Empty(gang.Last.Sent<ReplicaMessage.SaveCheckpoint>());
        Assert.Equal(FailureKind.Preempted, Assert.Single(gang.Last.Sent<SweepMessage.PackFailed>()).Kind);
    }

    [Fact]
    public void F05_When_all_leave_and_the_last_trials_end_becomes_durable_the_attempt_ends_at_once()
    {
        var gang = GangProbe.Training(1);
        gang.Tell(0, new PackMessage.ReplicaLeaving(Now, "SIGTERM"));
        gang.Halted(0, 1, 40);
        Assert.Single(gang.Last.Sent<ReplicaMessage.SaveCheckpoint>());
        Assert.Equal(FailureKind.Preempted, Assert.Single(gang.Feed(new PackMessage.SlotSettled(Now, 0)).Sent<SweepMessage.PackFailed>()).Kind);
    }

    [Fact]
    public void F05_What_cannot_be_stored_in_time_is_lost()
    {
        var gang = GangProbe.Training(1);
        gang.Leaves(0);
        gang.Halted(0, 1, 40);
        Assert.Single(gang.Last.Sent<ReplicaMessage.SaveCheckpoint>());
        gang.After(PackRunner.SaveWithin.TotalSeconds);
        gang.AssertFails(FailureKind.Lost);
    }

    [Fact]
    public void A_worker_told_to_leave_before_it_trains_leaves_the_others_to_it()
    {
        var gang = GangProbe.Preparing(2);
        gang.Ready(0);
        gang.Leaves(1);
        gang.AssertRegroups(2, 0);
        gang.AssertForms(2, source: null, 0);
    }

    [Fact]
    public void A_leaver_among_those_that_are_about_to_form_is_chosen_out_again()
    {
        var gang = GangProbe.Training(3);
        gang.Lose(2);
        gang.AllHalted(1, 40, 0, 1);
        gang.AssertRegroups(2, 0, 1);
        gang.Leaves(1);
        gang.AssertRegroups(3, 0);
    }

    private static GangProbe Dropped()
    {
        var gang = GangProbe.Training(2);
        gang.Lose(1);
        gang.Halted(0, 1, 40, silent: 1);
        gang.AssertForms(2, source: 0, 0);
        gang.AllTrain(2, 0);
        return gang;
    }

    [Fact]
    public void A_worker_that_was_dropped_and_is_given_back_prepares_for_the_next_generation_and_takes_over_the_state()
    {
        var gang = Dropped();
        var order = Assert.Single(gang.Feed(new PackMessage.GangGrown([Some.Member(1)])).Sent<AgentMessage.AssignReplica>());
        Assert.Equal((1UL, new Generation(3)), (order.Incarnation, order.Assignment.Generation));
        Assert.Single(gang.Ready(1).Sent<ReplicaMessage.HaltTraining>());
        gang.Halted(0, 2, 60);
        gang.AssertForms(3, source: 0, 0, 1);
    }

    [Fact]
    public void A_worker_that_has_stopped_a_later_assignment_than_the_one_it_gets_is_asked_for_one_beyond_that()
    {
        var gang = Dropped();
        gang.Feed(new PackMessage.GangGrown([Some.Member(1)]));
        Assert.Equal(new(6), Assert.Single(gang.Refuse(1, "the attempt was stopped already", stoppedThrough: 5).Sent<AgentMessage.AssignReplica>()).Assignment.Generation);
        Assert.Empty(gang.Last.Sent<PlacementMessage.ReleaseMember>());
        gang.Ready(1);
        gang.Halted(0, 2, 60);
        gang.AssertForms(6, source: 0, 0, 1); // Numbers only have to grow.
    }

    [Fact]
    public void A_worker_to_which_the_attempt_is_over_is_let_go()
    {
        var gang = Dropped();
        gang.Feed(new PackMessage.GangGrown([Some.Member(1)]));
        Assert.False(Assert.Single(gang.Refuse(1, "the attempt was stopped already", int.MaxValue).Sent<PlacementMessage.ReleaseMember>()).MayReturn);
    }

    [Fact]
    public void What_a_worker_said_before_it_was_dropped_is_not_taken_for_what_it_says_now()
    {
        var gang = Dropped();
        gang.Feed(new PackMessage.GangGrown([Some.Member(1)]));
        gang.Accept(1);
        gang.Runner.Feed(new PackMessage.ReplicaReady(Now), Some.Replica(1, Now.Value, preparedFor: 1));
        Assert.Empty(gang.After(1).Sent<ReplicaMessage.HaltTraining>()); // It is not ready yet.
    }

    [Fact]
    public void Another_process_of_a_members_name_is_not_believed_and_is_sent_away()
    {
        var gang = GangProbe.Training(2);
        var other = Some.Replica(1, Now.Value, incarnation: 2);
        var answer = gang.Runner.Feed(new PackMessage.ReplicaHalted(Now, new(1), 0, FailureKind.PeerLost, "no word", [Some.Worker(0)]), other);
        Assert.Equal(other, Assert.Single(answer.OfType<Effect.Send>()).Target);
        Assert.Single(answer.Sent<ReplicaMessage.Dismissed>());
    }

    [Fact]
    public void Another_process_that_takes_a_members_name_is_its_loss_and_a_joiner()
    {
        var gang = GangProbe.Training(2);
        gang.Feed(new PackMessage.GangGranted([Some.Member(0), Some.Member(1) with { Incarnation = 2 }], 0));
        Assert.Equal([Some.Replica(0, Now.Value)], gang.Told<ReplicaMessage.HaltTraining>());
        Assert.Equal((2UL, new Generation(2)), Assert.Single(gang.Last.Sent<AgentMessage.AssignReplica>()) is var order ? (order.Incarnation, order.Assignment.Generation) : default);
        gang.Halted(0, 1, 40, silent: 1);
        gang.AssertRegroups(2, 0);
    }
}
