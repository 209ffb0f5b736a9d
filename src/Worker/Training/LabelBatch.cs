using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>
/// The labels of a step's rows, for objectives that want them: Int64 [K, n], or [1, n] where all slots share rows and see the same of their labels. Rows whose label a
/// semi-supervised trial does not see have -1.
/// </summary>
internal sealed class LabelBatch : IDisposable
{
    private readonly TrainingData _data;
    private readonly LabelUse _use;
    private readonly Tensor _memory;
    private readonly (ulong Seed, int Labelled, bool[] Seen)?[] _seen;
    private Tensor? _labels;
    private (int Slots, int Rows) _shape;

    /// <param name="data">With labels.</param>
    /// <param name="use">Which of them the objective wants.</param>
    /// <param name="slots">K.</param>
    /// <param name="places">Rows of all slots in the largest pass.</param>
    /// <param name="device">Of the pack.</param>
    /// <exception cref="ArgumentException">The data set has no labels.</exception>
    public LabelBatch(TrainingData data, LabelUse use, int slots, long places, torch.Device device)
    {
        if (data.Labels is null) throw new ArgumentException("The model needs the label of each row, but the data set has none.", nameof(data));
        (_data, _use) = (data, use);
        _seen = new (ulong, int, bool[])?[slots];
        _memory = torch.zeros([places], ScalarType.Int64, device).DetachFromDisposeScope();
    }

    /// <summary>Of the step or pass that was loaded.</summary>
    public Tensor Labels => _labels!;

    /// <summary>Slots of the tensor, K or 1.</summary>
    public int Slots => _shape.Slots;

    /// <summary>Whether two trials that share rows see the same of their labels.</summary>
    public bool Shares(TrialSpec one, TrialSpec other) => _use == LabelUse.All || (one.Training.Seed, one.Training.Labelled) == (other.Training.Seed, other.Training.Labelled);

    /// <summary>Takes a shape. One buffer serves all.</summary>
    public Tensor Shape(int slots, int rows)
    {
        if (_labels is not null && _shape == (slots, rows)) return _labels;
        _shape = (slots, rows);
        _labels?.Dispose();
        using var part = _memory.narrow(0, 0, (long)slots * rows);
        return _labels = part.view(slots, rows).DetachFromDisposeScope();
    }

    /// <summary>Gathers the labels of a slot's training rows.</summary>
    public void Gather(TrialSpec trial, int slot, int target, ReadOnlySpan<int> rows) =>
        _data.GatherLabels(rows, _labels!, target, _use == LabelUse.Seen ? SeenBy(trial, slot) : default);

    public void Dispose()
    {
        _labels?.Dispose();
        _memory.Dispose();
    }

    private ReadOnlySpan<bool> SeenBy(TrialSpec trial, int slot)
    {
        var (seed, labelled) = (trial.Training.Seed, Math.Min(trial.Training.Labelled, _data.TrainRows));
        if (_seen[slot] is { } known && known.Seed == seed && known.Labelled == labelled) return known.Seen;
        var labels = _data.Labels!.Value.Span[.._data.TrainRows];
        var seen = Vae.Shared.Datasets.LabelledRows.Choose(labels, _data.Classes, labelled, seed);
        _seen[slot] = (seed, labelled, seen);
        return seen;
    }
}
