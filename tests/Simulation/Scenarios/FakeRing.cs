using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Worker.Actors;

namespace Vae.Tests.Simulation.Scenarios;

/// <summary>All rings of a run, by pack, attempt and generation: what their ranks have in common.</summary>
internal sealed class FakeRings
{
    private readonly Dictionary<(PackId, Attempt, Generation), FakeRing> _rings = [];

    public FakeRing Of(TrainJob job)
    {
        var key = (job.Assignment.Pack, job.Assignment.Attempt, job.Generation);
        if (!_rings.TryGetValue(key, out var ring)) _rings[key] = ring = new FakeRing(job.Assignment, job.Members.Count);
        return ring;
    }
}

/// <summary>
/// What the all-reduce makes equal on all ranks of a gang: which trial stands where in which slot, and which orders are applied. It checks what a real engine relies on: orders come without a gap,
/// a slot is filled only when it is empty, no trial is in two slots, every trial fits the pack.
/// </summary>
internal sealed class FakeRing
{
    private readonly ReplicaAssignment _assignment;
    private readonly SortedDictionary<int, Running> _slots = [];
    private readonly Dictionary<int, FakeTraining> _ranks = [];
    private readonly PackSignature _signature;
    private bool _closed;

    private sealed class Running(TrialSpec trial)
    {
        public TrialSpec Trial => trial;

        public int Step { get; set; }
    }

    public FakeRing(ReplicaAssignment assignment, int size)
    {
        (_assignment, Size) = (assignment, size);
        _closed = assignment.Closed;
        _signature = PackSignature.Of(assignment.Slots[0].Trial);
        foreach (var fill in assignment.Slots) Fill(fill.Slot, fill.Trial);
    }

    /// <summary>How many ranks it has.</summary>
    public int Size { get; }

    /// <summary>All orders up to this one are applied, on every rank at the same step.</summary>
    public long Applied { get; private set; }

    public bool HasEnded => _closed && _slots.Count == 0;

    public IEnumerable<int> Trials => _slots.Values.Select(slot => slot.Trial.Index);

    public void Join(FakeTraining training) => _ranks[training.Rank] = training;

    /// <returns>Ranks that are not in step with the others now.</returns>
    public ValueList<Rank> Silent() => Enumerable.Range(0, Size).Where(rank => !_ranks.TryGetValue(rank, out var peer) || !peer.IsRunning).Select(rank => new Rank(rank)).ToValueList();

    /// <summary>The steps of one chunk, between orders that every rank holds. Called by rank 0 alone.</summary>
    /// <returns>What ended, by slot.</returns>
    public List<(int Slot, TrialResult Result)> Advance(int steps, Action<TrialSpec, int> train)
    {
        List<(int, TrialResult)> ended = [];
        while (NextOrder() is { } order) Apply(order, ended);
        foreach (var (slot, running) in _slots.ToArray())
        {
            var trial = running.Trial.Index;
            if (FakeEngine.IsFaulty(trial) && running.Step > 0)
            {
                ended.Add((slot, FakeEngine.Ended(trial, TrialState.Failed, running.Step, $"non-finite loss at step {running.Step}")));
                _slots.Remove(slot);
                continue;
            }

            train(running.Trial, running.Step);
            running.Step += steps;
            if (running.Step < FakeEngine.Steps) continue;
            ended.Add((slot, FakeEngine.Ended(trial, TrialState.Done, running.Step, "")));
            _slots.Remove(slot);
        }

        return ended;
    }

    private SlotOrder? NextOrder() => _ranks.Values.All(rank => rank.Orders.Count > Applied) ? _ranks[0].Orders[(int)Applied] : null;

    private void Apply(SlotOrder order, List<(int, TrialResult)> ended)
    {
        Applied++;
        Verify.That(order.Number == Applied && _ranks.Values.All(rank => rank.Orders[(int)Applied - 1] == order));
        switch (order.Kind)
        {
            case SlotOrderKind.Fill:
                Verify.That(!_closed);
                Fill(order.Slot, order.Trial!);
                break;
            case SlotOrderKind.Empty:
                if (_slots.Remove(order.Slot, out var stopped)) ended.Add((order.Slot, FakeEngine.Ended(stopped.Trial.Index, TrialState.Pruned, stopped.Step, order.Reason)));
                break;
            default: _closed = true; break;
        }
    }

    private void Fill(int slot, TrialSpec trial)
    {
        Verify.That(slot >= 0 && slot < _assignment.Shape.Slots && !_slots.ContainsKey(slot));
        Verify.That(PackSignature.Of(trial) == _signature && trial.Model.Latent <= _assignment.Shape.Latent);
        Verify.That(!Trials.Contains(trial.Index));
        _slots.Add(slot, new(trial));
    }
}

/// <summary>One rank of a ring.</summary>
internal sealed class FakeTraining(FakeEngine engine, ReplicaAssignment assignment, int rank, Generation generation, FakeRing ring)
{
    public ReplicaAssignment Assignment => assignment;

    public int Rank => rank;

    public Generation Generation => generation;

    public FakeRing Ring => ring;

    /// <summary>All orders that this rank was ever given, by number from 1.</summary>
    public List<SlotOrder> Orders { get; } = [];

    public long ToldApplied { get; set; }

    public bool HasStarted { get; set; }

    public TimeSpan InStepAt { get; set; }

    public bool IsStopped { get; set; }

    public bool IsRunning => !IsStopped && engine.IsThisProcess;
}
