using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Simulation.Scenarios;

public class SweepSimulations
{
    private const int Trials = 24;
    private const int Workers = 4;
    private static readonly SweepId First = new("s-first");
    private static readonly SweepId Second = new("s-second");
    private static readonly TimeSpan FaultTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan QuietLimit = TimeSpan.FromMinutes(6);

    public static TheoryData<ulong> ManySeeds => Seeds.Of(200);

    public static TheoryData<ulong> FewSeeds => Seeds.Of(10);

    [Fact]
    public void A_sweep_on_a_faithful_network_ends_with_every_trial_once_and_every_point()
    {
        var scenario = Start(seed: 1, FaultPlan.None);
        scenario.RunToTheEnd(TimeSpan.FromMinutes(3));
        scenario.Cluster.RunFor(TimeSpan.FromSeconds(5));

        foreach (var view in scenario.Views.Values)
        {
            Assert.Equal(SweepState.DoneWithFailures, view.State);
            Assert.All(Enumerable.Range(0, Trials), trial => Assert.Equal(FakeEngine.CanEndWell(trial) ? TrialState.Done : TrialState.Failed, view.Row(trial).State));
            var best = Enumerable.Range(0, Trials).Where(FakeEngine.CanEndWell).MaxBy(FakeEngine.ElboOf);
            Assert.Equal(best, view.Best!.Index);
        }

        var finished = Enumerable.Range(0, Trials).Count(FakeEngine.CanEndWell);
        Assert.True(scenario.Points.CountOf(First) >= finished * FakeEngine.Steps);
    }

    [Theory, MemberData(nameof(ManySeeds))]
    public void Every_sweep_ends_and_no_rule_breaks_while_messages_workers_and_the_coordinator_are_lost(ulong seed)
    {
        var scenario = Run(seed);

        foreach (var view in scenario.Views.Values)
        {
            Assert.Equal(Trials, view.Ended);
            Assert.All(view.Touched, row => Assert.True(row.State switch
            {
                TrialState.Done => FakeEngine.CanEndWell(row.Index),
                TrialState.Cancelled => view.State == SweepState.Cancelled,
                TrialState.Failed => !FakeEngine.CanEndWell(row.Index) || row.Result!.FailureText.StartsWith("Given up", StringComparison.Ordinal),
                _ => row.Result!.FailureText.Length > 0,
            }, $"{row}"));
        }
    }

    [Fact]
    public void The_seeds_meet_every_kind_of_fault_and_every_way_in_which_an_attempt_ends()
    {
        var runs = Enumerable.Range(1, 20).Select(seed => Run((ulong)seed)).ToArray();
        FaultKind[] kinds =
        [
            FaultKind.Lost, FaultKind.Duplicated, FaultKind.Reordered, FaultKind.DroppedWithConnection, FaultKind.ConnectionLost, FaultKind.Crash, FaultKind.Pause,
            FaultKind.Partition, FaultKind.OneWayPartition, FaultKind.CrashAfterCommit, FaultKind.StoreError, FaultKind.StoreErrorYetDurable,
        ];
        Assert.All(kinds, kind => Assert.True(runs.Sum(run => run.Cluster.History.Count(kind)) > 0, $"no seed meets {kind}"));
        Assert.Equal(0, runs.Sum(run => run.Cluster.History.Count(FaultKind.ActorCrash)));

        var facts = runs.SelectMany(run => Enumerable.Range(0, run.Cluster.Store.Count).Select(i => run.Cluster.Store[i].Fact)).ToArray();
        foreach (var state in (TrialState[])[TrialState.Lost, TrialState.Preempted])
            Assert.Contains(facts, fact => fact is SweepEvent.PackInterrupted interrupted && interrupted.State == state);
        Assert.Contains(facts, fact => fact is SweepEvent.PackInterrupted { Reason: "the coordinator was restarted" });
        Assert.Contains(facts, fact => fact is SweepEvent.TrialEnded { Attempt.Value: > 1, Result.State: TrialState.Done });
        Assert.Contains(facts, fact => fact is SweepEvent.Ended { State: SweepState.Cancelled });
        Assert.Contains(facts, fact => fact is SweepEvent.PackStarted { Trials.Count: > 2 });
        Assert.Contains(facts, fact => fact is SweepEvent.PackStarted { Attempt.Value: > 1, Trials.Count: > 1 });
        Assert.Contains(facts, fact => fact is SweepEvent.SlotFilled);
        Assert.Contains(facts, fact => fact is SweepEvent.TrialEnded { Result.State: TrialState.Pruned });
    }

    [Theory, MemberData(nameof(FewSeeds))]
    public void A_seed_has_one_history(ulong seed) => Assert.Equal(Run(seed).Cluster.Summary(), Run(seed).Cluster.Summary());

    private static SweepScenario Run(ulong seed)
    {
        var nodes = Enumerable.Range(0, Workers).Select(SweepScenario.WorkerName).Prepend(NodeId.Coordinator).ToArray();
        var rates = new FaultRates
        {
            CrashEvery = TimeSpan.FromSeconds(70), PauseEvery = TimeSpan.FromSeconds(90), PartitionEvery = TimeSpan.FromSeconds(70),
            DisconnectEvery = TimeSpan.FromSeconds(40), CrashAfterCommitEvery = TimeSpan.FromSeconds(80), StoreErrorEvery = TimeSpan.FromSeconds(80),
            OutageMax = TimeSpan.FromSeconds(25),
        };
        var scenario = Start(seed, new FaultPlan
        {
            Network = new NetworkFaults { Loss = 0.1, Duplicate = 0.05, Reorder = 0.05, DelayMin = TimeSpan.FromMilliseconds(1), DelayMax = TimeSpan.FromMilliseconds(seed % 3 == 0 ? 600 : 60) },
            Schedule = RandomFaults.Expand(seed, nodes, FaultTime, rates),
            FaultsUntil = FaultTime,
        });
        var chance = new Prng(seed).Fork(77);
        for (var at = TimeSpan.FromSeconds(3); at < TimeSpan.FromSeconds(40); at += TimeSpan.FromSeconds(18))
            scenario.Drain(SweepScenario.WorkerName(chance.NextBelow(Workers)), at + chance.Between(TimeSpan.Zero, TimeSpan.FromSeconds(10)));
        if (seed % 5 == 0) scenario.Cancel(Second, chance.Between(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(30)));
        for (var i = 0; i < 6; i++) scenario.Prune(First, chance.NextBelow(Trials), chance.Between(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(40)));
        scenario.RunToTheEnd(FaultTime + QuietLimit);
        return scenario;
    }

    private static SweepScenario Start(ulong seed, FaultPlan plan)
    {
        var scenario = new SweepScenario(seed, Workers, plan);
        scenario.Submit(First, SweepScenario.Grid("first", Trials, (1, 2), maxPack: 3, signatures: 2), TimeSpan.FromMilliseconds(10));
        scenario.Submit(Second, SweepScenario.Grid("second", Trials, (2, 3), maxPack: 4), TimeSpan.FromSeconds(2));
        return scenario;
    }
}
