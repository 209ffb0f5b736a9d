using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Worker.Actors;

namespace Vae.Tests.Unit.Actors;

public class MetricsTests
{
    private readonly Probe _metrics = new(new MetricsActor(Some.Context(), []));
    private readonly Probe _outbox = new(new MetricsOutbox(Some.Worker(0), 7, pointsMax: 1_000));

    private static MetricsMessage.PointBatch Batch(long first, int count, ulong incarnation = 7, int thinned = 0, long durable = 0) =>
        new(Some.Worker(0), incarnation, first, thinned, Some.Points(first, count), durable);

    private static MetricsMessage.PointsStored Stored(StorePointsJob write) => new(write.Write, write.Points);

    private StorePointsJob StoreNext(MetricsMessage.PointBatch batch)
    {
        var write = Assert.Single(_metrics.Feed(batch).Jobs<StorePointsJob>());
        Assert.Single(_metrics.Feed(Stored(write)).Sent<OutboxMessage.PointsAccepted>());
        return write;
    }

    [Fact]
    public void Points_are_acknowledged_only_when_they_are_stored()
    {
        var taken = _metrics.Feed(Batch(1, 3));
        Assert.Empty(taken.Sent<OutboxMessage.PointsAccepted>());
        var write = Assert.Single(taken.Jobs<StorePointsJob>());
        Assert.Equal(3, Assert.Single(_metrics.Feed(Stored(write)).Sent<OutboxMessage.PointsAccepted>()).UpTo);
    }

    [Fact]
    public void A_batch_that_comes_twice_or_early_is_stored_once_and_in_order()
    {
        Assert.Empty(_metrics.Feed(Batch(4, 2)));
        var first = Assert.Single(_metrics.Feed(Batch(1, 3)).Jobs<StorePointsJob>());
        Assert.Equal([1, 2, 3, 4, 5], first.Points.Select(point => point.Step.Value));
        Assert.Empty(_metrics.Feed(Batch(1, 3)));
        Assert.Empty(_metrics.Feed(Stored(first)).Jobs<StorePointsJob>());
        Assert.Equal(5, Assert.Single(_metrics.Feed(Batch(4, 2)).Sent<OutboxMessage.PointsAccepted>()).UpTo);
    }

    [Fact]
    public void Points_that_come_during_a_write_go_into_the_next_one_together()
    {
        _metrics.Feed(Batch(1, 1));
        Assert.Empty(_metrics.Feed(Batch(2, 1)));
        Assert.Empty(_metrics.Feed(Batch(3, 1)));
        var next = Assert.Single(_metrics.Feed(new MetricsMessage.PointsStored(1, [])).Jobs<StorePointsJob>());
        Assert.Equal([2, 3], next.Points.Select(point => point.Step.Value));
        Assert.Equal(3, Assert.Single(next.Marks).UpTo);
    }

    [Fact]
    public void Points_that_the_store_held_already_are_acknowledged_but_neither_counted_nor_published_again()
    {
        var observer = new ActorId(NodeId.Coordinator, "feed");
        var metrics = new Probe(new MetricsActor(Some.Context() with { Observers = [observer] }, []));
        var write = Assert.Single(metrics.Feed(Batch(1, 4)).Jobs<StorePointsJob>());
        var stored = metrics.Feed(new MetricsMessage.PointsStored(write.Write, write.Points.Skip(3).ToValueList()));
        Assert.Equal(4, Assert.Single(stored.Sent<OutboxMessage.PointsAccepted>()).UpTo);
        Assert.Equal([4], Assert.Single(stored.Sent<ObserverMessage.PointsRecorded>()).Points.Select(point => point.Step.Value));
        Assert.Equal(1, Assert.Single(Assert.Single(stored.Sent<ObserverMessage.AggregatesChanged>()).Sweeps).TrainSteps);
    }

    [Fact]
    public void A_failed_write_is_tried_again_with_the_same_points()
    {
        var write = Assert.Single(_metrics.Feed(Batch(1, 2)).Jobs<StorePointsJob>());
        var due = _metrics.Feed(new Signal.JobFailed(write, "busy")).LastWake<MetricsMessage.WriteDue>();
        Assert.Same(write, Assert.Single(_metrics.Feed(due!).Jobs<StorePointsJob>()));
    }

    [Fact]
    public void A_restarted_coordinator_takes_no_point_twice()
    {
        var metrics = new Probe(new MetricsActor(Some.Context(), [new PointMark(Some.Worker(0), 7, 3)]));
        Assert.Equal(3, Assert.Single(metrics.Feed(Batch(1, 3)).Sent<OutboxMessage.PointsAccepted>()).UpTo);
        Assert.Equal([4], Assert.Single(metrics.Feed(Batch(4, 1)).Jobs<StorePointsJob>()).Points.Select(point => point.Step.Value));
    }

    [Fact]
    public void The_older_of_two_processes_of_a_name_is_served_on_when_the_later_one_is_gone()
    {
        StoreNext(Batch(1, 3));
        StoreNext(Batch(1, 1, incarnation: 8));

        var again = StoreNext(Batch(4, 2, durable: 3));

        Assert.Equal([4, 5], again.Points.Select(point => point.Step.Value));
        Assert.Equal(new PointMark(Some.Worker(0), 7, 5), Assert.Single(again.Marks));
    }

    [Fact]
    public void A_batch_of_either_process_of_a_name_in_one_write_is_acknowledged_to_its_own_process()
    {
        var first = Assert.Single(_metrics.Feed(Batch(1, 1)).Jobs<StorePointsJob>());
        _metrics.Feed(Batch(2, 1));
        _metrics.Feed(Batch(1, 4, incarnation: 8));
        var both = Assert.Single(_metrics.Feed(Stored(first)).Jobs<StorePointsJob>());

        Assert.Equal([(7UL, 2L), (8UL, 4L)], _metrics.Feed(Stored(both)).Sent<OutboxMessage.PointsAccepted>().Select(accepted => (accepted.Incarnation, accepted.UpTo)));
    }

    [Fact]
    public void A_coordinator_that_has_forgotten_a_stream_goes_on_where_its_process_was_acknowledged()
    {
        var metrics = new Probe(new MetricsActor(Some.Context(), [new PointMark(Some.Worker(0), 8, 1)]));

        Assert.Empty(metrics.Feed(Batch(6, 1, durable: 3)));
        var write = Assert.Single(metrics.Feed(Batch(4, 2, durable: 3)).Jobs<StorePointsJob>());

        Assert.Equal([4, 5, 6], write.Points.Select(point => point.Step.Value));
    }

    [Fact]
    public void An_outbox_says_how_far_it_was_acknowledged()
    {
        _outbox.Feed(new OutboxMessage.AddPoints(Some.Points(1, 3)));
        Assert.Equal(0, Assert.Single(_outbox.Feed(new OutboxMessage.FlushNow()).Sent<MetricsMessage.PointBatch>()).DurableUpTo);
        _outbox.Feed(new OutboxMessage.PointsAccepted(Some.Term, 7, 3));
        _outbox.Feed(new OutboxMessage.AddPoints(Some.Points(4, 1)));
        var next = Assert.Single(_outbox.Feed(new OutboxMessage.FlushNow()).Sent<MetricsMessage.PointBatch>());
        Assert.Equal((4, 3), (next.FirstSequence, next.DurableUpTo));
    }

    [Fact]
    public void A_declared_gap_is_no_missing_batch()
    {
        _metrics.Feed(Batch(1, 2, thinned: 5));
        _metrics.Feed(new MetricsMessage.PointsStored(1, []));
        Assert.Single(_metrics.Feed(Batch(8, 1)).Jobs<StorePointsJob>());
    }

    [Fact]
    public void An_outbox_sends_what_gathered_and_sends_it_again_when_nobody_answers()
    {
        var timer = _outbox.Feed(new OutboxMessage.AddPoints(Some.Points(1, 3))).LastWake<OutboxMessage.FlushDue>();
        var sent = _outbox.FeedAfter(0.2, timer!);
        Assert.Equal(1, Assert.Single(sent.Sent<MetricsMessage.PointBatch>()).FirstSequence);
        var quiet = _outbox.FeedAfter(1, sent.LastWake<OutboxMessage.FlushDue>()!);
        Assert.Empty(quiet.Sent<MetricsMessage.PointBatch>());
        Assert.Single(_outbox.FeedAfter(1, quiet.LastWake<OutboxMessage.FlushDue>()!).Sent<MetricsMessage.PointBatch>());
    }

    [Fact]
    public void An_evaluation_is_sent_soon_and_further_ones_do_not_put_that_off()
    {
        var evaluation = new OutboxMessage.AddPoints([new MetricPoint.Evaluation(1, -100, 90, 10, 2, [5, 5], 101, 0.5) { Trial = new(Some.Sweep, 0), Attempt = new Attempt(1), Step = new Step(4) }]);
        Assert.Equal(MetricsOutbox.FlushEvery, _outbox.Feed(new OutboxMessage.AddPoints(Some.Points(1, 3))).OfType<Effect.Wake>().Last().After);

        var first = _outbox.Feed(evaluation);
        var second = _outbox.Feed(evaluation);

        Assert.Equal(MetricsOutbox.FlushSoon, first.OfType<Effect.Wake>().Last().After);
        Assert.Null(second.LastWake<OutboxMessage.FlushDue>());
        var sent = Assert.Single(_outbox.FeedAfter(0.01, first.LastWake<OutboxMessage.FlushDue>()!).Sent<MetricsMessage.PointBatch>());
        Assert.Equal(5, sent.Points.Count);
    }

    [Fact]
    public void An_outbox_says_that_it_is_drained_when_the_last_point_is_durable()
    {
        _outbox.Feed(new OutboxMessage.AddPoints(Some.Points(1, 3)));
        Assert.Empty(_outbox.Feed(new OutboxMessage.FlushNow()).Sent<AgentMessage.OutboxDrained>());
        Assert.Single(_outbox.Feed(new OutboxMessage.PointsAccepted(Some.Term, 7, 3)).Sent<AgentMessage.OutboxDrained>());
        Assert.Single(_outbox.Feed(new OutboxMessage.FlushNow()).Sent<AgentMessage.OutboxDrained>());
    }

    [Fact]
    public void An_outbox_says_when_the_points_before_a_checkpoint_are_durable_and_not_sooner()
    {
        var wait = new OutboxMessage.AwaitDurable(Some.Replica(0, 1), 40);
        Assert.Equal(40, Assert.Single(_outbox.Feed(wait).Sent<ReplicaMessage.PointsDurable>()).Position); // There are none.
        _outbox.Feed(new OutboxMessage.AddPoints(Some.Points(1, 3)));
        var asked = _outbox.Feed(wait);
        Assert.Empty(asked.Sent<ReplicaMessage.PointsDurable>());
        _outbox.Feed(new OutboxMessage.AddPoints(Some.Points(4, 2))); // After it was asked: these do not matter.
        _outbox.FeedAfter(0.01, asked.LastWake<OutboxMessage.FlushDue>()!);
        Assert.Empty(_outbox.Feed(new OutboxMessage.PointsAccepted(Some.Term, 7, 2)).Sent<ReplicaMessage.PointsDurable>());
        Assert.Single(_outbox.Feed(new OutboxMessage.PointsAccepted(Some.Term, 7, 5)).Sent<ReplicaMessage.PointsDurable>());
        Assert.Empty(_outbox.Feed(new OutboxMessage.PointsAccepted(Some.Term, 7, 5)).Sent<ReplicaMessage.PointsDurable>());
    }

    [Fact]
    public void An_outbox_that_nobody_empties_stays_bounded_and_declares_every_gap_to_the_end()
    {
        const int added = 512 * 400;
        for (var first = 1; first < added; first += 512) _outbox.Feed(new OutboxMessage.AddPoints(Some.Points(first, 512)));

        long covered = 0, points = 0;
        for (var round = 0; covered < added; round++)
        {
            Assert.True(round < 1_000, "the outbox stopped sending");
            foreach (var batch in _outbox.Feed(new OutboxMessage.FlushNow()).Sent<MetricsMessage.PointBatch>())
            {
                Assert.Equal(covered + 1, batch.FirstSequence);
                covered += batch.Points.Count + batch.Thinned;
                points += batch.Points.Count;
            }

            _outbox.Feed(new OutboxMessage.PointsAccepted(Some.Term, 7, covered));
        }

        Assert.InRange(points, 1, 1_000 + 512);
    }
}
