using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Simulation.Trainer;

/// <content>What a rank tells: readings, ends of trials, checkpoints. Rank 0 alone, but every rank could.</content>
internal sealed partial class FakeReplica
{
    /// <summary>Readings that every rank keeps for the case that it is rank 0 next.</summary>
    public const int ReadingsMax = 400;

    private const int ActsPerBatch = 3;
    private static readonly TimeSpan RetryMin = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(8);

    private readonly Queue<MetricPoint> _unpublished = new(); // From here; on other ranks than 0 all that it remembers.
    private readonly HashSet<(int Generation, int Trial)> _endingTold = [];
    private readonly HashSet<int> _told = []; // Trials whose end the replica has, which repeats it.
    private int _telling;
    private int _actsSincePublished;
    private bool _isSaving;
    private TimeSpan _savedAt = world.Cluster.Now;
    private CheckpointInfo? _saved;
    private JobContext? _wanted;

    /// <summary>The end of a trial is durable.</summary>
    public void ForgetEnd(int trial)
    {
        _forgotten.Add(trial);
        _ends.Remove(trial);
    }

    /// <summary>Stores a checkpoint of where the pack stands. One that is under way is waited for: it is older.</summary>
    public void Save(JobContext context, bool isOrdered)
    {
        if (_isSaving)
        {
            if (isOrdered) _wanted = context;
            return;
        }

        Publish(); // Who goes on from the checkpoint does not make these readings again.
        if (_saved is { } last && last.Position == State.Position)
        {
            context.Answer(TimeSpan.Zero, new ReplicaMessage.CheckpointStored(last)); // Nothing has happened since.
            return;
        }

        (_isSaving, _savedAt) = (true, world.Cluster.Now);
        var content = State.Serialize();
        var trials = State.Slots.Values.Select(slot => new CheckpointedTrial(slot.Trial.Index, new Step(slot.Step))).ToValueList();
        var info = new CheckpointInfo(assignment.Pack, assignment.Attempt, State.Position, content.Length, NodeDisk.Digest(content), trials);
        Upload(FileOf(assignment.Pack, assignment.Attempt, State.Position), content, RetryMin, text => Saved(info, text, context, isOrdered));
    }

    private void Saved(CheckpointInfo info, string? text, JobContext context, bool isOrdered)
    {
        _isSaving = false;
        if (text is null)
        {
            world.Counts.CheckpointsWritten++;
            _saved = info;
            context.Answer(TimeSpan.Zero, new ReplicaMessage.CheckpointStored(info));
        }
        else
        {
            world.Counts.CheckpointsRefused++;
            if (isOrdered) context.Fail(TimeSpan.Zero, text);
        }

        if (_wanted is not { } wanted) return;
        _wanted = null;
        Save(wanted, isOrdered: true);
    }

    /// <summary>Name of a checkpoint's file in the coordinator's folder.</summary>
    public static string FileOf(PackId pack, Attempt attempt, long position) => $"checkpoint {pack} {attempt.Value} {position}";

    /// <summary>What a name says.</summary>
    public static (PackId Pack, Attempt Attempt, long Position) OfFile(string name)
    {
        var parts = name.Split(' ', '.');
        return (new(new(parts[1]), Number(parts[2])), new(Number(parts[3])), Number(parts[4]));

        static int Number(string text) => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
    }

    private void ActDone()
    {
        if (++_actsSincePublished >= ActsPerBatch || State.Slots.Count == 0) Publish();
        if (world.Cluster.Now - _savedAt >= world.CheckpointEvery && State.Slots.Count > 0 && Ring is not null) Save(_training!, isOrdered: false);
    }

    // What the rank 0 before had not handed on, this one has.
    private void TellAll()
    {
        _telling = 0;
        foreach (var trial in _ends.Keys.ToArray()) TellEnd(trial, again: true);
        if (Generation.Value > 1) world.Counts.PointsPublishedAgain += _unpublished.Count;
        Publish();
    }

    private void TellEnd(int trial, bool again)
    {
        if (_told.Contains(trial)) return;
        if (again) world.Counts.EndsToldAgain++;
        var (context, ring) = (_training!, Ring);
        _telling++;
        WithCoordinator(RetryMin, () =>
        {
            if (Ring != ring) return; // The rank 0 of the next generation begins again.
            if (_ends.TryGetValue(trial, out var end) && _told.Add(trial)) context.Answer(TimeSpan.Zero, new ReplicaMessage.SlotDone(end.Slot, end.Result));
            _telling--;
            EndWhenAllIsTold(ring);
        });
    }

    // Once per generation, at any of its steps but the last.
    private void TellEnding(int number, SlotState slot)
    {
        if (Rank != 0 || State.Closed || State.Waiting.ContainsKey(number) || slot.Step < 1 + (slot.Trial.Index * 7 % (Oracle.StepsOf(slot.Trial.Index) - 1)) || !_endingTold.Add((Generation.Value, slot.Trial.Index))) return;
        _training!.Answer(TimeSpan.Zero, new ReplicaMessage.SlotEnding(number, slot.Trial.Index));
    }

    private void Read(TrialId trial, SlotState slot) => Add(new MetricPoint.TrainStep((int)((slot.Step - 1) / Oracle.EpochSteps), Oracle.LossOf(slot.Weights), 150, 50, 1, 0.05)
    {
        Trial = trial, Attempt = assignment.Attempt, Step = new(slot.Step),
    });

    private void ReadEvaluation(TrialId trial, SlotState slot) => Add(new MetricPoint.Evaluation((int)slot.Evaluated, Oracle.ElboOf(slot.Weights), 80, 20, 4, [20], 200, 1)
    {
        Trial = trial, Attempt = assignment.Attempt, Step = new(slot.Step),
    });

    private void Add(MetricPoint point)
    {
        world.Readings.Made(point, node);
        _unpublished.Enqueue(point);
        if (_unpublished.Count > ReadingsMax) _unpublished.Dequeue();
    }

    private void Publish()
    {
        _actsSincePublished = 0;
        if (_unpublished.Count == 0) return;
        foreach (var point in _unpublished) world.Readings.Published(point, node);
        node.Tell(Addresses.Outbox(node.Role), new OutboxMessage.AddPoints(_unpublished.ToValueList()));
        _unpublished.Clear();
    }

    /// <summary>The pack is closed and empty. Rank 0 ends once it has told all results; the others wait, for it may be lost with them.</summary>
    public void End(FakeRing ring)
    {
        if (Ring != ring || Rank != 0) return;
        Publish();
        EndWhenAllIsTold(ring);
    }

    private void EndWhenAllIsTold(FakeRing? ring)
    {
        if (ring is not { IsOver: true } || Ring != ring || _telling > 0) return;
        if (!_toldStart) _training!.Answer(TimeSpan.Zero, new ReplicaMessage.TrainingStarted(Generation));
        Ring = null;
        _training!.Answer(TimeSpan.Zero, new ReplicaMessage.TrainingEnded(Generation, []));
    }

    // Transfers need the coordinator; while it is away they are tried again, ever more slowly.
    private void WithCoordinator(TimeSpan pause, Action action) => Later(Prng.Between(TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(120)), () =>
    {
        if (node.IsConnectedTo(NodeId.Coordinator)) action();
        else Later(pause, () => WithCoordinator(pause + pause < RetryMax ? pause + pause : RetryMax, action));
    });

    private void Upload(string name, byte[] content, TimeSpan pause, Action<string?> done) =>
        WithCoordinator(pause, () => done(world.Cluster.DiskOf(NodeId.Coordinator).TryWrite(name, content)));

    /// <summary>Gets a trial's state out of a checkpoint, or says why it cannot be had.</summary>
    public void FetchThen(CheckpointRef from, TrialSpec trial, Action<SlotState> done, Action<string> failed) => WithCoordinator(RetryMin, () =>
    {
        var name = FileOf(from.Pack, from.Attempt, from.Position);
        var content = world.Cluster.DiskOf(NodeId.Coordinator).Read(name);
        if (content is null || content.Length != from.Bytes || NodeDisk.Digest(content) != from.Sha256)
        {
            world.Counts.DamagedFound++;
            failed($"{name} is {(content is null ? "missing" : "damaged")}");
            return;
        }

        var state = TrainerState.Restore(content, trial);
        Rule.Require(state is not null, $"I9: {name} does not hold trial {trial.Index}");
        Rule.Require(state!.Weights == world.Oracle.WeightsAt(new(from.Pack.Sweep, trial.Index), state.Step), $"I9: {name} holds other weights of trial {trial.Index} than step {state.Step} has");
        done(state);
    });
}
