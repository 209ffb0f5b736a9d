using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>One fused update of all trials of a pack: inputs, forward, backward, sums over ranks, optimizer. Allocates nothing in steady state.</summary>
internal sealed class PackStep : IDisposable
{
    private readonly Pack _pack;
    private readonly PackStatistics _statistics;
    private readonly string?[] _failures;
    private readonly bool _onHost;
    private readonly bool _reduced;
    private readonly StepGraphs _graphs;
    private readonly StepExchange _exchange = new();
    private readonly Tensor[] _roots = new Tensor[4];
    private readonly Tensor[] _starts = new Tensor[4];
    private readonly bool[] _applied;
    private readonly Action _gradients;
    private readonly Action _update;
    private (int Rank, int WorldSize) _place;

    /// <summary>Why steps are not recorded as graphs although they could be; null otherwise.</summary>
    public string? RecordingRefused => _graphs.Refusal;

    public PackStep(Pack pack, TimeProvider? time, NumericPrecision precision = NumericPrecision.Float32)
    {
        _reduced = precision == NumericPrecision.Bfloat16;
        _pack = pack;
        Clock = new StepClock(time);
        _statistics = new PackStatistics(pack.Slots.Length, pack.Objective);
        (_failures, _applied) = (new string?[pack.Slots.Length], new bool[pack.Slots.Length]);
        _onHost = pack.Device.type == DeviceType.CPU;
        _graphs = new StepGraphs(pack.Device);
        (_gradients, _update) = (MakeGradients, pack.Optimizer.apply);
    }

    /// <summary>Where the time of the last step went.</summary>
    public StepClock Clock { get; }

    /// <summary>Ranks that held the next order when they sent their statistics.</summary>
    public int Votes => _statistics.Votes;

    /// <summary>Takes a place in another ring: with other parts of the rows, what was recorded for the old ones is of no more use.</summary>
    public void Join(int rank, int worldSize)
    {
        if (_place != (rank, worldSize)) _graphs.Forget();
        _place = (rank, worldSize);
    }

    /// <summary>Computes and applies the update that is the pack's act <paramref name="number"/>.</summary>
    public void Run(PackCourse course, long number)
    {
        Clock.Begin();
        using var scope = torch.NewDisposeScope();
        _pack.Flat.zero_grad();
        _pack.OrderRows();
        _pack.Batch.Load(_pack.Slots);
        _exchange.Begin(course.Exchange, _place.WorldSize, number);
        if (_pack.Batch.Rows > 0) _pack.Objective.Prepare(_pack.Batch.InputsOf(_exchange));
        Clock.End(StepPhase.Load);
        if (_onHost) ComputeOnHost(course, number);
        else ComputeOnDevice(course, number);
        course.Exchange.Complete();
        Clock.End(StepPhase.AllReduce);
        Clock.ExchangeSeconds = course.Exchange.LastSeconds;
        _statistics.Read(_pack.Flat);
        foreach (var slot in _pack.Slots) CheckFinite(slot);
        _pack.Optimizer.prepare();
        _graphs.Run(_pack.Batch.Shape with { Clipped = _pack.Optimizer.Clips }, _update);
        if (_pack.Objective.ExtraColumns > 0) Commit();
        Clock.End(StepPhase.Update);
    }

    /// <summary>Sums nothing but the votes, once this rank holds the next order: the pack has no trial.</summary>
    public void Vote(PackCourse course, long number)
    {
        _pack.Flat.zero_grad();
        _statistics.WriteVote(_pack.Flat);
        course.Exchange.ReduceStatistics(number);
        _statistics.Read(_pack.Flat);
    }

    /// <summary>Means over the slot's global batch in the step, in nats per row. To be asked before the slot moves on.</summary>
    public (double Distortion, double Rate, double Penalty) LossOf(TrialSlot slot) =>
        (_statistics.Distortion(slot.Index), _statistics.Rate(slot.Index) / _pack.Batches.RowsOf(slot.StepOfEpoch).Count, _statistics.Penalty(slot.Index));

    /// <summary>What went wrong with a slot's trial in the step, which it took no part in; null when nothing did.</summary>
    public string? FailureOf(TrialSlot slot) => _failures[slot.Index];

    /// <summary>Forgets a failure: the trial is out of its slot.</summary>
    public void ForgetFailure(TrialSlot slot) => _failures[slot.Index] = null;

    public void Dispose() => _graphs.Dispose();

    // The vote is written before backward, because an overlapped exchange may send the end of the buffer first.
    private void ComputeOnHost(PackCourse course, long number)
    {
        var batch = _pack.Batch;
        using var step = torch.nn.training_step(batch.Weights.Rows);
        var terms = default(StepTerms);
        if (batch.Rows > 0)
        {
            terms = Forward(batch);
            _statistics.WriteSums(_pack.Flat, terms);
        }
        else if (_pack.Objective.Exchanges)
        {
            _pack.Objective.Abstain(batch.InputsOf(_exchange));
        }

        if (course.Orders.HoldsNext) _statistics.WriteVote(_pack.Flat);
        Clock.End(StepPhase.Forward);
        course.Exchange.Begin(number);
        if (batch.Rows > 0) Backward(terms);
        Clock.End(StepPhase.Backward);
    }

    // On a device forward and backward are one recording, whose time counts as backward.
    private void ComputeOnDevice(PackCourse course, long number)
    {
        if (_pack.Objective.Exchanges) MakeGradientsTogether();
        else if (_pack.Batch.Rows > 0) _graphs.Run(_pack.Batch.Shape, _gradients);
        if (course.Orders.HoldsNext) _statistics.WriteVote(_pack.Flat);
        course.Exchange.Begin(number);
        Clock.End(StepPhase.Backward);
    }

    private StepTerms Forward(PackBatch batch)
    {
        using var products = torch.reduced_products(_reduced);
        return _pack.Objective.Forward(batch.InputsOf(_exchange));
    }

    // All parts that have a gradient, in one pass.
    private void Backward(in StepTerms terms)
    {
        var count = 0;
        Add(terms.Distortion, terms.DistortionGradient);
        Add(terms.Rate, terms.RateGradient);
        Add(terms.Penalty, terms.PenaltyGradient);
        Add(terms.Silent, terms.Silent is null ? null : _pack.Batch.Ones);
        torch.autograd.backward(_roots.AsSpan(0, count), _starts.AsSpan(0, count));

        void Add(Tensor? root, Tensor? start)
        {
            if (start is null) return;
            (_roots[count], _starts[count]) = (root!, start);
            count++;
        }
    }

    // Not recorded: the ranks talk in the middle, and where a part's rows lie may change from step to step.
    private void MakeGradientsTogether()
    {
        if (_pack.Batch.Rows > 0) MakeGradients();
        else _pack.Objective.Abstain(_pack.Batch.InputsOf(_exchange));
    }

    private void Commit()
    {
        using var mode = torch.no_grad();
        foreach (var slot in _pack.Slots) _applied[slot.Index] = slot.Trial is not null && _failures[slot.Index] is null;
        _pack.Objective.Commit(new StepCommit(_statistics.Extras(_pack.Flat), _pack.Batch.Positions, _applied));
    }

    private void MakeGradients()
    {
        using var scope = torch.NewDisposeScope();
        var terms = Forward(_pack.Batch);
        _statistics.WriteSums(_pack.Flat, terms);
        Backward(terms);
    }

    // A trial that diverged takes no part in the update: its weights of the step before were the last good ones. All ranks read the same sums.
    private void CheckFinite(TrialSlot slot)
    {
        if (slot.Trial is null) return;
        var (distortion, rate, penalty) = LossOf(slot);
        if (double.IsFinite(distortion) && double.IsFinite(rate) && double.IsFinite(penalty)) return;
        var parts = _pack.Objective.HasPenalty ? $"distortion {distortion}, rate {rate}, penalty {penalty}" : $"distortion {distortion}, rate {rate}";
        _failures[slot.Index] = $"non-finite loss at step {slot.Step.Value + 1} ({parts} nats per row); try a smaller learning_rate, or set gradient_clip";
        _pack.Optimizer.SetActive(slot.Index, false);
    }
}
