using Vae.Data.Safetensors;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>
/// Copies the state of a pack out and in. On the host that is copying memory; a device's buffers pass through one buffer on the host, made at the first use and kept.
/// A save allocates nothing once each kind of trial was saved before.
/// </summary>
internal sealed class PackStateCopy(Pack pack) : IDisposable
{
    private readonly Dictionary<int, (TrialCut Cut, TrialTensor[] Tensors)> _cuts = [];
    private readonly PackSignature _signature = PackSignature.Of(pack.Shape);
    private Tensor? _staging;

    private int Buffers => 1 + pack.Optimizer.state.Count;

    /// <summary>Copies all trials out.</summary>
    /// <param name="into">Where to.</param>
    /// <param name="evaluationDue">The next act is an evaluation.</param>
    public void Save(PackSnapshot into, bool evaluationDue)
    {
        into.Clear();
        (into.Slots, into.Signature) = (pack.Slots.Length, _signature);
        foreach (var slot in pack.Slots)
        {
            if (slot.Trial is null) continue;
            var (cut, tensors) = CutOf(slot.Trial.Model.Latent);
            var trial = into.Add();
            slot.Save(trial);
            trial.OptimizerSteps = pack.Optimizer.GetSteps(slot.Index);
            trial.EvaluationDue = evaluationDue && slot.IsEvaluationDue;
            trial.Shape(tensors, checked(cut.Length + (cut.TrainedLength * (Buffers - 1))));
        }

        using var mode = torch.no_grad();
        for (var buffer = 0; buffer < Buffers; buffer++)
        {
            var values = Open(buffer);
            for (var i = 0; i < into.Trials.Count; i++)
            {
                var trial = into.Trials[i];
                var (cut, _) = CutOf(trial.Trial.Model.Latent);
                cut.Gather(values, trial.Slot, Part(cut, trial.Values.Span, buffer));
            }
        }
    }

    /// <summary>Lets trials go on in slots that are empty.</summary>
    /// <param name="trials">Slot, trial as it is to go on, and its state.</param>
    /// <exception cref="ArgumentException">A slot is taken, or a trial is of another signature or too large for the pack.</exception>
    /// <exception cref="SafetensorsException">A state does not fit its trial; the message names the tensor. No slot was touched.</exception>
    public void Restore(ReadOnlySpan<(int Slot, TrialSpec Trial, TrialSnapshot State)> trials)
    {
        var sources = new int[trials.Length][];
        for (var i = 0; i < trials.Length; i++)
        {
            pack.CheckFits(trials[i].Slot, trials[i].Trial);
            sources[i] = Match(trials[i].Trial, trials[i].State);
        }

        foreach (var (slot, trial, state) in trials)
        {
            pack.Place(slot, trial);
            pack.Slots[slot].Restore(state);
            pack.Optimizer.SetSteps(slot, state.OptimizerSteps);
        }

        using var mode = torch.no_grad();
        for (var buffer = 0; buffer < Buffers; buffer++)
        {
            var values = Open(buffer);
            for (var i = 0; i < trials.Length; i++) Scatter(trials[i], sources[i], buffer, values);
            Close(buffer);
        }
    }

    public void Dispose() => _staging?.Dispose();

    private void Scatter((int Slot, TrialSpec Trial, TrialSnapshot State) trial, int[] sources, int buffer, Span<float> values)
    {
        var (cut, tensors) = CutOf(trial.Trial.Model.Latent);
        var own = trial.State.Values.Span;
        if (ReferenceEquals(trial.State.Tensors, tensors))
        {
            cut.Scatter(Part(cut, own, buffer), values, trial.Slot);
            return;
        }

        // From a file: in the order of the file.
        var all = tensors.Length - (cut.Trained * (Buffers - 1));
        var (first, count) = buffer == 0 ? (0, all) : (all + (cut.Trained * (buffer - 1)), cut.Trained);
        var ordered = new float[buffer == 0 ? cut.Length : cut.TrainedLength];
        for (var i = 0; i < count; i++)
        {
            var source = trial.State.Tensors[sources[first + i]];
            own.Slice(source.Start, source.Length).CopyTo(ordered.AsSpan(tensors[i].Start));
        }

        cut.Scatter(ordered, values, trial.Slot);
    }

    // Weights and state, then each of the optimizer's buffers.
    private static Span<float> Part(TrialCut cut, Span<float> values, int buffer) =>
        buffer == 0 ? values[..cut.Length] : values.Slice(cut.Length + (cut.TrainedLength * (buffer - 1)), cut.TrainedLength);

    // For each tensor that the trial has, which one of the state it is.
    private int[] Match(TrialSpec trial, TrialSnapshot state)
    {
        var (_, tensors) = CutOf(trial.Model.Latent);
        if (state.StepOfEpoch >= pack.Batches.StepsPerEpoch)
            throw new SafetensorsException(state.ShownAs, null, $"trial {state.Trial.Index} stands at step {state.StepOfEpoch} of its epoch; an epoch of these rows has {pack.Batches.StepsPerEpoch} steps");
        if (ReferenceEquals(state.Tensors, tensors)) return [];
        var found = new Dictionary<string, int>(state.Tensors.Count, StringComparer.Ordinal);
        for (var i = 0; i < state.Tensors.Count; i++) found.Add(state.Tensors[i].Name, i);
        var sources = new int[tensors.Length];
        for (var i = 0; i < tensors.Length; i++)
        {
            var (name, shape) = (tensors[i].Name, tensors[i].Shape);
            if (!found.Remove(name, out sources[i])) throw new SafetensorsException(state.ShownAs, Shown(state, name), $"it is missing; {Needs(trial)}");
            var have = state.Tensors[sources[i]].Shape;
            if (!have.AsSpan().SequenceEqual(shape))
                throw new SafetensorsException(state.ShownAs, Shown(state, name), $"its shape is [{string.Join(", ", have)}] where [{string.Join(", ", shape)}] is needed; {Needs(trial)}");
        }

        if (found.Count > 0) throw new SafetensorsException(state.ShownAs, Shown(state, found.Keys.Order(StringComparer.Ordinal).First()), $"there is no place for it; {Needs(trial)}");
        return sources;
    }

    private static string Shown(TrialSnapshot state, string name) => SnapshotFile.NameOf(state.Trial.Index, name);

    private static string Needs(TrialSpec trial) => $"trial {trial.Index} is {PackSignature.Of(trial)} latent={trial.Model.Latent}";

    private (TrialCut Cut, TrialTensor[] Tensors) CutOf(int latent)
    {
        if (_cuts.TryGetValue(latent, out var known)) return known;
        var cut = new TrialCut(pack.Network, pack.Flat, latent);
        var tensors = new List<TrialTensor>(cut.Tensors);
        foreach (var (state, _) in pack.Optimizer.state)
        {
            var start = tensors[^1].Start + tensors[^1].Length;
            tensors.AddRange(cut.Tensors.Take(cut.Trained).Select(tensor => tensor with { Name = $"{state}.{tensor.Name}", Start = start + tensor.Start }));
        }

        return _cuts[latent] = (cut, [.. tensors]);
    }

    private Tensor At(int buffer) => buffer == 0 ? pack.Flat.Parameters : pack.Optimizer.state[buffer - 1].buffer;

    // The values of a buffer on the host, to read, or to change before Close.
    private Span<float> Open(int buffer)
    {
        if (pack.Device.type == DeviceType.CPU) return At(buffer).data<float>();
        _staging ??= torch.zeros([pack.Flat.Count + pack.Flat.StateCount]).DetachFromDisposeScope();
        using var part = StagingFor(buffer);
        part.copy_(At(buffer));
        return _staging.data<float>();
    }

    private void Close(int buffer)
    {
        if (_staging is null) return;
        using var part = StagingFor(buffer);
        At(buffer).copy_(part);
    }

    private Tensor StagingFor(int buffer) => _staging!.narrow(0, 0, buffer == 0 ? pack.Flat.Count + pack.Flat.StateCount : pack.Flat.Count);
}
