using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Sweeps;

namespace Vae.Worker.Training;

/// <summary>
/// All that one trial of a pack is between two acts: weights, optimizer state, position, running means. Its tensors have the shapes of its own model, so it can go on in
/// any slot of any pack of its signature. Generators are keyed by seed and step: the position is their state.
/// </summary>
public sealed class TrialSnapshot
{
    private float[] _values = [];

    /// <summary>Where it was, 0 to K - 1.</summary>
    public int Slot { get; internal set; }

    /// <summary>Its hyperparameters.</summary>
    public TrialSpec Trial { get; internal set; } = null!;

    /// <summary>Updates applied.</summary>
    public Step Step { get; internal set; }

    /// <summary>Epochs finished.</summary>
    public int EpochsDone { get; internal set; }

    /// <summary>The next step's place in its epoch, from 0.</summary>
    public int StepOfEpoch { get; internal set; }

    /// <summary>Wall time of its steps, in seconds.</summary>
    public double Seconds { get; internal set; }

    /// <summary>Its last held-out figures; null before the first.</summary>
    public HeldOutReport? Report { get; internal set; }

    /// <summary>Its last step calls for an evaluation, which has not been made.</summary>
    internal bool EvaluationDue { get; set; }

    /// <summary>Sum of the losses of the epoch's steps so far.</summary>
    internal double LossSum { get; set; }

    /// <summary>Steps in <see cref="LossSum"/>.</summary>
    internal int LossSteps { get; set; }

    /// <summary>Updates that the optimizer has counted: Adam's t.</summary>
    internal long OptimizerSteps { get; set; }

    /// <summary>Its tensors, one after the other in <see cref="Values"/>.</summary>
    internal IReadOnlyList<TrialTensor> Tensors { get; private set; } = [];

    /// <summary>The elements of all tensors.</summary>
    internal Memory<float> Values { get; private set; }

    /// <summary>How messages call what it was read from.</summary>
    internal string ShownAs { get; set; } = "the snapshot";

    /// <summary>Makes room for these tensors; the memory is kept from one save to the next.</summary>
    internal void Shape(IReadOnlyList<TrialTensor> tensors, int length)
    {
        if (_values.Length < length) _values = GC.AllocateUninitializedArray<float>(length);
        (Tensors, Values) = (tensors, _values.AsMemory(0, length));
    }
}
