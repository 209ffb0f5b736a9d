using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>K places for trials of one shape: the fused model, its flat buffers, the optimizer with each place's own numbers, and what the next step reads.</summary>
internal sealed class Pack : IDisposable
{
    private readonly TrialSpec _shape;
    private readonly TrialSlot[] _slots;

    public Pack(int slots, int latent, TrialSpec shape, TrainingData data, torch.Device device, Func<PackNetwork, PackObjective>? objective = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slots, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(latent, 1);
        (Data, _shape, Device) = (data, shape, device);
        Batches = new BatchPlan(data.TrainRows, shape.Training.Batch);
        _slots = [.. Enumerable.Range(0, slots).Select(slot => new TrialSlot(slot, Batches))];
        Spec = shape.Model with { Latent = latent };
        Network = PackNetworks.CreateEmpty(Spec, shape.Training, data.Shape, slots);
        Network.to(device);
        Objective = objective?.Invoke(Network) ?? PackObjectives.Create(Network, Spec, shape.Training);
        if (Objective.Labels != LabelUse.None && shape.Model.Classes is { } classes && data.Classes > classes)
            throw new ArgumentException($"The data set has labels from 0 to {data.Classes - 1}, but model.classes is {classes}; set it to {data.Classes}.", nameof(data));
        Flat = new FlatParameters(Network, PackStatistics.Length(slots, Objective));
        Optimizer = Optimizers.Create(shape.Training, Flat, FirstAuxiliary());
        for (var slot = 0; slot < slots; slot++) Optimizer.SetActive(slot, false);
        HostMemory.Release(); // The weights as they were built have moved into the flat buffer.
        Batch = new PackBatch(data, Batches, slots, latent, Objective, device);
    }

    public TrainingData Data { get; }

    public torch.Device Device { get; }

    /// <summary>A trial of the signature that all trials of the pack have.</summary>
    public TrialSpec Shape => _shape;

    /// <summary>The shape of the fused model, with its latent size.</summary>
    public ModelSpec Spec { get; }

    /// <summary>Steps of an epoch; the same for all trials.</summary>
    public BatchPlan Batches { get; }

    public PackNetwork Network { get; }

    public PackObjective Objective { get; }

    public FlatParameters Flat { get; }

    public Optimizer Optimizer { get; }

    public PackBatch Batch { get; }

    public ReadOnlySpan<TrialSlot> Slots => _slots;

    /// <summary>Slots that hold a trial.</summary>
    public int Filled
    {
        get
        {
            var filled = 0;
            foreach (var slot in _slots)
                if (slot.Trial is not null)
                    filled++;
            return filled;
        }
    }

    /// <summary>See <see cref="PackTrainer.Fill"/>.</summary>
    public void Fill(int slot, TrialSpec trial)
    {
        CheckFits(slot, trial);
        using (var own = PackNetworks.Create(trial, Data.Shape))
        {
            if (trial.Model.StartsAtMeanImage) OutputStart.Set(own, trial.Model.Likelihood, Data.MeanImage);
            PackNetwork.CopyReplica(own, 0, Network, slot);
        }

        Place(slot, trial);
    }

    /// <summary>Makes a slot the trial's, at its beginning, and leaves its weights as they are.</summary>
    public void Place(int slot, TrialSpec trial)
    {
        Optimizers.Fill(Optimizer, slot, trial.Training);
        Batch.SetLatent(slot, trial.Model.Latent);
        _slots[slot].Fill(trial);
    }

    /// <summary>Whether a trial may begin in a slot.</summary>
    /// <exception cref="ArgumentException">The slot is taken, or the trial is of another signature or too large for the pack.</exception>
    public void CheckFits(int slot, TrialSpec trial)
    {
        if (_slots[slot].Trial is { } taken) throw new ArgumentException($"Slot {slot} holds trial {taken.Index}; trial {trial.Index} cannot begin there.", nameof(slot));
        if (trial.Model.Latent > Network.Latent) throw new ArgumentException($"Trial {trial.Index} has latent size {trial.Model.Latent}; this pack has room for {Network.Latent}.", nameof(trial));
        if (PackSignature.Of(trial) != PackSignature.Of(_shape)) throw new ArgumentException($"Trial {trial.Index} is of another shape ({PackSignature.Of(trial)}) than its pack ({PackSignature.Of(_shape)}).", nameof(trial));
    }

    /// <summary>See <see cref="PackTrainer.Empty"/>.</summary>
    public void Empty(int slot)
    {
        _slots[slot].Empty();
        Optimizer.SetActive(slot, false);
        Network.ClearReplica(slot); // Whatever the trial diverged to, an empty slot computes finite numbers.
    }

    /// <summary>See <see cref="PackTrainer.Extract"/>.</summary>
    public PackNetwork Extract(int slot)
    {
        var own = PackNetworks.CreateEmpty(_slots[slot].Trial!.Model, training: null, Data.Shape, 1);
        PackNetwork.CopyReplica(Network, slot, own, 0);
        return own;
    }

    /// <summary>Brings each trial's order of rows to its current epoch; those who stand together need it once.</summary>
    public void OrderRows()
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

    // Auxiliary parameters are registered last.
    private int? FirstAuxiliary()
    {
        for (var i = 0; i < Flat.Segments.Count; i++)
            if (Network.IsAuxiliary(Flat.Segments[i].Name))
                return i;
        return null;
    }

    public void Dispose()
    {
        Batch.Dispose();
        Objective.Dispose();
        Optimizer.Dispose();
        Flat.Dispose();
        Network.Dispose();
        HostMemory.Release(); // The next pack of this lane is of another shape.
    }
}
