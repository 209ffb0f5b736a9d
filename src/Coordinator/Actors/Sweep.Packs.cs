using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <content>
/// How trials come into packs. For each signature the planner is asked for a shape; then a few packs without trials ask placement for workers. A pack gets its
/// trials at the moment at which it has its workers, and not more of them than leave enough for the lanes that are still free: so no lane stays idle while
/// another holds a full pack, and nobody need know before how many packs there will be.
/// </content>
public sealed partial class Sweep
{
    /// <summary>Packs of one signature that ask for workers at once. A few: each that is granted is followed by the next, and more would stand in the way of other sweeps.</summary>
    public const int WaitingMax = 4;

    /// <summary>Plans that are recorded, for people to read: of the first signatures.</summary>
    public const int PlansMax = 64;

    // The planner answers soon after there is a worker; it forgets questions when it is restarted.
    private static readonly TimeSpan PlanAgainEvery = TimeSpan.FromSeconds(10);

    private readonly List<OpenPack> _unplanned = []; // Of the coordinator's last life; as many as ran then.
    private readonly Dictionary<string, int> _slotsMax = []; // By signature, where memory was not enough for what was planned. Looked up only.
    private Instant _unplannedAskedAt;

    private void HandOutTrials(Instant now, Effects effects)
    {
        _queue.LookAhead();
        foreach (var empty in _queue.DropEmpty())
        {
            foreach (var pack in empty.Waiting) Withdraw(pack, effects);
        }

        foreach (var line in _queue.Lines)
        {
            if (line.Shape is null) AskForPlan(line, now, effects);
            else while (line.Waiting.Count < Math.Min(WaitingMax, line.Count)) StartFresh(line, effects);
        }

        AskForUnplanned(now, effects);
    }

    private void AskForPlan(TrialLine line, Instant now, Effects effects)
    {
        if (line.AskedAt is { } asked && now - asked < PlanAgainEvery) return;
        line.AskedAt = now;
        var unseen = _queue.SeesTheEnd ? 0 : _view.Count(TrialState.Queued) - _queue.Count;
        Ask(line.Largest, line.Count + ((long)unseen * line.Count / _queue.Count), effects); // What is not seen yet is taken to be like the window.
    }

    private void AskForUnplanned(Instant now, Effects effects)
    {
        if (_unplanned.Count == 0 || (_unplannedAskedAt > Instant.Zero && now - _unplannedAskedAt < PlanAgainEvery)) return;
        _unplannedAskedAt = now;
        foreach (var same in _unplanned.GroupBy(pack => pack.Signature)) Ask(same.First().Trials[0], same.Sum(pack => pack.Trials.Count), effects);
    }

    private void Ask(TrialSpec trial, long trials, Effects effects)
    {
        trial = trial with { Model = trial.Model with { Latent = _latentMax } };
        effects.Send(Addresses.Planner, new PlannerMessage.PlanPack(QuestionOf(trial, trials), Addresses.Sweep(_view.Id)));
    }

    private PackQuestion QuestionOf(TrialSpec trial, long trials)
    {
        var (data, resources) = (DataShape.Of(_view.Dataset!), _definition.Resources);
        return new(trial, data, _definition.Dataset.Binarize, resources, trials, TrialPlan.Of(trial, data, resources).Steps * trials);
    }

    private void TakePlan(SweepMessage.PackPlanned planned, Effects effects)
    {
        if (HasEnded || !_dataChecked) return;
        var shape = planned.Shape with { Latent = Math.Max(planned.Shape.Latent, _latentMax) };
        if (_view.Plans.TryGetValue(planned.Signature, out var known) ? known.Shape != planned.Shape : _view.Plans.Count < PlansMax)
            Record(new SweepEvent.PackPlanned(planned.Signature, planned.Shape, planned.Reason) { Sweep = _view.Id }, effects);
        if (_queue.Find(new(planned.Signature)) is { } line) line.Shape = shape;
        foreach (var pack in _unplanned.FindAll(pack => pack.Signature.Key == planned.Signature))
        {
            _unplanned.Remove(pack);
            pack.Shape = shape;
            StartNextAttempt(pack, effects);
        }
    }

    private void StartFresh(TrialLine line, Effects effects)
    {
        var pack = new OpenPack(new(_view.Id, _nextPack++), line.Signature, []) { Shape = line.Shape };
        _open.Add(pack.Id.Number, pack);
        line.Waiting.Add(pack);
        StartNextAttempt(pack, effects);
    }

    private void StartNextAttempt(OpenPack pack, Effects effects)
    {
        pack.BeginAttempt();
        Spawn(pack, PlanOf(pack, pack.Trials.Count > 0 ? pack.Trials.MaxBy(trial => trial.Model.Latent)! : _queue.Find(pack.Signature)!.Largest), adopted: null, effects);
    }

    // Slots that the pack can get to at most.
    private int SlotsOf(OpenPack pack) => pack.Kept?.Slots
        ?? Math.Min(pack.TakesOthers ? int.MaxValue : Math.Max(1, pack.Trials.Count), Math.Min(pack.Shape!.Slots, _slotsMax.GetValueOrDefault(pack.Signature.Key, int.MaxValue)));

    private PackPlan PlanOf(OpenPack pack, TrialSpec trial)
    {
        var (shape, question) = (pack.Kept ?? pack.Shape!, QuestionOf(trial, 1));
        var filled = shape with { Slots = SlotsOf(pack), Latent = pack.Kept?.Latent ?? trial.Model.Latent };
        var memory = PackSize.LaneBytes(question.Trial, question.Data, filled, question.RowsPerWorker, cuda: _definition.Resources.Device == DeviceChoice.Cuda);
        pack.AskedBytes = memory;
        return new(pack.Id, pack.Attempt, shape, memory, _view.Dataset!, _definition.Dataset, _definition.Resources) { Metric = _definition.Objective.Metric };
    }

    private void Spawn(OpenPack pack, PackPlan plan, Adoption? adopted, Effects effects)
    {
        var term = _context.Term;
        _runners.Add(plan.Runner.Name, pack);
        effects.Spawn(plan.Runner.Name, () => new PackRunner(term, plan, adopted), Supervision.Never); // A crashed runner is a lost attempt.
        effects.Watch(plan.Runner);
    }

    private OpenPack? Current(PackId id, Attempt attempt) =>
        _open.TryGetValue(id.Number, out var pack) && pack.Attempt == attempt && pack.IsRunning ? pack : null;

    private void RecordStart(ActorId runner, SweepMessage.PackStarted started, Instant now, Effects effects)
    {
        var pack = Current(started.Pack, started.Attempt);
        if (pack is { Start: null } && ChooseTrials(pack, started.MoreGangs) is { } start)
        {
            _firstStart ??= now;
            _queue.Find(pack.Signature)?.Waiting.Remove(pack);
            pack.BeginTraining(start);
            var trials = start.Slots.Select(fill => fill.Trial.Index).ToValueList();
            Record(new SweepEvent.PackStarted(
                pack.Id.Number, pack.Attempt, trials, NamesOf(started.Workers), start.Shape, start.Closed, start.Slots.Select(fill => fill.From).ToValueList())
            { Sweep = _view.Id, Incarnations = IncarnationsOf(started.Workers) }, effects);
        }

        if (pack?.Start is not null) effects.Send(runner, pack.Start);
        else effects.Send(runner, new PackMessage.CancelPack(pack is null ? "another attempt has taken its place" : "no trial is left for it"));
    }

    private static ValueList<NodeId> NamesOf(ValueList<WorkerProcess> workers) => workers.Select(process => process.Worker).ToValueList();

    private static ValueList<ulong> IncarnationsOf(ValueList<WorkerProcess> workers) => workers.Select(process => process.Incarnation).ToValueList();

    // Its own trials, and as many of the waiting ones as are its share when every lane that is free now gets a pack.
    private PackMessage.StartRecorded? ChooseTrials(OpenPack pack, int moreGangs)
    {
        var shape = pack.Kept ?? pack.Shape!;
        List<TrialSpec> trials = [.. pack.Trials];
        var waiting = pack.TakesOthers ? _queue.Find(pack.Signature)?.Count ?? 0 : 0;
        var lanes = 1L + Math.Max(0, moreGangs);
        var slots = Math.Min(shape.Slots, _slotsMax.GetValueOrDefault(pack.Signature.Key, int.MaxValue));
        var share = (int)Math.Min(slots, (trials.Count + waiting + lanes - 1) / lanes);
        while (trials.Count < share && _queue.Take(pack.Signature, shape.Latent) is { } trial) trials.Add(trial);
        if (trials.Count == 0) return null;

        var rest = pack.TakesOthers ? _queue.Find(pack.Signature) : null;
        var mayRefill = pack.TakesOthers && (rest is { Count: > 0 } || !_queue.SeesTheEnd);
        var fills = trials.Select((trial, slot) => new SlotFill(slot, trial, _view.Checkpoints.NewestOf(trial.Index)?.Ref)).ToValueList();
        if (pack.Kept is not null && shape.Slots >= trials.Count) return new(pack.Attempt, shape, fills, Closed: !mayRefill);
        var latent = trials.Max(trial => trial.Model.Latent);
        if (rest is { Count: > 0 }) latent = Math.Max(latent, rest.Largest.Model.Latent); // Or what waits would not fit the slots that get free.
        return new(pack.Attempt, shape with { Slots = trials.Count, Latent = latent }, fills, Closed: !mayRefill);
    }

    // Nothing is left for it to train, and nothing of it is durable.
    private void Withdraw(OpenPack pack, Effects effects)
    {
        _open.Remove(pack.Id.Number);
        if (pack.IsRunning) effects.Send(Addresses.PackRunner(pack.Id, pack.Attempt), new PackMessage.CancelPack("no trial is left for it"));
        pack.IsRunning = false;
    }

    private static int LargestLatent(SweepDefinition definition)
    {
        var domain = definition.Search.Parameters.FirstOrDefault(parameter => parameter.Path == "model.latent")?.Domain;
        return domain switch
        {
            null => definition.Model.Latent,
            ParameterDomain.Values values => values.Items.Max(item => int.Parse(item, System.Globalization.CultureInfo.InvariantCulture)),
            ParameterDomain.IntUniform range => (int)range.High,
            _ => throw new UnreachableException($"A latent size cannot be searched by {domain.GetType().Name}."),
        };
    }
}
