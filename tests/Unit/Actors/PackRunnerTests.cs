using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Actors;

public class PackRunnerTests
{
    private static readonly Attempt Now = new(2);
    private readonly Probe _runner = new(new PackRunner(
        Some.Term, Some.Plan(0, 2, new ResourceSpec { WorkersPerPackMin = 2, WorkersPerPackMax = 2 })));

    private static ActorId Agent(int rank) => Addresses.Agent(Some.Worker(rank));

    private static ActorId Replica(int rank) => Some.Replica(rank, Now.Value);

    private void Grant()
    {
        _runner.Feed(new Signal.Started());
        _runner.Feed(new PackMessage.GangGranted([Some.Member(0), Some.Member(1)], 0));
    }

    private void Train()
    {
        Grant();
        _runner.Feed(Some.Recorded(2));
        for (var rank = 0; rank < 2; rank++) _runner.Feed(new PackMessage.ReplicaReady(Now), Replica(rank));
        for (var rank = 0; rank < 2; rank++) _runner.Feed(new PackMessage.ReplicaTraining(Now, new(1)), Replica(rank));
    }

    [Fact]
    public void Workers_hear_of_an_attempt_only_after_its_start_is_durable()
    {
        _runner.Feed(new Signal.Started());
        var granted = _runner.Feed(new PackMessage.GangGranted([Some.Member(0), Some.Member(1)], 0));
        Assert.Single(granted.Sent<SweepMessage.PackStarted>());
        Assert.Empty(granted.Sent<AgentMessage.AssignReplica>());
        Assert.Empty(_runner.Feed(Some.Recorded(1)));
        Assert.Equal([Agent(0), Agent(1)], _runner.Feed(Some.Recorded(2)).OfType<Effect.Send>().Where(send => send.Message is AgentMessage.AssignReplica).Select(send => send.Target));
    }

    [Fact]
    public void An_assignment_is_repeated_to_those_alone_that_have_not_answered()
    {
        Grant();
        var assigned = _runner.Feed(Some.Recorded(2));
        _runner.Feed(new PackMessage.ReplicaAccepted(Now, 1, new(1)), Agent(0));
        var repeated = _runner.FeedAfter(1, assigned.LastWake<PackMessage.PackTick>()!);
        Assert.Equal(Agent(1), repeated.OfType<Effect.Send>().Single(send => send.Message is AgentMessage.AssignReplica).Target);
    }

    [Fact]
    public void The_ring_forms_when_all_ranks_are_ready_and_not_before()
    {
        Grant();
        _runner.Feed(Some.Recorded(2));
        Assert.Empty(_runner.Feed(new PackMessage.ReplicaReady(Now), Replica(0)).Sent<ReplicaMessage.FormRing>());
        Assert.Equal(2, _runner.Feed(new PackMessage.ReplicaReady(Now), Replica(1)).Sent<ReplicaMessage.FormRing>().Count);
    }

    [Fact]
    public void Results_are_repeated_until_they_are_settled_and_then_everybody_may_go()
    {
        Train();
        Assert.Empty(_runner.Feed(new PackMessage.ReplicaDone(Now, new(1), []), Replica(1)).Sent<SweepMessage.PackDone>());
        var done = _runner.Feed(new PackMessage.ReplicaDone(Now, new(1), [Some.Done(0, -1)]), Replica(0));
        Assert.Single(done.Sent<SweepMessage.PackDone>());
        Assert.Single(_runner.FeedAfter(1, done.LastWake<PackMessage.PackTick>()!).Sent<SweepMessage.PackDone>());
        var settled = _runner.Feed(new PackMessage.PackSettled(Now));
        Assert.Equal(2, settled.Sent<ReplicaMessage.OutcomeAccepted>().Count);
        Assert.Single(settled.Sent<PlacementMessage.ReleaseGang>());
        Assert.True(settled.Stops());
    }

    [Fact]
    public void Reports_of_another_attempt_or_of_a_rank_other_than_0_end_nothing()
    {
        Train();
        Assert.Empty(_runner.Feed(new PackMessage.ReplicaDone(new(1), new(1), [Some.Done(0, -1)]), Replica(0)));
        Assert.Empty(_runner.Feed(new PackMessage.ReplicaDone(Now, new(1), [Some.Done(0, -1)]), Replica(1)).Sent<SweepMessage.PackDone>());
    }

    [Fact]
    public void A_phase_that_is_overdue_names_the_workers_it_waited_for()
    {
        Grant();
        _runner.Feed(Some.Recorded(2));
        var accepted = _runner.Feed(new PackMessage.ReplicaAccepted(Now, 1, new(1)), Agent(0));
        accepted = _runner.Feed(new PackMessage.ReplicaAccepted(Now, 1, new(1)), Agent(1));
        _runner.Feed(new PackMessage.ReplicaReady(Now), Replica(0));
        var overdue = _runner.FeedAfter(600, accepted.LastWake<PackMessage.PackTick>()!);
        var next = Assert.Single(overdue.Sent<SweepMessage.PackRegrouped>());
        Assert.Equal([Some.Process(0)], next.Workers);
        Assert.Contains("w1 did not prepare data and model within 600 s", next.Reason, StringComparison.Ordinal);
        Assert.Equal(Some.Process(1), Assert.Single(overdue.Sent<PlacementMessage.ReleaseMember>()).Worker);
    }

    [Fact]
    public void An_attempt_that_nobody_takes_in_time_fails_and_names_all()
    {
        Grant();
        var assigned = _runner.Feed(Some.Recorded(2));
        var failed = Assert.Single(_runner.FeedAfter(30, assigned.LastWake<PackMessage.PackTick>()!).Sent<SweepMessage.PackFailed>());
        Assert.Equal(FailureKind.Lost, failed.Kind);
        Assert.Contains("w0, w1 did not take the assignment", failed.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_that_is_no_loss_ends_the_attempt_and_gives_all_workers_back()
    {
        Train();
        var failed = _runner.Feed(new PackMessage.ReplicaFailed(Now, FailureKind.OutOfMemory, "8 GB asked"), Replica(1));
        Assert.Equal((FailureKind.OutOfMemory, "w1: 8 GB asked"), (Assert.Single(failed.Sent<SweepMessage.PackFailed>()).Kind, Assert.Single(failed.Sent<SweepMessage.PackFailed>()).Text));
        Assert.Single(failed.Sent<PlacementMessage.ReleaseGang>());
    }

    [Theory, InlineData(FailureKind.Engine), InlineData(FailureKind.Data)]
    public void Of_several_workers_the_one_that_reports_a_failure_that_may_be_its_own_is_named_to_placement(FailureKind kind)
    {
        Train();
        var failed = _runner.Feed(new PackMessage.ReplicaFailed(Now, kind, "no such device"), Replica(1));
        Assert.Equal(new(Some.Worker(1), "w1: no such device"), Assert.Single(failed.Sent<PlacementMessage.WorkerBlamed>()));
        Assert.Empty(_runner.Feed(new PackMessage.ReplicaFailed(Now, kind, "no such device"), Replica(1)).Sent<PlacementMessage.WorkerBlamed>()); // Told again, counted once.
    }

    [Theory, InlineData(FailureKind.OutOfMemory), InlineData(FailureKind.NonFinite), InlineData(FailureKind.PeerLost), InlineData(FailureKind.Preempted), InlineData(FailureKind.Checkpoint)]
    public void What_is_the_trials_fault_or_nobodys_is_not_the_workers(FailureKind kind)
    {
        Train();
        Assert.Empty(_runner.Feed(new PackMessage.ReplicaFailed(Now, kind, "8 GB asked"), Replica(1)).Sent<PlacementMessage.WorkerBlamed>());
    }

    [Fact]
    public void A_worker_that_refuses_is_named_to_placement_and_the_others_go_on()
    {
        Grant();
        _runner.Feed(Some.Recorded(2));
        var refused = _runner.Feed(new PackMessage.ReplicaRefused(Now, 1, new(1), new(0), "no lane is free"), Addresses.Agent(Some.Worker(1)));
        Assert.Equal(Some.Worker(1), Assert.Single(refused.Sent<PlacementMessage.WorkerBlamed>()).Worker);
        Assert.Empty(refused.Sent<SweepMessage.PackFailed>());
    }

    [Fact]
    public void A_gang_that_no_workers_have_the_memory_for_ends_the_attempt_before_it_began()
    {
        _runner.Feed(new Signal.Started());
        var failed = Assert.Single(_runner.Feed(new PackMessage.GangRefused(Now, "too large")).Sent<SweepMessage.PackFailed>());
        Assert.Equal((FailureKind.TooLarge, "too large"), (failed.Kind, failed.Text));
        Assert.True(_runner.Feed(new PackMessage.PackSettled(Now)).Stops());
    }

    [Fact]
    public void A_refusal_that_comes_after_workers_did_is_nothing()
    {
        Grant();
        Assert.Empty(_runner.Feed(new PackMessage.GangRefused(Now, "too large")).Sent<SweepMessage.PackFailed>());
    }

    private static SlotOrder Fill(long number) => new(number, SlotOrderKind.Fill, 0, Some.Trial((int)number), "");

    [Fact]
    public void Slot_orders_wait_for_training_and_are_repeated_to_those_alone_that_have_not_applied_them()
    {
        Grant();
        _runner.Feed(Some.Recorded(2));
        Assert.Empty(_runner.Feed(new PackMessage.OrderSlots(Now, [Fill(1)])).Sent<ReplicaMessage.ChangeSlots>());
        for (var rank = 0; rank < 2; rank++) _runner.Feed(new PackMessage.ReplicaReady(Now), Replica(rank));
        _runner.Feed(new PackMessage.ReplicaTraining(Now, new(1)), Replica(0));
        Assert.Equal(2, _runner.Feed(new PackMessage.ReplicaTraining(Now, new(1)), Replica(1)).Sent<ReplicaMessage.ChangeSlots>().Count);

        var next = _runner.Feed(new PackMessage.OrderSlots(Now, [Fill(2)]));
        Assert.All(next.Sent<ReplicaMessage.ChangeSlots>(), change => Assert.Equal([1L, 2], change.Orders.Select(order => order.Number)));
        _runner.Feed(new PackMessage.SlotsChanged(Now, 2), Replica(0));
        _runner.Feed(new PackMessage.SlotsChanged(Now, 1), Replica(1));
        var repeated = _runner.FeedAfter(1, next.LastWake<PackMessage.PackTick>()!);
        Assert.Equal([2L], Assert.Single(repeated.Sent<ReplicaMessage.ChangeSlots>()).Orders.Select(order => order.Number));
        Assert.Equal(Some.Replica(1, Now.Value), repeated.OfType<Effect.Send>().Single(send => send.Message is ReplicaMessage.ChangeSlots).Target);
    }

    [Fact]
    public void An_order_that_comes_twice_is_sent_on_once()
    {
        Train();
        _runner.Feed(new PackMessage.OrderSlots(Now, [Fill(1)]));
        var again = _runner.Feed(new PackMessage.OrderSlots(Now, [Fill(1)]));
        Assert.All(again.Sent<ReplicaMessage.ChangeSlots>(), change => Assert.Single(change.Orders));
    }

    [Fact]
    public void The_end_of_a_trial_is_passed_on_and_accepted_on_all_members_once_it_is_durable()
    {
        Train();
        _runner.Feed(new PackMessage.OthersWait(true));
        var passed = Assert.Single(_runner.Feed(new PackMessage.SlotEnded(Now, 0, Some.Done(0, -1)), Replica(0)).Sent<SweepMessage.SlotEnded>());
        Assert.True(passed.OthersWait);
        Assert.Equal([0, 0], _runner.Feed(new PackMessage.SlotSettled(Now, 0)).Sent<ReplicaMessage.SlotEndAccepted>().Select(accepted => accepted.Trial));
    }

    [Fact]
    public void That_a_trial_is_about_to_end_is_passed_on_with_whether_others_wait()
    {
        Train();
        _runner.Feed(new PackMessage.OthersWait(true));
        var passed = Assert.Single(_runner.Feed(new PackMessage.SlotEnding(Now, 1, 5), Replica(0)).Sent<SweepMessage.SlotEnding>());
        Assert.Equal((1, 5, true), (passed.Slot, passed.Trial, passed.OthersWait));
        Assert.Empty(_runner.Feed(new PackMessage.SlotEnding(new(9), 1, 5), Replica(0)).Sent<SweepMessage.SlotEnding>());
    }
}
