using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <content>
/// What becomes of trials in their slots. Whatever is told twice is answered twice and done once: a slot's trial is looked up by its index, and a slot that has been
/// refilled holds another one.
/// </content>
public sealed partial class Sweep
{
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(30);

    private void TakeSlotEnd(ActorId runner, SweepMessage.SlotEnded ended, Effects effects)
    {
        if (Current(ended.Pack, ended.Attempt) is not { Start: not null } pack) return;
        if (pack.Find(ended.Result.TrialIndex) is { } slot && slot.Slot == ended.Slot)
        {
            pack.Remove(slot);
            RecordEnd(pack, ResultOf(slot, ended.Result), effects);
            if (ended.Result.State == TrialState.Done) effects.Send(Addresses.Placement, new PlacementMessage.GangProved(ended.Pack, ended.Attempt));
            if (!pack.IsClosed && (ended.OthersWait || pack.IsFree(ended.Slot))) effects.Send(runner, new PackMessage.OrderSlots(pack.Attempt, [RefillOrClose(pack, ended, effects)]));
        }

        effects.Send(runner, new PackMessage.SlotSettled(ended.Attempt, ended.Result.TrialIndex)); // Leaves after the facts above are durable.
    }

    // What follows a trial is ordered a little before its end, so that the slot goes on at the step boundary, whether the coordinator is there then or not. A fact like any other: the trial runs from now on. Not when
    // nothing waits: what ends meanwhile elsewhere may leave something.
    private void TakeSlotEnding(ActorId runner, SweepMessage.SlotEnding ending, Effects effects)
    {
        if (Current(ending.Pack, ending.Attempt) is not { Start: not null, IsClosed: false } pack || ending.OthersWait || !pack.IsAlone(ending.Slot, ending.Trial)) return;
        if (TakeNext(pack) is { } trial) effects.Send(runner, new PackMessage.OrderSlots(pack.Attempt, [Fill(pack, ending.Slot, trial, effects)]));
    }

    // When others wait for workers the pack takes no more trials: its lane goes to the next in the queue as soon as it is through.
    private SlotOrder RefillOrClose(OpenPack pack, SweepMessage.SlotEnded ended, Effects effects)
    {
        if (!ended.OthersWait && TakeNext(pack) is { } trial) return Fill(pack, ended.Slot, trial, effects);
        var close = pack.Close();
        Record(new SweepEvent.PackClosed(pack.Id.Number, pack.Attempt, close.Number) { Sweep = _view.Id }, effects);
        return close;
    }

    private TrialSpec? TakeNext(OpenPack pack)
    {
        _queue.LookAhead(); // After a restart the first end may come before the data set.
        return pack.TakesOthers ? _queue.Take(pack.Signature, pack.Start!.Shape.Latent) : null;
    }

    private SlotOrder Fill(OpenPack pack, int slot, TrialSpec trial, Effects effects)
    {
        var fill = pack.Fill(slot, trial);
        Record(new SweepEvent.SlotFilled(pack.Id.Number, pack.Attempt, slot, trial.Index, fill.Number, fill.From) { Sweep = _view.Id }, effects);
        return fill;
    }

    // A generation is durable before any of its members hears of it, so that no other generation ever has its number.
    private void RecordGeneration(ActorId runner, SweepMessage.PackRegrouped regrouped, Effects effects)
    {
        if (Current(regrouped.Pack, regrouped.Attempt) is not { Start: not null } pack)
        {
            effects.Send(runner, new PackMessage.CancelPack("another attempt has taken its place"));
            return;
        }

        if (_view.Packs[pack.Id.Number].Generation.Value < regrouped.Generation.Value)
        {
            Record(new SweepEvent.PackRegrouped(pack.Id.Number, pack.Attempt, regrouped.Generation, NamesOf(regrouped.Workers), regrouped.Reason)
            { Sweep = _view.Id, Incarnations = IncarnationsOf(regrouped.Workers) }, effects);
        }

        effects.Send(runner, new PackMessage.GenerationRecorded(regrouped.Attempt, regrouped.Generation));
    }

    // A position that is not newer than the last is a double, or of a rank that was left behind.
    private void RecordCheckpoint(ActorId runner, SweepMessage.PackCheckpointed made, Effects effects)
    {
        if (Current(made.Pack, made.Attempt) is not { Start: not null } pack || made.Checkpoint.Pack != made.Pack || made.Checkpoint.Attempt != made.Attempt) return;
        if (_view.Packs[pack.Id.Number].CheckpointedTo < made.Checkpoint.Position) Record(new SweepEvent.CheckpointStored(made.Checkpoint) { Sweep = _view.Id }, effects);
        effects.Send(runner, new PackMessage.CheckpointSettled(made.Attempt, _view.Packs[pack.Id.Number].CheckpointedTo)); // What is newer makes up for what is not.
    }

    private static TrialResult ResultOf(SlotInUse slot, TrialResult? told) => told switch
    {
        { State: TrialState.Done or TrialState.Failed } => told,
        null or { State: TrialState.Pruned or TrialState.Cancelled } when slot.StopAs is { } state => (told ?? FailedResult(slot.Trial, "")) with { State = state, FailureText = slot.StopReason },
        null => FailedResult(slot.Trial, "The worker ended the pack without a result for this trial."),
        _ => FailedResult(slot.Trial, $"The worker ended the trial as {told.State}, which nobody had asked for."),
    };

    // A trial that runs is emptied from its slot; it has ended when rank 0 says so, with the figures that it had got to.
    private void StopTrial(SweepMessage.StopTrial stop, Effects effects)
    {
        if (HasEnded || stop.State is not (TrialState.Pruned or TrialState.Cancelled) || stop.Trial < 0 || stop.Trial >= _view.Trials) return;
        var row = _view.Row(stop.Trial);
        if (row.State != TrialState.Running || !_open.TryGetValue(row.Pack, out var pack) || pack.Find(stop.Trial) is not { StopAs: null } slot) return;
        var empty = pack.Stop(slot, stop.State, stop.Reason);
        Record(new SweepEvent.SlotStopOrdered(pack.Id.Number, pack.Attempt, slot.Slot, stop.Trial, empty.Number, stop.State, stop.Reason) { Sweep = _view.Id }, effects);
        effects.Send(Addresses.PackRunner(pack.Id, pack.Attempt), new PackMessage.OrderSlots(pack.Attempt, [empty]));
    }

    private void TakeResults(ActorId runner, SweepMessage.PackDone done, Effects effects)
    {
        effects.Send(runner, new PackMessage.PackSettled(done.Attempt)); // Leaves after the facts below are durable.
        if (Current(done.Pack, done.Attempt) is not { Start: not null } pack) return;
        foreach (var slot in pack.InUse.ToArray())
        {
            pack.Remove(slot);
            RecordEnd(pack, ResultOf(slot, done.Results.FirstOrDefault(result => result.TrialIndex == slot.Trial.Index)), effects);
        }

        Close(pack, effects);
    }

    private void TakeFailure(ActorId runner, SweepMessage.PackFailed failed, Effects effects)
    {
        effects.Send(runner, new PackMessage.PackSettled(failed.Attempt));
        if (Current(failed.Pack, failed.Attempt) is not { } pack) return;
        if (failed.Kind == FailureKind.Checkpoint) RefuseCheckpoints(pack, failed.Text, effects);
        if (failed.Kind == FailureKind.TooLarge) RefuseSize(pack, failed.Text, effects);
        else Interrupt(pack, failed.Kind, failed.Text, effects);
    }

    // Which one it was is told in words alone; an attempt seldom begins from more than one, and to fall back costs only time.
    private void RefuseCheckpoints(OpenPack pack, string text, Effects effects)
    {
        if (pack.Start is null) return;
        foreach (var used in pack.Start.Slots.Select(fill => fill.From).OfType<CheckpointRef>().Distinct())
        {
            Record(new SweepEvent.CheckpointRefused(used, text) { Sweep = _view.Id }, effects);
        }
    }

    private void Interrupt(OpenPack pack, FailureKind kind, string text, Effects effects)
    {
        RecordStopped(pack, effects);
        var wasTraining = pack.Start is not null;
        var behind = pack.EndAttempt();
        if (pack.Trials.Count == 0)
        {
            if (wasTraining) Close(pack, effects); // All had ended; only the farewell was lost.
            else effects.Wake(PauseBefore(pack, kind), new SweepMessage.RetryDue(pack.Id.Number, pack.Attempt));
            return;
        }

        var isAlone = pack.Trials.Count == 1;
        if (OpenPack.CountsAgainstTrial(kind) && isAlone && pack.IsOfOneTrial)
        {
            GiveUp(pack, text, effects);
            return;
        }

        pack.Remember(kind, text);
        if (wasTraining) RecordInterruption(pack, OpenPack.CountsAsLoss(kind) ? TrialState.Lost : TrialState.Preempted, text, effects);
        if (behind.Count > 0) OpenForThoseBehind(pack, behind, effects);
        if (pack.Losses >= LossesMax && isAlone) GiveUp(pack, $"Given up after {pack.Losses} lost attempts: {pack.History}.", effects);
        else if (pack.Attempt.Value >= AttemptsMax) GiveUp(pack, $"Given up after {pack.Attempt.Value} attempts; the last: {pack.History}.", effects);
        else TryAgain(pack, kind, effects);
    }

    private void OpenForThoseBehind(OpenPack pack, ValueList<TrialSpec> behind, Effects effects)
    {
        var other = pack.ForThoseBehind(new(_view.Id, _nextPack++), behind);
        _open.Add(other.Id.Number, other);
        effects.Wake(TimeSpan.Zero, new SweepMessage.RetryDue(other.Id.Number, other.Attempt));
    }

    // No worker has nearly the memory. A pack of several trials is made smaller before any of them is given up: alone it may fit. A fresh one has no trial yet, so the largest that waits pays for it.
    private void RefuseSize(OpenPack pack, string text, Effects effects)
    {
        pack.EndAttempt();
        if (pack.Trials.Count == 1)
        {
            GiveUp(pack, text, effects);
            return;
        }

        if (pack.Trials.Count > 1) TryAgain(pack, FailureKind.TooLarge, effects);
        else if (SlotsOf(pack) > 1) LearnSlotsMax(pack, SlotsOf(pack));
        else if (_queue.Find(pack.Signature) is { Count: > 0 } line && pack.AskedBytes is var refused && PlanOf(pack, line.Largest).MemoryBytes >= refused)
            RecordEnd(pack, FailedResult(_queue.TakeLargest(pack.Signature)!, text), effects); // Else the one that was meant is gone already.
        if (pack.Trials.Count == 0) effects.Wake(TimeSpan.Zero, new SweepMessage.RetryDue(pack.Id.Number, pack.Attempt));
    }

    // One trial out of many may be what no worker can train, or what kills each of its workers. Halves go on alone until it stands alone. A trial that is left over from an attempt with others
    // is tried once more by itself: the one to blame may be gone.
    private void TryAgain(OpenPack pack, FailureKind kind, Effects effects)
    {
        var pause = PauseBefore(pack, kind);
        var wasSuspected = pack.IsUnderSuspicion;
        if (OpenPack.CountsAgainstTrial(kind)) pack.Suspect();
        if (kind == FailureKind.OutOfMemory) LearnSlotsMax(pack, pack.Start?.Shape.Slots ?? pack.Trials.Count);
        if (pack.Trials.Count > 1 && (OpenPack.CountsAgainstTrial(kind) || (OpenPack.CountsAsLoss(kind) && pack.Losses > 1)))
        {
            var half = pack.SplitInto(new(_view.Id, _nextPack++));
            _open.Add(half.Id.Number, half);
            RecordSuspicion(half, effects);
            wasSuspected = false; // With fewer trials from now on.
            effects.Wake(pause, new SweepMessage.RetryDue(half.Id.Number, half.Attempt));
        }

        if (pack.IsUnderSuspicion && !wasSuspected) RecordSuspicion(pack, effects);

        effects.Wake(pause, new SweepMessage.RetryDue(pack.Id.Number, pack.Attempt));
    }

    private void LearnSlotsMax(OpenPack pack, int slots)
    {
        if (_slotsMax.Count >= TrialQueue.LinesMax) _slotsMax.Clear(); // It would only be learnt again.
        _slotsMax[pack.Signature.Key] = Math.Max(1, slots / 2);
    }

    // 1, 2, 4, 8 s after losses; others wait for placement anyway, but one that was refused would meet the same busy worker at once.
    private static TimeSpan PauseBefore(OpenPack pack, FailureKind kind)
    {
        if (kind == FailureKind.Preempted || OpenPack.CountsAgainstTrial(kind)) return TimeSpan.Zero;
        var pause = TimeSpan.FromSeconds(1 << Math.Clamp(pack.Losses - 1, 0, LossesMax));
        return pause < PauseMax ? pause : PauseMax;
    }

    private void Retry(SweepMessage.RetryDue retry, Effects effects)
    {
        if (_open.TryGetValue(retry.Pack, out var pack) && pack.Attempt == retry.Attempt && !pack.IsRunning && pack.Shape is not null) StartNextAttempt(pack, effects);
    }

    private void RecordInterruption(OpenPack pack, TrialState state, string text, Effects effects) =>
        Record(new SweepEvent.PackInterrupted(pack.Id.Number, pack.Attempt, state, text) { Sweep = _view.Id }, effects);

    // They were to be stopped, and now they are.
    private void RecordStopped(OpenPack pack, Effects effects)
    {
        foreach (var slot in pack.InUse.Where(slot => slot.StopAs is not null).ToArray())
        {
            pack.Remove(slot);
            RecordEnd(pack, ResultOf(slot, null), effects);
        }
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
        Record(new SweepEvent.PackEnded(pack.Id.Number, pack.Attempt) { Sweep = _view.Id }, effects);
    }

    // One that handed its outcome over has left the pack pausing, closed, or with a later attempt; what is left is a crash.
    private void ForgetRunner(Signal.Terminated gone, Effects effects)
    {
        if (!_runners.Remove(gone.Actor.Name, out var pack) || HasEnded || !pack.IsRunning) return;
        if (Addresses.PackRunner(pack.Id, pack.Attempt) == gone.Actor) Interrupt(pack, FailureKind.Lost, $"its runner ended: {gone.Reason}", effects);
    }
}
