using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Worker.Actors;

namespace Vae.Tests.Unit.Actors;

public class WorkerTests
{
    private readonly Probe _agent = new(new WorkerAgent(Some.Identity()));

    private IReadOnlyList<Effect> Join(long term = 3)
    {
        _agent.Feed(new Signal.Started());
        return _agent.Feed(new AgentMessage.Registered(new(term), 7, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(2)));
    }

    private IReadOnlyList<Effect> Assign(int pack, int attempt, long term = 3, int generation = 1, ulong incarnation = 7) =>
        _agent.Feed(new AgentMessage.AssignReplica(new(term), incarnation, Some.Assignment(pack, attempt, generation)), Addresses.PackRunner(Some.Pack(pack), new(attempt)));

    private IReadOnlyList<Effect> Stop(int pack, int attempt, long term = 3, int through = 1, ulong incarnation = 7) =>
        _agent.Feed(new AgentMessage.StopReplica(new(term), incarnation, Some.Pack(pack), new(attempt), new(through), "no longer wanted"));

    private IReadOnlyList<Effect> End(int pack, int attempt, int generation)
    {
        _agent.Feed(new Signal.Terminated(Addresses.Replica(new(Some.Worker(0), 7), Some.Pack(pack), new(attempt), new(generation)), "stopped"));
        return _agent.Feed(new AgentMessage.EngineStopped(Some.Pack(pack), new(attempt)));
    }

    [Fact]
    public void A_worker_registers_ever_more_slowly_until_it_is_taken_and_then_beats()
    {
        List<TimeSpan> pauses = [];
        var effects = _agent.Feed(new Signal.Started());
        for (var i = 0; i < 8; i++)
        {
            Assert.Single(effects.Sent<ClusterMessage.RegisterWorker>());
            pauses.Add(effects.OfType<Effect.Wake>().Single().After);
            effects = _agent.Feed(effects.LastWake<AgentMessage.BeatDue>()!);
        }

        Assert.All(pauses.Zip(pauses.Skip(1)).Take(4), pair => Assert.True(pair.Second > pair.First));
        Assert.All(pauses, pause => Assert.True(pause <= WorkerAgent.RegisterMax * 1.25));
        var beat = _agent.Feed(Join().LastWake<AgentMessage.BeatDue>()!);
        Assert.Single(beat.Sent<ClusterMessage.Heartbeat>());
    }

    [Fact]
    public void A_worker_whose_beats_nobody_answers_registers_again_and_keeps_its_replicas()
    {
        var effects = Join();
        Assign(0, 1);
        IReadOnlyList<ClusterMessage.RegisterWorker> again = [];
        for (var i = 0; i < 6 && again.Count == 0; i++)
        {
            effects = _agent.FeedAfter(2, effects.LastWake<AgentMessage.BeatDue>()!);
            again = effects.Sent<ClusterMessage.RegisterWorker>();
        }

        Assert.Equal(Some.Pack(0), Assert.Single(Assert.Single(again).Running).Pack);
    }

    [Fact]
    public void A_full_worker_refuses_and_a_repeated_assignment_is_accepted_again_without_a_second_replica()
    {
        Join();
        var first = Assign(0, 1);
        Assert.Single(first.OfType<Effect.Spawn>());
        Assert.Single(first.Sent<PackMessage.ReplicaAccepted>());
        var again = Assign(0, 1);
        Assert.Empty(again.OfType<Effect.Spawn>());
        Assert.Single(again.Sent<PackMessage.ReplicaAccepted>());
        Assert.Contains("lanes", Assert.Single(Assign(1, 1).Sent<PackMessage.ReplicaRefused>()).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Orders_of_an_older_term_are_refused()
    {
        Join(term: 3);
        Assert.Single(Assign(0, 1, term: 2).Sent<PackMessage.ReplicaRefused>());
        Assign(0, 1, term: 4);
        Assert.Empty(Stop(0, 1, term: 3));
    }

    [Fact]
    public void A_lane_is_free_only_when_the_engine_has_stopped()
    {
        Join();
        Assign(0, 1);
        var actor = Some.Replica(0, 1, incarnation: 7);
        Assert.Single(Stop(0, 1).Sent<ReplicaMessage.StopTraining>());
        var gone = _agent.Feed(new Signal.Terminated(actor, "stopped"));
        Assert.Single(gone.Jobs<StopEngineJob>());
        Assert.Empty(gone.Sent<PlacementMessage.LaneFreed>());
        Assert.Single(Assign(1, 1).Sent<PackMessage.ReplicaRefused>());
        Assert.Single(_agent.Feed(new AgentMessage.EngineStopped(Some.Pack(0), new(1))).Sent<PlacementMessage.LaneFreed>());
        Assert.Single(Assign(1, 1).Sent<PackMessage.ReplicaAccepted>());
    }

    [Fact]
    public void An_assignment_that_comes_after_its_own_end_brings_nothing_back()
    {
        Join();
        Assert.Single(Stop(0, 2).Sent<PlacementMessage.LaneFreed>());
        Assert.Single(Assign(0, 2).Sent<PackMessage.ReplicaRefused>());
        Assert.Single(Assign(0, 1).Sent<PackMessage.ReplicaRefused>());
        Assert.Single(Assign(0, 3).Sent<PackMessage.ReplicaAccepted>());
    }

    [Fact]
    public void A_worker_that_was_dropped_takes_the_same_attempt_again_for_a_later_generation_and_for_no_older_one()
    {
        Join();
        Assign(0, 2, generation: 1);
        Stop(0, 2, through: 3);
        Assert.Equal(new(3), Assert.Single(End(0, 2, 1).Sent<PlacementMessage.LaneFreed>()).Through);
        var refused = Assert.Single(Assign(0, 2, generation: 3).Sent<PackMessage.ReplicaRefused>());
        Assert.Equal((7UL, new Generation(3), new Generation(3)), (refused.Incarnation, refused.Generation, refused.StoppedThrough));
        var again = Assign(0, 2, generation: 4);
        Assert.Equal(new(new(2), 7, new(4)), Assert.Single(again.Sent<PackMessage.ReplicaAccepted>()));
        Assert.Equal(Some.Replica(0, 2, 4, 7).Name, Assert.Single(again.OfType<Effect.Spawn>()).Name);
    }

    [Fact]
    public void What_is_left_of_an_assignment_goes_before_a_later_one_of_its_attempt_begins()
    {
        Join();
        Assign(0, 2, generation: 1);
        var early = Assign(0, 2, generation: 4);
        Assert.Single(early.Sent<ReplicaMessage.StopTraining>());
        Assert.Empty(early.Sent<PackMessage.ReplicaAccepted>());
        Assert.Equal(new(1), Assert.Single(End(0, 2, 1).Sent<PlacementMessage.LaneFreed>()).Through);
        Assert.Single(Assign(0, 2, generation: 4).Sent<PackMessage.ReplicaAccepted>());
        Assert.Contains("generation 4", Assert.Single(Assign(0, 2, generation: 1).Sent<PackMessage.ReplicaRefused>()).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_late_order_to_stop_leaves_what_was_assigned_later_alone()
    {
        Join();
        Assign(0, 2, generation: 4);
        var late = Stop(0, 2, through: 3);
        Assert.Empty(late.Sent<ReplicaMessage.StopTraining>());
        Assert.Equal(new(3), Assert.Single(late.Sent<PlacementMessage.LaneFreed>()).Through);
        Assert.Single(Stop(0, 2, through: 4).Sent<ReplicaMessage.StopTraining>());
    }

    [Fact]
    public void Orders_for_another_process_of_its_name_are_left_to_that_one()
    {
        Join();
        Assert.Empty(Assign(0, 1, incarnation: 6));
        Assign(0, 1);
        Assert.Empty(Stop(0, 1, incarnation: 8));
        Assert.Single(Stop(0, 1).Sent<ReplicaMessage.StopTraining>());
    }

    [Fact]
    public void A_replica_that_died_unasked_is_told_until_the_coordinator_orders_it_to_stop()
    {
        var beat = Join().LastWake<AgentMessage.BeatDue>();
        Assign(0, 1);
        _agent.Feed(new Signal.Terminated(Some.Replica(0, 1, incarnation: 7), "crashed"));
        Assert.Single(_agent.Feed(new AgentMessage.EngineStopped(Some.Pack(0), new(1))).Sent<PlacementMessage.ReplicaEnded>());
        var next = _agent.FeedAfter(2, beat!);
        Assert.Single(next.Sent<PlacementMessage.ReplicaEnded>());
        Assert.Single(Stop(0, 1).Sent<PlacementMessage.LaneFreed>());
        Assert.Empty(_agent.FeedAfter(2, next.LastWake<AgentMessage.BeatDue>()!).Sent<PlacementMessage.ReplicaEnded>());
    }

    [Fact]
    public void A_leaving_worker_has_its_replicas_hand_over_and_says_goodbye_when_the_last_is_released()
    {
        var beat = Join().LastWake<AgentMessage.BeatDue>()!;
        Assign(0, 1);
        var leave = _agent.Feed(new AgentMessage.Leave("SIGTERM"));
        Assert.Single(leave.Sent<ReplicaMessage.HandOver>());
        Assert.Single(leave.Sent<PlacementMessage.WorkerLeaves>()); // Before anything comes free here.
        Assert.Empty(leave.Sent<ClusterMessage.LeaveCluster>());
        Assert.Empty(leave.Sent<ReplicaMessage.StopTraining>());
        Assert.Single(_agent.FeedAfter(2, beat).Sent<ClusterMessage.Heartbeat>()); // It is a member until then.
        Assert.Single(Assign(1, 1).Sent<PackMessage.ReplicaRefused>());
        Stop(0, 1);
        _agent.Feed(new Signal.Terminated(Some.Replica(0, 1, incarnation: 7), "stopped"));
        var freed = _agent.Feed(new AgentMessage.EngineStopped(Some.Pack(0), new(1)));
        Assert.Single(freed.Sent<OutboxMessage.FlushNow>());
        Assert.Single(freed.Sent<ClusterMessage.LeaveCluster>());
        Assert.False(_agent.Feed(new AgentMessage.Left(Some.Term, 7)).Stops());
        Assert.True(_agent.Feed(new AgentMessage.OutboxDrained()).Stops());
    }

    [Fact]
    public void What_is_not_handed_over_in_time_is_stopped()
    {
        var beat = Join().LastWake<AgentMessage.BeatDue>()!;
        Assign(0, 1);
        _agent.Feed(new AgentMessage.Leave("SIGTERM"));
        var late = _agent.FeedAfter(WorkerAgent.HandOverWithin.TotalSeconds, beat);
        Assert.Single(late.Sent<ReplicaMessage.StopTraining>());
        Assert.Single(late.Sent<ClusterMessage.LeaveCluster>());
        Assert.True(_agent.FeedAfter(8, late.LastWake<AgentMessage.BeatDue>()!).Stops());
    }

    [Fact]
    public void A_leaving_worker_that_nobody_hears_goes_at_its_deadline()
    {
        Join();
        var effects = _agent.Feed(new AgentMessage.Leave("SIGTERM"));
        Assert.Single(effects.Sent<ClusterMessage.LeaveCluster>());
        Assert.True(_agent.FeedAfter(WorkerAgent.LeaveWithin.TotalSeconds, effects.LastWake<AgentMessage.BeatDue>()!).Stops());
    }

    [Fact]
    public void A_pack_takes_its_share_of_the_lanes()
    {
        var agent = new Probe(new WorkerAgent(Some.Identity(lanes: 4)));
        agent.Feed(new Signal.Started());
        agent.Feed(new AgentMessage.Registered(new(3), 7, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(2)));
        IReadOnlyList<Effect> Assign(int pack, int sideBySide)
        {
            var assignment = Some.Assignment(pack, 1);
            return agent.Feed(new AgentMessage.AssignReplica(new(3), 7, assignment with { Shape = assignment.Shape with { Lanes = sideBySide } }), Addresses.PackRunner(Some.Pack(pack), new(1)));
        }

        Assert.Single(Assign(0, 2).Sent<PackMessage.ReplicaAccepted>());
        Assert.Single(Assign(1, 1).Sent<PackMessage.ReplicaRefused>());
        Assert.Single(Assign(2, 2).Sent<PackMessage.ReplicaAccepted>());
        Assert.Contains("4 of its 4 lanes", Assert.Single(Assign(3, 4).Sent<PackMessage.ReplicaRefused>()).Reason, StringComparison.Ordinal);
    }
}
