using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Tests.Simulation.Host;
using Vae.Worker.Actors;

namespace Vae.Tests.Simulation.Scenarios;

/// <summary>
/// A trainer without tensors: steps take virtual time, a ring goes on only while all its ranks run, and the result follows from the trial
/// alone. It checks what a real engine relies on: never more replicas than lanes hold, never an attempt again that was stopped, each order once.
/// </summary>
internal sealed class FakeEngine(SimulatedCluster cluster, NodeId worker, int lanes, FakeRings rings) : ISimulatedJobs
{
    public const int Steps = 40;

    private const int StepsPerChunk = 8;
    private static readonly TimeSpan ChunkTime = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan AllReduceDeadline = TimeSpan.FromSeconds(15);

    private readonly int _boot = cluster.Node(worker).Boots;
    private readonly SortedDictionary<string, int> _live = new(StringComparer.Ordinal); // Lanes in use by attempt.
    private readonly SortedSet<string> _stopped = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FakeTraining> _training = [];

    public bool IsThisProcess => cluster.Node(worker) is { IsAlive: true, IsPaused: false } node && node.Boots == _boot;

    public static double ElboOf(int trial) => -100 - (trial * 37 % 101);

    /// <summary>Its loss is soon not finite: ends its slot alone.</summary>
    public static bool IsFaulty(int trial) => trial % 9 == 4;

    /// <summary>It breaks the engine, alone or not: the attempt fails, and with it whatever else is in the pack.</summary>
    public static bool IsPoison(int trial) => trial % 11 == 7;

    /// <summary>Beside others it does not fit the memory.</summary>
    public static bool IsGreedy(int trial) => trial % 11 == 9;

    public static bool CanEndWell(int trial) => !IsFaulty(trial) && !IsPoison(trial);

    public static TrialResult Ended(int trial, TrialState state, int steps, string text) =>
        new(trial, state, state == TrialState.Done ? ElboOf(trial) : double.NaN, 80, 20, 4, [20], steps, 1, 2, 1_000, text, []);

    public void Start(Job job, JobContext context)
    {
        switch (job)
        {
            case PrepareReplicaJob prepare: Prepare(prepare.Assignment, context); break;
            case TrainJob train: Train(train, context); break;
            case SlotOrdersJob orders: TakeOrders(orders); break;
            case HaltJob or SaveCheckpointJob or ForgetSlotEndJob: break;
            case StopEngineJob stop: Stop(stop, context); break;
            case ProbeJob probe: context.Answer(ChunkTime, new AgentMessage.ProbeMeasured(probe.Number, [], "the fake engine measures nothing")); break;
            case StopProbeJob: break;
            default: throw new InvalidOperationException($"No port for {job.GetType().Name}.");
        }
    }

    private static string Key(PackId pack, Attempt attempt) => $"{pack}.{attempt.Value}";

    private void Prepare(ReplicaAssignment assignment, JobContext context)
    {
        var key = Key(assignment.Pack, assignment.Attempt);
        Verify.That(!_stopped.Contains(key), $"I11: {worker} was asked again for {key}, which it had stopped");
        Verify.That(_live.TryAdd(key, PackShape.WidthOn(lanes, assignment.Shape.Lanes)), $"{worker} prepares {key} twice");
        Verify.That(_live.Values.Sum() <= lanes, $"I10: {worker} hosts packs of {_live.Values.Sum()} lanes on {lanes} lanes");
        var isTooMuch = assignment.Slots.Count > 1 && assignment.Slots.Any(fill => IsGreedy(fill.Trial.Index));
        Message answer = isTooMuch ? new ReplicaMessage.EngineFailed(new(0), FailureKind.OutOfMemory, "8 GB asked, 2 GB free") : new ReplicaMessage.Prepared();
        context.Answer(context.Prng.Between(TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(300)), answer);
    }

    private void Train(TrainJob job, JobContext context)
    {
        var training = new FakeTraining(this, job.Assignment, RankIn(job.Members), job.Generation, rings.Of(job)) { InStepAt = cluster.Now };
        _training.Add(Key(job.Assignment.Pack, job.Assignment.Attempt), training);
        training.Ring.Join(training);
        context.Later(ChunkTime, () => Advance(training, context));
    }

    private int RankIn(ValueList<GangMember> members)
    {
        var rank = members.Select(member => member.Worker).ToList().IndexOf(worker);
        Verify.That(rank >= 0, $"{worker} is to train in a ring that it is no member of");
        return rank;
    }

    private void TakeOrders(SlotOrdersJob job)
    {
        var training = _training[Key(job.Pack, job.Attempt)];
        foreach (var order in job.Orders)
        {
            Verify.That(order.Number == training.Orders.Count + 1, $"{worker} gets order {order.Number} of {job.Pack} after order {training.Orders.Count}");
            training.Orders.Add(order);
        }
    }

    private void Advance(FakeTraining training, JobContext context)
    {
        if (training.IsStopped) return;
        var ring = training.Ring;
        var silent = ring.Silent();
        if (silent.Count > 0 && !ring.HasEnded)
        {
            if (cluster.Now - training.InStepAt < AllReduceDeadline) context.Later(ChunkTime, () => Advance(training, context));
            else context.Answer(TimeSpan.Zero, new ReplicaMessage.EngineFailed(training.Generation, FailureKind.PeerLost, $"no word from {silent}"));
            return;
        }

        training.InStepAt = cluster.Now;
        if (!training.HasStarted) context.Answer(TimeSpan.Zero, new ReplicaMessage.TrainingStarted(training.Generation));
        else if (training.Rank == training.Ring.Size - 1 && ring.Trials.Any(IsPoison))
        {
            training.IsStopped = true;
            context.Answer(TimeSpan.Zero, new ReplicaMessage.EngineFailed(training.Generation, FailureKind.Engine, "IndexOutOfRangeException: a defect"));
            return;
        }

        training.HasStarted = true;
        if (training.Rank == 0)
        {
            foreach (var (slot, result) in ring.Advance(StepsPerChunk, (trial, step) => ReportPoints(training, trial, step))) context.Answer(TimeSpan.Zero, new ReplicaMessage.SlotDone(slot, result));
        }

        if (ring.Applied > training.ToldApplied) context.Answer(TimeSpan.Zero, new ReplicaMessage.OrdersApplied(ring.Applied));
        training.ToldApplied = ring.Applied;
        if (ring.HasEnded) context.Answer(ChunkTime, new ReplicaMessage.TrainingEnded(training.Generation, []));
        else context.Later(ChunkTime, () => Advance(training, context));
    }

    private void ReportPoints(FakeTraining training, TrialSpec trial, int step)
    {
        var points = Enumerable.Range(step + 1, StepsPerChunk).Select(at => (MetricPoint)new MetricPoint.TrainStep(0, 200.0 / at, 150, 50, 1, 0.05)
        {
            Trial = new(training.Assignment.Pack.Sweep, trial.Index),
            Attempt = training.Assignment.Attempt,
            Step = new(at),
        });
        cluster.Post(Addresses.Outbox(worker), new OutboxMessage.AddPoints(points.ToValueList()));
    }

    private void Stop(StopEngineJob job, JobContext context)
    {
        var key = Key(job.Pack, job.Attempt);
        context.Later(context.Prng.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(150)), () =>
        {
            if (_training.TryGetValue(key, out var training)) training.IsStopped = true;
            _live.Remove(key);
            _stopped.Add(key);
            context.Answer(TimeSpan.Zero, new AgentMessage.EngineStopped(job.Pack, job.Attempt));
        });
    }
}
