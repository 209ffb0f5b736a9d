using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

/// <summary>
/// One replica of a pack: K trials of one shape as one model with a leading replica dimension, their optimizer and the loop. Each slot has its own trial, position, seed, learning rate and
/// beta, and follows the same curve as the trial trained alone; K = 1 is the ordinary case. The global batch of step s of epoch e is rows perm(seed, e)[s*B .. (s+1)*B); this replica takes its
/// contiguous part. Gradients are sums over rows divided by the rows of the global batch, so a plain sum over ranks gives the gradient of the whole batch, and noise is keyed by the row's
/// place in the batch: one worker or four are the same training.
/// </summary>
public sealed class PackTrainer : IDisposable
{
    /// <summary>Most floats that one parameter takes in a pack's state: itself and the optimizer's averages, with room for rules to come.</summary>
    public const long StateFloatsPerParameterMax = 4;

    /// <summary>Time before the expected end of a trial at which <see cref="ITrainingListener.SlotEnding"/> is told, in seconds: more than a coordinator needs to come back, and little beside what it costs when the next trial could have begun elsewhere meanwhile.</summary>
    public const double EndingWithin = 5;

    private readonly Pack _pack;
    private readonly PackStep _step;
    private readonly PackEvaluation _evaluation;
    private readonly GangOptions _gang;
    private readonly PackStateCopy _copy;

    /// <param name="slots">Places for trials, K, at least 1.</param>
    /// <param name="latent">Latent size of the fused model, at least that of every trial.</param>
    /// <param name="shape">Any trial of the pack's signature.</param>
    /// <param name="data">The rows, on <paramref name="device"/>. Not owned.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="gang">How ranks work together; default: everything by measurement.</param>
    /// <param name="precision">Of the products of training; held-out rows are always judged in float32.</param>
    public PackTrainer(int slots, int latent, TrialSpec shape, TrainingData data, torch.Device device, GangOptions? gang = null, NumericPrecision precision = NumericPrecision.Float32)
        : this(slots, latent, shape, data, device, gang, precision, objective: null)
    {
    }

    /// <summary>With another objective than the trial asks for: for tests of what an objective may do.</summary>
    internal PackTrainer(
        int slots, int latent, TrialSpec shape, TrainingData data, torch.Device device, GangOptions? gang, NumericPrecision precision, Func<PackNetwork, PackObjective>? objective)
    {
        _gang = gang ?? new GangOptions();
        _pack = new Pack(slots, latent, shape, data, device, objective);
        _step = new PackStep(_pack, _gang.Time, precision);
        _evaluation = new PackEvaluation(_pack);
        _copy = new PackStateCopy(_pack);
    }

    /// <summary>A pack with exactly these trials, slot by slot.</summary>
    public static PackTrainer Of(IReadOnlyList<TrialSpec> trials, TrainingData data, torch.Device device, GangOptions? gang = null, NumericPrecision precision = NumericPrecision.Float32)
    {
        var trainer = new PackTrainer(trials.Count, trials.Max(trial => trial.Model.Latent), trials[0], data, device, gang, precision);
        for (var slot = 0; slot < trials.Count; slot++) trainer.Fill(slot, trials[slot]);
        return trainer;
    }

    /// <summary>The fused model; empty slots have weights of 0.</summary>
    public PackNetwork Network => _pack.Network;

    /// <summary>Places for trials, K.</summary>
    public int Slots => _pack.Slots.Length;

    /// <summary>Trainable parameters of the whole pack, padding included, and what is trained without a gradient.</summary>
    public long Parameters => _pack.Flat.Count + _pack.Flat.StateCount;

    /// <summary>Bytes of weights and optimizer state, padding included.</summary>
    public long StateBytes => ((_pack.Flat.Count * (1 + _pack.Optimizer.state.Count)) + _pack.Flat.StateCount) * sizeof(float);

    /// <summary>The rows that trials are judged by.</summary>
    public RowRange EvaluationRows => _pack.Data.EvaluationRows;

    /// <summary>What one row is.</summary>
    public ImageShape Image => _pack.Data.Shape;

    /// <summary>Hears which rows of a trial this rank takes into a step that is not yet applied: for tests of their accounting.</summary>
    internal RowWitness? Witness
    {
        set => _pack.Batch.Witness = value;
    }

    /// <summary>Why steps on a CUDA device are not recorded as graphs although they could be: slower, not wrong. Null otherwise.</summary>
    public string? RecordingRefused => _step.RecordingRefused;

    /// <summary>Where the pack stands beside its trials. Changes on the training thread alone.</summary>
    public PackProgress Progress { get; private set; }

    /// <summary>Whether no slot holds a trial.</summary>
    public bool IsEmpty => _pack.Filled == 0;

    /// <summary>The trial in a slot; null when it is empty.</summary>
    public TrialSpec? TrialAt(int slot) => _pack.Slots[slot].Trial;

    /// <summary>Begins a trial in an empty slot, from the initial weights that it has when trained alone. Between two steps.</summary>
    /// <exception cref="ArgumentException">The slot is taken, or the trial is of another signature or too large for the pack.</exception>
    public void Fill(int slot, TrialSpec trial) => _pack.Fill(slot, trial);

    /// <summary>Wall time that the trial of a slot has had, in seconds; 0 when the slot is empty.</summary>
    public double SecondsAt(int slot) => _pack.Slots[slot].Trial is null ? 0 : _pack.Slots[slot].Seconds;

    /// <summary>Takes the trial out of a slot. Between two steps; other slots do not notice.</summary>
    public void Empty(int slot) => _pack.Empty(slot);

    /// <summary>Copies the whole state out. Between two acts, on the training thread; allocates nothing once the same trials were saved before.</summary>
    public void Save(PackSnapshot into)
    {
        _copy.Save(into, Progress.EvaluationDue);
        into.Progress = Progress;
        foreach (var slot in _pack.Slots)
            if (slot.Next is { } next)
                into.AddWaiting(slot.Index, next);
    }

    /// <summary>Becomes what was saved, bit by bit: also what this pack has applied of its orders. Whatever was in the slots is gone. Between two runs.</summary>
    /// <exception cref="Data.Safetensors.SafetensorsException">A state does not fit; the message names the tensor. All slots are empty then.</exception>
    /// <exception cref="ArgumentException">The snapshot is of a pack with another number of slots, of another signature or too large.</exception>
    public void Load(PackSnapshot from)
    {
        if (from.Slots != Slots) throw new ArgumentException($"The snapshot is of a pack with {from.Slots} slots; this one has {Slots}.", nameof(from));
        for (var slot = 0; slot < Slots; slot++)
            if (TrialAt(slot) is not null)
                Empty(slot);
        _copy.Restore([.. from.Trials.Select(trial => (trial.Slot, trial.Trial, trial))]);
        foreach (var slot in _pack.Slots) slot.Next = null;
        foreach (var (slot, trial) in from.Waiting) _pack.Slots[slot].Next = trial;
        Progress = from.Progress;
    }

    /// <summary>Lets a trial go on in an empty slot where <paramref name="state"/> left it, also in another pack than it was in. Between two acts; other slots do not notice.</summary>
    /// <param name="slot">Which.</param>
    /// <param name="trial">The trial as it is to go on.</param>
    /// <param name="state">Its state, from any pack of the same signature.</param>
    /// <exception cref="ArgumentException">The slot is taken, or the trial is of another signature or too large for the pack.</exception>
    /// <exception cref="Data.Safetensors.SafetensorsException">The state does not fit the trial; the message names the tensor. The slot is as it was.</exception>
    public void Restore(int slot, TrialSpec trial, TrialSnapshot state)
    {
        _copy.Restore([(slot, trial, state)]);
        if (state.EvaluationDue || _pack.Slots[slot].IsFinished) Progress = Progress with { EvaluationDue = true };
    }

    /// <summary>The model of one slot as it is now: a copy on the host in the trial's own shapes. The caller disposes it.</summary>
    public PackNetwork Extract(int slot) => _pack.Extract(slot);

    /// <summary>Trains until all slots are empty.</summary>
    /// <inheritdoc cref="Run(IAllReduce, ITrainingListener, SlotOrders, bool, CancellationToken)"/>
    public void Run(IAllReduce allReduce, ITrainingListener listener, CancellationToken cancellation) => Run(allReduce, listener, new SlotOrders(), closed: true, cancellation);

    /// <summary>
    /// Trains until the pack is closed and all slots are empty, evaluating each trial as it says, and always at its end. Either exception is a halt: the act that was under way is not applied,
    /// everything else is as it was, and the next call goes on there, with the ring of another generation, whatever this rank and its world are in it.
    /// </summary>
    /// <param name="allReduce">The ring of this generation.</param>
    /// <param name="listener">Hears of everything.</param>
    /// <param name="orders">Changes to the slots.</param>
    /// <param name="closed">No trial will be filled in.</param>
    /// <param name="cancellation">Stops between two acts.</param>
    /// <exception cref="AllReduceException">A peer is gone or silent, or the ring was told to stop.</exception>
    /// <exception cref="OperationCanceledException">Stopped from outside.</exception>
    public void Run(IAllReduce allReduce, ITrainingListener listener, SlotOrders orders, bool closed, CancellationToken cancellation)
    {
        if (closed) Progress = Progress with { Closed = true };
        orders.Applied(Progress.OrdersApplied);
        using var exchange = _gang.CreateExchange(_pack.Flat, allReduce, listener);
        var balance = _gang.CreateBalance(allReduce.WorldSize, _pack.Batches.BatchSize);
        var course = new PackCourse(allReduce, exchange, balance, listener, orders);
        _pack.Batch.Join(balance, allReduce.Rank);
        _step.Join(allReduce.Rank, allReduce.WorldSize);
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            if (Progress.EvaluationDue) Evaluate(course, cancellation);
            else if (!IsEmpty) RunStep(course);
            else if (Progress.Closed) return;
            else RunIdle(course, cancellation);
            if (course.OrderIsDue && !Progress.EvaluationDue) Apply(course);
            listener.ActDone(Progress.Position);
        }
    }

    // The order that all ranks are known to hold. It belongs to the act whose votes said so: no rank can be lost between the two.
    private void Apply(PackCourse course)
    {
        var (order, state) = course.TakeOrder();
        var slot = _pack.Slots[order.Slot];
        switch (order.Kind)
        {
            case SlotOrderKind.Fill when slot is { Trial: not null, Next: null } && state is null: slot.Next = order.Trial; break; // It begins when that trial ends.
            case SlotOrderKind.Fill: Begin(course, order.Slot, order.Trial!, state); break;
            case SlotOrderKind.Empty when order.Trial is { } next && slot.Next?.Index == next.Index:
                slot.Next = null;
                course.Listener.SlotEnded(new SlotEnd(slot.Index, next, SlotEndKind.Emptied, order.Reason, default, 0, 0, Network.ParametersOf(next.Model.Latent), null));
                break;
            case SlotOrderKind.Empty when slot.Trial is { } own && (order.Trial is null || order.Trial.Index == own.Index): End(course, slot, SlotEndKind.Emptied, order.Reason); break;
        }

        Progress = Progress with { OrdersApplied = order.Number, Closed = Progress.Closed || order.Kind == SlotOrderKind.Close };
        course.Listener.OrderApplied(order.Number);
    }

    private void Begin(PackCourse course, int slot, TrialSpec trial, TrialSnapshot? state)
    {
        if (state is null) Fill(slot, trial);
        else Restore(slot, trial, state);
        course.Exchange.ResetSlot(slot);
        course.Listener.SlotFilled(slot, trial);
    }

    // Nothing to train: the ranks find together when all of them hold the next order.
    private void RunIdle(PackCourse course, CancellationToken cancellation)
    {
        course.Listener.Idle();
        course.Orders.Wait(cancellation);
        _step.Vote(course, Progress.Position);
        Progress = Progress.Next();
        course.Count(_step.Votes);
    }

    // What follows from the step's sums follows before anything is summed again: where ranks stand at the same position, they have the same state.
    private void RunStep(PackCourse course)
    {
        course.ShareRows(Progress.Position);
        _step.Run(course, Progress.Position);
        Progress = Progress.Next();
        course.Count(_step.Votes);
        foreach (var slot in _pack.Slots) Settle(course, slot);
        course.Listener.StepTimed(_step.Clock, _pack.Filled, _pack.Batch.Rows);
        course.StepDone(_step.Clock);
        foreach (var slot in _pack.Slots)
        {
            if (_step.FailureOf(slot) is not { } failure) continue;
            _step.ForgetFailure(slot);
            End(course, slot, SlotEndKind.NonFinite, failure);
        }
    }

    // Counts the step of one slot.
    private void Settle(PackCourse course, TrialSlot slot)
    {
        if (slot.Trial is null || _step.FailureOf(slot) is not null) return;
        var ((distortion, rate, penalty), weight, epoch) = (_step.LossOf(slot), _pack.Objective.RateWeight(slot.Position), slot.EpochsDone);
        slot.Advance(distortion + (weight * rate) + penalty, _step.Clock.StepSeconds);
        if (_pack.Objective.HasPenalty) course.Listener.StepPenalized(slot.Index, penalty);
        course.Listener.StepDone(slot.Index, slot.Step, epoch, distortion, rate, weight, _step.Clock.StepSeconds);
        if (slot.IsEvaluationDue) Progress = Progress with { EvaluationDue = true };
        if (slot.Next is null && !Progress.Closed && slot.SecondsLeft <= EndingWithin) course.Listener.SlotEnding(slot.Index);
    }

    private void Evaluate(PackCourse course, CancellationToken cancellation)
    {
        var rows = _pack.Data.EvaluationRows;
        var share = course.ShareOf(rows.Count);
        _evaluation.Run(new RowRange(rows.First + share.First, share.Count), course.Exchange, Progress.Position, cancellation);
        Progress = Progress.Next() with { EvaluationDue = false };
        foreach (var slot in _pack.Slots)
        {
            if (slot.Trial is null || !slot.IsEvaluationDue) continue;
            course.Listener.Evaluated(slot.Index, slot.Step, slot.EpochsDone, slot.Report!, slot.TrainLoss);
            if (slot.IsFinished) End(course, slot, SlotEndKind.Done, "");
        }
    }

    private void End(PackCourse course, TrialSlot slot, SlotEndKind kind, string text)
    {
        var trial = slot.Trial!;
        var parameters = Network.ParametersOf(trial.Model.Latent);
        course.Listener.SlotEnded(new SlotEnd(slot.Index, trial, kind, text, slot.Step, slot.EpochsDone, slot.Seconds, parameters, slot.Report));
        Empty(slot.Index);
        if (slot.Next is not { } next) return;
        slot.Next = null;
        Begin(course, slot.Index, next, state: null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _copy.Dispose();
        _step.Dispose();
        _evaluation.Dispose();
        _pack.Dispose();
    }
}
