using Vae.Models;
using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Datasets;
using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>
/// Evaluates trials of a pack on the held-out rows, each rank its own part, and adds up. When all trials are due together, which is the ordinary case, one fused pass serves them;
/// a trial that is due alone is evaluated through a view of its slot, at the cost of one trial.
/// </summary>
internal sealed class PackEvaluation : IDisposable
{
    /// <summary>Rows of one forward pass of a trial: large enough for full speed, small enough to stay in cache.</summary>
    public const int RowsOfOnePass = 512;

    private readonly Pack _pack;
    private readonly HeldOutSums[] _sums;
    private readonly (PackNetwork Network, PackObjective Objective)?[] _views;
    private readonly int[] _rows;
    private float[] _exchanged = [];

    public PackEvaluation(Pack pack)
    {
        _pack = pack;
        _rows = new int[Math.Max(RowsOfOnePass, pack.Batch.EvaluationRows)]; // A fused pass takes as many rows of each slot as a step does.
        _sums = new HeldOutSums[pack.Slots.Length];
        _views = new (PackNetwork, PackObjective)?[pack.Slots.Length];
    }

    /// <summary>Evaluates the slots that are due, and stores their reports.</summary>
    public void Run(RowRange part, IGradientExchange exchange, long step, CancellationToken cancellation)
    {
        var slots = _pack.Slots;
        var (due, filled) = Count(slots);
        if (due == 0) return;
        using (torch.no_grad())
        {
            if (due == filled && due > 1) AddFused(slots, part, cancellation);
            else foreach (var slot in slots) if (IsDue(slot)) AddAlone(slot, part, cancellation);
        }

        Exchange(slots, due, exchange, step);
        foreach (var slot in slots)
        {
            if (IsDue(slot)) slot.Report = ReportOf(slot);
        }
    }

    public void Dispose()
    {
        foreach (var view in _views)
        {
            view?.Objective.Dispose();
            view?.Network.Dispose();
        }
    }

    private static bool IsDue(TrialSlot slot) => slot.Trial is not null && slot.IsEvaluationDue;

    private (int Due, int Filled) Count(ReadOnlySpan<TrialSlot> slots)
    {
        var (due, filled) = (0, 0);
        foreach (var slot in slots)
        {
            if (slot.Trial is null) continue;
            filled++;
            if (!IsDue(slot)) continue;
            due++;
            _sums[slot.Index] = new HeldOutSums(1, _pack.Objective.Columns.Rates, _pack.Objective.Columns.Means, _pack.Objective.FigureColumns);
        }

        return (due, filled);
    }

    private void AddFused(ReadOnlySpan<TrialSlot> slots, RowRange part, CancellationToken cancellation)
    {
        for (var first = part.First; first < part.End; first += _pack.Batch.EvaluationRows)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            var count = Math.Min(_pack.Batch.EvaluationRows, part.End - first);
            var (x, noise) = _pack.Batch.Borrow(slots.Length, count);
            foreach (var slot in slots) if (slot.Trial is not null) Load(slot, x, noise, slot.Index, first, count);
            var terms = _pack.Objective.Judge(new HeldOutInputs(x, noise, _pack.Batch.Mask, _pack.Batch.BorrowLabels(slots.Length, _rows.AsSpan(0, count))));
            foreach (var slot in slots) if (slot.Trial is not null) Add(slot, terms, slot.Index, count);
        }
    }

    private void AddAlone(TrialSlot slot, RowRange part, CancellationToken cancellation)
    {
        var objective = ViewOf(slot.Index).Objective;
        for (var first = part.First; first < part.End; first += _pack.Batch.SingleRows)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            var count = Math.Min(_pack.Batch.SingleRows, part.End - first);
            var (x, noise) = _pack.Batch.Borrow(1, count);
            Load(slot, x, noise, 0, first, count);
            Add(slot, objective.Judge(new HeldOutInputs(x, noise, _pack.Batch.MaskOf(slot.Index), _pack.Batch.BorrowLabels(1, _rows.AsSpan(0, count)))), 0, count);
        }
    }

    private void Load(TrialSlot slot, Tensor x, Tensor noise, int target, int first, int count)
    {
        var seed = slot.Trial!.Training.Seed;
        for (var i = 0; i < count; i++) _rows[i] = first + i;
        _pack.Data.Gather(_rows.AsSpan(0, count), x, target, seed, NoiseStreams.Of(NoisePurpose.HeldOutBinarize), first);
        _pack.Batch.FillNoise(noise, target, slot.Trial, new RowRange(first, count), NoiseStreams.Of(NoisePurpose.HeldOutPosterior));
    }

    private void Add(TrialSlot slot, in HeldOutTerms terms, int replica, int count)
    {
        _sums[slot.Index].Add(count, terms.Distortion.narrow(0, replica, 1).cpu().data<float>(), Of(terms.Rate), Of(terms.Mean), Of(terms.Extra));

        ReadOnlySpan<float> Of(Tensor? values) => values is null ? [] : values.select(0, replica).contiguous().cpu().data<float>();
    }

    private HeldOutReport ReportOf(TrialSlot slot)
    {
        var sums = _sums[slot.Index];
        var own = _pack.Objective.ColumnsOf(slot.Trial!.Model);
        var report = sums.Report(0, own.Rates, own.Means, own.LabelRates);
        if (_pack.Objective.FigureColumns == 0) return report;
        var (rows, extras) = sums.Extras(0);
        return report with { Figures = _pack.Objective.Figures(extras.Span, rows) };
    }

    private void Exchange(ReadOnlySpan<TrialSlot> slots, int due, IGradientExchange exchange, long step)
    {
        var length = 0;
        foreach (var slot in slots)
        {
            if (!IsDue(slot)) continue;
            var sums = _sums[slot.Index];
            if (length == 0 && _exchanged.Length < due * sums.Length) _exchanged = new float[due * sums.Length];
            sums.CopyTo(_exchanged.AsSpan(length));
            length += sums.Length;
        }

        if (!exchange.Sum(_exchanged.AsSpan(0, length), step)) return; // Alone: the sums in double precision stand.
        length = 0;
        foreach (var slot in slots)
        {
            if (!IsDue(slot)) continue;
            _sums[slot.Index].CopyFrom(_exchanged.AsSpan(length));
            length += _sums[slot.Index].Length;
        }
    }

    private (PackNetwork Network, PackObjective Objective) ViewOf(int slot)
    {
        if (_pack.Slots.Length == 1) return (_pack.Network, _pack.Objective);
        if (_views[slot] is { } known) return known;
        var network = PackNetworks.View(_pack.Network, _pack.Spec, _pack.Shape.Training, slot);
        var view = (network, PackObjectives.Create(network, _pack.Spec, _pack.Shape.Training));
        _views[slot] = view;
        return view;
    }
}
