using System.Diagnostics;
using System.Text;
using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Benchmarks.Scale;

/// <summary>What one run cost.</summary>
internal sealed record Cost(
    double PlacementMicroseconds, double SweepMicroseconds, double HeartbeatMicroseconds, double TickMicroseconds, double ReplaceMicroseconds, double ReplayMilliseconds, double AdoptMilliseconds, int Facts);

/// <summary>
/// The shipped actors of a coordinator, with workers and runners that answer at once: nothing but deciding takes time. One sweep in packs of eight slots, each on one or two of the workers; every trial ends by itself.
/// </summary>
internal sealed class Fleet
{
    private const int Slots = 8;

    private static readonly SweepId Id = new("s-scale");
    private static readonly DeviceFacts Facts = new("host", 1, "cpu", 1, 8L << 30, "cpu", "", 0, 1, "2", "blas", "AVX2", "0.1");
    private static readonly DatasetManifest Manifest = new()
    {
        Fingerprint = new string('a', 64), Source = DatasetSource.Sprites, Count = 100, Channels = 1, Height = 8, Width = 8,
        HasLabels = false, Classes = 0, HeldOut = 20, ShardRows = 100, Shards = [new(0, 0, 100, 6_400, new string('b', 64))],
    };

    private readonly int _workers;
    private readonly int _trials;
    private readonly List<SweepEvent> _facts = [];
    private readonly Placement _placement;
    private readonly Cluster _cluster;
    private readonly Queue<(ActorId Target, ActorId Sender, Message Message)> _mail = [];
    private readonly Dictionary<string, Runner> _runners = [];
    private readonly Queue<(string Runner, int Slot)> _slots = []; // In the order in which their trials end.
    private readonly Effects _effects = new();
    private readonly CoordinatorContext _context;
    private Sweep _sweep;
    private long _placementTicks, _sweepTicks;
    private Instant _now = Instant.Zero;

    private sealed class Runner(PackId pack, Attempt attempt)
    {
        public PackId Pack => pack;

        public Attempt Attempt => attempt;

        public ValueList<GangMember> Members { get; set; } = [];

        public Dictionary<int, int> Trials { get; } = []; // By slot.

        public bool Closed { get; set; }
    }

    public Fleet(int workers, int trials)
    {
        (_workers, _trials) = (workers, trials);
        _context = new(new Term(1), _ => _facts, []);
        (_placement, _cluster) = (new(_context), new(_context));
        var definition = new SweepDefinition
        {
            Name = "scale",
            Dataset = new DatasetSource { Source = DatasetSource.Sprites, Count = 100, Size = 8 },
            Search = new SearchSpec { Parameters = [new("training.seed", new ParameterDomain.Values(Enumerable.Range(1, trials).Select(i => $"{i}").ToValueList()))] },
            Resources = new ResourceSpec { WorkersPerPackMin = 1, WorkersPerPackMax = 2, MaxPack = Slots },
        };
        _facts.Add(new SweepEvent.Submitted("scale", "", Encoding.UTF8.GetString(SweepDefinitionJson.WriteUtf8(definition)), "", trials) { Sweep = Id });
        _sweep = new(_context, Id, _facts);
    }

    public Cost Run()
    {
        Post(Addresses.Placement, new PlacementMessage.RecoveryBegins([Id]));
        for (var i = 0; i < _workers; i++) Register(i, 1);
        Post(Addresses.Sweep(Id), new Signal.Started());
        Post(Addresses.Sweep(Id), new SweepMessage.DatasetReady(Manifest, []));
        Drain();
        var heartbeat = Measure(_workers, i => Post(Addresses.Cluster, new ClusterMessage.Heartbeat(new($"w{i}"), 1, 1, WorkerLoad.None, [])));
        while (_slots.Count > 0 && _facts.Count < _trials) EndOne(); // The first half.
        var tick = Measure(20, _ => Post(Addresses.Placement, new PlacementMessage.PlacementTick()));

        var replayed = Stopwatch.GetTimestamp();
        var again = new Sweep(_context, Id, [.. _facts]);
        var replay = Stopwatch.GetElapsedTime(replayed);
        var adopted = Stopwatch.GetTimestamp();
        _effects.Clear();
        again.Receive(ActorId.Host(NodeId.Coordinator), new Signal.Started(), _now, _effects);
        var adopt = Stopwatch.GetElapsedTime(adopted);

        while (_slots.Count > 0) EndOne();
        if (_facts[^1] is not SweepEvent.Ended) throw new InvalidOperationException($"The sweep has not ended: {_facts.Count} facts.");
        var replace = Measure(_workers, i => Register(i, 2));
        var perTrial = 1e6 / Stopwatch.Frequency / _trials;
        return new(_placementTicks * perTrial, _sweepTicks * perTrial, heartbeat, tick, replace, replay.TotalMilliseconds, adopt.TotalMilliseconds, _facts.Count);
    }

    private void Register(int worker, ulong incarnation) =>
        Post(Addresses.Cluster, new ClusterMessage.RegisterWorker(new($"w{worker}"), incarnation, Facts, new($"w{worker}", 1), 1, [], []));

    private double Measure(int count, Action<int> post)
    {
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            post(i);
            Drain();
        }

        return Stopwatch.GetElapsedTime(started).TotalMicroseconds / count;
    }

    private void EndOne()
    {
        var (name, slot) = _slots.Dequeue();
        var runner = _runners[name];
        runner.Trials.Remove(slot, out var trial);
        var result = new TrialResult(trial, TrialState.Done, -trial, 80, 20, 3, [20], 10, 1, 1, 100, "", []);
        Post(Addresses.Sweep(Id), new SweepMessage.SlotEnded(runner.Pack, runner.Attempt, slot, result, OthersWait: false), new(NodeId.Coordinator, name));
        Drain();
        if (!runner.Closed || runner.Trials.Count > 0) return;
        Post(Addresses.Sweep(Id), new SweepMessage.PackDone(runner.Pack, runner.Attempt, []), new(NodeId.Coordinator, name));
        Drain();
    }

    private void Post(ActorId target, Message message, ActorId? sender = null) => _mail.Enqueue((target, sender ?? ActorId.Host(NodeId.Coordinator), message));

    private void Drain()
    {
        while (_mail.TryDequeue(out var mail))
        {
            if (mail.Target == Addresses.Placement) _placementTicks += Give(_placement, mail.Sender, mail.Message);
            else if (mail.Target == Addresses.Sweep(Id)) _sweepTicks += Give(_sweep, mail.Sender, mail.Message);
            else if (mail.Target == Addresses.Cluster) Give(_cluster, mail.Sender, mail.Message);
            else if (mail.Target == Addresses.Planner) Plan(mail.Message);
            else if (mail.Target.Name == "agent") Obey(mail.Target.Node, mail.Message);
            else if (_runners.TryGetValue(mail.Target.Name, out var runner)) Hear(mail.Target, runner, mail.Message);
        }
    }

    private long Give(IActor actor, ActorId sender, Message message)
    {
        _now += TimeSpan.FromMilliseconds(1);
        _effects.Clear();
        var started = Stopwatch.GetTimestamp();
        actor.Receive(sender, message, _now, _effects);
        var took = Stopwatch.GetTimestamp() - started;
        foreach (var effect in _effects.Pending)
        {
            if (effect is Effect.Send send) Post(send.Target, send.Message);
            else if (effect is Effect.Persist { Event: SweepEvent fact }) _facts.Add(fact);
            else if (effect is Effect.Spawn spawn) Begin(spawn.Name);
        }

        return took;
    }

    private void Plan(Message message)
    {
        if (message is PlannerMessage.PlanPack ask)
            Post(ask.ReplyTo, new SweepMessage.PackPlanned(ask.Question.Signature.Key, new PackShape(Slots, ask.Question.Trial.Model.Latent, 1, 1), "for a benchmark"));
    }

    private void Obey(NodeId worker, Message message)
    {
        if (message is AgentMessage.StopReplica stop) Post(Addresses.Placement, new PlacementMessage.LaneFreed(worker, 1, stop.Pack, stop.Attempt, stop.Through));
    }

    // pack.SWEEP.NUMBER.ATTEMPT
    private void Begin(string name)
    {
        var parts = name.Split('.');
        var runner = new Runner(new(Id, int.Parse(parts[2], null)), new(int.Parse(parts[3], null)));
        _runners.Add(name, runner);
        Post(Addresses.Placement, new PlacementMessage.RequestGang(runner.Pack, runner.Attempt, 1, 2, "auto", 1, 1 << 20, new(NodeId.Coordinator, name)));
    }

    private void Hear(ActorId self, Runner runner, Message message)
    {
        switch (message)
        {
            case PackMessage.GangGranted granted when runner.Members.Count == 0:
                runner.Members = granted.Members;
                Post(Addresses.Sweep(Id), new SweepMessage.PackStarted(runner.Pack, runner.Attempt, granted.Members.Select(member => member.Process).ToValueList(), granted.MoreGangs), self);
                break;
            case PackMessage.StartRecorded start:
                runner.Closed = start.Closed;
                foreach (var fill in start.Slots) Fill(self.Name, runner, fill.Slot, fill.Trial.Index);
                break;
            case PackMessage.OrderSlots orders:
                foreach (var order in orders.Orders)
                {
                    if (order.Trial is { } trial) Fill(self.Name, runner, order.Slot, trial.Index);
                    runner.Closed |= order.Kind == SlotOrderKind.Close;
                }

                break;
            case PackMessage.PackSettled or PackMessage.CancelPack:
                _runners.Remove(self.Name);
                Post(Addresses.Placement, new PlacementMessage.ReleaseGang(runner.Pack, runner.Attempt));
                Post(Addresses.Sweep(Id), new Signal.Terminated(self, "settled"));
                break;
            default: break;
        }
    }

    private void Fill(string name, Runner runner, int slot, int trial)
    {
        runner.Trials.Add(slot, trial);
        _slots.Enqueue((name, slot));
    }
}
