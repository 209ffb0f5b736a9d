using Vae.Coordinator.Projections;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;
using static Vae.Tests.Processes.Support.RunHistory;

namespace Vae.Tests.Processes.Support;

/// <summary>
/// The facts of a store in their order, held against the rules: I1 (a trial runs in one place, a pack in one attempt), I3 (states move along the arrows), I7 (states sum to the sweep), I11 (terms,
/// attempts and generations only grow) and I13 (what has ended stays ended). Its arrows are written down again here: a model that asked the program could only agree with it.
/// </summary>
internal sealed class FactModel
{
    private static readonly Dictionary<TrialState, TrialState[]> Arrows = new()
    {
        [TrialState.Queued] = [TrialState.Running, TrialState.Failed, TrialState.Cancelled],
        [TrialState.Running] = [TrialState.Preempted, TrialState.Lost, TrialState.Failed, TrialState.Pruned, TrialState.Done, TrialState.Cancelled],
        [TrialState.Preempted] = [TrialState.Running, TrialState.Failed, TrialState.Cancelled],
        [TrialState.Lost] = [TrialState.Running, TrialState.Failed, TrialState.Cancelled],
    };

    private readonly Dictionary<TrialId, (TrialState State, int Attempt, PackId? Pack)> _trials = [];
    private readonly Dictionary<PackId, Running> _running = [];
    private readonly Dictionary<PackId, int> _attempts = [];
    private readonly Dictionary<PackId, long> _positions = []; // Of the last checkpoint of the attempt that runs.
    private readonly Dictionary<CheckpointRef, CheckpointInfo> _checkpoints = [];
    private readonly List<SweepEvent> _facts = [];
    private long _term;
    private long _sequence;

    private sealed class Running(int attempt)
    {
        public int Attempt => attempt;

        public int Generation { get; set; } = 1;

        public long Order { get; set; }

        /// <summary>Trials by slot, in the order in which they were given.</summary>
        public List<(int Slot, int Trial)> Slots { get; } = [];
    }

    /// <summary>The program's own fold, for questions that need no second opinion.</summary>
    public SortedDictionary<string, SweepView> Views { get; } = new(StringComparer.Ordinal);

    public IReadOnlyList<SweepEvent> Facts => _facts;

    /// <summary>The newest checkpoint of each trial that has one.</summary>
    public Dictionary<TrialId, CheckpointInfo> Newest { get; } = [];

    public void Follow(StoredEvent stored)
    {
        Require(stored.Sequence > _sequence, $"I11: fact {stored.Sequence} after fact {_sequence}");
        Require(stored.Term.Value >= _term, $"I11: fact {stored.Sequence} is of term {stored.Term.Value}, after one of term {_term}");
        (_sequence, _term) = (stored.Sequence, stored.Term.Value);
        if (stored.Fact is not SweepEvent fact) return;
        _facts.Add(fact);
        if (!Views.TryGetValue(fact.Sweep.Value, out var view)) Views[fact.Sweep.Value] = view = new SweepView(fact.Sweep);
        Require(view.State == SweepState.Running, $"I13: {fact} after the end of its sweep");
        switch (fact)
        {
            case SweepEvent.PackStarted started: Start(started); break;
            case SweepEvent.SlotFilled filled: Fill(filled); break;
            case SweepEvent.SlotStopOrdered stop: Order(Runs(new(fact.Sweep, stop.Pack), stop.Attempt, stop), stop.Order); break;
            case SweepEvent.PackClosed closed: Order(Runs(new(fact.Sweep, closed.Pack), closed.Attempt, closed), closed.Order); break;
            case SweepEvent.PackRegrouped regrouped: Regroup(regrouped); break;
            case SweepEvent.CheckpointStored kept: Keep(kept.Checkpoint); break;
            case SweepEvent.PackSuspected suspected: Suspect(suspected); break;
            case SweepEvent.PackInterrupted interrupted: Interrupt(interrupted); break;
            case SweepEvent.PackEnded ended: Finish(new(fact.Sweep, ended.Pack), ended.Attempt.Value); break;
            case SweepEvent.TrialEnded ended: End(ended); break;
            default: break;
        }

        view.Apply(fact);
        Require(Enum.GetValues<TrialState>().Sum(view.Count) == view.Trials, $"I7: the states of {fact.Sweep} do not sum to {view.Trials} after {fact}");
        foreach (var (trial, (state, _, _)) in _trials.Where(pair => pair.Key.Sweep == fact.Sweep && view.State == SweepState.Running))
        {
            Require(view.Row(trial.Index).State == state, $"I3: {trial} is {state} by the model and {view.Row(trial.Index).State} by the program after {fact}");
        }
    }

    private void Start(SweepEvent.PackStarted started)
    {
        var pack = new PackId(started.Sweep, started.Pack);
        Require(!_running.ContainsKey(pack), $"I1: {started} while its last attempt runs");
        Require(started.Attempt.Value > _attempts.GetValueOrDefault(pack), $"I11: {started} after attempt {_attempts.GetValueOrDefault(pack)}");
        _attempts[pack] = started.Attempt.Value;
        _running[pack] = new Running(started.Attempt.Value);
        _positions.Remove(pack);
        for (var slot = 0; slot < started.Trials.Count; slot++) Begin(pack, slot, started.Trials[slot], started.From[slot]);
    }

    private void Fill(SweepEvent.SlotFilled filled)
    {
        var pack = new PackId(filled.Sweep, filled.Pack);
        Order(Runs(pack, filled.Attempt, filled), filled.Order);
        Begin(pack, filled.Slot, filled.Trial, filled.From);
    }

    private Running Runs(PackId pack, Attempt attempt, SweepEvent fact)
    {
        Require(_running.TryGetValue(pack, out var running) && running.Attempt == attempt.Value, $"I11: {fact}, and attempt {running?.Attempt} runs");
        return running!;
    }

    private static void Order(Running running, long number)
    {
        Require(number == running.Order + 1, $"I2: order {number} follows order {running.Order} of attempt {running.Attempt}");
        running.Order = number;
    }

    private void Regroup(SweepEvent.PackRegrouped regrouped)
    {
        var running = Runs(new(regrouped.Sweep, regrouped.Pack), regrouped.Attempt, regrouped);
        Require(regrouped.Generation.Value > running.Generation, $"I11: {regrouped} after generation {running.Generation}");
        Require(regrouped.Workers.Count > 0 && regrouped.Workers.Distinct().Count() == regrouped.Workers.Count, $"I1: {regrouped}");
        running.Generation = regrouped.Generation.Value;
    }

    private void Keep(CheckpointInfo checkpoint)
    {
        Require(_running.TryGetValue(checkpoint.Pack, out var running) && running.Attempt == checkpoint.Attempt.Value, $"I11: {checkpoint}, and attempt {running?.Attempt} runs");
        Require(checkpoint.Position > _positions.GetValueOrDefault(checkpoint.Pack, -1), $"I11: {checkpoint} after position {_positions.GetValueOrDefault(checkpoint.Pack)}");
        _positions[checkpoint.Pack] = checkpoint.Position;
        _checkpoints[checkpoint.Ref] = checkpoint;
        foreach (var trial in checkpoint.Trials) Newest[new(checkpoint.Pack.Sweep, trial.Trial)] = checkpoint;
    }

    private void Suspect(SweepEvent.PackSuspected suspected)
    {
        var pack = new PackId(suspected.Sweep, suspected.Pack);
        _attempts[pack] = Math.Max(_attempts.GetValueOrDefault(pack), suspected.Attempt.Value);
        foreach (var trial in suspected.Trials) Require(_trials.GetValueOrDefault(new(suspected.Sweep, trial)).Pack is null, $"I1: {suspected} while trial {trial} runs");
    }

    private void Begin(PackId pack, int slot, int index, CheckpointRef? from)
    {
        var running = _running[pack];
        var trial = new TrialId(pack.Sweep, index);
        Require(running.Slots.Count(used => used.Slot == slot) < 2, $"I1: slot {slot} of {pack} gets {trial}, and has a trial and one that follows it");
        running.Slots.Add((slot, index));
        var (_, before, at) = _trials.GetValueOrDefault(trial);
        Require(at is null, $"I1: {trial} begins in {pack} and runs in {at}");
        Require(running.Attempt > before, $"I11: {trial} begins attempt {running.Attempt} after attempt {before}");
        if (from is not null) Require(_checkpoints.TryGetValue(from, out var kept) && kept.Trials.Any(one => one.Trial == index), $"I9: {trial} resumes from {from}, which no fact stored with it");
        Move(trial, TrialState.Running, running.Attempt, pack);
    }

    private void Interrupt(SweepEvent.PackInterrupted interrupted)
    {
        var pack = new PackId(interrupted.Sweep, interrupted.Pack);
        Require(_running.Remove(pack, out var running) && running.Attempt == interrupted.Attempt.Value, $"I11: {interrupted}, and attempt {running?.Attempt} runs");
        Require(interrupted.State is TrialState.Lost or TrialState.Preempted, $"I3: {interrupted}");
        foreach (var (_, index) in running!.Slots) Move(new(pack.Sweep, index), interrupted.State, running.Attempt, null);
    }

    private void Finish(PackId pack, int attempt)
    {
        Require(!_running.Remove(pack, out var running) || (running.Attempt == attempt && running.Slots.Count == 0), $"I13: attempt {attempt} of {pack} ends with trials in its slots");
    }

    private void End(SweepEvent.TrialEnded ended)
    {
        var trial = new TrialId(ended.Sweep, ended.Result.TrialIndex);
        var (_, attempt, at) = _trials.GetValueOrDefault(trial);
        Require(attempt == ended.Attempt.Value, $"I11: {trial} is in attempt {attempt} and ends by {ended}");
        if (at is { } pack && _running.TryGetValue(pack, out var running))
        {
            running.Slots.RemoveAll(used => used.Trial == trial.Index);
        }

        Move(trial, ended.Result.State, attempt, null);
    }

    private void Move(TrialId trial, TrialState to, int attempt, PackId? pack)
    {
        var from = _trials.TryGetValue(trial, out var known) ? known.State : TrialState.Queued;
        Require(Arrows.TryGetValue(from, out var allowed) && allowed.Contains(to), $"I3/I13: {trial} goes from {from} to {to}");
        _trials[trial] = (to, attempt, pack);
    }
}
