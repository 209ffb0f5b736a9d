using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Worker.Actors;

/// <summary>
/// One replica of a pack on this worker, from assignment to outcome, through as many generations of its gang as it takes. It drives the training engine through jobs and reports what the engine says, again and
/// again until the runner answers, because any report may be lost. It never decides on its own to end: an outcome is
/// kept until the runner has accepted it or the agent orders a stop. A halted replica keeps everything, for as long as it takes, until it is given the next generation: that is what lets survivors of a loss
/// go on, and what a coordinator that was restarted finds. Only a prepared, halted or finished replica takes a generation, and none that is not newer than its own.
/// The engine itself is stopped by the agent, so that it is stopped even when this actor crashes.
/// </summary>
/// <param name="self">Itself.</param>
/// <param name="assignment">What to train.</param>
public sealed class Replica(ActorId self, ReplicaAssignment assignment) : IActor
{
    private readonly ReplicaReports _reports = new(assignment);
    private ReplicaPhase _phase = ReplicaPhase.Preparing;
    private Term _term = new(0);
    private Generation _generation = Generation.None;
    private Generation _haltOrdered = new(0);
    private long _position;
    private long _ordersGiven; // The engine has all orders up to this one,
    private long _ordersApplied; // and has carried out those up to this one.
    private bool _isSaving;
    private CheckpointInfo? _saved; // The newest.
    private readonly List<CheckpointInfo> _untold = []; // Stored, while points before them are not.

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started: effects.Run(new PrepareReplicaJob(assignment)); break;
            case Signal.JobFailed failed: TakeFailedJob(failed, effects); break;
            case Signal: break;
            case ReplicaMessage.FormRing form when Obeys(form.Term, form.Attempt): FormRing(form, effects); break;
            case ReplicaMessage.HaltTraining halt when Obeys(halt.Term, halt.Attempt): Halt(halt.Generation, effects); break;
            case ReplicaMessage.ChangeSlots change when Obeys(change.Term, change.Attempt): ChangeSlots(change.Orders, effects); break;
            case ReplicaMessage.SaveCheckpoint save when Obeys(save.Term, save.Attempt): Save(effects); break;
            case ReplicaMessage.Attach attach when Obeys(attach.Term, attach.Attempt): TellState(effects); break;
            case ReplicaMessage.HandOver leave: _reports.Leave(leave.Reason, effects); break;
            case ReplicaMessage.SlotEndAccepted accepted when IsMine(accepted.Attempt): ForgetSlotEnd(accepted.Trial, effects); break;
            case ReplicaMessage.CheckpointAccepted accepted when IsMine(accepted.Attempt): _reports.ForgetCheckpoints(accepted.Position); break;
            case ReplicaMessage.OutcomeAccepted accepted when IsMine(accepted.Attempt): effects.Stop("its outcome is accepted"); break;
            case ReplicaMessage.StopTraining stop: effects.Stop(stop.Reason); break;
            case ReplicaMessage.Dismissed dismissed when Obeys(dismissed.Term, dismissed.Attempt): effects.Stop(dismissed.Reason); break;
            case ReplicaMessage.ReportDue due: _reports.Repeat(due.Number, effects); break;
            case ReplicaMessage.Prepared: TakePrepared(effects); break;
            case ReplicaMessage.TrainingStarted started when started.Generation == _generation: TakeStart(effects); break;
            case ReplicaMessage.TrainingHalted halted when IsAtWork(halted.Generation): TakeHalt(halted, effects); break;
            case ReplicaMessage.TrainingEnded ended when IsAtWork(ended.Generation): TakeEnd(ended, effects); break;
            case ReplicaMessage.EngineFailed failed when failed.Generation == _generation: Fail(failed.Kind, failed.Text, effects); break;
            case ReplicaMessage.OrdersApplied applied: TakeApplied(applied.Through, effects); break;
            case ReplicaMessage.SlotDone done: _reports.AddEnd(done, effects); break;
            case ReplicaMessage.SlotEnding ending: _reports.AddEnding(ending, effects); break;
            case ReplicaMessage.CheckpointStored stored: TakeCheckpoint(stored.Checkpoint, effects); break;
            case ReplicaMessage.PointsDurable durable: TellCheckpoint(durable.Position, effects); break;
            case ReplicaMessage.FormRing or ReplicaMessage.HaltTraining or ReplicaMessage.ChangeSlots or ReplicaMessage.SaveCheckpoint or ReplicaMessage.Attach or ReplicaMessage.SlotEndAccepted
                or ReplicaMessage.CheckpointAccepted or ReplicaMessage.OutcomeAccepted or ReplicaMessage.Dismissed or ReplicaMessage.TrainingStarted or ReplicaMessage.TrainingHalted or ReplicaMessage.TrainingEnded
                or ReplicaMessage.EngineFailed:
                break; // Of another attempt, of an older term, or of a generation that is over.
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }
    }

    private bool IsMine(Attempt attempt) => attempt == assignment.Attempt;

    // A coordinator that has been replaced commands nobody.
    private bool Obeys(Term term, Attempt attempt)
    {
        if (!IsMine(attempt) || term.Value < _term.Value) return false;
        _term = term;
        return true;
    }

    private bool IsAtWork(Generation generation) => generation == _generation && _phase is ReplicaPhase.Forming or ReplicaPhase.Training;

    private void TakeFailedJob(Signal.JobFailed failed, Effects effects)
    {
        switch (failed.Job)
        {
            case SaveCheckpointJob: _isSaving = false; break; // Whoever wants it orders it again.
            case ForgetSlotEndJob: break;
            case TrainJob train when train.Generation != _generation: break;
            case HaltJob halt when halt.Generation != _generation: break;
            default: Fail(FailureKind.Engine, failed.Text, effects); break;
        }
    }

    // It may have been told to halt before it was ready: then it is ready and halted at once.
    private void TakePrepared(Effects effects)
    {
        if (_phase != ReplicaPhase.Preparing) return;
        _phase = ReplicaPhase.Ready;
        if (_haltOrdered.Value > _generation.Value) StandStill(_haltOrdered, effects);
        else _reports.Report(new PackMessage.ReplicaReady(assignment.Attempt), effects);
    }

    private void FormRing(ReplicaMessage.FormRing form, Effects effects)
    {
        if (form.Generation == _generation && _phase == ReplicaPhase.Training) TellTraining(effects); // The runner has not heard; while the ring forms there is nothing to say.
        if (form.Generation.Value < _generation.Value) TellState(effects); // Stale: this is what it has.
        if (form.Generation.Value <= _generation.Value || _phase is not (ReplicaPhase.Ready or ReplicaPhase.Halted or ReplicaPhase.Done)) return;
        (_generation, _phase) = (form.Generation, ReplicaPhase.Forming);
        _reports.Withdraw();
        effects.Run(new TrainJob(assignment, form.Generation, form.Members, form.Source));
    }

    private void TakeStart(Effects effects)
    {
        if (_phase is not (ReplicaPhase.Forming or ReplicaPhase.Training)) return;
        _phase = ReplicaPhase.Training;
        TellTraining(effects);
    }

    private void TellTraining(Effects effects) => effects.Send(assignment.Runner, new PackMessage.ReplicaTraining(assignment.Attempt, _generation));

    // A generation that was never begun here is over as well: an order to form it that comes late must not begin it.
    private void Halt(Generation generation, Effects effects)
    {
        if (generation.Value < _generation.Value)
        {
            TellState(effects);
            return;
        }

        switch (_phase)
        {
            case ReplicaPhase.Forming or ReplicaPhase.Training when generation == _generation: HaltEngine(effects); break;
            case ReplicaPhase.Preparing:
                _haltOrdered = generation;
                effects.Send(assignment.Runner, new PackMessage.ReplicaHalting(assignment.Attempt, generation));
                break;
            case ReplicaPhase.Ready or ReplicaPhase.Halted when generation.Value > _generation.Value: StandStill(generation, effects); break;
            case ReplicaPhase.Done when generation.Value > _generation.Value:
                _generation = generation;
                TellState(effects);
                break;
            default: TellState(effects); break; // It stands still, done or failed: that is what the runner has to hear.
        }
    }

    private void HaltEngine(Effects effects)
    {
        effects.Send(assignment.Runner, new PackMessage.ReplicaHalting(assignment.Attempt, _generation));
        if (_haltOrdered == _generation) return;
        _haltOrdered = _generation;
        effects.Run(new HaltJob(assignment.Pack, assignment.Attempt, _generation));
    }

    private void StandStill(Generation generation, Effects effects)
    {
        (_generation, _phase) = (generation, ReplicaPhase.Halted);
        _reports.Report(new PackMessage.ReplicaHalted(assignment.Attempt, generation, _position, FailureKind.Preempted, "it had not begun the generation", []), effects);
    }

    private void TakeHalt(ReplicaMessage.TrainingHalted halted, Effects effects)
    {
        (_phase, _position) = (ReplicaPhase.Halted, halted.Position);
        _reports.Report(new PackMessage.ReplicaHalted(assignment.Attempt, _generation, halted.Position, halted.Kind, halted.Text, halted.Silent), effects);
    }

    private void TakeEnd(ReplicaMessage.TrainingEnded ended, Effects effects)
    {
        _phase = ReplicaPhase.Done;
        _reports.Report(new PackMessage.ReplicaDone(assignment.Attempt, _generation, ended.Results), effects);
    }

    private void Fail(FailureKind kind, string text, Effects effects)
    {
        if (_phase is ReplicaPhase.Failed or ReplicaPhase.Done) return;
        _phase = ReplicaPhase.Failed;
        _reports.Report(new PackMessage.ReplicaFailed(assignment.Attempt, kind, text), effects);
    }

    // The engine gets each order once. It may begin anywhere: who took over a peer's state never hears of the orders in it. A runner that has not heard is told again.
    private void ChangeSlots(ValueList<SlotOrder> orders, Effects effects)
    {
        if (orders.Count > 0 && orders[^1].Number <= _ordersApplied) TellApplied(effects);
        var fresh = orders.Where(order => order.Number > _ordersGiven).ToValueList();
        if (_phase != ReplicaPhase.Training || fresh.Count == 0) return;
        _ordersGiven = fresh[^1].Number;
        _reports.ForgetEndings(fresh);
        effects.Run(new SlotOrdersJob(assignment.Pack, assignment.Attempt, fresh));
    }

    private void TakeApplied(long through, Effects effects)
    {
        if (through <= _ordersApplied) return;
        _ordersApplied = through;
        _ordersGiven = Math.Max(_ordersGiven, through);
        TellApplied(effects);
    }

    private void TellApplied(Effects effects) => effects.Send(assignment.Runner, new PackMessage.SlotsChanged(assignment.Attempt, _ordersApplied));

    // Every rank keeps the ends of trials until they are durable, so the engine is told on every rank.
    private void ForgetSlotEnd(int trial, Effects effects)
    {
        effects.Run(new ForgetSlotEndJob(assignment.Pack, assignment.Attempt, trial));
        _reports.ForgetEnd(trial, effects);
    }

    // While it stands still there is but one checkpoint to make.
    private void Save(Effects effects)
    {
        if (_phase is not (ReplicaPhase.Training or ReplicaPhase.Halted) || _isSaving) return;
        if (_phase == ReplicaPhase.Halted && _saved?.Position == _position)
        {
            AwaitPoints(_saved, effects);
            return;
        }

        _isSaving = true;
        effects.Run(new SaveCheckpointJob(assignment.Pack, assignment.Attempt));
    }

    private void TakeCheckpoint(CheckpointInfo checkpoint, Effects effects)
    {
        (_isSaving, _saved) = (false, checkpoint);
        AwaitPoints(checkpoint, effects);
    }

    // Who goes on from a checkpoint does not make the readings before it again: it counts once they are durable.
    private void AwaitPoints(CheckpointInfo checkpoint, Effects effects)
    {
        _untold.RemoveAll(known => known.Position == checkpoint.Position);
        if (_untold.Count == ReplicaReports.CheckpointsMax) _untold.RemoveAt(0);
        _untold.Add(checkpoint);
        effects.Send(Addresses.Outbox(self.Node), new OutboxMessage.AwaitDurable(self, checkpoint.Position));
    }

    private void TellCheckpoint(long position, Effects effects)
    {
        if (_untold.Find(known => known.Position == position) is not { } checkpoint) return;
        _untold.Remove(checkpoint);
        _reports.AddCheckpoint(checkpoint, effects);
    }

    // Whoever asks has not heard of anything: all that is untold follows at once.
    private void TellState(Effects effects)
    {
        effects.Send(assignment.Runner, new PackMessage.ReplicaState(assignment.Attempt, _generation, _phase, _position, _ordersApplied));
        _reports.TellAll(effects);
    }
}
