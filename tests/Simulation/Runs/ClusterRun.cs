using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;
using Vae.Tests.Simulation.Invariants;
using Vae.Tests.Simulation.Trainer;
using Vae.Worker.Actors;

namespace Vae.Tests.Simulation.Runs;

/// <summary>One run of a whole cluster: coordinators that stand by for each other, workers with the shipped actors and the fake trainer, and sweeps that are submitted until they are durable.</summary>
internal sealed class ClusterRun
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(45);
    private static readonly NodeId[] CoordinatorNames = [NodeId.Coordinator, new("coordinator-b"), new("coordinator-c")];

    private readonly InvariantChecker _checker;

    public ClusterRun(RunShape shape, ulong seed, FaultPlan plan)
    {
        Shape = shape;
        Cluster = new SimulatedCluster(seed, plan);
        Trainers = new FakeWorld(Cluster);
        Watched = new Watched(Cluster, Trainers, Points);
        Coverage = new Coverage(Watched);
        var orders = new I11ReplicasObeyTheNewest();
        _checker = new InvariantChecker(Watched,
        [
            new I01OneLiveAttempt(), new I02AcknowledgedIsDurable(), new I03AllowedArrows(), new I06ResumedIsUninterrupted(), new I07StatesSum(), new I08WholeCurves(), new I09CheckpointsOpen(),
            new I10Bounds(shape.OutboxMax), new I11NothingOldChangesState(), orders, new I12NothingIsLeft(), new I13EndedStaysEnded(), Coverage,
        ]);
        Cluster.Check(_checker);
        Cluster.OnTerminate = Terminate;
        Cluster.OnJob = orders.OnJob;
        orders.OnNewTerm = Cluster.EchoAllKept;
        Cluster.MayEcho = message => message is ReplicaMessage;
        AddNodes(seed);
        foreach (var sweep in shape.Sweeps) Submit(sweep);
        foreach (var (sweep, trial, at) in shape.Prunings)
            Cluster.At(at, () => Cluster.Post(Addresses.Sweep(sweep), new SweepMessage.StopTrial(trial, TrialState.Pruned, "it could not win")));
    }

    public RunShape Shape { get; }

    public SimulatedCluster Cluster { get; }

    public FakeWorld Trainers { get; }

    public Watched Watched { get; }

    public Coverage Coverage { get; }

    public PointTable Points { get; } = new();

    /// <summary>The run of a seed, with all that may go wrong in it.</summary>
    public static ClusterRun Of(ulong seed)
    {
        var shape = RunShape.Of(seed);
        return new(shape, seed, Swarm.PlanOf(seed, Coordinators(shape), Workers(shape), Doubles(shape), shape.FaultTime));
    }

    /// <summary>Runs until every sweep has ended and everything is quiet: first with faults, then without, when all must end within a bound (I12).</summary>
    public void ToTheEnd()
    {
        Cluster.RunUntil(() => Cluster.FaultsEnded || Cluster.Plan.FaultsUntil is null, Shape.FaultTime + TimeSpan.FromSeconds(1), "the end of the faults");
        var bound = BoundAfterFaults();
        Cluster.RunUntil(() => Shape.Sweeps.All(sweep => HasEnded(sweep.Id)), bound, "I12: the end of all sweeps after the faults");
        Cluster.RunFor(Quiet);
        try
        {
            _checker.AtEnd();
        }
        catch (RuleBrokenException broken)
        {
            throw Cluster.Failed(broken.Message, broken);
        }
    }

    public bool HasEnded(SweepId id) => Watched.Model.Sweeps.TryGetValue(id, out var sweep) && sweep.Ended;

    // All that is left to do, were it done one trial after the other on the lanes that there are, twice over, and the timeouts of those who wait for what is gone.
    private TimeSpan BoundAfterFaults()
    {
        var open = 0L;
        foreach (var sweep in Shape.Sweeps)
        {
            for (var trial = 0; trial < Vae.Shared.Sweeps.SweepTrials.Count(sweep.Definition); trial++) open += Watched.Model.Trial(new(sweep.Id, trial)).HasEnded ? 0 : Oracle.StepsOf(trial);
        }

        return (Trainers.StepTime * 3 * open / Math.Max(1, Shape.Workers * Shape.Lanes / 4)) + TimeSpan.FromMinutes(6);
    }

    private static NodeId[] Coordinators(RunShape shape) => CoordinatorNames[..shape.Coordinators];

    private static NodeId[] Workers(RunShape shape) => [.. Enumerable.Range(0, shape.Workers).Select(number => new NodeId($"w{number}"))];

    // The first workers may be started a second time by mistake.
    private static NodeId[] Doubles(RunShape shape) => [.. Enumerable.Range(0, Math.Min(2, shape.Workers)).Select(number => new NodeId($"w{number}-again"))];

    private void AddNodes(ulong seed)
    {
        var prng = new Prng(seed).Fork(0xB007);
        var isAlone = Shape.Coordinators == 1;
        foreach (var name in Coordinators(Shape)) Cluster.AddNode(name, BootCoordinator, new() { Role = NodeId.Coordinator, StandsBy = !isAlone });
        foreach (var name in Workers(Shape))
        {
            Cluster.AddNode(name, BootWorker, new()
            {
                StartsAt = prng.Chance(0.2) && name.Value != "w0" ? prng.Between(TimeSpan.FromSeconds(1), Shape.FaultTime / 2) : TimeSpan.Zero,
                ClockRate = 0.98 + (0.04 * prng.NextDouble()),
            });
        }

        foreach (var name in Doubles(Shape)) Cluster.AddNode(name, BootWorker, new() { Role = new(name.Value.Split('-')[0]), OnlyByFault = true });
    }

    // As a client does: again each second until the sweep is durable.
    private void Submit(SweepShape sweep)
    {
        Cluster.At(sweep.At, Again);
        if (sweep.CancelledAt is { } at) Cluster.At(at, Cancel);

        void Again()
        {
            if (Watched.Model.Sweeps.ContainsKey(sweep.Id)) return;
            Cluster.Post(Addresses.Sweeps, new SweepBookMessage.SubmitSweep(sweep.Id, sweep.Definition, "", "", new(NodeId.Coordinator, "client")));
            Cluster.At(Cluster.Now + TimeSpan.FromSeconds(1), Again);
        }

        void Cancel()
        {
            if (HasEnded(sweep.Id)) return;
            Cluster.Post(Addresses.Sweeps, new SweepBookMessage.CancelSweep(sweep.Id, "by the user"));
            Cluster.At(Cluster.Now + TimeSpan.FromSeconds(1), Cancel);
        }
    }

    // The process ends when its agent has left, or when its grace is over; another of its name starts later.
    private void Terminate(SimulatedNode node, Fault.Terminate term)
    {
        var boot = node.Boots;
        var until = Cluster.Now + WorkerAgent.LeaveWithin + TimeSpan.FromSeconds(1);
        node.Tell(Addresses.Agent(node.Role), new AgentMessage.Leave("SIGTERM"));
        Cluster.At(Cluster.Now + TimeSpan.FromSeconds(0.5), Look);

        void Look()
        {
            if (node.Boots != boot || !node.IsAlive) return;
            if (node.Actor("agent") is null || Cluster.Now >= until) node.Crash(term.RestartAfter);
            else Cluster.At(Cluster.Now + TimeSpan.FromSeconds(0.5), Look);
        }
    }

    private void BootCoordinator(NodeBoot boot)
    {
        IReadOnlyList<SweepEvent> Facts() => [.. boot.Facts().OfType<SweepEvent>()];
        var context = new CoordinatorContext(boot.Term, sweep => [.. Facts().Where(fact => fact.Sweep == sweep)], [new(NodeId.Coordinator, "keeper")]);
        boot.UseJobs(new CoordinatorPorts(boot.Process, Points));
        boot.SpawnRoot("client", () => new Client(), Supervision.Never);
        boot.SpawnRoot("keeper", () => new FileKeeper(boot.Process.Disk, Facts()), Supervision.Never);
        boot.SpawnRoot("cluster", () => new Coordinator.Actors.Cluster(context), Supervision.Never);
        boot.SpawnRoot("placement", () => new Placement(context), Supervision.Never);
        boot.SpawnRoot("planner", () => new Planner(context), Supervision.Never);
        boot.SpawnRoot("datasets", () => new DatasetCatalog());
        boot.SpawnRoot("metrics", () => new MetricsActor(context, Points.Marks));
        boot.SpawnRoot("sweeps", () => new SweepBook(context, Facts()));
    }

    private void BootWorker(NodeBoot boot)
    {
        var facts = new DeviceFacts("host", 1, "cpu", Shape.Lanes, 8L << 30, "cpu", "", 0, Shape.Lanes, "2", "blas", "AVX2", "0.1");
        var identity = new WorkerIdentity(boot.Node, (ulong)boot.Number, facts, new DataEndpoint(boot.Process.Id.Value, 1), Shape.Lanes);
        boot.UseJobs(new FakeEngine(Trainers, boot.Process, identity.Lanes, isBad: Shape.HasBadWorker && boot.Node.Value == $"w{Shape.Workers - 1}"));
        boot.SpawnRoot("agent", () => new WorkerAgent(identity), Supervision.Never);
        boot.SpawnRoot("outbox", () => new MetricsOutbox(boot.Node, identity.Incarnation, Shape.OutboxMax), Supervision.Never);
    }

    /// <summary>Hears that its sweep was taken; the invariants listen.</summary>
    private sealed class Client : IActor
    {
        public void Receive(ActorId sender, Message message, Instant now, Effects effects) { }
    }
}
