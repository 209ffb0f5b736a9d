using Vae.Coordinator.Actors;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Actors;

public class SweepRecoveryTests
{
    private readonly List<SweepEvent> _facts = [Some.Submitted(8)];
    private Probe _sweep = null!;

    private List<Effect> Restart()
    {
        _sweep = new(new Sweep(Some.Context(), Some.Sweep, [.. _facts]));
        return [.. Feed(new Signal.Started())];
    }

    private List<Effect> HaveData()
    {
        List<Effect> effects = [.. Feed(new SweepMessage.DatasetReady(Some.Manifest, []))];
        foreach (var ask in effects.Sent<PlannerMessage.PlanPack>()) effects.AddRange(Feed(Some.Planned(ask, 3)));
        return effects;
    }

    private void StartWith(params int[] packs)
    {
        Restart();
        HaveData();
        foreach (var pack in packs) Begin(pack, 1);
    }

    private PackMessage.StartRecorded Begin(int pack, int attempt) =>
        Assert.Single(Feed(new SweepMessage.PackStarted(Some.Pack(pack), new(attempt), [Some.Process(0), Some.Process(1)], 0), Runner(pack, attempt)).Sent<PackMessage.StartRecorded>());

    private IReadOnlyList<Effect> Feed(Message message, ActorId? sender = null)
    {
        var effects = _sweep.Feed(message, sender);
        _facts.AddRange(effects.Facts<SweepEvent>());
        return effects;
    }

    private IReadOnlyList<Effect> End(int pack, int slot, int trial) =>
        Feed(new SweepMessage.SlotEnded(Some.Pack(pack), new(1), slot, Some.Done(trial, -1), false), Runner(pack, 1));

    private IReadOnlyList<Effect> Fail(int pack, int attempt, FailureKind kind) =>
        Feed(new SweepMessage.PackFailed(Some.Pack(pack), new(attempt), kind, "w0: it broke"), Runner(pack, attempt));

    private static ActorId Runner(int pack, int attempt) => Addresses.PackRunner(Some.Pack(pack), new(attempt));

    private static string[] Spawned(IEnumerable<Effect> effects) => [.. effects.OfType<Effect.Spawn>().Select(spawn => spawn.Name)];

    private static IEnumerable<int> Trials(PackMessage.StartRecorded start) => start.Slots.Select(fill => fill.Trial.Index);

    private SweepView View()
    {
        var view = new SweepView(Some.Sweep);
        foreach (var fact in _facts) view.Apply(fact);
        return view;
    }

    [Fact]
    public void A_pack_that_ran_is_claimed_with_its_last_workers_before_the_rest_is_called_stray()
    {
        StartWith(0);
        Feed(new SweepMessage.PackRegrouped(Some.Pack(0), new(1), new(2), [Some.Process(1), Some.Process(2)], "w0 was lost"), Runner(0, 1));
        var effects = Restart();
        Assert.Empty(effects.Facts<SweepEvent>());
        var claim = Assert.Single(effects.Sent<PlacementMessage.ClaimGang>());
        Assert.Equal((Some.Pack(0), new Attempt(1)), (claim.Request.Pack, claim.Request.Attempt));
        Assert.Equal([Some.Process(1), Some.Process(2)], claim.Workers);
        Assert.Equal(["pack.s-1.0.1"], Spawned(effects));
        var toPlacement = effects.OfType<Effect.Send>().Where(send => send.Target == Addresses.Placement).Select(send => send.Message.GetType());
        Assert.Equal([typeof(PlacementMessage.ClaimGang), typeof(PlacementMessage.SweepRecovered)], toPlacement);
    }

    [Fact]
    public void An_adopted_pack_ends_trials_is_refilled_and_its_orders_are_numbered_on()
    {
        StartWith(0);
        Assert.Equal(1, Assert.Single(Assert.Single(End(0, 1, 1).Sent<PackMessage.OrderSlots>()).Orders).Number);
        Restart(); // The data set is not there yet when the next end comes.
        var ended = End(0, 0, 0);
        var order = Assert.Single(Assert.Single(ended.Sent<PackMessage.OrderSlots>()).Orders);
        Assert.Equal((2L, SlotOrderKind.Fill, 0, 4), (order.Number, order.Kind, order.Slot, order.Trial!.Index));
        Assert.Equal((TrialState.Done, TrialState.Running, TrialState.Running), (View().Row(0).State, View().Row(3).State, View().Row(4).State));
    }

    [Fact]
    public void A_trial_that_was_ordered_to_stop_before_the_restart_becomes_what_was_ordered()
    {
        StartWith(0);
        Feed(new SweepMessage.StopTrial(1, TrialState.Pruned, "it could not win"));
        Restart();
        Feed(new SweepMessage.SlotEnded(Some.Pack(0), new(1), 1, Some.Done(1, -1) with { State = TrialState.Pruned }, false), Runner(0, 1));
        Assert.Equal((TrialState.Pruned, "it could not win"), View().Row(1) is var row ? (row.State, row.Result!.FailureText) : default);
    }

    [Fact]
    public void An_attempt_that_nobody_came_back_to_is_followed_by_the_next_of_the_same_pack()
    {
        StartWith(0);
        End(0, 1, 1);
        Restart();
        Feed(new SweepMessage.DatasetReady(Some.Manifest, []));
        var retry = Assert.IsType<SweepMessage.RetryDue>(Fail(0, 1, FailureKind.Preempted).LastWake<SweepMessage.RetryDue>());
        Assert.Equal(["pack.s-1.0.2"], Spawned(Feed(retry)));
        Assert.Equal([0, 2, 3], Trials(Begin(0, 2)).Order());
        Assert.Equal(0, View().Row(0).Losses);
    }

    [Fact]
    public void A_pack_of_which_only_the_farewell_was_lost_has_ended()
    {
        StartWith(0);
        _facts.AddRange([0, 1, 2], trial => new SweepEvent.TrialEnded(new(1), Some.Done(trial, -1)) { Sweep = Some.Sweep });
        var effects = Restart();
        Assert.Single(effects.Facts<SweepEvent.PackEnded>());
        Assert.Empty(effects.Sent<PlacementMessage.ClaimGang>());
    }

    [Fact]
    public void Halves_of_a_pack_under_suspicion_stay_apart_over_a_restart()
    {
        StartWith(0);
        Fail(0, 1, FailureKind.OutOfMemory);
        Restart();
        var effects = HaveData();
        var runners = Spawned(effects).Where(name => name.EndsWith(".2", StringComparison.Ordinal)).ToArray();
        Assert.Equal(2, runners.Length);
        var halves = runners.Select(name => int.Parse(name.Split('.')[2], null)).Select(pack => Begin(pack, 2)).ToArray();
        Assert.Equal([0, 1, 2], halves.SelectMany(Trials).Order());
        Assert.All(halves, half => Assert.True(half.Closed, "takes no trial that is not under suspicion"));
        Assert.Equal(2, halves.Max(half => half.Slots.Count));
    }

    [Fact]
    public void A_sweep_that_has_ended_claims_nothing()
    {
        StartWith(0);
        Feed(new SweepMessage.StopSweep("by the user"));
        var effects = Restart();
        Assert.Empty(effects.Sent<PlacementMessage.ClaimGang>());
        Assert.Single(effects.Sent<PlacementMessage.SweepRecovered>());
    }
}

internal static class Adding
{
    public static void AddRange(this List<SweepEvent> facts, IEnumerable<int> trials, Func<int, SweepEvent> make) => facts.AddRange(trials.Select(make));
}
