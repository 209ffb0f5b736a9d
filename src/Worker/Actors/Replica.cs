using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Worker.Actors;

/// <summary>
/// One replica of a pack on this worker, from assignment to outcome. It drives the training engine through jobs and reports what the engine says, again and
/// again until the runner answers, because any report may be lost. It never decides on its own to end: an outcome is
/// kept until the runner has accepted it or the agent orders a stop. Changes of the pack's slots pass through it to the engine, each once, and the ends of single trials come back, each until
/// it is accepted. The engine itself is stopped by the agent, so that it is stopped even when this actor crashes.
/// </summary>
/// <param name="assignment">What to train.</param>
public sealed class Replica(ReplicaAssignment assignment) : IActor
{
    /// <summary>First pause between repeats of a report; it doubles up to <see cref="RepeatMax"/>, for a coordinator that is away may stay away for long.</summary>
    public static readonly TimeSpan RepeatMin = TimeSpan.FromSeconds(1);

    /// <summary>Longest pause between repeats of a report.</summary>
    public static readonly TimeSpan RepeatMax = TimeSpan.FromSeconds(8);

    private readonly List<PackMessage.SlotEnded> _ends = []; // Not accepted yet; at most one per slot and those refilled meanwhile.
    private Generation _generation = new(0);
    private bool _isTraining;
    private bool _hasOutcome;
    private PackMessage? _report; // What is repeated until the runner answers; null while there is nothing to tell.
    private long _ordersGiven; // The engine has all orders up to this one,
    private long _ordersApplied; // and has carried out those up to this one.
    private TimeSpan _pause;
    private long _repeats;

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started: effects.Run(new PrepareReplicaJob(assignment)); break;
            case Signal.JobFailed failed: Fail(GenerationOf(failed.Job), FailureKind.Engine, failed.Text, effects); break;
            case Signal: break;
            case ReplicaMessage.Prepared: TakePrepared(effects); break;
            case ReplicaMessage.FormRing form when form.Attempt == assignment.Attempt: FormRing(form, effects); break;
            case ReplicaMessage.TrainingStarted started when started.Generation == _generation: TakeStart(effects); break;
            case ReplicaMessage.ChangeSlots change when change.Attempt == assignment.Attempt: ChangeSlots(change.Orders, effects); break;
            case ReplicaMessage.OrdersApplied applied: TakeApplied(applied, effects); break;
            case ReplicaMessage.SlotDone done: TakeSlotEnd(done, effects); break;
            case ReplicaMessage.SlotEndAccepted accepted when accepted.Attempt == assignment.Attempt: ForgetSlotEnd(accepted.Trial, effects); break;
            case ReplicaMessage.TrainingEnded ended: TakeResults(ended, effects); break;
            case ReplicaMessage.TrainingHalted halted: Fail(halted.Generation, halted.Kind, halted.Text, effects); break;
            case ReplicaMessage.CheckpointStored stored: effects.Send(assignment.Runner, new PackMessage.CheckpointMade(assignment.Attempt, stored.Checkpoint)); break;
            case ReplicaMessage.HaltTraining or ReplicaMessage.SaveCheckpoint or ReplicaMessage.CheckpointAccepted or ReplicaMessage.Attach or ReplicaMessage.HandOver: break;
            case ReplicaMessage.EngineFailed failed: Fail(failed.Generation, failed.Kind, failed.Text, effects); break;
            case ReplicaMessage.OutcomeAccepted accepted when accepted.Attempt == assignment.Attempt: effects.Stop("its outcome is accepted"); break;
            case ReplicaMessage.StopTraining stop: effects.Stop(stop.Reason); break;
            case ReplicaMessage.ReportDue due when due.Number == _repeats: Repeat(effects); break;
            case ReplicaMessage.FormRing or ReplicaMessage.TrainingStarted or ReplicaMessage.ChangeSlots or ReplicaMessage.SlotEndAccepted
                or ReplicaMessage.OutcomeAccepted or ReplicaMessage.ReportDue:
                break; // Of another attempt or generation, or out of date.
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }
    }

    private Generation GenerationOf(Job job) => job switch
    {
        TrainJob train => train.Generation,
        SlotOrdersJob => _generation,
        _ => new(0),
    };

    private void TakePrepared(Effects effects)
    {
        if (_generation.Value == 0 && !_hasOutcome) Report(new PackMessage.ReplicaReady(assignment.Attempt), effects);
    }

    private void FormRing(ReplicaMessage.FormRing form, Effects effects)
    {
        if (form.Generation == _generation && _isTraining) TellTraining(effects); // The runner has not heard; while the ring forms there is nothing to say.
        if (form.Generation.Value <= _generation.Value || _report is not PackMessage.ReplicaReady) return;
        _generation = form.Generation;
        _report = null;
        effects.Run(new TrainJob(assignment, form.Generation, form.Members, form.Source));
    }

    private void TakeStart(Effects effects)
    {
        if (_hasOutcome) return;
        _isTraining = true;
        TellTraining(effects);
    }

    private void TellTraining(Effects effects) => effects.Send(assignment.Runner, new PackMessage.ReplicaTraining(assignment.Attempt, _generation));

    // The engine gets each order once. A gap would mean that the runner takes for confirmed what never was; it repeats from the gap on when nothing is confirmed.
    private void ChangeSlots(ValueList<SlotOrder> orders, Effects effects)
    {
        if (orders.Count > 0 && orders[^1].Number <= _ordersApplied) TellApplied(effects);
        var fresh = orders.Where(order => order.Number > _ordersGiven).ToValueList();
        if (!_isTraining || _hasOutcome || fresh.Count == 0 || fresh[0].Number != _ordersGiven + 1) return;
        _ordersGiven = fresh[^1].Number;
        effects.Run(new SlotOrdersJob(assignment.Pack, assignment.Attempt, fresh));
    }

    private void TakeApplied(ReplicaMessage.OrdersApplied applied, Effects effects)
    {
        if (applied.Through <= _ordersApplied) return;
        _ordersApplied = applied.Through;
        TellApplied(effects);
    }

    private void TellApplied(Effects effects) => effects.Send(assignment.Runner, new PackMessage.SlotsChanged(assignment.Attempt, _ordersApplied));

    private void TakeSlotEnd(ReplicaMessage.SlotDone done, Effects effects)
    {
        var end = new PackMessage.SlotEnded(assignment.Attempt, done.Slot, done.Result);
        _ends.Add(end);
        effects.Send(assignment.Runner, end);
        RepeatSoon(effects);
    }

    private void ForgetSlotEnd(int trial, Effects effects)
    {
        if (_ends.RemoveAll(end => end.Result.TrialIndex == trial) > 0 && _ends.Count == 0 && _report is PackMessage.ReplicaDone) Tell(effects);
    }

    private void TakeResults(ReplicaMessage.TrainingEnded ended, Effects effects)
    {
        if (ended.Generation != _generation || _hasOutcome) return;
        _hasOutcome = true;
        Report(new PackMessage.ReplicaDone(assignment.Attempt, ended.Results), effects);
    }

    private void Fail(Generation generation, FailureKind kind, string text, Effects effects)
    {
        if (generation != _generation || _hasOutcome) return;
        _hasOutcome = true;
        Report(new PackMessage.ReplicaFailed(assignment.Attempt, kind, text), effects);
    }

    private void Report(PackMessage report, Effects effects)
    {
        _report = report;
        Tell(effects);
        RepeatSoon(effects);
    }

    private void RepeatSoon(Effects effects)
    {
        _pause = RepeatMin;
        effects.Wake(_pause, new ReplicaMessage.ReportDue(++_repeats));
    }

    private void Repeat(Effects effects)
    {
        if (_report is null && _ends.Count == 0) return;
        _pause = _pause + _pause < RepeatMax ? _pause + _pause : RepeatMax;
        foreach (var end in _ends) effects.Send(assignment.Runner, end);
        Tell(effects);
        effects.Wake(_pause, new ReplicaMessage.ReportDue(++_repeats));
    }

    // That the pack is done is told last: it would end the attempt, and with it the results that nobody has heard of.
    private void Tell(Effects effects)
    {
        if (_report is not null && (_report is not PackMessage.ReplicaDone || _ends.Count == 0)) effects.Send(assignment.Runner, _report);
    }
}
