using System.Text;
using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Worker.Actors;

namespace Vae.Tests.Unit.Actors;

/// <summary>An actor under test with a clock of its own: feed it a message, look at what it asks for.</summary>
internal sealed class Probe(IActor actor)
{
    private readonly Effects _effects = new();

    public Instant Now { get; set; } = Instant.Zero;

    public IReadOnlyList<Effect> Feed(Message message, ActorId? sender = null)
    {
        _effects.Clear();
        actor.Receive(sender ?? ActorId.Host(NodeId.Coordinator), message, Now, _effects);
        return [.. _effects.Pending];
    }

    public IReadOnlyList<Effect> FeedAfter(double seconds, Message message, ActorId? sender = null)
    {
        Now += TimeSpan.FromSeconds(seconds);
        return Feed(message, sender);
    }
}

internal static class Effecting
{
    public static IReadOnlyList<T> Sent<T>(this IReadOnlyList<Effect> effects) where T : Message =>
        [.. effects.OfType<Effect.Send>().Select(send => send.Message).OfType<T>()];

    public static T? LastWake<T>(this IReadOnlyList<Effect> effects) where T : Message =>
        effects.OfType<Effect.Wake>().Select(wake => wake.Message).OfType<T>().LastOrDefault();

    public static IReadOnlyList<T> Jobs<T>(this IReadOnlyList<Effect> effects) where T : Job => [.. effects.OfType<Effect.Run>().Select(run => run.Job).OfType<T>()];

    public static IReadOnlyList<T> Facts<T>(this IReadOnlyList<Effect> effects) where T : DomainEvent => [.. effects.OfType<Effect.Persist>().Select(persist => persist.Event).OfType<T>()];

    public static bool Stops(this IReadOnlyList<Effect> effects) => effects.OfType<Effect.Stop>().Any();
}

/// <summary>Small things that many tests are about.</summary>
internal static class Some
{
    public static readonly SweepId Sweep = new("s-1");
    public static readonly Term Term = new(3);
    public static readonly DeviceFacts Cpu = new("host", 1, "cpu", 2, 1 << 30, "cpu", "", 0, 1, "2.6", "OpenBLAS", "AVX2", "0.1");
    public static readonly DeviceFacts Gpu = Cpu with { Device = "cuda:0", DeviceName = "gpu" };
    public static readonly DatasetManifest Manifest = new()
    {
        Fingerprint = new string('a', 64), Source = DatasetSource.Sprites, Count = 100, Channels = 1, Height = 8, Width = 8,
        HasLabels = false, Classes = 0, HeldOut = 20, ShardRows = 100, Shards = [new(0, 0, 100, 6_400, new string('b', 64))],
    };

    public static CoordinatorContext Context(IReadOnlyList<SweepEvent>? history = null) => new(Term, _ => history ?? [], []);

    public static NodeId Worker(int index) => new($"w{index}");

    public static PackId Pack(int number) => new(Sweep, number);

    public static DataEndpoint Endpoint(NodeId worker) => new(worker.Value, 1);

    public static WorkerProcess Process(int index) => new(Worker(index), 1);

    public static GangMember Member(int rank) => new(Worker(rank), Endpoint(Worker(rank)), 1, new(1));

    public static ActorId Replica(int worker, int attempt, int preparedFor = 1, ulong incarnation = 1) => Addresses.Replica(new(Worker(worker), incarnation), Pack(0), new(attempt), new(preparedFor));

    public static TrialSpec Trial(int index) => new() { Index = index, Model = new ModelSpec(), Training = new TrainingSpec() };

    public static readonly DatasetSource Source = new() { Source = DatasetSource.Sprites };

    public static ReplicaAssignment Assignment(int pack, int attempt, int generation = 1) => new(
        Pack(pack), new(attempt), new(generation), PackShape.Solo(Trial(pack), 1), [new(0, Trial(pack))], Closed: true, Manifest, Source, new(), Addresses.PackRunner(Pack(pack), new(attempt)));

    public static PlacementMessage.WorkerJoined Joined(NodeId worker, int lanes = 1, DeviceFacts? facts = null, ulong incarnation = 1) =>
        new(worker, incarnation, facts ?? Cpu, Endpoint(worker), lanes, []);

    public static SweepMessage.PackPlanned Planned(PlannerMessage.PlanPack ask, int slots, int lanes = 1) =>
        new(ask.Question.Signature.Key, new PackShape(slots, ask.Question.Trial.Model.Latent, lanes, 1), "for a test");

    public static PackPlan Plan(int pack, int attempt, ResourceSpec? resources = null) =>
        new(Pack(pack), new(attempt), new PackShape(1, 16, 1, 1), 0, Manifest, Source, resources ?? new());

    public static PackMessage.StartRecorded Recorded(int attempt, int trials = 1, bool closed = false) =>
        new(new(attempt), new PackShape(trials, 16, 1, 1), Enumerable.Range(0, trials).Select(slot => new SlotFill(slot, Trial(slot))).ToValueList(), closed);

    public static PlacementMessage.RequestGang Request(int pack, int attempt, int min, int max, string device = "auto", int lanes = 1, long memory = 0, SweepId? sweep = null) =>
        Request(new PackId(sweep ?? Sweep, pack), attempt, min, max, device, lanes, memory);

    private static PlacementMessage.RequestGang Request(PackId pack, int attempt, int min, int max, string device, int lanes, long memory) =>
        new(pack, new(attempt), min, max, device, lanes, memory, Addresses.PackRunner(pack, new(attempt)));

    public static WorkerIdentity Identity(int lanes = 1) => new(Worker(0), 7, Cpu, Endpoint(Worker(0)), lanes);

    public static SweepDefinition Definition(int trials) => new()
    {
        Name = "test",
        Dataset = new DatasetSource { Source = DatasetSource.Sprites, Count = 100, Size = 8 },
        Search = new SearchSpec
        {
            Parameters = [new("training.seed", new ParameterDomain.Values(Enumerable.Range(1, trials).Select(i => $"{i}").ToValueList()))],
        },
    };

    public static SweepEvent.Submitted Submitted(int trials, BudgetSpec? budget = null)
    {
        var definition = Definition(trials) with { Budget = budget ?? new() };
        return new("test", "", Encoding.UTF8.GetString(SweepDefinitionJson.WriteUtf8(definition)), "", trials) { Sweep = Sweep };
    }

    public static TrialResult Done(int trial, double elbo) => new(trial, TrialState.Done, elbo, 80, 20, 3, [20], 10, 1, 1, 100, "", []);

    public static MetricPoint.TrainStep Point(long step) => new(0, 1, 1, 0, 1, 0.01) { Trial = new(Sweep, 0), Attempt = new(1), Step = new(step) };

    public static ValueList<MetricPoint> Points(long first, int count) => Enumerable.Range(0, count).Select(i => (MetricPoint)Point(first + i)).ToValueList();
}
