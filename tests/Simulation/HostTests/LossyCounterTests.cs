using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Simulation.HostTests;

/// <summary>A durable counter and its client under everything the simulator can do to them.</summary>
public class LossyCounterTests
{
    private const int Numbers = 30;

    private static readonly NodeId[] Names = [NodeId.Coordinator, new("worker-1")];

    public static TheoryData<ulong> Many => Seeds.Of(200);

    [Theory, MemberData(nameof(Many))]
    public void Every_number_is_counted_once_whatever_happens_and_two_runs_are_one_history(ulong seed)
    {
        var first = Run(seed);
        var again = Run(seed);
        Assert.Equal(first.Summary(), again.Summary());
        Assert.Equal(first.History.Last(), again.History.Last());
    }

    [Fact]
    public void Different_seeds_have_different_histories() =>
        Assert.Equal(20, Enumerable.Range(1, 20).Select(seed => Run((ulong)seed).History.Fingerprint).Distinct().Count());

    [Fact]
    public void Over_the_seeds_every_kind_of_fault_is_met()
    {
        var met = new long[Enum.GetValues<FaultKind>().Length];
        for (ulong seed = 1; seed <= 100; seed++)
        {
            var history = Run(seed).History;
            foreach (var kind in Enum.GetValues<FaultKind>()) met[(int)kind] += history.Count(kind);
        }

        FaultKind[] metByClustersOnly =
        [
            FaultKind.ActorCrash, FaultKind.ActorGivenUp, FaultKind.StoreStall, FaultKind.Fenced, FaultKind.LostLeadership, FaultKind.ClockJump, FaultKind.Slow, FaultKind.DataCut,
            FaultKind.DiskFull, FaultKind.WriteError, FaultKind.BitFlip, FaultKind.Terminate, FaultKind.DoubleStart, FaultKind.Echoed,
        ];
        Assert.All(Enum.GetValues<FaultKind>().Except(metByClustersOnly), kind => Assert.True(met[(int)kind] > 0, $"{kind} was never met."));
    }

    private static SimulatedCluster Run(ulong seed)
    {
        var end = TimeSpan.FromSeconds(60);
        var plan = new FaultPlan
        {
            Network = new() { Loss = 0.2, Duplicate = 0.05, Reorder = 0.05, DelayMax = TimeSpan.FromMilliseconds(200) },
            StoreError = 0.01,
            CrashAfterCommit = 0.02,
            Schedule = RandomFaults.Expand(seed, Names, end, new()
            {
                CrashEvery = TimeSpan.FromSeconds(20),
                PauseEvery = TimeSpan.FromSeconds(20),
                PartitionEvery = TimeSpan.FromSeconds(20),
                DisconnectEvery = TimeSpan.FromSeconds(20),
                CrashAfterCommitEvery = TimeSpan.FromSeconds(30),
                StoreErrorEvery = TimeSpan.FromSeconds(60),
                OutageMax = TimeSpan.FromSeconds(20),
            }),
            FaultsUntil = end,
        };
        var cluster = new SimulatedCluster(seed, plan, Toy.Catalog);
        cluster.Check(new AnsweredIsDurable());
        cluster.AddNode(Names[0], boot => boot.SpawnRoot("cluster", () => new DurableCounter(boot.Facts())));
        cluster.AddNode(Names[1], boot => boot.SpawnRoot("agent", () => new Pinger(new(NodeId.Coordinator, "cluster"), Numbers)));
        cluster.RunUntil(() => cluster.FaultsEnded && Answered() == Numbers, TimeSpan.FromMinutes(5), "every number answered");
        Assert.Equal(Enumerable.Range(1, Numbers), Enumerable.Range(0, cluster.Store.Count).Select(i => ((Counted)cluster.Store[i].Fact).Number));
        return cluster;

        int Answered() => cluster.Actor<Pinger>(new(Names[1], "agent"))?.Answered ?? 0;
    }

    /// <summary>I2 in small: whoever was told that a number is counted finds it in the store.</summary>
    private sealed class AnsweredIsDurable : IChecker
    {
        public void AfterEvent(SimulatedCluster cluster)
        {
            if (cluster.LastReceived is not { Message: Toy.Pong pong }) return;
            if (cluster.Store.Count < pong.Number) throw new RuleBrokenException($"{pong} was told, but only {cluster.Store.Count} facts are durable.");
        }
    }
}
