using System.Diagnostics;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>
/// One sweep from its data set to its end. It groups trials of equal shapes into packs, hands packs to runners, refills slots as trials end, and makes durable what becomes of each trial.
/// Losing a worker is no trial's fault: a lost or preempted attempt is followed by the next, with a greater number, so whatever an older attempt still
/// reports is refused; only a trial that loses <see cref="LossesMax"/> attempts is given up, with their history in words. A pack that fails as a whole is
/// halved until the trial that cannot be trained is alone, and that one fails.
/// Its state is the fold of its facts, so a restart continues where the facts end: packs that were running are adopted with their attempts,
/// trials that had ended never train again.
/// </summary>
public sealed partial class Sweep : IActor
{
    /// <summary>Attempts that may be lost before a trial that is alone in its pack is given up: a trial that kills its worker must not eat the cluster.</summary>
    public const int LossesMax = 5;

    /// <summary>Attempts of any kind, so that a sweep on workers that always refuse or leave ends at last.</summary>
    public const int AttemptsMax = 100;

    private static readonly TimeSpan TickEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AskAgainEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RecordTimeEvery = TimeSpan.FromSeconds(30);

    private readonly CoordinatorContext _context;
    private readonly SweepDefinition _definition;
    private readonly SweepView _view;
    private readonly TrialFeed _feed;
    private readonly TrialQueue _queue;
    private readonly SortedDictionary<int, OpenPack> _open = [];
    private readonly SortedDictionary<string, OpenPack> _runners = new(StringComparer.Ordinal); // Alive; one per open pack, and those about to stop.
    private readonly int _latentMax;
    private int _nextPack;
    private bool _dataChecked;
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
        _queue = new TrialQueue(_feed);
        _latentMax = LargestLatent(_definition);
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
            case SweepMessage.DatasetReady ready: TakeDataset(ready, effects); break;
            case SweepMessage.DatasetRejected rejected: RejectDataset(rejected, effects); break;
            case SweepMessage.PackPlanned planned: TakePlan(planned, effects); break;
            case SweepMessage.PackStarted started: RecordStart(sender, started, now, effects); break;
            case SweepMessage.PackRegrouped regrouped: RecordGeneration(sender, regrouped, effects); break;
            case SweepMessage.PackCheckpointed made: RecordCheckpoint(sender, made, effects); break;
            case SweepMessage.SlotEnded ended: TakeSlotEnd(sender, ended, effects); break;
            case SweepMessage.SlotEnding ending: TakeSlotEnding(sender, ending, effects); break;
            case SweepMessage.PackDone done: TakeResults(sender, done, effects); break;
            case SweepMessage.PackFailed failed: TakeFailure(sender, failed, effects); break;
            case SweepMessage.StopTrial stop: StopTrial(stop, effects); break;
            case SweepMessage.RetryDue retry: Retry(retry, effects); break;
            case SweepMessage.StopSweep stop: End(SweepState.Cancelled, stop.Reason, effects); break;
            case SweepMessage.SweepTick tick when tick.Number == _tick: Look(now, effects); break;
            case SweepMessage.SweepTick: break;
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }

        GoOn(now, effects);
    }

    private bool HasEnded => _view.State != SweepState.Running;

    // What every message may have made possible or necessary.
    private void GoOn(Instant now, Effects effects)
    {
        if (!HasEnded && _view.Ended == _view.Trials) EndByItself(effects);
        if (!HasEnded && _dataChecked) HandOutTrials(now, effects);
        if (HasEnded && _runners.Count == 0) Retire(effects);
    }

    private void Record(SweepEvent fact, Effects effects)
    {
        _view.Apply(fact);
        _context.Record(fact, effects);
    }

    private void Begin(Instant now, Effects effects)
    {
        if (HasEnded)
        {
            effects.Send(Addresses.Placement, new PlacementMessage.SweepRecovered(_view.Id));
            return;
        }

        Recover(now, effects);
        AskForDataset(now, effects);
        effects.Wake(TickEvery, new SweepMessage.SweepTick(++_tick));
    }

    private void AskForDataset(Instant now, Effects effects)
    {
        _askedAt = now;
        effects.Send(Addresses.Datasets, new DatasetMessage.PrepareDataset(
            _definition.Dataset, _view.Submission!.BaseDirectory, Addresses.Sweep(_view.Id)));
    }

    private void TakeDataset(SweepMessage.DatasetReady ready, Effects effects)
    {
        if (_dataChecked || HasEnded) return;
        if (LabelFit.Misfit(_definition, ready.Manifest.HasLabels ? ready.Manifest.Classes : 0) is { } misfit)
        {
            End(SweepState.Failed, misfit, effects);
            return;
        }

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
    }

    private void RejectDataset(SweepMessage.DatasetRejected rejected, Effects effects)
    {
        if (!_dataChecked) End(SweepState.Failed, rejected.Text, effects);
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

    private void EndByItself(Effects effects)
    {
        var failed = _view.Count(TrialState.Failed);
        if (failed == 0) End(SweepState.Done, "", effects);
        else End(SweepState.DoneWithFailures, $"{failed} of {_view.Trials} trials failed.", effects);
    }

    private void End(SweepState state, string reason, Effects effects)
    {
        if (HasEnded) return;
        Record(new SweepEvent.Ended(state, reason) { Sweep = _view.Id }, effects);
        _open.Clear();
        _unplanned.Clear();
        foreach (var runner in _runners.Keys) effects.Send(new(NodeId.Coordinator, runner), new PackMessage.CancelPack(reason));
    }

    // Not before the last runner has stopped: it still has to give its workers back.
    private void Retire(Effects effects)
    {
        effects.Send(Addresses.Sweeps, new SweepBookMessage.SweepRetired(_view.Id));
        effects.Stop("ended");
    }
}
