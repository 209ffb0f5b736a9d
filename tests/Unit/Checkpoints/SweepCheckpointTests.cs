using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Tests.Unit.Actors;

namespace Vae.Tests.Unit.Checkpoints;

/// <summary>What the next attempt of a pack begins from, as the sweep chooses it.</summary>
public sealed class SweepCheckpointTests
{
    private readonly List<SweepEvent> _facts = [Some.Submitted(6)];
    private Probe _sweep = null!;

    public SweepCheckpointTests()
    {
        Restart();
        Begin(attempt: 1);
    }

    [Fact]
    public void One_is_durable_before_its_maker_hears_that_it_is_settled()
    {
        var effects = Store(10, 0, 1, 2);

        Assert.Equal(10, Assert.Single(effects.Facts<SweepEvent.CheckpointStored>()).Checkpoint.Position);
        Assert.Equal(10, Assert.Single(effects.Sent<PackMessage.CheckpointSettled>()).Position);
        Assert.True(IndexOf<Effect.Persist>(effects) < IndexOf<Effect.Send>(effects));
    }

    [Fact]
    public void One_that_is_told_again_or_is_older_is_settled_with_the_newest_and_recorded_no_more()
    {
        Store(20, 0, 1, 2);

        foreach (var position in (long[])[20, 10])
        {
            var effects = Store(position, 0, 1, 2);
            Assert.Empty(effects.Facts<SweepEvent.CheckpointStored>());
            Assert.Equal(20, Assert.Single(effects.Sent<PackMessage.CheckpointSettled>()).Position);
        }
    }

    [Fact]
    public void One_of_another_attempt_or_pack_is_not_taken()
    {
        var strange = Stored.Checkpoint(Some.Sweep, 0, 7, 10, 0);
        Assert.Empty(Feed(new SweepMessage.PackCheckpointed(Some.Pack(0), new(7), strange)));
        Assert.Empty(Feed(new SweepMessage.PackCheckpointed(Some.Pack(0), new(1), strange)));
        Assert.Empty(Feed(new SweepMessage.PackCheckpointed(Some.Pack(0), new(1), Stored.Checkpoint(Some.Sweep, 1, 1, 10, 0))));
    }

    [Fact]
    public void The_next_attempt_begins_each_trial_from_the_newest_that_holds_it()
    {
        Store(10, 0, 1, 2);
        Store(20, 0, 1);

        Interrupt(1, FailureKind.Preempted);

        Assert.Equal([20, 20, 10], From(Begin(attempt: 2)));
    }

    [Fact]
    public void Without_any_it_begins_from_the_initial_weights()
    {
        Interrupt(1, FailureKind.Preempted);

        Assert.Equal([null, null, null], From(Begin(attempt: 2)));
    }

    [Fact]
    public void A_trial_that_came_in_after_the_newest_begins_from_the_initial_weights_and_the_others_from_theirs()
    {
        Store(10, 0, 1, 2);
        Feed(new SweepMessage.SlotEnded(Some.Pack(0), new(1), 1, Some.Done(1, -1), false), Runner(1));

        Interrupt(1, FailureKind.Preempted);
        var start = Begin(attempt: 2);

        Assert.Equal([(0, 10), (2, 10), (3, null)], start.Slots.Select(fill => (fill.Trial.Index, fill.From?.Position)).Order());
    }

    [Fact]
    public void What_it_begins_from_is_in_the_facts()
    {
        Store(10, 0, 1, 2);
        Interrupt(1, FailureKind.Preempted);
        Begin(attempt: 2);

        var started = _facts.OfType<SweepEvent.PackStarted>().Last();
        Assert.Equal([10, 10, 10], started.From.Select(from => from?.Position));
    }

    [Fact]
    public void A_damaged_one_is_refused_in_words_and_the_one_before_is_used_and_then_none()
    {
        Store(10, 0, 1, 2);
        Store(20, 0, 1, 2);
        Interrupt(1, FailureKind.Preempted);
        Assert.Equal([20, 20, 20], From(Begin(attempt: 2)));

        var refused = Assert.Single(Interrupt(2, FailureKind.Checkpoint).Facts<SweepEvent.CheckpointRefused>());
        Assert.Equal((20, "w0: it broke"), (refused.Checkpoint.Position, refused.Reason));
        Assert.Equal([10, 10, 10], From(Begin(attempt: 3)));

        Assert.Single(Interrupt(3, FailureKind.Checkpoint).Facts<SweepEvent.CheckpointRefused>());
        Assert.Equal([null, null, null], From(Begin(attempt: 4)));
    }

    [Fact]
    public void A_refusal_outlives_the_coordinator_and_is_no_loss_of_the_trial()
    {
        Store(10, 0, 1, 2);
        Store(20, 0, 1, 2);
        Interrupt(1, FailureKind.Preempted);
        Begin(attempt: 2);
        Interrupt(2, FailureKind.Checkpoint);

        Restart();

        Assert.Equal([10, 10, 10], From(Begin(attempt: 3)));
        Assert.Equal(TrialState.Preempted, Assert.IsType<SweepEvent.PackInterrupted>(_facts.OfType<SweepEvent.PackInterrupted>().Last()).State);
    }

    [Fact]
    public void Another_failure_refuses_no_checkpoint()
    {
        Store(10, 0, 1, 2);
        Interrupt(1, FailureKind.Preempted);
        Begin(attempt: 2);

        Assert.Empty(Interrupt(2, FailureKind.Lost).Facts<SweepEvent.CheckpointRefused>());

        Assert.Equal([10, 10, 10], From(Begin(attempt: 3)));
    }

    private void Restart()
    {
        _sweep = new(new Sweep(Some.Context(), Some.Sweep, [.. _facts]));
        List<Effect> effects = [.. Feed(new Signal.Started())];
        effects.AddRange(Feed(new SweepMessage.DatasetReady(Some.Manifest, [])));
        foreach (var ask in effects.Sent<PlannerMessage.PlanPack>()) Feed(Some.Planned(ask, slots: 3));
    }

    private PackMessage.StartRecorded Begin(int attempt) =>
        Assert.Single(Feed(new SweepMessage.PackStarted(Some.Pack(0), new(attempt), [Some.Process(0)], 0), Runner(attempt)).Sent<PackMessage.StartRecorded>());

    // The pause that follows is over at once.
    private List<Effect> Interrupt(int attempt, FailureKind kind)
    {
        List<Effect> effects = [.. Feed(new SweepMessage.PackFailed(Some.Pack(0), new(attempt), kind, "w0: it broke"), Runner(attempt))];
        if (effects.LastWake<SweepMessage.RetryDue>() is { } retry) effects.AddRange(Feed(retry));
        return effects;
    }

    private IReadOnlyList<Effect> Store(long position, params int[] trials) =>
        Feed(new SweepMessage.PackCheckpointed(Some.Pack(0), new(1), Stored.Checkpoint(Some.Sweep, 0, 1, position, trials)), Runner(1));

    private IReadOnlyList<Effect> Feed(Message message, ActorId? sender = null)
    {
        var effects = _sweep.Feed(message, sender);
        _facts.AddRange(effects.Facts<SweepEvent>());
        return effects;
    }

    private static int IndexOf<T>(IReadOnlyList<Effect> effects) => effects.ToList().FindIndex(effect => effect is T);

    private static IEnumerable<long?> From(PackMessage.StartRecorded start) => start.Slots.Select(fill => fill.From?.Position);

    private static ActorId Runner(int attempt) => Addresses.PackRunner(Some.Pack(0), new(attempt));
}
