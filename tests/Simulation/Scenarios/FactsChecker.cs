using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;
using Vae.Worker.Actors;

namespace Vae.Tests.Simulation.Scenarios;

/// <summary>
/// Follows the store as it grows and holds every fact against the rules, with a model of its own: I1, I2 and I11 (an attempt is durable before a worker hears of it, begins only when the one
/// before is over, and only the newest ends a trial; no trial is in two slots and no slot holds two), I3 (states move along the arrows), I7 (states sum to the sweep), I13 (an ended trial stays ended);
/// and I10 on what workers hold.
/// </summary>
internal sealed class FactsChecker(int outboxMax) : IChecker
{
    private readonly SortedDictionary<string, SweepView> _views = new(StringComparer.Ordinal);
    private readonly Dictionary<TrialId, (TrialState State, int Attempt)> _trials = [];
    private readonly Dictionary<PackId, SortedDictionary<int, int>> _packs = []; // Trial by slot, of the attempt that runs.
    private readonly Dictionary<PackId, int> _attempts = [];
    private int _next;

    public IReadOnlyDictionary<string, SweepView> Views => _views;

    public void AfterEvent(SimulatedCluster cluster)
    {
        for (; _next < cluster.Store.Count; _next++)
        {
            if (cluster.Store[_next].Fact is SweepEvent fact) Follow(fact);
        }

        if (cluster.LastReceived is { Message: OutboxMessage.AddPoints } last && cluster.Actor<MetricsOutbox>(last.Target) is { } outbox)
            Require(outbox.Held <= outboxMax + 512, $"I10: {last.Target} holds {outbox.Held} points");
        if (cluster.LastReceived is { Message: AgentMessage.AssignReplica { Assignment: var told } })
        {
            Require(_attempts.GetValueOrDefault(told.Pack) >= told.Attempt.Value, $"I2: a worker hears of {told.Pack} attempt {told.Attempt.Value} before it is durable");
            foreach (var fill in told.Slots) RequireDurable(told.Pack.Sweep, told.Attempt, fill.Trial.Index);
        }

        if (cluster.LastReceived is { Message: ReplicaMessage.ChangeSlots change } order)
        {
            foreach (var fill in change.Orders.Where(one => one.Trial is not null)) RequireDurable(SweepOf(order.Target.Name), change.Attempt, fill.Trial!.Index);
        }
    }

    // replica.SWEEP.NUMBER.ATTEMPT
    private static SweepId SweepOf(string replica) => new(replica.Split('.')[1]);

    private void RequireDurable(SweepId sweep, Attempt attempt, int trial) =>
        Require(_trials.GetValueOrDefault(new(sweep, trial)).Attempt >= attempt.Value, $"I2: a worker hears of {sweep}/{trial} in attempt {attempt.Value} before it is durable");

    private void Follow(SweepEvent fact)
    {
        if (!_views.TryGetValue(fact.Sweep.Value, out var view)) _views[fact.Sweep.Value] = view = new SweepView(fact.Sweep);
        Require(view.State == SweepState.Running, $"{fact} after the sweep's end");
        switch (fact)
        {
            case SweepEvent.PackStarted started:
                Require(!_packs.ContainsKey(new(fact.Sweep, started.Pack)), $"I1: {started} while its last attempt runs");
                Require(started.Attempt.Value > _attempts.GetValueOrDefault(new(fact.Sweep, started.Pack)), $"I11: {started}");
                _packs[new(fact.Sweep, started.Pack)] = [];
                _attempts[new(fact.Sweep, started.Pack)] = started.Attempt.Value;
                for (var slot = 0; slot < started.Trials.Count; slot++) Begin(new(fact.Sweep, started.Pack), slot, started.Trials[slot], started.Attempt.Value);
                break;
            case SweepEvent.SlotFilled filled:
                Require(_attempts[new(fact.Sweep, filled.Pack)] == filled.Attempt.Value, $"I11: {filled}");
                Begin(new(fact.Sweep, filled.Pack), filled.Slot, filled.Trial, filled.Attempt.Value);
                break;
            case SweepEvent.PackInterrupted interrupted:
                Require(_packs.Remove(new(fact.Sweep, interrupted.Pack), out var stopped), $"I3: {interrupted}, which did not run");
                foreach (var trial in stopped!.Values) Interrupt(new(fact.Sweep, trial), interrupted);
                break;
            case SweepEvent.PackEnded ended:
                Require(!_packs.Remove(new(fact.Sweep, ended.Pack), out var left) || left.Count == 0, $"I13: {ended} with trials in its slots");
                break;
            case SweepEvent.TrialEnded ended: End(new(fact.Sweep, ended.Result.TrialIndex), ended); break;
            default: break;
        }

        view.Apply(fact);
        Require(Enum.GetValues<TrialState>().Sum(view.Count) == view.Trials, $"I7: the states of {fact.Sweep} do not sum to {view.Trials} after {fact}");
    }

    private void Begin(PackId pack, int slot, int index, int attempt)
    {
        var trial = new TrialId(pack.Sweep, index);
        Require(_packs[pack].TryAdd(slot, index), $"I1: slot {slot} of {pack} holds two trials");
        var (state, before) = _trials.GetValueOrDefault(trial, (TrialState.Queued, 0));
        Require(state is TrialState.Queued or TrialState.Lost or TrialState.Preempted, $"I1/I13: {trial} begins attempt {attempt} while {state}");
        Require(attempt > before, $"I11: {trial} begins attempt {attempt} after attempt {before}");
        _trials[trial] = (TrialState.Running, attempt);
    }

    private void Interrupt(TrialId trial, SweepEvent.PackInterrupted interrupted)
    {
        var (state, attempt) = _trials[trial];
        Require(state == TrialState.Running && attempt == interrupted.Attempt.Value, $"I3: {trial} is {state} in attempt {attempt}, interrupted by {interrupted}");
        Require(interrupted.State is TrialState.Lost or TrialState.Preempted, $"I3: {interrupted}");
        _trials[trial] = (interrupted.State, attempt);
    }

    private void End(TrialId trial, SweepEvent.TrialEnded ended)
    {
        var (state, attempt) = _trials[trial];
        var isGivenUp = state is TrialState.Lost or TrialState.Preempted && ended.Result.State == TrialState.Failed;
        Require(state == TrialState.Running || isGivenUp, $"I13: {trial} ends while {state}: {ended}");
        Require(attempt == ended.Attempt.Value, $"I11: {trial} is in attempt {attempt}, ended by {ended}");
        if (ended.Result.State == TrialState.Done) Require(ended.Result.Elbo.Equals(FakeEngine.ElboOf(trial.Index)), $"{trial} has the result of another: {ended}");
        _trials[trial] = (ended.Result.State, attempt);
        foreach (var slots in _packs.Where(pack => pack.Key.Sweep == trial.Sweep).Select(pack => pack.Value))
        {
            foreach (var slot in slots.Where(pair => pair.Value == trial.Index).Select(pair => pair.Key).ToArray()) slots.Remove(slot);
        }
    }

    private static void Require(bool condition, string text)
    {
        if (!condition) throw new RuleBrokenException(text);
    }
}
