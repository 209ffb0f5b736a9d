using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;
using Vae.Worker.Actors;

namespace Vae.Tests.Simulation.Scenarios;

/// <summary>What is known of all rings of a run: who has joined, and who has gone.</summary>
internal sealed class Rings
{
    private readonly Dictionary<(PackId, Attempt, Generation, int Rank), FakeEngine.Training> _members = [];

    public void Join(FakeEngine.Training training) => _members[(training.Assignment.Pack, training.Assignment.Attempt, training.Generation, training.Assignment.Rank.Value)] = training;

    /// <returns>Ranks of the ring that are not in step with it now.</returns>
    public ValueList<Rank> Silent(FakeEngine.Training of) =>
        Enumerable.Range(0, of.Assignment.WorldSize).Select(rank => new Rank(rank))
            .Where(rank => !_members.TryGetValue((of.Assignment.Pack, of.Assignment.Attempt, of.Generation, rank.Value), out var peer) || !peer.IsRunning)
            .ToValueList();
}

/// <summary>
/// A trainer without tensors: steps take virtual time, a ring goes on only while all its ranks run, and the result follows from the trial
/// alone. It checks what a real engine relies on: never more replicas than lanes, never an attempt again that was stopped.
/// </summary>
internal sealed class FakeEngine(SimulatedCluster cluster, NodeId worker, int lanes, Rings rings) : ISimulatedJobs
{
    public const int Steps = 40;

    private const int StepsPerChunk = 8;
    private static readonly TimeSpan ChunkTime = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan AllReduceDeadline = TimeSpan.FromSeconds(15);

    private readonly int _boot = cluster.Node(worker).Boots;
    private readonly SortedSet<string> _live = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _stopped = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Training> _training = [];

    internal sealed class Training(FakeEngine engine, ReplicaAssignment assignment, Generation generation)
    {
        public ReplicaAssignment Assignment => assignment;

        public Generation Generation => generation;

        public int Step { get; set; }

        public TimeSpan InStepAt { get; set; }

        public bool IsStopped { get; set; }

        public bool IsRunning => !IsStopped && engine.IsThisProcess;
    }

    private bool IsThisProcess => cluster.Node(worker) is { IsAlive: true, IsPaused: false } node && node.Boots == _boot;

    public static double ElboOf(int trial) => -100 - (trial * 37 % 101);

    public static bool IsFaulty(int trial) => trial % 9 == 4;

    public void Start(Job job, JobContext context)
    {
        switch (job)
        {
            case PrepareReplicaJob prepare: Prepare(prepare.Assignment, context); break;
            case TrainJob train: Train(train, context); break;
            case StopEngineJob stop: Stop(stop, context); break;
            default: throw new InvalidOperationException($"No port for {job.GetType().Name}.");
        }
    }

    private static string Key(PackId pack, Attempt attempt) => $"{pack}.{attempt.Value}";

    private void Prepare(ReplicaAssignment assignment, JobContext context)
    {
        var key = Key(assignment.Pack, assignment.Attempt);
        Verify.That(!_stopped.Contains(key), $"I11: {worker} was asked again for {key}, which it had stopped");
        Verify.That(_live.Add(key), $"{worker} prepares {key} twice");
        Verify.That(_live.Count <= lanes, $"I10: {worker} hosts {_live.Count} replicas on {lanes} lanes");
        context.Answer(context.Prng.Between(TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(300)), new ReplicaMessage.Prepared());
    }

    private void Train(TrainJob job, JobContext context)
    {
        var training = new Training(this, job.Assignment, job.Generation) { InStepAt = cluster.Now };
        _training.Add(Key(job.Assignment.Pack, job.Assignment.Attempt), training);
        rings.Join(training);
        context.Later(ChunkTime, () => Advance(training, context));
    }

    private void Advance(Training training, JobContext context)
    {
        if (training.IsStopped) return;
        var trial = training.Assignment.Slots[0].Trial.Index;
        var silent = rings.Silent(training);
        if (silent.Count > 0)
        {
            if (cluster.Now - training.InStepAt < AllReduceDeadline) context.Later(ChunkTime, () => Advance(training, context));
            else context.Answer(TimeSpan.Zero, new ReplicaMessage.EngineFailed(training.Generation, FailureKind.PeerLost, $"no word from {silent}", silent));
            return;
        }

        training.InStepAt = cluster.Now;
        if (IsFaulty(trial) && training.Step > 0 && training.Assignment.Rank.Value == training.Assignment.WorldSize - 1)
        {
            training.IsStopped = true;
            context.Answer(TimeSpan.Zero, new ReplicaMessage.EngineFailed(training.Generation, FailureKind.NonFinite, $"non-finite loss at step {training.Step}", []));
            return;
        }

        ReportPoints(training);
        if (training.Step == 0) context.Answer(TimeSpan.Zero, new ReplicaMessage.TrainingStarted(training.Generation));
        training.Step += StepsPerChunk;
        if (training.Step < Steps) context.Later(ChunkTime, () => Advance(training, context));
        else context.Answer(ChunkTime, new ReplicaMessage.TrainingEnded(training.Generation, training.Assignment.Rank.Value == 0 ? [ResultOf(trial)] : []));
    }

    private void ReportPoints(Training training)
    {
        if (training.Assignment.Rank.Value != 0) return;
        var trial = new TrialId(training.Assignment.Pack.Sweep, training.Assignment.Slots[0].Trial.Index);
        var points = Enumerable.Range(training.Step + 1, StepsPerChunk).Select(step => (MetricPoint)new MetricPoint.TrainStep(0, 200.0 / step, 150, 50, 1, 0.05)
        {
            Trial = trial,
            Attempt = training.Assignment.Attempt,
            Step = new(step),
        });
        cluster.Post(Addresses.Outbox(worker), new OutboxMessage.AddPoints(points.ToValueList()));
    }

    private static TrialResult ResultOf(int trial) =>
        new(trial, TrialState.Done, ElboOf(trial), 80, 20, 4, [20], Steps, 1, 2, 1_000, "", []);

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
