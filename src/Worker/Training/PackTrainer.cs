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
    private readonly TrainingData _data;
    private readonly BatchPlan _batches;
    private readonly TrialSpec _shape;
    private readonly TrialSlot[] _slots;
    private readonly FlatParameters _flat;
    private readonly Optimizer _optimizer;
    private readonly PackStatistics _statistics;
    private readonly PackBatch _batch;
    private readonly PackEvaluation _evaluation;
    private readonly GangOptions _gang;
    private readonly StepClock _clock;
    private readonly string?[] _failures;
    private readonly bool _onHost;
    private readonly StepGraphs _graphs;
    private readonly Action _gradients;
    private readonly Action _update;
    private long _packStep;

    /// <param name="slots">Places for trials, K, at least 1.</param>
    /// <param name="latent">Latent size of the fused model, at least that of every trial.</param>
    /// <param name="shape">Any trial of the pack's signature.</param>
    /// <param name="data">The rows, on <paramref name="device"/>. Not owned.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="gang">How ranks work together; default: everything by measurement.</param>
    public PackTrainer(int slots, int latent, TrialSpec shape, TrainingData data, torch.Device device, GangOptions? gang = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slots, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(latent, 1);
        (_data, _shape, _gang) = (data, shape, gang ?? new GangOptions());
        _clock = new StepClock(_gang.Time);
        _batches = new BatchPlan(data.TrainRows, shape.Training.Batch);
        _slots = [.. Enumerable.Range(0, slots).Select(slot => new TrialSlot(slot, _batches))];
        _failures = new string?[slots];
        var spec = shape.Model with { Latent = latent };
        Network = VaeNetwork.CreateEmpty(spec, data.Shape, slots);
        Network.to(device);
        Objective = new VaeObjective(Network, spec);
        _flat = new FlatParameters(Network, PackStatistics.Length(slots, latent));
        _optimizer = Optimizers.Create(shape.Training, _flat);
        for (var slot = 0; slot < slots; slot++) _optimizer.SetActive(slot, false);
        _statistics = new PackStatistics(slots, latent);
        _batch = new PackBatch(data, _batches, slots, latent, device);
        _onHost = device.type == DeviceType.CPU;
        _graphs = new StepGraphs(device);
        (_gradients, _update) = (MakeGradients, _optimizer.apply);
        _evaluation = new PackEvaluation(Network, Objective, spec, data, _batch);
    }

    /// <summary>A pack with exactly these trials, slot by slot.</summary>
    public static PackTrainer Of(IReadOnlyList<TrialSpec> trials, TrainingData data, torch.Device device, GangOptions? gang = null)
    {
        var trainer = new PackTrainer(trials.Count, trials.Max(trial => trial.Model.Latent), trials[0], data, device, gang);
        for (var slot = 0; slot < trials.Count; slot++) trainer.Fill(slot, trials[slot]);
        return trainer;
    }

    /// <summary>The fused model; empty slots have weights of 0.</summary>
    public VaeNetwork Network { get; }

    /// <summary>Its objective.</summary>
    public VaeObjective Objective { get; }

    /// <summary>Places for trials, K.</summary>
    public int Slots => _slots.Length;

    /// <summary>Trainable parameters of the whole pack, padding included.</summary>
    public long Parameters => _flat.Count;

    /// <summary>The rows that trials are judged by.</summary>
    public RowRange EvaluationRows => _data.EvaluationRows;

    /// <summary>Whether no slot holds a trial.</summary>
    public bool IsEmpty
    {
        get
        {
            foreach (var slot in _slots)
                if (slot.Trial is not null)
                    return false;
            return true;
        }
    }

    /// <summary>The trial in a slot; null when it is empty.</summary>
    public TrialSpec? TrialAt(int slot) => _slots[slot].Trial;

    /// <summary>Begins a trial in an empty slot, from the initial weights that it has when trained alone. Between two steps.</summary>
    /// <exception cref="ArgumentException">The slot is taken, or the trial is of another signature or too large for the pack.</exception>
    public void Fill(int slot, TrialSpec trial)
    {
        if (_slots[slot].Trial is { } taken) throw new ArgumentException($"Slot {slot} holds trial {taken.Index}; trial {trial.Index} cannot begin there.", nameof(slot));
        if (trial.Model.Latent > Network.Latent) throw new ArgumentException($"Trial {trial.Index} has latent size {trial.Model.Latent}; this pack has room for {Network.Latent}.", nameof(trial));
        if (PackSignature.Of(trial) != PackSignature.Of(_shape)) throw new ArgumentException($"Trial {trial.Index} is of another shape ({PackSignature.Of(trial)}) than its pack ({PackSignature.Of(_shape)}).", nameof(trial));
        using (var own = VaeNetwork.Create(trial.Model, _data.Shape, [trial.Training.Seed])) VaeNetwork.CopyReplica(own, 0, Network, slot);
        Optimizers.Fill(_optimizer, slot, trial.Training);
        _batch.SetLatent(slot, trial.Model.Latent);
        _slots[slot].Fill(trial);
    }

    /// <summary>Takes the trial out of a slot. Between two steps; other slots do not notice.</summary>
    public void Empty(int slot)
    {
        _slots[slot].Empty();
        _optimizer.SetActive(slot, false);
        Network.ClearReplica(slot); // Whatever the trial diverged to, an empty slot computes finite numbers.
    }

    /// <summary>The model of one slot as it is now: a copy on the host in the trial's own shapes. The caller disposes it.</summary>
    public VaeNetwork Extract(int slot)
    {
        var own = VaeNetwork.CreateEmpty(_slots[slot].Trial!.Model, _data.Shape, 1);
        VaeNetwork.CopyReplica(Network, slot, own, 0);
        return own;
    }

    /// <summary>Trains until all slots are empty.</summary>
    /// <inheritdoc cref="Run(IAllReduce, ITrainingListener, SlotOrders, bool, CancellationToken)"/>
    public void Run(IAllReduce allReduce, ITrainingListener listener, CancellationToken cancellation) => Run(allReduce, listener, new SlotOrders(), closed: true, cancellation);

    /// <summary>Trains until the pack is closed and all slots are empty, evaluating each trial as it says, and always at its end.</summary>
    /// <param name="allReduce">The ring of this generation.</param>
    /// <param name="listener">Hears of everything.</param>
    /// <param name="orders">Changes to the slots.</param>
    /// <param name="closed">No trial will be filled in.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="AllReduceException">A peer is gone or silent.</exception>
    /// <exception cref="OperationCanceledException">Stopped from outside.</exception>
    public void Run(IAllReduce allReduce, ITrainingListener listener, SlotOrders orders, bool closed, CancellationToken cancellation)
    {
        using var exchange = _gang.CreateExchange(_flat, allReduce, listener);
        var balance = _gang.CreateBalance(allReduce.WorldSize, _shape.Training.Batch);
        var course = new PackCourse(allReduce, exchange, balance, listener, orders);
        _batch.Join(balance, allReduce.Rank);
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            if (course.OrderIsDue) closed |= Apply(course);
            else if (!IsEmpty) RunStep(course, cancellation);
            else if (closed) return;
            else RunIdle(course, cancellation);
        }
    }

    // The order that all ranks are known to hold.
    private bool Apply(PackCourse course)
    {
        var order = course.TakeOrder();
        switch (order.Kind)
        {
            case SlotOrderKind.Fill:
                Fill(order.Slot, order.Trial!);
                course.Exchange.ResetSlot(order.Slot);
                course.Listener.SlotFilled(order.Slot, order.Trial!);
                break;
            case SlotOrderKind.Empty:
                if (_slots[order.Slot].Trial is not null) End(course, _slots[order.Slot], SlotEndKind.Emptied, order.Reason);
                break;
        }

        course.Listener.OrderApplied(order.Number);
        return order.Kind == SlotOrderKind.Close;
    }

    // Nothing to train: the ranks find together when all of them hold the next order.
    private void RunIdle(PackCourse course, CancellationToken cancellation)
    {
        course.Listener.Idle();
        course.Orders.Wait(cancellation);
        _flat.zero_grad();
        _statistics.WriteVote(_flat);
        course.Exchange.ReduceStatistics(_packStep++);
        _statistics.Read(_flat);
        course.Count(_statistics.Votes);
    }

    private void RunStep(PackCourse course, CancellationToken cancellation)
    {
        ComputeStep(course);
        course.Count(_statistics.Votes);
        var ended = false;
        foreach (var slot in _slots) ended |= Settle(course, slot);
        course.Listener.StepTimed(_clock, Filled(), _batch.Rows);
        course.StepDone(_packStep++, _clock);
        if (ended) CloseEpochs(course, cancellation);
    }

    private void ComputeStep(PackCourse course)
    {
        _clock.Begin();
        using var scope = torch.NewDisposeScope();
        _flat.zero_grad();
        OrderRows();
        _batch.Load(_slots);
        _clock.End(StepPhase.Load);
        if (_onHost) ComputeOnHost(course);
        else ComputeOnDevice(course);
        course.Exchange.Complete();
        _clock.End(StepPhase.AllReduce);
        _clock.ExchangeSeconds = course.Exchange.LastSeconds;
        _statistics.Read(_flat);
        foreach (var slot in _slots) CheckFinite(slot);
        _optimizer.prepare();
        _graphs.Run(_batch.Shape with { Clipped = _optimizer.Clips }, _update);
        _clock.End(StepPhase.Update);
    }

    // The vote is written before backward, because an overlapped exchange may send the end of the buffer first.
    private void ComputeOnHost(PackCourse course)
    {
        var bound = default(BoundSums);
        if (_batch.Rows > 0)
        {
            bound = Objective.Forward(_batch.X, _batch.Noise, _batch.Weights);
            _statistics.WriteSums(_flat, bound.Distortion, bound.RatePerDimension);
        }

        if (course.Orders.HoldsNext) _statistics.WriteVote(_flat);
        _clock.End(StepPhase.Forward);
        course.Exchange.Begin(_packStep);
        if (_batch.Rows > 0) torch.autograd.backward([bound.Distortion, bound.RatePerDimension], [_batch.DistortionWeight, _batch.RateWeight]);
        _clock.End(StepPhase.Backward);
    }

    // On a device forward and backward are one recording, whose time counts as backward.
    private void ComputeOnDevice(PackCourse course)
    {
        if (_batch.Rows > 0) _graphs.Run(_batch.Shape, _gradients);
        if (course.Orders.HoldsNext) _statistics.WriteVote(_flat);
        course.Exchange.Begin(_packStep);
        _clock.End(StepPhase.Backward);
    }

    private void MakeGradients()
    {
        using var scope = torch.NewDisposeScope();
        var bound = Objective.Forward(_batch.X, _batch.Noise, _batch.Weights);
        _statistics.WriteSums(_flat, bound.Distortion, bound.RatePerDimension);
        torch.autograd.backward([bound.Distortion, bound.RatePerDimension], [_batch.DistortionWeight, _batch.RateWeight]);
    }

    private void OrderRows()
    {
        for (var k = 0; k < _slots.Length; k++)
        {
            if (_slots[k].Trial is null) continue;
            TrialSlot? leader = null;
            for (var j = 0; j < k && leader is null; j++)
                if (_slots[j].Trial is not null && _slots[j].SharesRowsWith(_slots[k]))
                    leader = _slots[j];
            _slots[k].OrderRows(leader);
        }
    }

    // A trial that diverged takes no part in the update: its weights of the step before were the last good ones. All ranks read the same sums.
    private void CheckFinite(TrialSlot slot)
    {
        if (slot.Trial is null) return;
        var (distortion, rate) = Loss(slot);
        if (double.IsFinite(distortion) && double.IsFinite(rate)) return;
        _failures[slot.Index] = $"non-finite loss at step {slot.Step.Value + 1} (distortion {distortion}, rate {rate} nats per row); try a smaller learning_rate, or set gradient_clip";
        _optimizer.SetActive(slot.Index, false);
    }

    // Means over the slot's global batch, in nats per row.
    private (double Distortion, double Rate) Loss(TrialSlot slot) =>
        (_statistics.Distortion(slot.Index), _statistics.Rate(slot.Index) / _batches.RowsOf(slot.StepOfEpoch).Count);

    // Counts the step of one slot. True when its epoch, or its life, is over.
    private bool Settle(PackCourse course, TrialSlot slot)
    {
        if (slot.Trial is null) return false;
        if (_failures[slot.Index] is not null) return true;
        var ((distortion, rate), beta, epoch) = (Loss(slot), slot.Beta, slot.EpochsDone);
        slot.Advance(distortion + (beta * rate), _clock.StepSeconds);
        course.Listener.StepDone(slot.Index, slot.Step, epoch, distortion, rate, beta, _clock.StepSeconds);
        return slot.EpochEnded;
    }

    private int Filled()
    {
        var filled = 0;
        foreach (var slot in _slots)
            if (slot.Trial is not null)
                filled++;
        return filled;
    }

    private void CloseEpochs(PackCourse course, CancellationToken cancellation)
    {
        foreach (var slot in _slots)
        {
            if (_failures[slot.Index] is not { } failure) continue;
            _failures[slot.Index] = null;
            End(course, slot, SlotEndKind.NonFinite, failure);
        }

        var rows = _data.EvaluationRows;
        var share = course.ShareOf(rows.Count);
        _evaluation.Run(_slots, new RowRange(rows.First + share.First, share.Count), course.Exchange, _packStep, cancellation);
        foreach (var slot in _slots)
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
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _graphs.Dispose();
        _evaluation.Dispose();
        _batch.Dispose();
        _optimizer.Dispose();
        _flat.Dispose();
        Network.Dispose();
    }
}
