using System.Text;
using Vae.Coordinator.Actors;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Actors;

/// <summary>Six or more trials of one signature in packs of two slots, whose workers say that trials are about to end.</summary>
public class SweepRefillAheadTests
{
    private readonly List<SweepEvent> _facts = [];
    private Probe _sweep = null!;

    private void Start(int trials)
    {
        var definition = Some.Definition(trials);
        _facts.Add(new SweepEvent.Submitted("test", "", Encoding.UTF8.GetString(SweepDefinitionJson.WriteUtf8(definition)), "", trials) { Sweep = Some.Sweep });
        Restart();
        Begin(0);
    }

    private List<Effect> Restart()
    {
        _sweep = new(new Sweep(Some.Context(), Some.Sweep, [.. _facts]));
        List<Effect> effects = [.. Feed(new Signal.Started()), .. Feed(new SweepMessage.DatasetReady(Some.Manifest, []))];
        foreach (var ask in effects.Sent<PlannerMessage.PlanPack>()) effects.AddRange(Feed(Some.Planned(ask, 2)));
        return effects;
    }

    private IReadOnlyList<Effect> Feed(Message message, ActorId? sender = null)
    {
        var effects = _sweep.Feed(message, sender);
        _facts.AddRange(effects.Facts<SweepEvent>());
        return effects;
    }

    private static ActorId Runner(int pack, int attempt) => Addresses.PackRunner(Some.Pack(pack), new(attempt));

    private PackMessage.StartRecorded Begin(int pack, int attempt = 1) =>
        Assert.Single(Feed(new SweepMessage.PackStarted(Some.Pack(pack), new(attempt), [Some.Process(0)], 0), Runner(pack, attempt)).Sent<PackMessage.StartRecorded>());

    private IReadOnlyList<Effect> SayEnding(int slot, int trial, bool othersWait = false, int attempt = 1) =>
        Feed(new SweepMessage.SlotEnding(Some.Pack(0), new(attempt), slot, trial, othersWait), Runner(0, attempt));

    private IReadOnlyList<Effect> End(int slot, int trial, bool othersWait = false) =>
        Feed(new SweepMessage.SlotEnded(Some.Pack(0), new(1), slot, Some.Done(trial, -1), othersWait), Runner(0, 1));

    private static SlotOrder Order(IReadOnlyList<Effect> effects) => Assert.Single(Assert.Single(effects.Sent<PackMessage.OrderSlots>()).Orders);

    private SweepView View()
    {
        var view = new SweepView(Some.Sweep);
        foreach (var fact in _facts) view.Apply(fact);
        return view;
    }

    [Fact]
    public void Slot_whose_trial_is_about_to_end_is_given_the_next_one_as_a_fact_and_once_however_often_it_is_said()
    {
        Start(6);
        var said = SayEnding(slot: 1, trial: 1);
        Assert.Equal((1L, SlotOrderKind.Fill, 1, 2), Order(said) is var order ? (order.Number, order.Kind, order.Slot, order.Trial!.Index) : default);
        Assert.Equal((1, 2), Assert.Single(said.Facts<SweepEvent.SlotFilled>()) is var fact ? (fact.Slot, fact.Trial) : default);
        Assert.Empty(SayEnding(1, 1));
        Assert.Equal((TrialState.Running, TrialState.Running), (View().Row(1).State, View().Row(2).State));
    }

    [Fact]
    public void End_of_a_trial_with_a_follower_orders_nothing_and_the_follower_is_followed_in_its_turn()
    {
        Start(6);
        SayEnding(0, 0);
        Assert.Empty(End(0, 0).Sent<PackMessage.OrderSlots>());
        Assert.Empty(SayEnding(0, 0)); // Late.
        Assert.Equal((2L, 3), Order(SayEnding(0, 2)) is var order ? (order.Number, order.Trial!.Index) : default);
    }

    [Fact]
    public void Slot_never_has_more_than_two_trials_and_its_ends_may_come_in_any_order()
    {
        Start(8);
        SayEnding(0, 0);
        Assert.Empty(SayEnding(0, 2)); // The end of trial 0 has not been heard of.
        Assert.Empty(End(0, 2).Sent<PackMessage.OrderSlots>());
        Assert.Equal(SlotOrderKind.Fill, Order(End(0, 0)).Kind);
        Assert.Equal([TrialState.Done, TrialState.Done], ((int[])[0, 2]).Select(trial => View().Row(trial).State));
    }

    [Fact]
    public void Nothing_is_ordered_ahead_where_others_wait_or_nothing_is_left_and_the_pack_stays_open_until_the_end_comes()
    {
        Start(3);
        Assert.Empty(SayEnding(0, 0, othersWait: true));
        Assert.Empty(SayEnding(0, 0, attempt: 2));
        SayEnding(0, 0);
        Assert.Empty(SayEnding(1, 1));
        Assert.Equal(SlotOrderKind.Close, Order(End(1, 1)).Kind);
        Assert.Empty(End(0, 0).Sent<PackMessage.OrderSlots>());
    }

    [Fact]
    public void Pack_with_followers_is_closed_as_soon_as_a_trial_ends_while_others_wait()
    {
        Start(6);
        SayEnding(0, 0);
        Assert.Equal(SlotOrderKind.Close, Order(End(0, 0, othersWait: true)).Kind);
    }

    [Fact]
    public void Trial_that_waits_is_stopped_by_name()
    {
        Start(6);
        SayEnding(0, 0);
        var stop = Order(Feed(new SweepMessage.StopTrial(2, TrialState.Pruned, "it cannot win")));
        Assert.Equal((2L, SlotOrderKind.Empty, 0, 2), (stop.Number, stop.Kind, stop.Slot, stop.Trial!.Index));
        Assert.Empty(Feed(new SweepMessage.SlotEnded(Some.Pack(0), new(1), 0, Some.Done(2, -1) with { State = TrialState.Pruned }, false), Runner(0, 1)).Sent<PackMessage.OrderSlots>());
        Assert.Equal((TrialState.Pruned, TrialState.Running), (View().Row(2).State, View().Row(0).State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Lost_attempt_leaves_its_followers_to_a_pack_of_their_own_and_no_attempt_comes_twice(bool restarts)
    {
        Start(6);
        SayEnding(0, 0);
        SayEnding(1, 1);
        var lost = Feed(new SweepMessage.PackFailed(Some.Pack(0), new(1), FailureKind.Lost, "w0 is gone"), Runner(0, 1));
        var retries = lost.OfType<Effect.Wake>().Select(wake => wake.Message).OfType<SweepMessage.RetryDue>().OrderBy(retry => retry.Pack).ToArray();
        Assert.Equal(2, retries.Length);
        Feed(retries[0]);
        var again = Begin(0, 2);
        Assert.Equal(([0, 1], 2), (again.Slots.Select(fill => fill.Trial.Index).ToValueList(), again.Shape.Slots));
        foreach (var trial in (int[])[0, 1]) Feed(new SweepMessage.SlotEnded(Some.Pack(0), new(2), trial, Some.Done(trial, -1), false), Runner(0, 2));
        Feed(new SweepMessage.PackDone(Some.Pack(0), new(2), []), Runner(0, 2));

        var spawned = (restarts ? Restart() : Feed(retries[1])).OfType<Effect.Spawn>().Select(spawn => spawn.Name.Split('.')).Where(name => name[0] == "pack").ToArray();
        var (pack, attempt) = spawned.Select(name => (int.Parse(name[2]), int.Parse(name[3]))).Single(one => one is (0, _) || one.Item2 > 1);
        Assert.Equal([2, 3], Begin(pack, attempt).Slots.Select(fill => fill.Trial.Index));
        Assert.Equal(restarts ? (0, 3) : (retries[1].Pack, 2), (pack, attempt));
        View();
    }

    [Fact]
    public void Restarted_sweep_knows_who_follows_whom_and_orders_the_same_again()
    {
        Start(6);
        SayEnding(0, 0);
        Feed(new SweepMessage.StopTrial(2, TrialState.Pruned, "it cannot win"));
        Restart();
        Assert.Empty(SayEnding(0, 0));
        var orders = View().Packs[0].Orders;
        Assert.Equal(["SlotFilled", "SlotStopOrdered"], orders.Select(order => order.GetType().Name));
        Feed(new SweepMessage.SlotEnded(Some.Pack(0), new(1), 0, Some.Done(2, -1) with { State = TrialState.Pruned }, false), Runner(0, 1));
        Assert.Equal((3L, 3), Order(SayEnding(0, 0)) is var next ? (next.Number, next.Trial!.Index) : default);
    }
}
