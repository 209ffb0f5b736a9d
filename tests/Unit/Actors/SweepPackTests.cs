using System.Text;
using Vae.Coordinator.Actors;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Actors;

public class SweepPackTests
{
    private readonly List<SweepEvent> _facts = [];
    private Probe _sweep = null!;

    private List<Effect> Start(int trials, int slots, params SearchParameter[] more)
    {
        var definition = Some.Definition(trials);
        definition = definition with { Search = definition.Search with { Parameters = [.. definition.Search.Parameters, .. more] } };
        _facts.Add(new SweepEvent.Submitted("test", "", Encoding.UTF8.GetString(SweepDefinitionJson.WriteUtf8(definition)), "", (int)SweepTrials.Count(definition)) { Sweep = Some.Sweep });
        return Restart(slots);
    }

    private List<Effect> Restart(int slots)
    {
        _sweep = new(new Sweep(Some.Context(), Some.Sweep, [.. _facts]));
        List<Effect> effects = [.. Feed(new Signal.Started())];
        effects.AddRange(Feed(new SweepMessage.DatasetReady(Some.Manifest, [])));
        foreach (var ask in effects.Sent<PlannerMessage.PlanPack>()) effects.AddRange(Feed(Some.Planned(ask, slots)));
        return effects;
    }

    private IReadOnlyList<Effect> Feed(Message message, ActorId? sender = null)
    {
        var effects = _sweep.Feed(message, sender);
        _facts.AddRange(effects.Facts<SweepEvent>());
        return effects;
    }

    private static ActorId Runner(int pack, int attempt) => Addresses.PackRunner(Some.Pack(pack), new(attempt));

    private PackMessage.StartRecorded Begin(int pack, int attempt = 1, int moreGangs = 0) =>
        Assert.Single(Feed(new SweepMessage.PackStarted(Some.Pack(pack), new(attempt), [Some.Process(0)], moreGangs), Runner(pack, attempt)).Sent<PackMessage.StartRecorded>());

    private IReadOnlyList<Effect> End(int pack, int slot, TrialResult result, int attempt = 1, bool othersWait = false) =>
        Feed(new SweepMessage.SlotEnded(Some.Pack(pack), new(attempt), slot, result, othersWait), Runner(pack, attempt));

    private IReadOnlyList<Effect> Fail(int pack, FailureKind kind, int attempt = 1) =>
        Feed(new SweepMessage.PackFailed(Some.Pack(pack), new(attempt), kind, "w0: it broke"), Runner(pack, attempt));

    private static IEnumerable<int> Trials(PackMessage.StartRecorded start) => start.Slots.Select(fill => fill.Trial.Index);

    private static SlotOrder Order(IReadOnlyList<Effect> effects) => Assert.Single(Assert.Single(effects.Sent<PackMessage.OrderSlots>()).Orders);

    private static string[] Spawned(IEnumerable<Effect> effects) => [.. effects.OfType<Effect.Spawn>().Select(spawn => spawn.Name)];

    private static SearchParameter Searched(string path, params string[] values) => new(path, new ParameterDomain.Values(values.ToValueList()));

    private SweepView View()
    {
        var view = new SweepView(Some.Sweep);
        foreach (var fact in _facts) view.Apply(fact);
        return view;
    }

    [Fact]
    public void A_pack_gets_as_many_trials_as_it_has_slots_and_stays_open_while_others_wait()
    {
        Start(10, slots: 4);
        var start = Begin(0);
        Assert.Equal([0, 1, 2, 3], Trials(start));
        Assert.Equal((4, false), (start.Shape.Slots, start.Closed));
        Assert.Equal([4, 5, 6, 7], Trials(Begin(1)));
        var last = Begin(2);
        Assert.Equal([8, 9], Trials(last));
        Assert.Equal((2, true), (last.Shape.Slots, last.Closed));
    }

    [Fact]
    public void Trials_are_shared_between_all_lanes_that_are_free()
    {
        Start(10, slots: 16);
        Assert.Equal(3, Trials(Begin(0, moreGangs: 3)).Count());
        Assert.Equal(3, Trials(Begin(1, moreGangs: 2)).Count());
        Assert.Equal(2, Trials(Begin(2, moreGangs: 1)).Count());
        Assert.Equal(2, Trials(Begin(3)).Count());
    }

    [Fact]
    public void Packs_that_would_find_no_trial_are_withdrawn()
    {
        Start(3, slots: 4);
        var started = Feed(new SweepMessage.PackStarted(Some.Pack(0), new(1), [Some.Process(0)], 0), Runner(0, 1));
        Assert.Equal(2, started.Sent<PackMessage.CancelPack>().Count);
        Assert.Single(Feed(new SweepMessage.PackStarted(Some.Pack(1), new(1), [Some.Process(1)], 0), Runner(1, 1)).Sent<PackMessage.CancelPack>());
    }

    [Fact]
    public void Trials_of_different_shapes_are_planned_apart_and_never_share_a_pack()
    {
        var effects = Start(4, slots: 8, Searched("training.batch", "32", "64"));
        Assert.Equal(2, effects.Sent<PlannerMessage.PlanPack>().Count);
        Assert.Equal([0, 2, 4, 6], Trials(Begin(0)));
        Assert.Equal([1, 3, 5, 7], Trials(Begin(Sweep.WaitingMax)));
    }

    [Fact]
    public void A_pack_is_as_wide_as_the_largest_latent_size_that_it_may_get()
    {
        var ask = Assert.Single(Start(4, slots: 2, Searched("model.latent", "2", "8")).Sent<PlannerMessage.PlanPack>());
        Assert.Equal(8, ask.Question.Trial.Model.Latent);
        Assert.Equal(8, Begin(0).Shape.Latent);
    }

    [Fact]
    public void A_free_slot_is_refilled_once_and_the_fill_is_durable_before_it_is_ordered()
    {
        Start(6, slots: 2);
        Begin(0);
        var ended = End(0, 1, Some.Done(1, -1));
        Assert.Equal(["TrialEnded", "SlotFilled"], ended.Facts<SweepEvent>().Select(fact => fact.GetType().Name));
        Assert.Equal((1L, SlotOrderKind.Fill, 1, 2), Order(ended) is var order ? (order.Number, order.Kind, order.Slot, order.Trial!.Index) : default);
        Assert.Equal(1, Assert.Single(ended.Sent<PackMessage.SlotSettled>()).Trial);
        Assert.True(ended.ToList().FindLastIndex(effect => effect is Effect.Persist) < ended.ToList().FindIndex(effect => effect is Effect.Send { Message: PackMessage.OrderSlots }));

        var again = End(0, 1, Some.Done(1, -1));
        Assert.Empty(again.Facts<SweepEvent>());
        Assert.Empty(again.Sent<PackMessage.OrderSlots>());
        Assert.Single(again.Sent<PackMessage.SlotSettled>());
        Assert.Equal((0, 1), View().Row(2) is var row ? (row.Pack, row.Slot) : default);
    }

    [Fact]
    public void A_fresh_pack_that_fits_nowhere_costs_the_largest_trial_and_the_others_go_on()
    {
        Start(1, slots: 1, Searched("model.latent", "2", "4096"));
        var refused = Fail(0, FailureKind.TooLarge);
        var ended = Assert.Single(refused.Facts<SweepEvent.TrialEnded>()).Result;
        Assert.Equal((1, TrialState.Failed, "w0: it broke"), (ended.TrialIndex, ended.State, ended.FailureText));
        Assert.Single(refused.Sent<PackMessage.PackSettled>());

        // The second pack had asked for the same memory before: nobody else pays for that.
        Assert.Empty(Fail(1, FailureKind.TooLarge).Facts<SweepEvent.TrialEnded>());
        var next = Feed(refused.LastWake<SweepMessage.RetryDue>()!);
        Assert.Single(Spawned(next));
        Assert.Equal([0], Trials(Begin(0, attempt: 2)));
    }

    [Fact]
    public void A_pack_of_many_slots_that_fits_nowhere_is_made_smaller_before_a_trial_is_given_up()
    {
        Start(8, slots: 4);
        var refused = Fail(0, FailureKind.TooLarge);
        Assert.Empty(refused.Facts<SweepEvent.TrialEnded>());
        Feed(refused.LastWake<SweepMessage.RetryDue>()!);
        Assert.Equal(2, Trials(Begin(0, attempt: 2)).Count());
    }

    [Fact]
    public void A_trial_that_fits_nowhere_any_more_fails_without_another_attempt()
    {
        Start(1, slots: 1);
        Begin(0);
        var lost = Fail(0, FailureKind.Lost);
        Feed(lost.LastWake<SweepMessage.RetryDue>()!);
        var refused = Fail(0, FailureKind.TooLarge, attempt: 2);
        Assert.Equal(TrialState.Failed, Assert.Single(refused.Facts<SweepEvent.TrialEnded>()).Result.State);
        Assert.Equal(SweepState.DoneWithFailures, Assert.Single(refused.Facts<SweepEvent.Ended>()).State);
    }

    [Fact]
    public void A_trial_that_diverges_ends_alone_and_its_slot_is_refilled()
    {
        Start(6, slots: 2);
        Begin(0);
        var ended = End(0, 0, Some.Done(0, 0) with { State = TrialState.Failed, FailureText = "non-finite loss at step 7" });
        Assert.Equal(SlotOrderKind.Fill, Order(ended).Kind);
        Assert.Equal((TrialState.Failed, TrialState.Running), (View().Row(0).State, View().Row(1).State));
    }

    [Fact]
    public void A_pack_is_closed_when_nothing_waits_for_its_slot_and_then_ends_by_itself()
    {
        Start(3, slots: 2);
        Begin(0);
        Assert.Equal(SlotOrderKind.Fill, Order(End(0, 0, Some.Done(0, -1))).Kind);
        Assert.Equal((2L, SlotOrderKind.Close), Order(End(0, 1, Some.Done(1, -1))) is var close ? (close.Number, close.Kind) : default);
        var last = End(0, 0, Some.Done(2, -1));
        Assert.Empty(last.Sent<PackMessage.OrderSlots>());
        Assert.Equal(SweepState.Done, Assert.Single(last.Facts<SweepEvent.Ended>()).State);
    }

    [Fact]
    public void A_pack_takes_no_more_trials_while_another_sweep_waits()
    {
        Start(20, slots: 2);
        Begin(0);
        Assert.Equal(SlotOrderKind.Close, Order(End(0, 0, Some.Done(0, -1), othersWait: true)).Kind);
        Assert.Empty(End(0, 1, Some.Done(1, -1)).Sent<PackMessage.OrderSlots>());
        var done = Feed(new SweepMessage.PackDone(Some.Pack(0), new(1), []), Runner(0, 1));
        Assert.Single(done.Facts<SweepEvent.PackEnded>());
        Assert.Single(done.Sent<PackMessage.PackSettled>());
    }

    [Theory]
    [InlineData(FailureKind.OutOfMemory)]
    [InlineData(FailureKind.Engine)]
    public void A_pack_that_fails_as_a_whole_is_halved_until_the_trial_to_blame_is_alone(FailureKind kind)
    {
        Start(4, slots: 4);
        Begin(0);
        var retries = Fail(0, kind).OfType<Effect.Wake>().Where(wake => wake.Message is SweepMessage.RetryDue).ToList();
        Assert.All(retries, retry => Assert.Equal(TimeSpan.Zero, retry.After));
        Assert.Equal(["pack.s-1.0.2", "pack.s-1.4.2"], retries.SelectMany(retry => Spawned(Feed(retry.Message))).Order());

        var (left, right) = (Begin(0, 2), Begin(4, 2));
        Assert.Equal(([0, 1], [2, 3]), (Trials(left).ToValueList(), Trials(right).ToValueList()));
        Assert.True(left.Closed && right.Closed);
        foreach (var retry in Fail(0, kind, 2).OfType<Effect.Wake>().ToList()) Feed(retry.Message);
        Assert.Equal([0], Trials(Begin(0, 3)));
        var result = Assert.Single(Fail(0, kind, 3).Facts<SweepEvent.TrialEnded>()).Result;
        Assert.Equal((0, TrialState.Failed, "w0: it broke"), (result.TrialIndex, result.State, result.FailureText));
        Assert.Equal(TrialState.Preempted, View().Row(1).State);
    }

    [Theory]
    [InlineData(FailureKind.OutOfMemory)]
    [InlineData(FailureKind.Engine)]
    public void A_trial_whose_companion_was_being_stopped_when_the_pack_failed_is_tried_alone_before_it_is_blamed(FailureKind kind)
    {
        Start(6, slots: 2);
        Begin(0);
        Feed(new SweepMessage.StopTrial(1, TrialState.Pruned, "it cannot win"));
        var failed = Fail(0, kind);
        Assert.Equal((1, TrialState.Pruned), Assert.Single(failed.Facts<SweepEvent.TrialEnded>()).Result is var stopped ? (stopped.TrialIndex, stopped.State) : default);
        BlameOnlyAlone(failed, kind, trial: 0);
    }

    [Theory]
    [InlineData(1, FailureKind.OutOfMemory)]
    [InlineData(1, FailureKind.Engine)]
    [InlineData(2, FailureKind.OutOfMemory)]
    [InlineData(2, FailureKind.Engine)]
    public void The_last_trial_of_a_pack_that_held_others_is_tried_alone_before_it_is_blamed(int slots, FailureKind kind)
    {
        Start(slots + 1, slots);
        Begin(0);
        for (var slot = 0; slot < slots; slot++) End(0, slot, Some.Done(slot, -1));
        BlameOnlyAlone(Fail(0, kind), kind, trial: slots);
    }

    private void BlameOnlyAlone(IReadOnlyList<Effect> failed, FailureKind kind, int trial)
    {
        Assert.DoesNotContain(failed.Facts<SweepEvent.TrialEnded>(), ended => ended.Result.TrialIndex == trial);
        Feed(Assert.Single(failed.OfType<Effect.Wake>(), wake => wake.Message is SweepMessage.RetryDue).Message);
        var alone = Begin(0, 2);
        Assert.Equal(([trial], true, 1), (Trials(alone).ToValueList(), alone.Closed, alone.Shape.Slots));
        var blamed = Assert.Single(Fail(0, kind, 2).Facts<SweepEvent.TrialEnded>()).Result;
        Assert.Equal((trial, TrialState.Failed, "w0: it broke"), (blamed.TrialIndex, blamed.State, blamed.FailureText));
    }

    [Fact]
    public void After_a_lack_of_memory_further_packs_have_half_the_slots()
    {
        Start(16, slots: 4);
        Begin(0);
        Fail(0, FailureKind.OutOfMemory);
        Assert.Equal(2, Trials(Begin(1)).Count());
    }

    [Fact]
    public void A_pack_lost_twice_is_halved_and_takes_no_other_trials_meanwhile()
    {
        Start(16, slots: 4);
        Begin(0);
        Feed(Assert.Single(Fail(0, FailureKind.Lost).OfType<Effect.Wake>(), wake => wake.Message is SweepMessage.RetryDue).Message);
        var second = Begin(0, 2);
        Assert.Equal(([0, 1, 2, 3], true), (Trials(second).ToValueList(), second.Closed));
        Assert.Equal(2, Fail(0, FailureKind.Lost, 2).OfType<Effect.Wake>().Count(wake => wake.Message is SweepMessage.RetryDue));
    }

    [Fact]
    public void A_preempted_pack_runs_again_with_what_had_not_ended_and_is_filled_up()
    {
        Start(10, slots: 3);
        Begin(0);
        End(0, 0, Some.Done(0, -1));
        Feed(Assert.Single(Fail(0, FailureKind.Preempted).OfType<Effect.Wake>(), wake => wake.Message is SweepMessage.RetryDue).Message);
        Assert.Equal([3, 1, 2], Trials(Begin(0, 2)));
        Assert.Equal(2, View().Row(1).Attempt.Value);
    }

    [Fact]
    public void A_trial_that_is_stopped_is_emptied_from_its_slot_and_ends_with_what_it_had_got_to()
    {
        Start(6, slots: 2);
        Begin(0);
        var stop = new SweepMessage.StopTrial(1, TrialState.Pruned, "it cannot win");
        Assert.Equal((SlotOrderKind.Empty, 1, "it cannot win"), Order(Feed(stop)) is var order ? (order.Kind, order.Slot, order.Reason) : default);
        Assert.Empty(Feed(stop));
        var ended = End(0, 1, Some.Done(1, -7) with { State = TrialState.Cancelled });
        var result = Assert.Single(ended.Facts<SweepEvent.TrialEnded>()).Result;
        Assert.Equal((TrialState.Pruned, -7, "it cannot win"), (result.State, result.Elbo, result.FailureText));
        Assert.Equal((2L, SlotOrderKind.Fill), Order(ended) is var fill ? (fill.Number, fill.Kind) : default);
    }

    [Fact]
    public void A_trial_that_was_to_be_stopped_is_not_tried_again_when_its_pack_is_lost()
    {
        Start(2, slots: 2);
        Begin(0);
        Feed(new SweepMessage.StopTrial(1, TrialState.Pruned, "it cannot win"));
        Assert.Equal(TrialState.Pruned, Assert.Single(Fail(0, FailureKind.Lost).Facts<SweepEvent.TrialEnded>()).Result.State);
        Assert.Equal(TrialState.Lost, View().Row(0).State);
    }

    [Fact]
    public void A_trial_that_does_not_run_cannot_be_stopped()
    {
        Start(6, slots: 2);
        Begin(0);
        foreach (var trial in (int[])[5, -1, 600]) Assert.Empty(Feed(new SweepMessage.StopTrial(trial, TrialState.Pruned, "")));
        Assert.Empty(Feed(new SweepMessage.StopTrial(0, TrialState.Done, "")));
    }

    [Fact]
    public void The_planned_shape_is_recorded_once_with_its_reason()
    {
        var planned = Assert.Single(Start(8, slots: 3).Facts<SweepEvent.PackPlanned>());
        Assert.Equal((3, "for a test"), (planned.Shape.Slots, planned.Reason));
        Assert.Empty(Restart(slots: 3).Facts<SweepEvent.PackPlanned>());
    }
}
