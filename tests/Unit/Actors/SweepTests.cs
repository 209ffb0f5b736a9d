using System.Text;
using Vae.Coordinator.Actors;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Actors;

public class SweepTests
{
    private readonly List<SweepEvent> _facts = [];
    private Probe _sweep = null!;

    private List<Effect> Start(int trials, BudgetSpec? budget = null)
    {
        _facts.Add(Some.Submitted(trials, budget));
        return Restart();
    }

    private List<Effect> Restart()
    {
        _sweep = new(new Sweep(Some.Context(), Some.Sweep, [.. _facts]));
        List<Effect> effects = [.. Feed(new Signal.Started())];
        effects.AddRange(Feed(new SweepMessage.DatasetReady(Some.Manifest, [])));
        foreach (var ask in effects.Sent<PlannerMessage.PlanPack>()) effects.AddRange(Feed(Some.Planned(ask, slots: 1)));
        return effects;
    }

    private IReadOnlyList<Effect> Feed(Message message, ActorId? sender = null)
    {
        var effects = _sweep.Feed(message, sender);
        _facts.AddRange(effects.Facts<SweepEvent>());
        return effects;
    }

    private static ActorId Runner(int pack, int attempt) => Addresses.PackRunner(Some.Pack(pack), new(attempt));

    private IReadOnlyList<Effect> Begin(int pack, int attempt) => Feed(new SweepMessage.PackStarted(Some.Pack(pack), new(attempt), [Some.Process(0)], 0), Runner(pack, attempt));

    private IReadOnlyList<Effect> Lose(int pack, int attempt, FailureKind kind = FailureKind.Lost) =>
        Feed(new SweepMessage.PackFailed(Some.Pack(pack), new(attempt), kind, "w0: silent"), Runner(pack, attempt));

    private IReadOnlyList<Effect> Finish(int pack, int attempt) =>
        Feed(new SweepMessage.PackDone(Some.Pack(pack), new(attempt), View().Packs[pack].Live.Select(trial => Some.Done(trial, -trial)).ToValueList()), Runner(pack, attempt));

    private static IEnumerable<string> Spawned(IReadOnlyList<Effect> effects) => effects.OfType<Effect.Spawn>().Select(spawn => spawn.Name);

    private SweepView View()
    {
        var view = new SweepView(Some.Sweep);
        foreach (var fact in _facts) view.Apply(fact);
        return view;
    }

    [Fact]
    public void A_sweep_of_a_hundred_thousand_trials_asks_for_workers_for_a_few_packs_at_a_time()
    {
        Assert.Equal(Sweep.WaitingMax, Spawned(Start(100_000)).Count());
        Assert.Equal([$"pack.s-1.{Sweep.WaitingMax}.1"], Spawned(Begin(0, 1)));
        Assert.Empty(Spawned(Finish(0, 1)));
    }

    [Theory]
    [InlineData("model.classes", "Trial 1 (classes=2) cannot be trained: the data set has labels from 0 to 2, but model.classes is 2; set it to 3.", "3", "2", "4")]
    [InlineData("model.family", "Trial 2 (family=m2) cannot be trained: the model needs the label of each row, but the data set has none.", "vae", "ladder", "m2")]
    [InlineData("training.beta", "No trial can be trained: the data set has labels from 0 to 2, but model.classes is 2; set it to 3.", "1", "2", "4")]
    public void A_trial_that_cannot_take_the_labels_ends_the_sweep_before_any_begins_wherever_it_stands(string path, string told, params string[] values)
    {
        var family = path == "model.family" ? ModelFamily.Vae : ModelFamily.Conditional;
        var definition = Some.Definition(1) with
        {
            Model = new ModelSpec { Family = family, Classes = path == "training.beta" ? 2 : 3 },
            Search = new SearchSpec { Parameters = [new(path, new ParameterDomain.Values([.. values]))] },
        };
        _facts.Add(Some.Submitted(1) with { Definition = Encoding.UTF8.GetString(SweepDefinitionJson.WriteUtf8(definition)) });
        _sweep = new(new Sweep(Some.Context(), Some.Sweep, [.. _facts]));
        Feed(new Signal.Started());
        var hasLabels = family != ModelFamily.Vae;

        var effects = Feed(new SweepMessage.DatasetReady(Some.Manifest with { HasLabels = hasLabels, Classes = hasLabels ? 3 : 0 }, []));

        var ended = Assert.Single(effects.Facts<SweepEvent.Ended>());
        Assert.Equal((SweepState.Failed, told), (ended.State, ended.Reason));
        Assert.Empty(effects.Facts<SweepEvent.DatasetReady>());
    }

    [Fact]
    public void A_start_is_durable_before_it_is_confirmed_and_a_repeat_is_confirmed_again_without_a_second_fact()
    {
        Start(1);
        var first = Begin(0, 1);
        Assert.IsType<Effect.Persist>(first[0]);
        Assert.Single(first.Sent<PackMessage.StartRecorded>());
        var again = Begin(0, 1);
        Assert.Single(again.Sent<PackMessage.StartRecorded>());
        Assert.Empty(again.Facts<SweepEvent>());
    }

    [Fact]
    public void Results_are_taken_once_and_the_last_one_ends_the_sweep()
    {
        Start(2);
        Begin(0, 1);
        Begin(1, 1);
        Assert.Single(Finish(0, 1).Facts<SweepEvent.TrialEnded>());
        var again = Feed(new SweepMessage.PackDone(Some.Pack(0), new(1), [Some.Done(0, 0)]), Runner(0, 1));
        Assert.Empty(again.Facts<SweepEvent>());
        Assert.Single(again.Sent<PackMessage.PackSettled>());
        Assert.Equal(SweepState.Done, Assert.Single(Finish(1, 1).Facts<SweepEvent.Ended>()).State);
    }

    [Fact]
    public void A_lost_attempt_is_followed_by_the_next_and_what_it_still_reports_is_not_taken()
    {
        Start(1);
        Begin(0, 1);
        var retry = Lose(0, 1).LastWake<SweepMessage.RetryDue>();
        Assert.Equal(["pack.s-1.0.2"], Spawned(Feed(retry!)));
        Assert.Empty(Feed(new SweepMessage.PackDone(Some.Pack(0), new(1), [Some.Done(0, 0)]), Runner(0, 1)).Facts<SweepEvent>());
        Assert.Empty(Spawned(Feed(retry!)));
    }

    [Fact]
    public void A_trial_is_given_up_after_five_lost_attempts_with_their_history()
    {
        Start(1);
        IReadOnlyList<Effect> effects = [];
        for (var attempt = 1; attempt <= Sweep.LossesMax; attempt++)
        {
            Begin(0, attempt);
            effects = Lose(0, attempt);
            if (effects.LastWake<SweepMessage.RetryDue>() is { } retry) Feed(retry);
        }

        var result = Assert.Single(effects.Facts<SweepEvent.TrialEnded>()).Result;
        Assert.Equal(TrialState.Failed, result.State);
        Assert.Contains("attempt 1: w0: silent; attempt 2", result.FailureText, StringComparison.Ordinal);
        Assert.Equal(SweepState.DoneWithFailures, View().State);
    }

    [Fact]
    public void Preemption_counts_against_nobody_and_is_retried_at_once()
    {
        Start(1);
        for (var attempt = 1; attempt <= Sweep.LossesMax + 3; attempt++)
        {
            Begin(0, attempt);
            var wake = Assert.Single(Lose(0, attempt, FailureKind.Preempted).OfType<Effect.Wake>());
            Assert.Equal(TimeSpan.Zero, wake.After);
            Feed(wake.Message);
        }

        Assert.Equal(TrialState.Preempted, View().Row(0).State);
    }

    [Theory]
    [InlineData(FailureKind.NonFinite)]
    [InlineData(FailureKind.OutOfMemory)]
    [InlineData(FailureKind.Engine)]
    public void A_trial_that_cannot_be_trained_fails_at_once_with_its_text(FailureKind kind)
    {
        Start(1);
        Begin(0, 1);
        var result = Assert.Single(Lose(0, 1, kind).Facts<SweepEvent.TrialEnded>()).Result;
        Assert.Equal((TrialState.Failed, "w0: silent"), (result.State, result.FailureText));
    }

    [Fact]
    public void A_crashed_runner_is_a_lost_attempt()
    {
        Start(1);
        Begin(0, 1);
        var effects = Feed(new Signal.Terminated(Runner(0, 1), "crashed: x"));
        Assert.Equal(TrialState.Lost, Assert.Single(effects.Facts<SweepEvent.PackInterrupted>()).State);
        Assert.NotNull(effects.LastWake<SweepMessage.RetryDue>());
    }

    [Fact]
    public void A_restart_skips_what_has_ended_goes_on_with_what_ran_and_hands_out_the_rest()
    {
        Start(4);
        Begin(0, 1);
        Begin(2, 1);
        Finish(0, 1);

        Assert.Equal(["pack.s-1.2.1", "pack.s-1.3.1", "pack.s-1.4.1"], Spawned(Restart()).Order());
        Assert.Equal((1, 1), View().Row(1) is var row ? (row.Index, row.Attempt.Value) : default);
        Assert.Equal([2], Assert.Single(Begin(3, 1).Facts<SweepEvent.PackStarted>()).Trials);
    }

    [Fact]
    public void A_data_set_that_changed_between_two_lives_ends_the_sweep_with_both_fingerprints()
    {
        Start(1);
        _sweep = new(new Sweep(Some.Context(), Some.Sweep, [.. _facts]));
        Feed(new Signal.Started());
        var other = Some.Manifest with { Fingerprint = new string('c', 64) };
        var ended = Assert.Single(Feed(new SweepMessage.DatasetReady(other, [])).Facts<SweepEvent.Ended>());
        Assert.Equal(SweepState.Failed, ended.State);
        Assert.Contains(other.Fingerprint, ended.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Cancelling_cancels_every_unfinished_trial_and_waits_for_the_runners_to_give_their_workers_back()
    {
        Start(3);
        Begin(0, 1);
        var stopped = Feed(new SweepMessage.StopSweep("by the user"));
        Assert.Equal(3, stopped.Sent<PackMessage.CancelPack>().Count);
        Assert.False(stopped.Stops());
        Assert.Equal(3, View().Count(TrialState.Cancelled));
        Assert.False(Feed(new Signal.Terminated(Runner(0, 1), "cancelled")).Stops());
        Feed(new Signal.Terminated(Runner(1, 1), "cancelled"));
        Assert.True(Feed(new Signal.Terminated(Runner(2, 1), "cancelled")).Stops());
    }

    [Fact]
    public void The_wall_budget_runs_from_the_first_start_and_over_restarts()
    {
        var start = Start(2, new BudgetSpec { Wall = TimeSpan.FromSeconds(100) });
        var tick = start.LastWake<SweepMessage.SweepTick>();
        Begin(0, 1);
        _sweep.Now += TimeSpan.FromSeconds(60);
        Assert.Equal(TimeSpan.FromSeconds(60), Assert.Single(Feed(tick!).Facts<SweepEvent.TimeSpent>()).Elapsed);

        tick = Restart().LastWake<SweepMessage.SweepTick>();
        Begin(1, 2);
        _sweep.Now += TimeSpan.FromSeconds(40);
        Assert.Equal(SweepState.Cancelled, Assert.Single(Feed(tick!).Facts<SweepEvent.Ended>()).State);
    }

    [Fact]
    public void A_repeated_submission_is_answered_again_and_not_run_twice()
    {
        var book = new Probe(new SweepBook(Some.Context(), []));
        var submit = new SweepBookMessage.SubmitSweep(Some.Sweep, Some.Definition(3), "", "", ActorId.Host(NodeId.Coordinator));
        var first = book.Feed(submit);
        Assert.IsType<Effect.Persist>(first[0]);
        Assert.Single(first.OfType<Effect.Spawn>());
        var again = book.Feed(submit);
        Assert.Equal(3, Assert.Single(again.Sent<ObserverMessage.SweepAccepted>()).Trials);
        Assert.Single(again);
    }

    [Fact]
    public void A_view_ranks_by_held_out_elbo_and_the_lower_index_wins_a_tie()
    {
        Start(4);
        for (var pack = 0; pack < 4; pack++) Begin(pack, 1);
        double[] elbos = [-3, -1, double.NaN, -1];
        for (var pack = 0; pack < 4; pack++)
            Feed(new SweepMessage.PackDone(Some.Pack(pack), new(1), [Some.Done(pack, elbos[pack])]), Runner(pack, 1));
        Assert.Equal([1, 3, 0], View().Ranked.Select(ranked => ranked.Index));
        Assert.Equal(4, View().Count(TrialState.Done));
    }
}
