using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Actors;

/// <summary>A coordinator that was restarted goes on with attempts of its former life, in whatever phase they were.</summary>
public class PackAdoptTests
{
    private static readonly Attempt Now = GangProbe.Attempt;

    private static GangProbe Adopted(int workers, int generation = 1, params SlotOrder[] orders) => Adopted(workers, generation, [], orders);

    private static GangProbe Adopted(int workers, int generation, ValueList<int> ended, params SlotOrder[] orders)
    {
        var adoption = new Adoption(new(generation), Enumerable.Range(0, workers).Select(Some.Process).ToValueList(), Some.Recorded(Now.Value), orders.ToValueList(), [0]) { Ended = ended };
        var gang = new GangProbe(workers, adoption);
        gang.Feed(new Signal.Started());
        return gang;
    }

    private static void Return(GangProbe gang, params int[] workers) => gang.Feed(new PackMessage.GangGranted(workers.Select(Some.Member).ToValueList(), 0));

    private static void State(GangProbe gang, int worker, ReplicaPhase phase, int generation = 1, long position = 0, long orders = 0) =>
        gang.Tell(worker, new PackMessage.ReplicaState(Now, new(generation), phase, position, orders));

    [Fact]
    public void F02_A_gang_that_trains_is_not_disturbed()
    {
        var gang = Adopted(2);
        Assert.Equal([Some.Process(0), Some.Process(1)], Assert.Single(gang.Last.Sent<PlacementMessage.ClaimGang>()).Workers);
        Assert.Empty(gang.Last.Sent<ReplicaMessage.Attach>()); // What of it lives, placement knows.
        Return(gang, 0, 1);
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.Attach>().Count);
        Assert.Equal(2, gang.After(0.25).Sent<ReplicaMessage.Attach>().Count);
        State(gang, 0, ReplicaPhase.Training);
        State(gang, 1, ReplicaPhase.Training);
        Assert.Empty(gang.Last.OfType<Effect.Send>());
        gang.Lose(1);
        gang.Halted(0, 1, 40, silent: 1);
        gang.AssertForms(2, source: 0, 0);
    }

    [Fact]
    public void Ends_that_a_former_life_made_durable_are_accepted_again_on_all_members_and_once_more_before_the_next_ring()
    {
        var gang = Adopted(2, 1, ended: [4, 6]);
        Return(gang, 0, 1);
        State(gang, 0, ReplicaPhase.Training);
        Assert.Equal([4, 6], gang.Last.Sent<ReplicaMessage.SlotEndAccepted>().Select(accepted => accepted.Trial));
        State(gang, 1, ReplicaPhase.Training);
        Assert.Equal([4, 6], gang.Last.Sent<ReplicaMessage.SlotEndAccepted>().Select(accepted => accepted.Trial));
        gang.Lose(0);
        gang.Halted(1, 1, 40, silent: 0);
        gang.AssertForms(2, source: 1, 1);
        var formed = gang.Last.OfType<Effect.Send>().Select(send => send.Message).SkipWhile(message => message is not ReplicaMessage.SlotEndAccepted).TakeWhile(message => message is not ReplicaMessage.FormRing);
        Assert.Equal([4, 6], formed.Cast<ReplicaMessage.SlotEndAccepted>().Select(accepted => accepted.Trial)); // Whoever is rank 0 now must not store their files again.
    }

    [Fact]
    public void Orders_are_sent_from_where_each_replica_stands()
    {
        var gang = Adopted(2, 1, new SlotOrder(1, SlotOrderKind.Empty, 0, null, "x"), new SlotOrder(2, SlotOrderKind.Close, 0, null, ""));
        Return(gang, 0, 1);
        State(gang, 0, ReplicaPhase.Training, orders: 2);
        State(gang, 1, ReplicaPhase.Training, orders: 1);
        Assert.Equal([2L], Assert.Single(gang.Last.Sent<ReplicaMessage.ChangeSlots>()).Orders.Select(order => order.Number));
        Assert.Equal([Some.Replica(1, Now.Value)], gang.Told<ReplicaMessage.ChangeSlots>());
    }

    [Fact]
    public void Replicas_that_prepare_are_waited_for_and_the_first_ring_forms()
    {
        var gang = Adopted(2);
        Return(gang, 0, 1);
        State(gang, 0, ReplicaPhase.Preparing, generation: 0);
        State(gang, 1, ReplicaPhase.Ready, generation: 0);
        Assert.Equal([1], gang.Ready(0).Sent<ReplicaMessage.FormRing>().Select(order => order.Generation.Value).Distinct());
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.FormRing>().Count);
    }

    [Fact]
    public void A_generation_that_some_never_heard_of_gives_way_to_the_next()
    {
        var gang = Adopted(3, generation: 2);
        Return(gang, 0, 1, 2);
        State(gang, 0, ReplicaPhase.Halted, generation: 1, position: 40);
        State(gang, 1, ReplicaPhase.Forming, generation: 2);
        State(gang, 2, ReplicaPhase.Ready, generation: 0); // A joiner.
        Assert.All(gang.Last.Sent<ReplicaMessage.HaltTraining>(), halt => Assert.Equal(new Generation(2), halt.Generation));
        Assert.Equal(3, gang.Last.Sent<ReplicaMessage.HaltTraining>().Count);
        gang.Halted(0, 2, 40);
        gang.Halted(1, 2, 39);
        gang.Halted(2, 2, 0);
        gang.AssertForms(3, source: 0, 0, 1, 2);
    }

    [Fact]
    public void A_gang_that_halted_while_the_coordinator_was_away_goes_on()
    {
        var gang = Adopted(2, generation: 4);
        Return(gang, 0, 1);
        gang.Halted(0, 4, 40, silent: 1);
        gang.Halted(1, 4, 41, silent: 0);
        gang.AssertForms(5, source: 1, 1, 0);
    }

    [Fact]
    public void Who_comes_back_without_its_replica_is_lost_and_the_others_go_on()
    {
        var gang = Adopted(3);
        Return(gang, 0, 1);
        State(gang, 0, ReplicaPhase.Halted, position: 40);
        State(gang, 1, ReplicaPhase.Training);
        gang.Lose(2);
        Assert.Single(gang.Last.Sent<ReplicaMessage.HaltTraining>());
        gang.Halted(1, 1, 40, silent: 2);
        gang.AssertRegroups(2, 0, 1);
    }

    [Fact]
    public void Who_does_not_come_back_within_a_lease_is_lost()
    {
        var gang = Adopted(2);
        Return(gang, 0);
        State(gang, 0, ReplicaPhase.Halted, position: 40);
        Assert.Empty(gang.After(14.9).Sent<PlacementMessage.ReleaseMember>());
        Assert.Equal(Some.Process(1), Assert.Single(gang.After(0.2).Sent<PlacementMessage.ReleaseMember>()).Worker);
        gang.AssertRegroups(2, 0);
    }

    [Fact]
    public void An_attempt_that_no_worker_had_heard_of_is_tried_again_at_once_and_lost_by_nobody()
    {
        var gang = Adopted(2);
        Return(gang, 0, 1);
        gang.After(2);
        gang.AssertFails(FailureKind.Preempted);
    }

    [Fact]
    public void Results_that_were_told_while_the_coordinator_was_away_end_the_attempt()
    {
        var gang = Adopted(2);
        Return(gang, 0, 1);
        gang.Done(1, 1);
        Assert.Single(gang.Tell(0, new PackMessage.SlotEnded(Now, 0, Some.Done(0, -1))).Sent<SweepMessage.SlotEnded>());
        Assert.Single(gang.Done(0, 1).Sent<SweepMessage.PackDone>());
    }

    [Fact]
    public void A_failure_that_was_told_while_the_coordinator_was_away_ends_the_attempt()
    {
        var gang = Adopted(2);
        Return(gang, 0, 1);
        gang.Tell(1, new PackMessage.ReplicaFailed(Now, FailureKind.OutOfMemory, "8 GB asked"));
        gang.AssertFails(FailureKind.OutOfMemory);
    }

    [Fact]
    public void A_worker_that_was_told_to_leave_meanwhile_is_let_go_once_the_others_are_found()
    {
        var gang = Adopted(2);
        Return(gang, 0, 1);
        gang.Leaves(1);
        State(gang, 1, ReplicaPhase.Training);
        State(gang, 0, ReplicaPhase.Training);
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.HaltTraining>().Count);
    }

    [Fact]
    public void A_worker_that_was_joining_when_the_coordinator_ended_is_stopped_and_may_join_anew()
    {
        var gang = Adopted(1);
        Assert.Empty(gang.Ready(5).Sent<ReplicaMessage.Dismissed>()); // Nobody knows yet who is whose.
        Return(gang, 0);
        State(gang, 0, ReplicaPhase.Training);
        gang.Ready(5);
        Assert.Equal([Some.Replica(5, Now.Value)], gang.Told<ReplicaMessage.Dismissed>());
    }

    [Fact]
    public void The_replica_that_placement_has_found_is_asked_and_no_other_of_its_workers_name()
    {
        var gang = Adopted(1, generation: 3);
        gang.Feed(new PackMessage.GangGranted([Some.Member(0) with { Incarnation = 2 }], 0)); // Another process: placement tells the loss of the one that was of it.
        Assert.Empty(gang.Last.Sent<ReplicaMessage.Attach>());
        gang.Feed(new PackMessage.GangGranted([Some.Member(0) with { PreparedFor = new(2) }], 0));
        Assert.Equal([Some.Replica(0, Now.Value, 2)], gang.Told<ReplicaMessage.Attach>());
    }
}
