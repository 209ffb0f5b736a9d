using System.Diagnostics;
using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Tests.Simulation.Host;
using Vae.Worker.Actors;

namespace Vae.Tests.Simulation.Scenarios;

/// <summary>The planner with real agents, whose probes are slow, fail, or never answer, while nodes crash and messages are lost.</summary>
public class PlannerSimulations
{
    private const int Workers = 3;
    private const int Cores = 4;
    private static readonly TimeSpan FaultTime = TimeSpan.FromSeconds(40);
    private static readonly ActorId Sweep = Addresses.Sweep(new SweepId("s-1"));
    private static readonly ValueList<ProbeReading> Readings = [new(1, 1, 1, 100), new(4, 1, 1, 300), new(4, 8, 1, 900)];

    private static readonly PackQuestion[] Questions =
    [
        Question(batch: 16, steps: 10_000_000, new()), Question(batch: 32, steps: 10_000_000, new()), Question(batch: 64, steps: 100, new()),
        Question(batch: 128, steps: 10_000_000, new ResourceSpec { MaxPack = 1, Lanes = 2, Threads = 1 }),
    ];

    public static TheoryData<ulong> ManySeeds => Seeds.Of(100);

    [Theory, MemberData(nameof(ManySeeds))]
    public void Every_question_is_answered_within_what_the_file_and_the_workers_allow_whatever_is_lost(ulong seed)
    {
        var answers = Run(seed).Actor<Asker>(Sweep)!.Answers;

        Assert.All(answers.Values, answer => Assert.True(answer.Shape.Lanes * answer.Shape.Threads <= Cores && answer.Shape.Slots is >= 1 and <= PackPlanner.SlotsMax, answer.ToString()));
        Assert.Equal(new PackShape(1, 16, 2, 1), answers[Questions[3].Signature.Key].Shape);
        Assert.StartsWith("rule of thumb", answers[Questions[2].Signature.Key].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Over_the_seeds_long_work_is_measured_and_also_answered_by_the_rule_where_no_probe_comes_back()
    {
        var reasons = Enumerable.Range(1, 40).SelectMany(seed => Run((ulong)seed).Actor<Asker>(Sweep)!.Answers.Values).Select(answer => answer.Reason.Split(':')[0]).ToArray();

        Assert.Contains("measured", reasons);
        Assert.True(reasons.Count(reason => reason == "rule of thumb") > 40, "short work alone makes 40 answers by the rule");
    }

    [Fact]
    public void On_a_faithful_network_long_work_is_always_measured_and_within_the_time_of_two_probes()
    {
        var cluster = Start(seed: 1, FaultPlan.None, neverFails: true);
        cluster.RunUntil(() => Answered(cluster), TimeSpan.FromSeconds(15), "all answers");

        Assert.Equal(2, cluster.Actor<Asker>(Sweep)!.Answers.Values.Count(answer => answer.Reason.StartsWith("measured", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_seed_has_one_history() => Assert.Equal(Run(3).Summary(), Run(3).Summary());

    private static PackQuestion Question(int batch, long steps, ResourceSpec resources) => new(
        new TrialSpec { Index = 0, Model = new ModelSpec(), Training = new TrainingSpec { Batch = batch } }, new DataShape(8_000, 1, 28, 28, 2_000), Binarize.Dynamic, resources, 64, steps);

    private static bool Answered(SimulatedCluster cluster) => cluster.Actor<Asker>(Sweep) is { } asker && asker.Answers.Count == Questions.Length;

    private static SimulatedCluster Run(ulong seed)
    {
        var nodes = Enumerable.Range(0, Workers).Select(number => new NodeId($"w{number}")).Prepend(NodeId.Coordinator).ToArray();
        var cluster = Start(seed, new FaultPlan
        {
            Network = new NetworkFaults { Loss = 0.2, Duplicate = 0.05, Reorder = 0.05, DelayMax = TimeSpan.FromMilliseconds(200) },
            Schedule = RandomFaults.Expand(seed, nodes, FaultTime, new() { CrashEvery = TimeSpan.FromSeconds(15), PauseEvery = TimeSpan.FromSeconds(20), DisconnectEvery = TimeSpan.FromSeconds(15), OutageMax = TimeSpan.FromSeconds(15) }),
            FaultsUntil = FaultTime,
        }, neverFails: false);
        cluster.RunUntil(() => cluster.FaultsEnded && Answered(cluster), FaultTime + TimeSpan.FromMinutes(3), "all answers");
        return cluster;
    }

    private static SimulatedCluster Start(ulong seed, FaultPlan plan, bool neverFails)
    {
        var cluster = new SimulatedCluster(seed, plan);
        cluster.AddNode(NodeId.Coordinator, boot =>
        {
            var context = new CoordinatorContext(new Term(boot.Number), _ => [], []);
            boot.SpawnRoot("planner", () => new Planner(context), Supervision.Never);
            boot.SpawnRoot("placement", () => new Placement(context), Supervision.Never);
            boot.SpawnRoot("cluster", () => new Coordinator.Actors.Cluster(context), Supervision.Never);
            boot.SpawnRoot(Sweep.Name, () => new Asker());
        });
        for (var i = 0; i < Workers; i++)
        {
            cluster.AddNode(new NodeId($"w{i}"), boot =>
            {
                var facts = new DeviceFacts(boot.Node.Value, 1, "cpu", Cores, 8L << 30, "cpu", "", 0, Cores, "2", "blas", "AVX2", "0.1");
                boot.UseJobs(new JobsBy((job, context) => Probe(job, context, neverFails)));
                boot.SpawnRoot("agent", () => new WorkerAgent(new WorkerIdentity(boot.Node, (ulong)boot.Number, facts, new DataEndpoint(boot.Node.Value, 1), Cores)), Supervision.Never);
                boot.SpawnRoot("outbox", () => new MetricsOutbox(boot.Node, (ulong)boot.Number), Supervision.Never);
            });
        }

        return cluster;
    }

    private static void Probe(Job job, JobContext context, bool neverFails)
    {
        if (job is not ProbeJob probe) throw new InvalidOperationException($"No port for {job.GetType().Name}.");
        var luck = neverFails ? 1 : context.Prng.NextBelow(10) / 10.0;
        if (probe.OnlyKnown) context.Answer(TimeSpan.FromMilliseconds(1), new AgentMessage.ProbeMeasured(probe.Number, [], "nothing is known"));
        else if (luck >= 0.4) context.Answer(context.Prng.Between(TimeSpan.FromSeconds(1), ProbeOrder.TimeMax), new AgentMessage.ProbeMeasured(probe.Number, Readings, "measured"));
        else if (luck >= 0.2) context.Fail(TimeSpan.FromSeconds(1), "out of luck"); // Else it hangs for ever.
    }

    /// <summary>Asks as a sweep does: all at once, and again what is not answered.</summary>
    private sealed class Asker : IActor
    {
        public SortedDictionary<string, SweepMessage.PackPlanned> Answers { get; } = new(StringComparer.Ordinal);

        public void Receive(ActorId sender, Message message, Instant now, Effects effects)
        {
            switch (message)
            {
                case Signal.Started or SweepMessage.SweepTick:
                    foreach (var question in Questions.Where(question => !Answers.ContainsKey(question.Signature.Key))) effects.Send(Addresses.Planner, new PlannerMessage.PlanPack(question, Sweep));
                    effects.Wake(TimeSpan.FromSeconds(5), new SweepMessage.SweepTick(0));
                    break;
                case SweepMessage.PackPlanned planned: Answers[planned.Signature] = planned; break;
                case Signal: break;
                default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
            }
        }
    }
}
