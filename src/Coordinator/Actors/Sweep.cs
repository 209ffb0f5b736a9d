using System.Diagnostics;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>
/// One sweep from its data set to its end. It hands trials to pack runners, at most <see cref="WindowMax"/> packs at a time, and makes durable what becomes of them.
/// Losing a worker is no trial's fault: a lost or preempted attempt is followed by the next, with a greater number, so whatever an older attempt still
/// reports is refused; only a trial that loses <see cref="LossesMax"/> attempts is given up, with their history in words.
/// Its state is the fold of its facts, so a restart continues where the facts end: packs that were running begin their next attempt,
/// trials that had ended never train again.
/// </summary>
public sealed class Sweep : IActor
{
    /// <summary>Packs queued at placement or running: two for each of the 1,000 workers that are planned for.</summary>
    public const int WindowMax = 2_048;

    /// <summary>Attempts that may be lost before the trial is given up: a trial that kills its worker must not eat the cluster.</summary>
    public const int LossesMax = 5;

    /// <summary>Attempts of any kind, so that a sweep on workers that always refuse or leave ends at last.</summary>
    public const int AttemptsMax = 100;

    private static readonly TimeSpan TickEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AskAgainEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RecordTimeEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(30);

    private readonly CoordinatorContext _context;
    private readonly SweepDefinition _definition;
    private readonly SweepView _view;
    private readonly TrialFeed _feed;
    private readonly SortedDictionary<int, OpenPack> _open = [];
    private readonly SortedDictionary<string, OpenPack> _runners = new(StringComparer.Ordinal); // Alive; one per open pack, and those about to stop.
    private int _nextPack;
    private bool _dataChecked;
    private bool _feedIsEmpty;
    private Instant _askedAt;
    private Instant? _firstStart;
    private TimeSpan _elapsedBefore;
    private long _tick;

    /// <param name="context">Shared by all actors of this life of the coordinator.</param>
    /// <param name="id">The sweep.</param>
    /// <param name="history">All its durable facts, oldest first, at least its submission.</param>
    public Sweep(CoordinatorContext context, SweepId id, IReadOnlyList<SweepEvent> history)
    {
        _context = context;
        _view = new SweepView(id);
        foreach (var fact in history) _view.Apply(fact);
        Verify.That(_view.Submission is not null);
        _definition = SweepDefinitionJson.Read(System.Text.Encoding.UTF8.GetBytes(_view.Submission.Definition));
        _feed = new TrialFeed(_definition, _view);
        _nextPack = _view.NextPack;
        _elapsedBefore = _view.Elapsed;
    }

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started: Begin(now, effects); break;
            case Signal.Terminated gone: ForgetRunner(gone, effects); break;
            case Signal: break;
            case SweepMessage.DatasetReady ready: TakeDataset(ready, now, effects); break;
            case SweepMessage.DatasetRejected rejected: RejectDataset(rejected, effects); break;
            case SweepMessage.PackPlanned: break; // Every pack holds one trial.
            case SweepMessage.PackStarted started: RecordStart(sender, started, now, effects); break;
            case SweepMessage.PackDone done: TakeResults(sender, done, effects); break;
            case SweepMessage.PackFailed failed: TakeFailure(sender, failed, effects); break;
            case SweepMessage.RetryDue retry: Retry(retry, effects); break;
            case SweepMessage.StopSweep stop: End(SweepState.Cancelled, stop.Reason, effects); break;
            case SweepMessage.SweepTick tick when tick.Number == _tick: Look(now, effects); break;
            case SweepMessage.SweepTick: break;
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }

        if (HasEnded && _runners.Count == 0) Retire(effects);
    }

    private bool HasEnded => _view.State != SweepState.Running;

    private void Record(SweepEvent fact, Effects effects)
    {
        _view.Apply(fact);
        _context.Record(fact, effects);
    }

    private void Begin(Instant now, Effects effects)
    {
        if (HasEnded) return;
        foreach (var (number, trials) in _view.OpenPacks.ToArray()) Reopen(number, trials, effects);
        AskForDataset(now, effects);
        effects.Wake(TickEvery, new SweepMessage.SweepTick(++_tick));
    }

    // What ran when the last life of the coordinator ended is not adopted: its next attempt starts, and placement stops the old one where it still runs.
    private void Reopen(int number, ValueList<int> trials, Effects effects)
    {
        var unfinished = trials.Where(_feed.Unfinished.ContainsKey).Select(trial => _feed.Unfinished[trial]).ToValueList();
        var pack = new OpenPack(new(_view.Id, number), unfinished);
        var row = _view.Row(unfinished[0].Index);
        pack.Restore(row.Attempt, row.Losses, row.Reason);
        _open.Add(number, pack);
        if (row.State == TrialState.Running) RecordInterruption(pack, TrialState.Preempted, "the coordinator was restarted", effects);
    }

    private void AskForDataset(Instant now, Effects effects)
    {
        _askedAt = now;
        effects.Send(Addresses.Datasets, new DatasetMessage.PrepareDataset(
            _definition.Dataset, _view.Submission!.BaseDirectory, Addresses.Sweep(_view.Id)));
    }

    private void TakeDataset(SweepMessage.DatasetReady ready, Instant now, Effects effects)
    {
        if (_dataChecked || HasEnded) return;
        if (_view.Dataset is null)
        {
            Record(new SweepEvent.DatasetReady(ready.Manifest, ready.Warnings) { Sweep = _view.Id }, effects);
        }
        else if (_view.Dataset.Fingerprint != ready.Manifest.Fingerprint)
        {
            End(SweepState.Failed, "The data set has changed since the sweep began: results before and after would not compare. " +
                $"Fingerprint then {_view.Dataset.Fingerprint}, now {ready.Manifest.Fingerprint}. Restore the files, or submit the sweep anew.", effects);
            return;
        }

        _dataChecked = true;
        foreach (var pack in _open.Values) StartNextAttempt(pack, effects);
        Refill(effects);
    }

    private void RejectDataset(SweepMessage.DatasetRejected rejected, Effects effects)
    {
        if (!_dataChecked) End(SweepState.Failed, rejected.Text, effects);
    }

    private void Refill(Effects effects)
    {
        while (!_feedIsEmpty && _open.Count < WindowMax)
        {
            if (_feed.Next() is not { } trial)
            {
                _feedIsEmpty = true;
                break;
            }

            var pack = new OpenPack(new(_view.Id, _nextPack++), [trial]);
            _open.Add(pack.Id.Number, pack);
            StartNextAttempt(pack, effects);
        }
    }

    private void StartNextAttempt(OpenPack pack, Effects effects)
    {
        pack.Attempt = pack.Attempt.Next();
        pack.IsRunning = true;
        var plan = new PackPlan(pack.Id, pack.Attempt, pack.Trials, _view.Dataset!, _definition.Dataset, _definition.Resources);
        var term = _context.Term;
        _runners.Add(plan.Runner.Name, pack);
        effects.Spawn(plan.Runner.Name, () => new PackRunner(term, plan), Supervision.Never); // A crashed runner is a lost attempt.
        effects.Watch(plan.Runner);
    }

    private OpenPack? Current(PackId id, Attempt attempt) =>
        _open.TryGetValue(id.Number, out var pack) && pack.Attempt == attempt && pack.IsRunning ? pack : null;

    private void RecordStart(ActorId runner, SweepMessage.PackStarted started, Instant now, Effects effects)
    {
        if (Current(started.Pack, started.Attempt) is not { } pack)
        {
            effects.Send(runner, new PackMessage.CancelPack("another attempt has taken its place"));
            return;
        }

        _firstStart ??= now;
        if (!IsRecorded(pack))
        {
            var trials = pack.Trials.Select(trial => trial.Index).ToValueList();
            Record(new SweepEvent.PackStarted(pack.Id.Number, pack.Attempt, trials, started.Workers) { Sweep = _view.Id }, effects);
        }

        effects.Send(runner, new PackMessage.StartRecorded(pack.Attempt));
    }

    private bool IsRecorded(OpenPack pack) => _view.Row(pack.Trials[0].Index) is { State: TrialState.Running } row && row.Attempt == pack.Attempt;

    private void TakeResults(ActorId runner, SweepMessage.PackDone done, Effects effects)
    {
        effects.Send(runner, new PackMessage.PackSettled(done.Attempt)); // Leaves after the facts below are durable.
        if (Current(done.Pack, done.Attempt) is not { } pack || !IsRecorded(pack)) return;
        foreach (var trial in pack.Trials)
        {
            var result = done.Results.FirstOrDefault(result => result.TrialIndex == trial.Index && result.State is TrialState.Done or TrialState.Failed);
            RecordEnd(pack, result ?? FailedResult(trial, "The worker ended the pack without a result for this trial."), effects);
        }

        Close(pack, effects);
    }

    private void TakeFailure(ActorId runner, SweepMessage.PackFailed failed, Effects effects)
    {
        effects.Send(runner, new PackMessage.PackSettled(failed.Attempt));
        if (Current(failed.Pack, failed.Attempt) is { } pack) Interrupt(pack, failed.Kind, failed.Text, effects);
    }

    private void Interrupt(OpenPack pack, FailureKind kind, string text, Effects effects)
    {
        pack.IsRunning = false;
        if (OpenPack.CountsAgainstTrial(kind))
        {
            GiveUp(pack, text, effects);
            return;
        }

        pack.Remember(kind, text);
        if (IsRecorded(pack)) RecordInterruption(pack, OpenPack.CountsAsLoss(kind) ? TrialState.Lost : TrialState.Preempted, text, effects);
        if (pack.Losses >= LossesMax) GiveUp(pack, $"Given up after {pack.Losses} lost attempts: {pack.History}.", effects);
        else if (pack.Attempt.Value >= AttemptsMax) GiveUp(pack, $"Given up after {pack.Attempt.Value} attempts; the last: {pack.History}.", effects);
        else effects.Wake(PauseBefore(pack, kind), new SweepMessage.RetryDue(pack.Id.Number, pack.Attempt));
    }

    // 1, 2, 4, 8 s after losses; others wait for placement anyway, but one that was refused would meet the same busy worker at once.
    private static TimeSpan PauseBefore(OpenPack pack, FailureKind kind)
    {
        if (kind == FailureKind.Preempted) return TimeSpan.Zero;
        var pause = TimeSpan.FromSeconds(1 << Math.Clamp(pack.Losses - 1, 0, LossesMax));
        return pause < PauseMax ? pause : PauseMax;
    }

    private void RecordInterruption(OpenPack pack, TrialState state, string text, Effects effects) =>
        Record(new SweepEvent.PackInterrupted(pack.Id.Number, pack.Attempt, state, text) { Sweep = _view.Id }, effects);

    private void Retry(SweepMessage.RetryDue retry, Effects effects)
    {
        if (_open.TryGetValue(retry.Pack, out var pack) && pack.Attempt == retry.Attempt && !pack.IsRunning) StartNextAttempt(pack, effects);
    }

    private void GiveUp(OpenPack pack, string text, Effects effects)
    {
        foreach (var trial in pack.Trials) RecordEnd(pack, FailedResult(trial, text), effects);
        Close(pack, effects);
    }

    private void RecordEnd(OpenPack pack, TrialResult result, Effects effects)
    {
        var attempt = _view.Row(result.TrialIndex).Attempt; // Of the facts: an attempt that was never recorded is no fact.
        Verify.That(attempt.Value <= pack.Attempt.Value);
        Record(new SweepEvent.TrialEnded(attempt, result) { Sweep = _view.Id }, effects);
    }

    private static TrialResult FailedResult(TrialSpec trial, string text) =>
        new(trial.Index, TrialState.Failed, double.NaN, double.NaN, double.NaN, 0, [], 0, 0, 0, 0, text, []);

    private void Close(OpenPack pack, Effects effects)
    {
        pack.IsRunning = false;
        _open.Remove(pack.Id.Number);
        Refill(effects);
        if (_view.Ended < _view.Trials) return;
        var failed = _view.Count(TrialState.Failed);
        if (failed == 0) End(SweepState.Done, "", effects);
        else End(SweepState.DoneWithFailures, $"{failed} of {_view.Trials} trials failed.", effects);
    }

    // One that handed its outcome over has left the pack pausing, closed, or with a later attempt; what is left is a crash.
    private void ForgetRunner(Signal.Terminated gone, Effects effects)
    {
        if (!_runners.Remove(gone.Actor.Name, out var pack) || HasEnded || !pack.IsRunning) return;
        if (Addresses.PackRunner(pack.Id, pack.Attempt) == gone.Actor) Interrupt(pack, FailureKind.Lost, $"its runner ended: {gone.Reason}", effects);
    }

    private void Look(Instant now, Effects effects)
    {
        if (HasEnded) return;
        if (!_dataChecked && now - _askedAt >= AskAgainEvery) AskForDataset(now, effects);
        WatchBudget(now, effects);
        effects.Wake(TickEvery, new SweepMessage.SweepTick(++_tick));
    }

    private void WatchBudget(Instant now, Effects effects)
    {
        if (_definition.Budget.Wall is not { } wall || _firstStart is not { } start) return;
        var elapsed = _elapsedBefore + (now - start);
        if (elapsed >= wall) End(SweepState.Cancelled, $"Its wall budget of {wall} is used up.", effects);
        else if (elapsed - _view.Elapsed >= RecordTimeEvery) Record(new SweepEvent.TimeSpent(elapsed) { Sweep = _view.Id }, effects);
    }

    private void End(SweepState state, string reason, Effects effects)
    {
        if (HasEnded) return;
        Record(new SweepEvent.Ended(state, reason) { Sweep = _view.Id }, effects);
        _open.Clear();
        foreach (var runner in _runners.Keys) effects.Send(new(NodeId.Coordinator, runner), new PackMessage.CancelPack(reason));
    }

    // Not before the last runner has stopped: it still has to give its workers back.
    private void Retire(Effects effects)
    {
        effects.Send(Addresses.Sweeps, new SweepBookMessage.SweepRetired(_view.Id));
        effects.Stop("ended");
    }
}
