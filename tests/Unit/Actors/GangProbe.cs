using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Actors;

/// <summary>A runner under test with a gang whose members say what a test lets them say.</summary>
internal sealed class GangProbe
{
    public static readonly Attempt Attempt = new(2);

    public GangProbe(int workers, Adoption? adopted = null)
    {
        Workers = workers;
        var resources = new ResourceSpec { WorkersPerPackMin = workers, WorkersPerPackMax = workers };
        Runner = new(new PackRunner(Some.Term, Some.Plan(0, Attempt.Value, resources), adopted));
    }

    public int Workers { get; }

    public Probe Runner { get; }

    /// <summary>What the last message came to.</summary>
    public IReadOnlyList<Effect> Last { get; private set; } = [];

    public static ActorId Agent(int worker) => Addresses.Agent(Some.Worker(worker));

    public static GangProbe Training(int workers)
    {
        var gang = Preparing(workers);
        for (var worker = 0; worker < workers; worker++) gang.Ready(worker);
        gang.AllTrain(1, Enumerable.Range(0, workers).ToArray());
        return gang;
    }

    /// <summary>A gang that was granted and recorded, and of which nobody is ready yet.</summary>
    public static GangProbe Preparing(int workers)
    {
        var gang = new GangProbe(workers);
        gang.Feed(new Signal.Started());
        gang.Feed(new PackMessage.GangGranted(Enumerable.Range(0, workers).Select(Some.Member).ToValueList(), 0));
        gang.Feed(Some.Recorded(Attempt.Value));
        return gang;
    }

    public IReadOnlyList<Effect> Feed(Message message)
    {
        Last = Runner.Feed(message);
        Remember();
        return Last;
    }

    public IReadOnlyList<Effect> Tell(int worker, PackMessage message)
    {
        Last = Runner.Feed(message, Some.Replica(worker, Attempt.Value, PreparedFor(worker)));
        Remember();
        return Last;
    }

    /// <summary>The generation that a worker's replica was assigned for last.</summary>
    public int PreparedFor(int worker) => _assigned.GetValueOrDefault(Some.Worker(worker), 1);

    /// <summary>The agent of a worker takes its assignment.</summary>
    public IReadOnlyList<Effect> Accept(int worker) => FromAgent(worker, new PackMessage.ReplicaAccepted(Attempt, 1, new(PreparedFor(worker))));

    /// <summary>The agent of a worker does not take it.</summary>
    public IReadOnlyList<Effect> Refuse(int worker, string reason, int stoppedThrough = 0) =>
        FromAgent(worker, new PackMessage.ReplicaRefused(Attempt, 1, new(PreparedFor(worker)), new(stoppedThrough), reason));

    private IReadOnlyList<Effect> FromAgent(int worker, PackMessage message)
    {
        Last = Runner.Feed(message, Agent(worker));
        Remember();
        return Last;
    }

    /// <summary>The runner's own timer, so much later.</summary>
    public IReadOnlyList<Effect> After(double seconds)
    {
        Last = Runner.FeedAfter(seconds, _tick!);
        Remember();
        return Last;
    }

    public void AllTrain(int generation, params int[] workers)
    {
        foreach (var worker in workers) Tell(worker, new PackMessage.ReplicaTraining(Attempt, new(generation)));
    }

    public IReadOnlyList<Effect> Halted(int worker, int generation, long position, params int[] silent) => Tell(worker, new PackMessage.ReplicaHalted(
        Attempt, new(generation), position, silent.Length > 0 ? FailureKind.PeerLost : FailureKind.Preempted, silent.Length > 0 ? "no word" : "ordered", silent.Select(Some.Worker).ToValueList()));

    /// <summary>All of them halt where the order found them.</summary>
    public IReadOnlyList<Effect> AllHalted(int generation, long position, params int[] workers)
    {
        foreach (var worker in workers) Halted(worker, generation, position);
        return Last;
    }

    public IReadOnlyList<Effect> Ready(int worker) => Tell(worker, new PackMessage.ReplicaReady(Attempt));

    public IReadOnlyList<Effect> Done(int worker, int generation) => Tell(worker, new PackMessage.ReplicaDone(Attempt, new(generation), []));

    public IReadOnlyList<Effect> Leaves(int worker) => Tell(worker, new PackMessage.ReplicaLeaving(Attempt, "SIGTERM"));

    public IReadOnlyList<Effect> Lose(int worker, bool preempted = false) => Feed(new PackMessage.MemberLost(Some.Worker(worker), preempted, "gone"));

    public IReadOnlyList<Effect> Break(int worker) => Feed(new Signal.Terminated(Agent(worker), "connection lost"));

    public IReadOnlyList<Effect> Recorded(int generation) => Feed(new PackMessage.GenerationRecorded(Attempt, new(generation)));

    /// <summary>Who was told what, in order.</summary>
    public IReadOnlyList<ActorId> Told<T>() where T : Message => [.. Last.OfType<Effect.Send>().Where(send => send.Message is T).Select(send => send.Target)];

    public SweepMessage.PackRegrouped Regrouped => Assert.Single(Last.Sent<SweepMessage.PackRegrouped>());

    /// <summary>The next generation was asked for, with these workers in this order, and nobody was told yet.</summary>
    public void AssertRegroups(int generation, params int[] workers)
    {
        Assert.Equal((new Generation(generation), workers.Select(Some.Process).ToValueList()), (Regrouped.Generation, Regrouped.Workers));
        Assert.Empty(Last.Sent<ReplicaMessage.FormRing>());
    }

    /// <summary>The generation is durable and its members are told, with this source.</summary>
    /// <summary>The last message ended the attempt in this way.</summary>
    public SweepMessage.PackFailed AssertFails(FailureKind kind)
    {
        var failed = Assert.Single(Last.Sent<SweepMessage.PackFailed>());
        Assert.Equal(kind, failed.Kind);
        return failed;
    }

    /// <summary>The last message let just this worker go.</summary>
    public void AssertReleases(int worker) => Assert.Equal(Some.Process(worker), Assert.Single(Last.Sent<PlacementMessage.ReleaseMember>()).Worker);

    public void AssertForms(int generation, int? source, params int[] workers)
    {
        Recorded(generation);
        var orders = Last.Sent<ReplicaMessage.FormRing>();
        Assert.Equal(workers.Select(worker => Some.Replica(worker, Attempt.Value, PreparedFor(worker))), Told<ReplicaMessage.FormRing>());
        Assert.All(orders, order => Assert.Equal(
            (new Generation(generation), source is { } s ? Some.Worker(s) : (NodeId?)null, workers.Select(worker => Some.Member(worker) with { PreparedFor = new(PreparedFor(worker)) }).ToValueList()), (order.Generation, order.Source, order.Members)));
    }

    private readonly Dictionary<NodeId, int> _assigned = [];
    private PackMessage.PackTick? _tick;

    private void Remember()
    {
        _tick = Last.LastWake<PackMessage.PackTick>() ?? _tick;
        foreach (var send in Last.OfType<Effect.Send>())
        {
            if (send.Message is AgentMessage.AssignReplica order) _assigned[send.Target.Node] = order.Assignment.Generation.Value;
        }
    }
}
