using Vae.Models;
using Vae.Models.Objectives;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>
/// The inputs of one fused step: rows, noise and the factors of each slot. Slots of equal seed and position share rows and noise, which are then there once; slots
/// that stand elsewhere get their own, and may have fewer rows than others. Noise is drawn at a trial's own latent width, so that it gets the numbers that it gets alone.
/// </summary>
internal sealed class PackBatch : IDisposable
{
    private readonly TrainingData _data;
    private readonly BatchPlan _batches;
    private RowBalance? _balance;
    private int _rank;
    private readonly PackObjective _objective;
    private readonly int[] _leaders;
    private readonly RowPart[] _parts;
    private readonly SlotPosition[] _positions;
    private readonly double[] _numbers;
    private readonly Tensor _pixels;
    private readonly Tensor _normals;
    private readonly SlotVectors _vectors;
    private readonly LabelBatch? _labels;
    private Tensor? _x;
    private Tensor? _noise;
    private (int Slots, int Rows) _shapeOfX;
    private (int Slots, int Rows) _shapeOfNoise;

    public PackBatch(TrainingData data, BatchPlan batches, int slots, int latent, PackObjective objective, torch.Device device)
    {
        (_data, _batches, _objective) = (data, batches, objective);
        (_leaders, _parts, _positions, _numbers) = (new int[slots], new RowPart[slots], new SlotPosition[slots], new double[objective.VectorCount]);
        SingleRows = Math.Max(1, PackEvaluation.RowsOfOnePass / objective.NoiseRows);
        EvaluationRows = Math.Max(batches.RowsOf(0).Count, SingleRows / slots);
        var rows = Math.Max((long)slots * EvaluationRows, SingleRows);
        _pixels = torch.zeros([rows * data.Shape.Values], device: device).DetachFromDisposeScope();
        _normals = torch.zeros([rows * objective.NoiseRows * objective.Columns.Noise], device: device).DetachFromDisposeScope();
        _vectors = new SlotVectors(slots, latent, objective.Columns.Rates, objective.VectorCount, device);
        if (objective.Labels != LabelUse.None) _labels = new LabelBatch(data, objective.Labels, slots, rows, device);
    }

    /// <summary>Hears of each gathering of rows; null: nobody does.</summary>
    public RowWitness? Witness { get; set; }

    /// <summary>Rows of each slot in one pass of an evaluation of all slots.</summary>
    public int EvaluationRows { get; }

    /// <summary>Rows of one pass of an evaluation of one slot.</summary>
    public int SingleRows { get; }

    /// <summary>Rows of all slots that this rank computes in the step.</summary>
    public int Rows { get; private set; }

    /// <summary>[K, n, D], or [1, n, D] where all slots share it.</summary>
    public Tensor X => _x!;

    /// <summary>[K, n s, w], or [1, n s, w] where all slots share it: s rows of noise for each row.</summary>
    public Tensor Noise => _noise!;

    /// <summary>Which rows and dimensions count.</summary>
    public SlotWeights Weights { get; private set; }

    /// <summary>What the operations of this step depend on beside the contents of the buffers.</summary>
    public StepShape Shape => new(_shapeOfX.Slots, _shapeOfNoise.Slots, _shapeOfX.Rows, _vectors.Mask is not null, Clipped: false, _labels?.Slots ?? 0);

    /// <summary>[K], all 1.</summary>
    public Tensor Ones => _vectors.Ones;

    /// <summary>Where each slot's trial stands before the step.</summary>
    public IReadOnlyList<SlotPosition> Positions => _positions;

    /// <summary>What the objective gets for the step that was loaded.</summary>
    public StepInputs InputsOf(IStepExchange exchange) => new()
    {
        X = _x!, Noise = _noise!, Labels = _labels?.Labels, Weights = Weights, Ones = _vectors.Ones, RateWeight = _vectors.RateWeight, Vectors = _vectors.Own, Parts = _parts, Positions = _positions, Exchange = exchange,
    };

    /// <summary>Tells which latent dimensions of a slot are its trial's own.</summary>
    public void SetLatent(int slot, int own) => _vectors.SetLatent(slot, own);

    /// <summary>The mask of one slot as [1, d]; null where nothing is padded.</summary>
    public Tensor? MaskOf(int slot) => _vectors.Mask?.narrow(0, slot, 1);

    /// <summary>The mask of all slots; null where nothing is padded.</summary>
    public Tensor? Mask => _vectors.Mask;

    /// <summary>Takes over how rows are shared among the ranks, and which one this is.</summary>
    public void Join(RowBalance balance, int rank) => (_balance, _rank) = (balance, rank);

    /// <summary>Makes this rank's inputs of the next step of all filled slots.</summary>
    public void Load(ReadOnlySpan<TrialSlot> slots)
    {
        var most = Plan(slots);
        if (Rows == 0 && !_objective.Exchanges) return;
        _vectors.Upload();
        // Always by slot in a pack, even while all stand together: what a slot computes must not depend on the others, not in the last bit.
        Weights = slots.Length == 1 ? new SlotWeights(_vectors.ScaleOf(0), Mask: _vectors.Mask) : new SlotWeights(1, _vectors.Rows, _vectors.Scale, _vectors.Mask);
        if (Rows == 0) return;
        var first = FirstFilled(slots);
        var sharesRows = true;
        var sharesNoise = true;
        for (var k = first + 1; k < slots.Length; k++)
        {
            if (slots[k].Trial is null) continue;
            sharesRows &= _leaders[k] == first;
            sharesNoise &= _leaders[k] == first && _objective.ColumnsOf(slots[k].Trial!.Model).Noise == _objective.ColumnsOf(slots[first].Trial!.Model).Noise;
        }

        ShapeX(sharesRows ? 1 : slots.Length, most);
        if (_labels is not null) LoadLabels(_labels, slots, first, sharesRows, most);
        ShapeNoise(sharesNoise ? 1 : slots.Length, most);
        for (var k = first; k < slots.Length; k++)
        {
            if (slots[k].Trial is null) continue;
            if (!sharesRows || k == first) GatherRows(slots, k, sharesRows ? 0 : k);
            if (!sharesNoise || k == first) DrawNoise(slots[k], sharesNoise ? 0 : k);
        }
    }

    /// <summary>Views of the buffers for <paramref name="slots"/> slots of <paramref name="rows"/> rows, valid until the next load.</summary>
    public (Tensor X, Tensor Noise) Borrow(int slots, int rows)
    {
        ShapeX(slots, rows);
        ShapeNoise(slots, rows);
        return (_x!, _noise!);
    }

    /// <summary>The labels of rows that are judged, [<paramref name="slots"/>, rows], valid until the next load; null where the objective wants none.</summary>
    public Tensor? BorrowLabels(int slots, ReadOnlySpan<int> rows)
    {
        if (_labels is null) return null;
        var labels = _labels.Shape(slots, rows.Length);
        for (var slot = 0; slot < slots; slot++) _data.GatherLabels(rows, labels, slot);
        return labels;
    }

    /// <summary>Fills the noise of some rows of a trial at its own width; those of a row follow each other.</summary>
    public void FillNoise(Tensor noise, int target, TrialSpec trial, RowRange rows, ulong stream)
    {
        var width = _objective.ColumnsOf(trial.Model).Noise;
        Torch.Noise.FillNormal(noise, target, rows.Count * _objective.NoiseRows, width, trial.Training.Seed, stream, (long)rows.First * _objective.NoiseRows);
    }

    public void Dispose()
    {
        _x?.Dispose();
        _noise?.Dispose();
        _pixels.Dispose();
        _normals.Dispose();
        _vectors.Dispose();
        _labels?.Dispose();
    }

    // Rows and factors of each slot; who stands where somebody else stands takes his rows.
    private int Plan(ReadOnlySpan<TrialSlot> slots)
    {
        var most = 0;
        var total = 0;
        for (var k = 0; k < slots.Length; k++)
        {
            var slot = slots[k];
            if (slot.Trial is null)
            {
                _vectors.Set(k, 0, 0, 0);
                (_parts[k], _positions[k]) = (default, default);
                continue;
            }

            _leaders[k] = LeaderOf(slots, k);
            var (part, position) = (PartOf(slot), slot.Position);
            var rows = part.Count;
            most = Math.Max(most, rows);
            total += rows;
            (_parts[k], _positions[k]) = (new RowPart(part.First, rows, position.Rows), position);
            _vectors.Set(k, rows, 1.0 / position.Rows, _objective.RateWeight(position));
            if (_numbers.Length == 0) continue;
            _objective.FillVectors(position, _numbers);
            _vectors.SetOwn(k, _numbers);
        }

        Rows = total;
        return most;
    }

    private static int LeaderOf(ReadOnlySpan<TrialSlot> slots, int k)
    {
        for (var j = 0; j < k; j++)
            if (slots[j].Trial is not null && slots[j].SharesRowsWith(slots[k]))
                return j;
        return k;
    }

    private static int FirstFilled(ReadOnlySpan<TrialSlot> slots)
    {
        var k = 0;
        while (slots[k].Trial is null) k++;
        return k;
    }

    // This rank's part of the slot's global batch: its first row's place in the batch, and how many.
    private RowRange PartOf(TrialSlot slot) => _balance!.Split(_batches.RowsOf(slot.StepOfEpoch).Count, _rank);

    private void GatherRows(ReadOnlySpan<TrialSlot> slots, int k, int target)
    {
        var slot = slots[k];
        var part = PartOf(slot);
        if (part.Count == 0) return;
        if (_leaders[k] < k && _pixels.device.type == DeviceType.CPU)
        {
            // Bits drawn once serve all who draw the same.
            var width = _data.Shape.Values;
            var pixels = _pixels.data<float>();
            var stride = _shapeOfX.Rows * width;
            pixels.Slice(_leaders[k] * stride, part.Count * width).CopyTo(pixels[(k * stride)..]);
            return;
        }

        var rows = slot.Order.Slice(_batches.RowsOf(slot.StepOfEpoch).First + part.First, part.Count);
        Witness?.Invoke(slot.Trial!, slot.Step, rows);
        _data.Gather(rows, _x!, target, slot.Trial!.Training.Seed, NoiseStreams.Of(NoisePurpose.Binarize, slot.Step.Value), part.First);
    }

    private void LoadLabels(LabelBatch labels, ReadOnlySpan<TrialSlot> slots, int first, bool sharesRows, int most)
    {
        var shares = sharesRows;
        foreach (var slot in slots) if (slot.Trial is { } trial) shares &= labels.Shares(slots[first].Trial!, trial);
        labels.Shape(shares ? 1 : slots.Length, most);
        for (var k = first; k < slots.Length; k++)
        {
            if (slots[k].Trial is not { } trial || (shares && k > first)) continue;
            var part = PartOf(slots[k]);
            labels.Gather(trial, k, shares ? 0 : k, slots[k].Order.Slice(_batches.RowsOf(slots[k].StepOfEpoch).First + part.First, part.Count));
        }
    }

    private void DrawNoise(TrialSlot slot, int target)
    {
        var part = PartOf(slot);
        if (part.Count == 0) return;
        var trial = slot.Trial!;
        FillNoise(_noise!, target, trial, part, NoiseStreams.Of(NoisePurpose.Posterior, slot.Step.Value));
    }

    // One buffer serves all shapes: rows change at the end of an epoch only, and a view without gaps is worth more than a buffer for each.
    private void ShapeX(int slots, int rows)
    {
        if (_x is not null && _shapeOfX == (slots, rows)) return;
        _shapeOfX = (slots, rows);
        _x?.Dispose();
        _x = View(_pixels, slots, rows, _data.Shape.Values);
    }

    private void ShapeNoise(int slots, int rows)
    {
        if (_noise is not null && _shapeOfNoise == (slots, rows)) return;
        _shapeOfNoise = (slots, rows);
        _noise?.Dispose();
        _noise = View(_normals, slots, rows * _objective.NoiseRows, _objective.Columns.Noise);
    }

    private static Tensor View(Tensor memory, int slots, int rows, int width)
    {
        using var part = memory.narrow(0, 0, (long)slots * rows * width);
        return part.view(slots, rows, width).DetachFromDisposeScope();
    }
}

/// <summary>Hears which rows a rank takes into the step after <paramref name="step"/> updates of a trial.</summary>
internal delegate void RowWitness(TrialSpec trial, Step step, ReadOnlySpan<int> rows);
