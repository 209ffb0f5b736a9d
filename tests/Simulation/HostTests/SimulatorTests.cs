using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Simulation.HostTests;

/// <summary>Each fault alone, at a moment of the test's choosing.</summary>
public class SimulatorTests
{
    private static readonly NodeId One = new("worker-1");
    private static readonly ActorId Server = new(NodeId.Coordinator, "cluster");
    private static readonly ActorId Agent = new(One, "agent");

    private readonly List<string> _log = [];

    [Fact]
    public void A_crash_between_commit_and_effects_leaves_the_fact_without_its_answer()
    {
        var cluster = Counting(new() { Schedule = [(TimeSpan.FromSeconds(2), new Fault.CrashAfterCommit(NodeId.Coordinator, null))] });
        cluster.RunFor(TimeSpan.FromSeconds(2));
        var before = cluster.Store.Count;
        cluster.RunUntil(() => !cluster.Node(NodeId.Coordinator).IsAlive, TimeSpan.FromSeconds(10));
        Assert.Equal(1, cluster.History.Count(FaultKind.CrashAfterCommit));
        Assert.Equal(before + 1, cluster.Store.Count);

        cluster.RunFor(TimeSpan.FromMinutes(1));
        Assert.Equal(cluster.Store.Count - 1, cluster.Actor<Pinger>(Agent)!.Answered);
        cluster.Inject(new Fault.Restart(NodeId.Coordinator));
        cluster.RunUntil(() => cluster.Actor<Pinger>(Agent)!.Answered == 1_000, TimeSpan.FromHours(1));
        Assert.Equal(1_000, cluster.Store.Count);
    }

    [Fact]
    public void A_store_error_ends_the_process_and_the_seed_decides_what_was_durable()
    {
        var durable = new HashSet<bool>();
        for (ulong seed = 1; seed <= 10; seed++)
        {
            var cluster = Counting(new() { Schedule = [(TimeSpan.FromSeconds(2), new Fault.StoreError(NodeId.Coordinator, TimeSpan.FromSeconds(1)))] }, seed);
            cluster.RunUntil(() => cluster.Node(NodeId.Coordinator).Boots == 2, TimeSpan.FromMinutes(1));
            durable.Add(cluster.History.Count(FaultKind.StoreErrorYetDurable) == 1);
            cluster.RunUntil(() => cluster.Actor<Pinger>(Agent)!.Answered == 1_000, TimeSpan.FromHours(1));
        }

        Assert.Equal(2, durable.Count);
    }

    [Fact]
    public void A_lost_connection_is_told_to_both_sides_and_to_watchers_and_comes_back()
    {
        var cluster = Listening(new() { Schedule = [(TimeSpan.FromSeconds(5), new Fault.Partition(One, NodeId.Coordinator, TimeSpan.FromSeconds(60)))] });
        cluster.RunFor(TimeSpan.FromSeconds(4));
        Assert.Equal(["agent: coordinator up", "cluster: worker-1 up"], _log);
        cluster.RunFor(TimeSpan.FromSeconds(40));
        Assert.Equal(["agent: coordinator down", "agent: coordinator/cluster gone", "cluster: worker-1 down"], _log.Skip(2).Order(StringComparer.Ordinal));
        cluster.RunFor(TimeSpan.FromSeconds(60));
        Assert.Equal(["agent: coordinator up", "cluster: worker-1 up"], _log.Skip(5).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_one_way_partition_is_noticed_by_both_sides_too()
    {
        var cluster = Listening(new() { Schedule = [(TimeSpan.FromSeconds(5), new Fault.OneWayPartition(One, NodeId.Coordinator, TimeSpan.FromSeconds(60)))] });
        cluster.RunFor(TimeSpan.FromSeconds(44));
        Assert.Contains("agent: coordinator down", _log);
        Assert.Contains("cluster: worker-1 down", _log);
    }

    [Fact]
    public void A_partition_shorter_than_its_detection_delays_mail_in_order_and_loses_none()
    {
        var slow = NetworkFaults.None with { DetectMin = TimeSpan.FromSeconds(30), DetectMax = TimeSpan.FromSeconds(40) };
        var cluster = Streaming(new() { Network = slow, Schedule = [(TimeSpan.FromSeconds(5), new Fault.Partition(One, NodeId.Coordinator, TimeSpan.FromSeconds(10)))] });
        cluster.RunUntil(() => _log.Count == 300, TimeSpan.FromMinutes(2));
        Assert.Equal(Enumerable.Range(0, 300).Select(i => $"{i}"), _log);
        Assert.True(cluster.History.Count(FaultKind.HeldBack) > 0);
        Assert.Equal(0, cluster.History.Count(FaultKind.ConnectionLost));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(0.2, false)]
    public void A_connection_keeps_its_order_over_a_slow_network_unless_reordering_is_asked_for(double reorder, bool inOrder)
    {
        var cluster = Streaming(new() { Network = NetworkFaults.None with { DelayMax = TimeSpan.FromMilliseconds(500), Reorder = reorder } });
        cluster.RunUntil(() => _log.Count == 300, TimeSpan.FromMinutes(2));
        Assert.Equal(inOrder, _log.SequenceEqual(Enumerable.Range(0, 300).Select(i => $"{i}")));
    }

    [Fact]
    public void A_paused_node_handles_nothing_and_then_everything_in_order()
    {
        var slow = NetworkFaults.None with { DetectMin = TimeSpan.FromSeconds(30), DetectMax = TimeSpan.FromSeconds(40) };
        var cluster = Streaming(new() { Network = slow, Schedule = [(TimeSpan.FromSeconds(5), new Fault.Pause(NodeId.Coordinator, TimeSpan.FromSeconds(10)))] });
        cluster.RunFor(TimeSpan.FromSeconds(6));
        var handled = _log.Count;
        cluster.RunFor(TimeSpan.FromSeconds(8));
        Assert.Equal(handled, _log.Count);
        cluster.RunUntil(() => _log.Count == 300, TimeSpan.FromMinutes(2));
        Assert.Equal(Enumerable.Range(0, 300).Select(i => $"{i}"), _log);
    }

    [Fact]
    public void A_restarted_node_has_lost_its_memory_and_kept_its_facts()
    {
        var cluster = Counting(new() { Schedule = [(TimeSpan.FromSeconds(3), new Fault.Crash(One, TimeSpan.FromSeconds(1)))] });
        cluster.RunUntil(() => cluster.Actor<Pinger>(Agent)?.Answered > 10, TimeSpan.FromSeconds(3));
        cluster.RunUntil(() => cluster.Node(One).Boots == 2, TimeSpan.FromSeconds(10));
        Assert.Equal(0, cluster.Actor<Pinger>(Agent)?.Answered ?? 0);
        Assert.NotEmpty(cluster.Store.Of(NodeId.Coordinator));
        cluster.RunUntil(() => cluster.Actor<Pinger>(Agent)?.Answered == 1_000, TimeSpan.FromHours(1));
        Assert.Equal(1_000, cluster.Store.Count);
    }

    [Fact]
    public void A_job_answers_after_its_delay_and_not_into_a_later_life_of_the_process()
    {
        var cluster = new SimulatedCluster(seed: 1);
        JobContext? kept = null;
        cluster.AddNode(NodeId.Coordinator, boot =>
        {
            boot.UseJobs(new JobsBy((_, context) => (kept ??= context).Answer(TimeSpan.FromSeconds(3), new Toy.Ping(boot.Number))));
            boot.SpawnRoot("a", () => new Scripted((_, message, effects) =>
            {
                if (message is Signal.Started) effects.Run(new ToyJob());
                else _log.Add($"{message} at {cluster.Now.TotalSeconds:F0}");
            }));
        });
        cluster.RunFor(TimeSpan.FromSeconds(4));
        Assert.Equal(["Ping { Number = 1 } at 3"], _log);
        cluster.Inject(new Fault.Crash(NodeId.Coordinator, TimeSpan.FromSeconds(1)));
        Assert.False(kept!.IsAlive);
        cluster.RunFor(TimeSpan.FromSeconds(2));
        kept.Answer(TimeSpan.Zero, new Toy.Ping(99)); // A port that another node still holds.
        cluster.RunFor(TimeSpan.FromSeconds(10));
        Assert.Single(_log);
    }

    [Fact]
    public void A_broken_rule_stops_the_run_and_prints_how_to_see_it_again()
    {
        var cluster = Counting(new() { Network = NetworkFaults.None with { Loss = 0.1 }, Schedule = [(TimeSpan.FromSeconds(1), new Fault.Pause(One, TimeSpan.FromSeconds(2)))] }, seed: 77);
        cluster.Check(new NeverTen());
        var failed = Assert.Throws<SimulationFailedException>(() => cluster.RunFor(TimeSpan.FromMinutes(10)));
        Assert.IsType<RuleBrokenException>(failed.InnerException);
        foreach (var part in (string[])["ten was counted", "VAE_SEED=77", "Loss = 0.1", "Pause { Node = worker-1", "Ping { Number = 10 }", "s simulated", "last draws"])
        {
            Assert.Contains(part, failed.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_broken_invariant_in_an_actor_stops_the_run()
    {
        var cluster = new SimulatedCluster(seed: 1);
        cluster.AddNode(NodeId.Coordinator, boot => boot.SpawnRoot("a", () => new Scripted((_, _, _) => Verify.That(_log.Count > 0))));
        Assert.IsType<InvariantException>(Assert.Throws<SimulationFailedException>(() => cluster.RunFor(TimeSpan.FromSeconds(1))).InnerException);
    }

    [Fact]
    public void A_goal_that_is_not_reached_is_a_failure_that_names_it()
    {
        var cluster = Counting(FaultPlan.None);
        var failed = Assert.Throws<SimulationFailedException>(() => cluster.RunUntil(() => false, TimeSpan.FromSeconds(1), "the impossible"));
        Assert.StartsWith("Not reached: the impossible, after 1 s.", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_message_that_may_not_leave_its_node_stops_the_run_when_it_is_sent_to_another()
    {
        var cluster = Listening(FaultPlan.None);
        cluster.RunFor(TimeSpan.FromSeconds(2));
        cluster.Node(One).SpawnRoot("a", () => new Scripted((_, _, effects) => effects.Send(Server, new Toy.Retry(1))));
        var failed = Assert.Throws<SimulationFailedException>(() => cluster.RunFor(TimeSpan.FromSeconds(1)));
        Assert.Contains("Retry never leaves its node", failed.Message, StringComparison.Ordinal);
    }

    private static SimulatedCluster Counting(FaultPlan plan, ulong seed = 1)
    {
        var cluster = new SimulatedCluster(seed, plan, Toy.Catalog);
        cluster.AddNode(NodeId.Coordinator, boot => boot.SpawnRoot("cluster", () => new DurableCounter(boot.Facts())));
        cluster.AddNode(One, boot => boot.SpawnRoot("agent", () => new Pinger(Server, 1_000)));
        return cluster;
    }

    private SimulatedCluster Listening(FaultPlan plan)
    {
        var cluster = new SimulatedCluster(1, plan, Toy.Catalog);
        cluster.AddNode(NodeId.Coordinator, boot => boot.SpawnRoot("cluster", () => new Scripted((_, message, _) => Note("cluster", message))));
        cluster.AddNode(One, boot => boot.SpawnRoot("agent", () => new Scripted((_, message, effects) =>
        {
            Note("agent", message);
            if (message is Signal.NodeChanged { Connected: true }) effects.Watch(Server);
        })));
        return cluster;

        void Note(string who, Message message)
        {
            if (message is Signal.NodeChanged change) _log.Add($"{who}: {change.Node} {(change.Connected ? "up" : "down")}");
            if (message is Signal.Terminated gone) _log.Add($"{who}: {gone.Actor} gone");
        }
    }

    // One message every 50 ms from worker to coordinator, for 15 s, once connected.
    private SimulatedCluster Streaming(FaultPlan plan)
    {
        var cluster = new SimulatedCluster(1, plan, Toy.Catalog);
        cluster.AddNode(NodeId.Coordinator, boot => boot.SpawnRoot("cluster", () => new Scripted((_, message, _) =>
        {
            if (message is Toy.Ping ping) _log.Add($"{ping.Number}");
        })));
        cluster.AddNode(One, boot => boot.SpawnRoot("agent", () => new Scripted((_, message, effects) =>
        {
            if (message is Signal.NodeChanged { Connected: true }) effects.Wake(TimeSpan.Zero, new Toy.Retry(0));
            if (message is not Toy.Retry { Number: < 300 } tick) return;
            effects.Send(Server, new Toy.Ping(tick.Number));
            effects.Wake(TimeSpan.FromMilliseconds(50), new Toy.Retry(tick.Number + 1));
        })));
        return cluster;
    }

    private sealed record ToyJob : Job;

    private sealed class NeverTen : IChecker
    {
        public void AfterEvent(SimulatedCluster cluster)
        {
            if (cluster.LastReceived is { Message: Toy.Ping { Number: 10 } }) throw new RuleBrokenException("ten was counted");
        }
    }
}
