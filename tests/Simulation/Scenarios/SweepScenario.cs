using Vae.Coordinator.Actors;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Tests.Simulation.Host;
using Vae.Worker.Actors;

namespace Vae.Tests.Simulation.Scenarios;

/// <summary>A coordinator and workers with the shipped actors, a fake trainer, and sweeps that are submitted until they are durable.</summary>
internal sealed class SweepScenario
{
    private const int OutboxMax = 1_000;

    private readonly Rings _rings = new();
    private readonly FactsChecker _checker = new(OutboxMax);
    private readonly List<SweepId> _sweeps = [];

    public SweepScenario(ulong seed, int workers, FaultPlan plan)
    {
        Cluster = new SimulatedCluster(seed, plan);
        Cluster.AddNode(NodeId.Coordinator, BootCoordinator);
        for (var i = 0; i < workers; i++) Cluster.AddNode(WorkerName(i), BootWorker);
        Cluster.Check(_checker);
    }

    public SimulatedCluster Cluster { get; }

    public PointTable Points { get; } = new();

    public IReadOnlyDictionary<string, SweepView> Views => _checker.Views;

    public static NodeId WorkerName(int index) => new($"w{index}");

    public static SweepDefinition Grid(string name, int trials, int minWorkers, int maxWorkers) => new()
    {
        Name = name,
        Dataset = new DatasetSource { Source = DatasetSource.Sprites, Count = 100, Size = 8 },
        Search = new SearchSpec
        {
            Parameters = [new("training.seed", new ParameterDomain.Values(Enumerable.Range(1, trials).Select(seed => seed.ToString(System.Globalization.CultureInfo.InvariantCulture)).ToValueList()))],
        },
        Resources = new ResourceSpec { WorkersPerPackMin = minWorkers, WorkersPerPackMax = maxWorkers },
    };

    /// <summary>Submits as a client does: again each second until the sweep is durable.</summary>
    public void Submit(SweepId id, SweepDefinition definition, TimeSpan at)
    {
        _sweeps.Add(id);
        Cluster.At(at, () => Again(id, definition));
    }

    /// <summary>Tells a worker to leave; its process ends when its grace is over, and another of its name starts.</summary>
    public void Drain(NodeId worker, TimeSpan at)
    {
        Cluster.At(at, () => Cluster.Post(Addresses.Agent(worker), new AgentMessage.Leave("SIGTERM")));
        Cluster.At(at + WorkerAgent.LeaveWithin + TimeSpan.FromSeconds(1), () => Cluster.Inject(new Fault.Crash(worker, TimeSpan.FromSeconds(1))));
    }

    /// <summary>Cancels a sweep, again each second until it has ended, as a client does.</summary>
    public void Cancel(SweepId id, TimeSpan at) => Cluster.At(at, () =>
    {
        if (HasEnded(id)) return;
        Cluster.Post(Addresses.Sweeps, new SweepBookMessage.CancelSweep(id, "by the user"));
        Cancel(id, Cluster.Now + TimeSpan.FromSeconds(1));
    });

    public void RunToTheEnd(TimeSpan limit) => Cluster.RunUntil(() => _sweeps.TrueForAll(HasEnded), limit, "the end of all sweeps");

    public bool HasEnded(SweepId id) => Views.TryGetValue(id.Value, out var view) && view.State != SweepState.Running;

    private void Again(SweepId id, SweepDefinition definition)
    {
        if (Views.ContainsKey(id.Value)) return;
        Cluster.Post(Addresses.Sweeps, new SweepBookMessage.SubmitSweep(id, definition, "", "", ActorId.Host(NodeId.Coordinator)));
        Cluster.At(Cluster.Now + TimeSpan.FromSeconds(1), () => Again(id, definition));
    }

    private void BootCoordinator(NodeBoot boot)
    {
        IReadOnlyList<SweepEvent> Facts() => [.. boot.Facts().OfType<SweepEvent>()];
        var context = new CoordinatorContext(new Term(boot.Number), sweep => [.. Facts().Where(fact => fact.Sweep == sweep)], []);
        boot.UseJobs(new FakePorts(Cluster, Points));
        boot.SpawnRoot("cluster", () => new Coordinator.Actors.Cluster(context), Supervision.Never);
        boot.SpawnRoot("placement", () => new Placement(context), Supervision.Never);
        boot.SpawnRoot("planner", () => new Planner(context), Supervision.Never);
        boot.SpawnRoot("datasets", () => new DatasetCatalog());
        boot.SpawnRoot("metrics", () => new MetricsActor(context, Points.Marks));
        boot.SpawnRoot("sweeps", () => new SweepBook(context, Facts()));
    }

    private void BootWorker(NodeBoot boot)
    {
        var facts = new DeviceFacts("host", 1, "cpu", 1, 1 << 30, "cpu", "", 0, 1, "2", "blas", "AVX2", "0.1");
        var identity = new WorkerIdentity(boot.Node, (ulong)boot.Number, facts, new DataEndpoint(boot.Node.Value, 1), 1);
        boot.UseJobs(new FakeEngine(Cluster, boot.Node, identity.Lanes, _rings));
        boot.SpawnRoot("agent", () => new WorkerAgent(identity), Supervision.Never);
        boot.SpawnRoot("outbox", () => new MetricsOutbox(boot.Node, identity.Incarnation, OutboxMax), Supervision.Never);
    }
}
