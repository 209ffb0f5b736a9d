using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Worker.Actors;

namespace Vae.Tests.Unit.Actors;

public class ReplicaTests
{
    private static readonly ActorId Runner = Addresses.PackRunner(Some.Pack(0), new(1));
    private readonly Probe _replica = new(new Replica(Some.Replica(0, 1), Some.Assignment(0, 1)));

    [Fact]
    public void A_replica_says_ready_until_the_ring_is_ordered_and_tells_its_outcome_until_it_is_accepted()
    {
        Assert.Single(_replica.Feed(new Signal.Started()).Jobs<PrepareReplicaJob>());
        var ready = _replica.Feed(new ReplicaMessage.Prepared());
        ready = _replica.Feed(ready.LastWake<ReplicaMessage.ReportDue>()!);
        Assert.Single(ready.Sent<PackMessage.ReplicaReady>());

        var form = new ReplicaMessage.FormRing(Some.Term, new(1), new(1), [Some.Member(0)], null);
        Assert.Single(_replica.Feed(form, Runner).Jobs<TrainJob>());
        Assert.Empty(_replica.Feed(form, Runner));
        Assert.Empty(_replica.Feed(ready.LastWake<ReplicaMessage.ReportDue>()!));
        _replica.Feed(new ReplicaMessage.TrainingStarted(new(1)));
        Assert.Single(_replica.Feed(form, Runner).Sent<PackMessage.ReplicaTraining>());

        var done = _replica.Feed(new ReplicaMessage.TrainingEnded(new(1), [Some.Done(0, -1)]));
        Assert.Single(_replica.Feed(done.LastWake<ReplicaMessage.ReportDue>()!).Sent<PackMessage.ReplicaDone>());
        Assert.Empty(_replica.Feed(new ReplicaMessage.OutcomeAccepted(new(2))));
        Assert.True(_replica.Feed(new ReplicaMessage.OutcomeAccepted(new(1))).Stops());
    }

    [Fact]
    public void A_job_that_throws_is_a_failure_of_the_engine_in_its_own_words()
    {
        var job = Assert.Single(_replica.Feed(new Signal.Started()).Jobs<PrepareReplicaJob>());
        var failed = Assert.Single(_replica.Feed(new Signal.JobFailed(job, "no such device")).Sent<PackMessage.ReplicaFailed>());
        Assert.Equal((FailureKind.Engine, "no such device"), (failed.Kind, failed.Text));
    }

    private void TrainReplica()
    {
        _replica.Feed(new Signal.Started());
        _replica.Feed(new ReplicaMessage.Prepared());
        _replica.Feed(new ReplicaMessage.FormRing(Some.Term, new(1), new(1), [Some.Member(0)], null), Runner);
        _replica.Feed(new ReplicaMessage.TrainingStarted(new(1)));
    }

    private IReadOnlyList<Effect> Change(params long[] numbers) =>
        _replica.Feed(new ReplicaMessage.ChangeSlots(Some.Term, new(1), numbers.Select(number => new SlotOrder(number, SlotOrderKind.Close, 0, null, "")).ToValueList()), Runner);

    [Fact]
    public void The_engine_gets_each_slot_order_once_and_its_word_is_told_again_to_a_runner_that_asks_again()
    {
        TrainReplica();
        Assert.Equal([1L], Assert.Single(Change(1).Jobs<SlotOrdersJob>()).Orders.Select(order => order.Number));
        Assert.Equal([2L, 3], Assert.Single(Change(1, 2, 3).Jobs<SlotOrdersJob>()).Orders.Select(order => order.Number));
        Assert.Empty(Change(2, 3));
        Assert.Equal(3, Assert.Single(_replica.Feed(new ReplicaMessage.OrdersApplied(3)).Sent<PackMessage.SlotsChanged>()).Through);
        Assert.Equal(3, Assert.Single(Change(3).Sent<PackMessage.SlotsChanged>()).Through);
    }

    [Fact]
    public void That_a_trial_is_about_to_end_is_told_after_the_ends_until_its_follower_comes_or_it_has_ended()
    {
        TrainReplica();
        var first = _replica.Feed(new ReplicaMessage.SlotEnding(0, 4));
        Assert.Equal((0, 4), Assert.Single(first.Sent<PackMessage.SlotEnding>()) is var ending ? (ending.Slot, ending.Trial) : default);
        _replica.Feed(new ReplicaMessage.SlotEnding(1, 5));
        var both = _replica.Feed(new ReplicaMessage.SlotDone(2, Some.Done(6, -1)));
        var told = _replica.Feed(both.LastWake<ReplicaMessage.ReportDue>()!);
        Assert.Equal(["SlotEnded", "SlotEnding", "SlotEnding"], told.OfType<Effect.Send>().Select(send => send.Message.GetType().Name));
        _replica.Feed(new ReplicaMessage.ChangeSlots(Some.Term, new(1), [new(1, SlotOrderKind.Fill, 0, Some.Trial(9), "")]), Runner);
        Assert.Equal(1, Assert.Single(_replica.Feed(told.LastWake<ReplicaMessage.ReportDue>()!).Sent<PackMessage.SlotEnding>()).Slot);
        _replica.Feed(new ReplicaMessage.SlotEndAccepted(new(1), 5));
        Assert.Empty(_replica.Feed(new ReplicaMessage.Attach(Some.Term, new(1)), Runner).Sent<PackMessage.SlotEnding>());
    }

    [Fact]
    public void Slot_orders_before_training_are_left_for_the_runner_to_repeat()
    {
        _replica.Feed(new Signal.Started());
        Assert.Empty(Change(1));
    }

    [Fact]
    public void Ends_of_trials_are_told_until_each_is_accepted_and_the_packs_end_only_after_them()
    {
        TrainReplica();
        Assert.Single(_replica.Feed(new ReplicaMessage.SlotDone(0, Some.Done(0, -1))).Sent<PackMessage.SlotEnded>());
        var second = _replica.Feed(new ReplicaMessage.SlotDone(1, Some.Done(1, -1)));
        var ended = _replica.Feed(new ReplicaMessage.TrainingEnded(new(1), []));
        Assert.Empty(ended.Sent<PackMessage.ReplicaDone>());
        Assert.Equal(2, _replica.Feed(ended.LastWake<ReplicaMessage.ReportDue>()!).Sent<PackMessage.SlotEnded>().Count);
        Assert.Empty(_replica.Feed(new ReplicaMessage.SlotEndAccepted(new(1), 0)).Sent<PackMessage.ReplicaDone>());
        Assert.Single(_replica.Feed(new ReplicaMessage.SlotEndAccepted(new(1), 1)).Sent<PackMessage.ReplicaDone>());
        Assert.Empty(_replica.Feed(second.LastWake<ReplicaMessage.ReportDue>()!));
    }

    private IReadOnlyList<Effect> Form(int generation, NodeId? source = null, long term = 3) =>
        _replica.Feed(new ReplicaMessage.FormRing(new(term), new(1), new(generation), [Some.Member(0), Some.Member(1)], source), Runner);

    private IReadOnlyList<Effect> Halt(int generation, long term = 3) => _replica.Feed(new ReplicaMessage.HaltTraining(new(term), new(1), new(generation)), Runner);

    private IReadOnlyList<Effect> Halted(int generation, long position, FailureKind kind = FailureKind.Preempted) =>
        _replica.Feed(new ReplicaMessage.TrainingHalted(new(generation), position, kind, "why", kind == FailureKind.PeerLost ? [Some.Worker(1)] : []));

    [Fact]
    public void An_order_to_halt_is_answered_at_once_and_given_to_the_engine_once()
    {
        TrainReplica();
        var first = Halt(1);
        Assert.Equal(new HaltJob(Some.Pack(0), new(1), new(1)), Assert.Single(first.Jobs<HaltJob>()));
        Assert.Single(first.Sent<PackMessage.ReplicaHalting>());
        var again = Halt(1);
        Assert.Empty(again.Jobs<HaltJob>());
        Assert.Single(again.Sent<PackMessage.ReplicaHalting>());

        var halted = Assert.Single(Halted(1, 40).Sent<PackMessage.ReplicaHalted>());
        Assert.Equal((new Generation(1), 40L, FailureKind.Preempted), (halted.Generation, halted.Position, halted.Kind));
        Assert.Single(Halt(1).Sent<PackMessage.ReplicaHalted>()); // The answer was lost.
        Assert.Empty(Halt(1).Jobs<HaltJob>());
    }

    [Fact]
    public void A_halted_replica_says_so_until_it_is_given_the_next_generation()
    {
        TrainReplica();
        var told = Halted(1, 40, FailureKind.PeerLost);
        Assert.Equal([Some.Worker(1)], Assert.Single(told.Sent<PackMessage.ReplicaHalted>()).Silent);
        told = _replica.FeedAfter(1, told.LastWake<ReplicaMessage.ReportDue>()!);
        Assert.Single(told.Sent<PackMessage.ReplicaHalted>());
        var job = Assert.Single(Form(2, Some.Worker(1)).Jobs<TrainJob>());
        Assert.Equal((new Generation(2), (NodeId?)Some.Worker(1), 2), (job.Generation, job.Source, job.Members.Count));
        Assert.Empty(_replica.FeedAfter(2, told.LastWake<ReplicaMessage.ReportDue>()!));
        _replica.Feed(new ReplicaMessage.TrainingStarted(new(2)));
        Assert.Single(Form(2).Sent<PackMessage.ReplicaTraining>());
    }

    [Fact]
    public void A_generation_that_is_not_newer_is_refused_with_what_the_replica_has()
    {
        TrainReplica();
        Halted(1, 40);
        Form(3);
        var refused = Form(2);
        Assert.Empty(refused.Jobs<TrainJob>());
        Assert.Equal(new Generation(3), Assert.Single(refused.Sent<PackMessage.ReplicaState>()).Generation);
        Assert.Equal(new Generation(3), Assert.Single(Halt(2).Sent<PackMessage.ReplicaState>()).Generation);
        Assert.Empty(_replica.Feed(new ReplicaMessage.TrainingHalted(new(1), 41, FailureKind.PeerLost, "late", [])));
        Assert.Empty(_replica.Feed(new ReplicaMessage.TrainingStarted(new(1))));
    }

    [Fact]
    public void A_replica_that_trains_is_given_no_other_generation_before_it_has_halted()
    {
        TrainReplica();
        Assert.Empty(Form(2).Jobs<TrainJob>());
        Halted(1, 7);
        Assert.Single(Form(2).Jobs<TrainJob>());
    }

    [Fact]
    public void A_generation_that_ended_before_its_order_came_is_never_begun()
    {
        _replica.Feed(new Signal.Started());
        _replica.Feed(new ReplicaMessage.Prepared());
        Assert.Equal((new Generation(2), 0L), Assert.Single(Halt(2).Sent<PackMessage.ReplicaHalted>()) is var halted ? (halted.Generation, halted.Position) : default);
        Assert.Empty(Form(2).Jobs<TrainJob>());
        Assert.Single(Form(3).Jobs<TrainJob>());
    }

    [Fact]
    public void An_order_to_halt_while_it_prepares_is_carried_out_as_soon_as_it_is_ready()
    {
        _replica.Feed(new Signal.Started());
        Assert.Single(Halt(1).Sent<PackMessage.ReplicaHalting>());
        Assert.Single(_replica.Feed(new ReplicaMessage.Prepared()).Sent<PackMessage.ReplicaHalted>());
    }

    [Fact]
    public void Orders_of_an_older_term_change_nothing()
    {
        TrainReplica();
        Assert.Single(Halt(1, term: 5).Jobs<HaltJob>());
        Halted(1, 40);
        Assert.Empty(Form(2, term: 4));
        Assert.Empty(Halt(1, term: 4));
        Assert.Empty(_replica.Feed(new ReplicaMessage.SaveCheckpoint(new(4), new(1))));
        Assert.Empty(_replica.Feed(new ReplicaMessage.Attach(new(4), new(1))));
        Assert.Single(Form(2, term: 5).Jobs<TrainJob>());
    }

    [Fact]
    public void A_finished_replica_takes_another_generation_to_tell_what_a_lost_rank_0_did_not()
    {
        TrainReplica();
        _replica.Feed(new ReplicaMessage.TrainingEnded(new(1), []));
        Assert.Equal(ReplicaPhase.Done, Assert.Single(Halt(1).Sent<PackMessage.ReplicaState>()).Phase);
        Assert.Single(Form(2, Some.Worker(0)).Jobs<TrainJob>());
        _replica.Feed(new ReplicaMessage.SlotDone(0, Some.Done(0, -1)));
        Assert.Empty(_replica.Feed(new ReplicaMessage.TrainingEnded(new(2), [])).Sent<PackMessage.ReplicaDone>());
        Assert.Equal(new Generation(2), Assert.Single(_replica.Feed(new ReplicaMessage.SlotEndAccepted(new(1), 0)).Sent<PackMessage.ReplicaDone>()).Generation);
    }

    [Fact]
    public void The_engine_forgets_an_end_once_it_is_durable_on_every_rank()
    {
        TrainReplica();
        Assert.Equal(new ForgetSlotEndJob(Some.Pack(0), new(1), 4), Assert.Single(_replica.Feed(new ReplicaMessage.SlotEndAccepted(new(1), 4)).Jobs<ForgetSlotEndJob>()));
    }

    [Fact]
    public void Who_took_over_a_state_gets_the_orders_that_follow_on_it()
    {
        TrainReplica();
        Assert.Equal(6, Assert.Single(_replica.Feed(new ReplicaMessage.OrdersApplied(6)).Sent<PackMessage.SlotsChanged>()).Through);
        Assert.Equal([7L], Assert.Single(Change(6, 7).Jobs<SlotOrdersJob>()).Orders.Select(order => order.Number));
    }

    [Fact]
    public void A_checkpoint_is_told_until_it_is_accepted_and_one_that_failed_is_made_when_it_is_ordered_again()
    {
        TrainReplica();
        Halted(1, 40);
        var save = new ReplicaMessage.SaveCheckpoint(Some.Term, new(1));
        var job = Assert.Single(_replica.Feed(save).Jobs<SaveCheckpointJob>());
        Assert.Empty(_replica.Feed(save).Jobs<SaveCheckpointJob>());
        Assert.Empty(_replica.Feed(new Signal.JobFailed(job, "disk full")).Sent<PackMessage.ReplicaFailed>());
        Assert.Single(_replica.Feed(save).Jobs<SaveCheckpointJob>());

        var made = _replica.Feed(new ReplicaMessage.CheckpointStored(new(Some.Pack(0), new(1), 40, 9, "ab", [])));
        Assert.Empty(made.Sent<PackMessage.CheckpointMade>()); // The points before it are on their way.
        Assert.Equal(new(Some.Replica(0, 1), 40), Assert.Single(made.Sent<OutboxMessage.AwaitDurable>()));
        var told = _replica.Feed(new ReplicaMessage.PointsDurable(40));
        Assert.Single(told.Sent<PackMessage.CheckpointMade>());
        Assert.Empty(_replica.Feed(new ReplicaMessage.PointsDurable(40)).Sent<PackMessage.CheckpointMade>());
        Assert.Empty(_replica.Feed(save).Jobs<SaveCheckpointJob>());
        var again = _replica.Feed(new ReplicaMessage.PointsDurable(40));
        Assert.Single(again.Sent<PackMessage.CheckpointMade>());
        _replica.Feed(new ReplicaMessage.CheckpointAccepted(new(1), 40));
        Assert.Empty(_replica.FeedAfter(1, again.LastWake<ReplicaMessage.ReportDue>()!).Sent<PackMessage.CheckpointMade>());
    }

    [Fact]
    public void A_leaving_replica_says_so_until_it_is_stopped()
    {
        TrainReplica();
        var leaving = _replica.Feed(new ReplicaMessage.HandOver("SIGTERM"));
        Assert.Equal("SIGTERM", Assert.Single(leaving.Sent<PackMessage.ReplicaLeaving>()).Reason);
        Assert.Single(_replica.FeedAfter(1, leaving.LastWake<ReplicaMessage.ReportDue>()!).Sent<PackMessage.ReplicaLeaving>());
    }

    [Fact]
    public void A_restarted_coordinator_hears_where_the_replica_stands_and_all_that_is_untold()
    {
        TrainReplica();
        _replica.Feed(new ReplicaMessage.OrdersApplied(2));
        _replica.Feed(new ReplicaMessage.SlotDone(0, Some.Done(0, -1)));
        var told = _replica.Feed(new ReplicaMessage.Attach(new(9), new(1)));
        Assert.Equal(new(new(1), new(1), ReplicaPhase.Training, 0, 2), Assert.Single(told.Sent<PackMessage.ReplicaState>()));
        Assert.Single(told.Sent<PackMessage.SlotEnded>());
    }

    [Fact]
    public void A_replica_whose_pack_is_empty_says_so_for_a_generation_that_it_never_heard_of()
    {
        _replica.Feed(new Signal.Started());
        _replica.Feed(new ReplicaMessage.Prepared());
        _replica.Feed(new ReplicaMessage.FormRing(Some.Term, new(1), new(1), [Some.Member(0)], null), Runner);
        _replica.Feed(new ReplicaMessage.TrainingEnded(new(1), []));
        var state = Assert.Single(_replica.Feed(new ReplicaMessage.HaltTraining(Some.Term, new(1), new(2)), Runner).Sent<PackMessage.ReplicaState>());
        Assert.Equal((new Generation(2), ReplicaPhase.Done), (state.Generation, state.Phase));
        Assert.Empty(_replica.Feed(new ReplicaMessage.FormRing(Some.Term, new(1), new(2), [Some.Member(0)], null), Runner).Jobs<TrainJob>()); // It is over.
        Assert.Single(_replica.Feed(new ReplicaMessage.FormRing(Some.Term, new(1), new(3), [Some.Member(0)], null), Runner).Jobs<TrainJob>());
    }
}
