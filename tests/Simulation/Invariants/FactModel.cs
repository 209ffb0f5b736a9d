using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>A trial as the facts tell it.</summary>
internal sealed class TrialModel
{
    public TrialState State { get; set; } = TrialState.Queued;

    public int Attempt { get; set; }

    public bool HasEnded => State is TrialState.Done or TrialState.Failed or TrialState.Pruned or TrialState.Cancelled;
}

/// <summary>A pack as the facts tell it.</summary>
internal sealed class PackModel
{
    public int Attempt { get; set; }

    /// <summary>An attempt has begun and is not over.</summary>
    public bool IsLive { get; set; }

    /// <summary>Trials by slot, in the order in which they were given.</summary>
    public List<(int Slot, int Trial)> Slots { get; } = [];

    public int Generation { get; set; }

    public long Orders { get; set; }

    public bool IsClosed { get; set; }
}

/// <summary>A model of its own of what the facts say: small, and without a line of the product's own projections.</summary>
internal sealed class FactModel
{
    public Dictionary<TrialId, TrialModel> Trials { get; } = [];

    public Dictionary<PackId, PackModel> Packs { get; } = [];

    public Dictionary<SweepId, (int Trials, bool Ended)> Sweeps { get; } = [];

    /// <summary>Checkpoints by trial, oldest first.</summary>
    public Dictionary<TrialId, List<CheckpointInfo>> Checkpoints { get; } = [];

    public TrialModel Trial(TrialId id) => Trials.TryGetValue(id, out var trial) ? trial : Trials[id] = new();

    public PackModel Pack(PackId id) => Packs.TryGetValue(id, out var pack) ? pack : Packs[id] = new();

    /// <summary>Called after the rules have looked at the fact.</summary>
    public void Apply(SweepEvent fact)
    {
        switch (fact)
        {
            case SweepEvent.Submitted submitted: Sweeps[fact.Sweep] = (submitted.Trials, false); break;
            case SweepEvent.PackStarted started: Start(started); break;
            case SweepEvent.SlotFilled filled: Order(filled.Pack, fact.Sweep); Begin(new(fact.Sweep, filled.Pack), filled.Slot, filled.Trial, filled.Attempt.Value); break;
            case SweepEvent.SlotStopOrdered stop: Order(stop.Pack, fact.Sweep); break;
            case SweepEvent.PackClosed closed: Order(closed.Pack, fact.Sweep); Pack(new(fact.Sweep, closed.Pack)).IsClosed = true; break;
            case SweepEvent.PackRegrouped regrouped: Pack(new(fact.Sweep, regrouped.Pack)).Generation = regrouped.Generation.Value; break;
            case SweepEvent.CheckpointStored stored: Keep(stored); break;
            case SweepEvent.PackInterrupted interrupted: Interrupt(interrupted); break;
            case SweepEvent.PackEnded ended: Pack(new(fact.Sweep, ended.Pack)).IsLive = false; break;
            case SweepEvent.TrialEnded ended: End(new(fact.Sweep, ended.Result.TrialIndex), ended.Result.State); break;
            case SweepEvent.Ended: EndSweep(fact.Sweep); break;
            default: break;
        }
    }

    private void Start(SweepEvent.PackStarted started)
    {
        var id = new PackId(started.Sweep, started.Pack);
        var pack = Pack(id);
        (pack.Attempt, pack.IsLive, pack.Generation, pack.Orders, pack.IsClosed) = (started.Attempt.Value, true, 1, 0, started.Closed);
        pack.Slots.Clear();
        for (var slot = 0; slot < started.Trials.Count; slot++) Begin(id, slot, started.Trials[slot], started.Attempt.Value);
    }

    private void Begin(PackId pack, int slot, int trial, int attempt)
    {
        Pack(pack).Slots.Add((slot, trial));
        var model = Trial(new(pack.Sweep, trial));
        (model.State, model.Attempt) = (TrialState.Running, attempt);
    }

    private void Order(int pack, SweepId sweep) => Pack(new(sweep, pack)).Orders++;

    private void Keep(SweepEvent.CheckpointStored stored)
    {
        foreach (var trial in stored.Checkpoint.Trials)
        {
            var id = new TrialId(stored.Sweep, trial.Trial);
            if (!Checkpoints.TryGetValue(id, out var known)) Checkpoints[id] = known = [];
            known.Add(stored.Checkpoint);
        }
    }

    private void Interrupt(SweepEvent.PackInterrupted interrupted)
    {
        var pack = Pack(new(interrupted.Sweep, interrupted.Pack));
        foreach (var (_, trial) in pack.Slots) Trial(new(interrupted.Sweep, trial)).State = interrupted.State;
        pack.Slots.Clear();
        pack.IsLive = false;
    }

    private void End(TrialId id, TrialState state)
    {
        Trial(id).State = state;
        foreach (var (pack, model) in Packs)
        {
            if (pack.Sweep != id.Sweep) continue;
            if (model.Slots.RemoveAll(used => used.Trial == id.Index) > 0) return;
        }
    }

    private void EndSweep(SweepId sweep)
    {
        Sweeps[sweep] = (Sweeps[sweep].Trials, true);
        foreach (var (pack, model) in Packs)
        {
            if (pack.Sweep != sweep) continue;
            model.IsLive = false;
            model.Slots.Clear();
        }
    }
}
