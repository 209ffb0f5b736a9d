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
    private const int Lanes = 2;

    private readonly FakeRings _rings = new();
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

    /// <summary>A sweep of tiny models, which the planner fuses as far as it may.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="trials">A multiple of <paramref name="signatures"/>.</param>
    /// <param name="workers">Least and most workers of a pack.</param>
    /// <param name="maxPack">Most trials of a pack.</param>
    /// <param name="signatures">Kinds of model, one after the other in the search.</param>
    public static SweepDefinition Grid(string name, int trials, (int Min, int Max) workers, int maxPack, int signatures = 1) => new()
    {
        Name = name,
        Dataset = new DatasetSource { Source = DatasetSource.Sprites, Count = 100, Size = 8 },
        Model = new ModelSpec { Encoder = [8], Latent = 2 },
        Search = new SearchSpec
        {
            Parameters =
            [
                new("training.seed", new ParameterDomain.Values(Numbers(1, trials / signatures))),
                new("training.batch", new ParameterDomain.Values(Numbers(16, signatures))),
            ],
        },
        Resources = new ResourceSpec { WorkersPerPackMin = workers.Min, WorkersPerPackMax = workers.Max, MaxPack = maxPack },
    };

    private static ValueList<string> Numbers(int first, int count) => Enumerable.Range(first, count).Select(number => number.ToString(System.Globalization.CultureInfo.InvariantCulture)).ToValueList();

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

    /// <summary>Has a trial stopped, as early stopping does; nothing happens when it does not run at that moment.</summary>
    public void Prune(SweepId id, int trial, TimeSpan at) =>
        Cluster.At(at, () => Cluster.Post(Addresses.Sweep(id), new SweepMessage.StopTrial(trial, TrialState.Pruned, "it could not win")));

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
        var facts = new DeviceFacts("host", 1, "cpu", Lanes, 8L << 30, "cpu", "", 0, Lanes, "2", "blas", "AVX2", "0.1");
        var identity = new WorkerIdentity(boot.Node, (ulong)boot.Number, facts, new DataEndpoint(boot.Node.Value, 1), Lanes);
        boot.UseJobs(new FakeEngine(Cluster, boot.Node, identity.Lanes, _rings));
        boot.SpawnRoot("agent", () => new WorkerAgent(identity), Supervision.Never);
        boot.SpawnRoot("outbox", () => new MetricsOutbox(boot.Node, identity.Incarnation, OutboxMax), Supervision.Never);
    }
}
