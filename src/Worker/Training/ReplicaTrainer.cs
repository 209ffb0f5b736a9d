using Vae.Models;
using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

/// <summary>Where a replica's readings go. Called on the training thread: it must not block.</summary>
public interface ITrainingListener
{
    /// <summary>A step was applied.</summary>
    /// <param name="slot">The trial's slot.</param>
    /// <param name="step">The update.</param>
    /// <param name="epoch">From 0.</param>
    /// <param name="distortion">Mean over the global batch, nats.</param>
    /// <param name="rate">Mean over the global batch, nats.</param>
    /// <param name="beta">Weight of the rate in this step.</param>
    /// <param name="seconds">Wall time of the step.</param>
    void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds);

    /// <summary>The phases of the step just applied, and the rows of it that this replica computed.</summary>
    void StepTimed(StepClock clock, int rows);

    /// <summary>A held-out evaluation.</summary>
    void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss);
}

/// <summary>
/// One replica of a gang: model, optimizer and the loop. The global batch of step s of epoch e is rows perm(seed, e)[s*B .. (s+1)*B); this
/// replica takes its contiguous part. Gradients are sums over rows divided by the rows of the global batch, so a plain sum over ranks gives
/// the gradient of the whole batch, and noise is keyed by the row's place in the batch: one worker or four are the same training.
/// </summary>
public sealed class ReplicaTrainer : IDisposable
{
    private const int EvaluationBatch = 512; // Rows of one forward pass: large enough for full speed, small enough to stay in cache.

    private readonly TrialSpec _trial;
    private readonly TrainingData _data;
    private readonly BatchPlan _batches;
    private readonly FlatParameters _flat;
    private readonly Optimizer _optimizer;
    private readonly GradientExchange _exchange;
    private readonly int[] _order;
    private readonly float[] _statistics;
    private readonly float[] _sums;
    private readonly StepClock _clock = new();
    private readonly Tensor _x;
    private readonly Tensor _noise;
    private readonly Tensor _one;
    private readonly Tensor _rateWeight;

    /// <param name="trial">What to train.</param>
    /// <param name="data">The rows, on <paramref name="device"/>.</param>
    /// <param name="device">Where to compute.</param>
    public ReplicaTrainer(TrialSpec trial, TrainingData data, torch.Device device)
    {
        _trial = trial;
        _data = data;
        _batches = new BatchPlan(data.TrainRows, trial.Training.Batch);
        Network = VaeNetwork.Create(trial.Model, data.Shape, [trial.Training.Seed]);
        Network.to(device);
        Objective = new VaeObjective(Network, trial.Model);
        _statistics = new float[1 + trial.Model.Latent];
        _flat = new FlatParameters(Network, statistics: _statistics.Length);
        _optimizer = Optimizers.Create(trial.Training, _flat);
        _exchange = new GradientExchange(_flat);
        _order = new int[data.TrainRows];
        _sums = new float[new HeldOutSums(1, trial.Model.Latent).Length];
        var rowsMax = Math.Max(Math.Min(trial.Training.Batch, data.TrainRows), EvaluationBatch);
        _x = torch.zeros([1, rowsMax, data.Shape.Values], device: device).DetachFromDisposeScope();
        _noise = torch.zeros([1, rowsMax, trial.Model.Latent], device: device).DetachFromDisposeScope();
        _one = torch.ones([1], device: device).DetachFromDisposeScope();
        _rateWeight = torch.zeros([1, trial.Model.Latent], device: device).DetachFromDisposeScope();
    }

    /// <summary>The model being trained.</summary>
    public VaeNetwork Network { get; }

    /// <summary>Its objective.</summary>
    public VaeObjective Objective { get; }

    /// <summary>Trainable parameters.</summary>
    public long Parameters => _flat.Count;

    /// <summary>The rows that the trial is judged by.</summary>
    public RowRange EvaluationRows => _data.EvaluationRows;

    /// <summary>Updates applied.</summary>
    public Step Step { get; private set; }

    /// <summary>Epochs finished.</summary>
    public int EpochsDone { get; private set; }

    /// <summary>The last held-out figures.</summary>
    public HeldOutReport? LastReport { get; private set; }

    /// <summary>Updates that the trial asks for.</summary>
    public long StepsTotal => Math.Min((long)_trial.Training.Epochs * _batches.StepsPerEpoch, _trial.Training.MaxSteps ?? long.MaxValue);

    /// <summary>Trains to the end, evaluating as the trial says, and always at the end.</summary>
    /// <exception cref="NonFiniteLossException">The loss diverged.</exception>
    /// <exception cref="AllReduceException">A peer is gone or silent.</exception>
    /// <exception cref="OperationCanceledException">Stopped from outside, between two steps.</exception>
    public void Run(IAllReduce allReduce, ITrainingListener listener, CancellationToken cancellation)
    {
        while (Step.Value < StepsTotal)
        {
            var trainLoss = RunEpoch(allReduce, listener, cancellation);
            var last = Step.Value >= StepsTotal;
            if (!last && EpochsDone % _trial.Training.EvaluateEvery != 0) continue;
            LastReport = Evaluate(allReduce, cancellation);
            listener.Evaluated(0, Step, EpochsDone, LastReport, trainLoss);
        }
    }

    private double RunEpoch(IAllReduce allReduce, ITrainingListener listener, CancellationToken cancellation)
    {
        EpochOrder.Fill(_trial.Training.Seed, EpochsDone, _order);
        var loss = 0.0;
        var steps = 0;
        for (; steps < _batches.StepsPerEpoch && Step.Value < StepsTotal; steps++)
        {
            cancellation.ThrowIfCancellationRequested();
            loss += RunStep(steps, allReduce, listener);
        }

        EpochsDone++;
        return loss / steps;
    }

    private double RunStep(int stepOfEpoch, IAllReduce allReduce, ITrainingListener listener)
    {
        _clock.Begin();
        using var scope = torch.NewDisposeScope();
        var training = _trial.Training;
        var batch = _batches.RowsOf(stepOfEpoch);
        var part = _batches.PartOf(stepOfEpoch, allReduce.Rank, allReduce.WorldSize);
        var beta = Beta(Step);
        _flat.zero_grad();
        if (part.Count > 0)
        {
            var placeInBatch = part.First - batch.First;
            var x = _x.narrow(1, 0, part.Count);
            var noise = _noise.narrow(1, 0, part.Count);
            _data.Gather(_order.AsSpan(part.First, part.Count), x.select(0, 0), training.Seed, NoiseStreams.Of(NoisePurpose.Binarize, Step.Value), placeInBatch);
            Noise.FillNormal(noise.select(0, 0), training.Seed, NoiseStreams.Of(NoisePurpose.Posterior, Step.Value), placeInBatch);
            _clock.End(StepPhase.Load);
            var scale = 1.0 / batch.Count;
            var bound = Objective.Forward(x, noise, scale);
            _clock.End(StepPhase.Forward);
            _rateWeight.fill_(beta * scale);
            torch.autograd.backward([bound.Distortion, bound.RatePerDimension], [_one, _rateWeight]);
            _exchange.WriteStatistics(bound.Distortion, bound.RatePerDimension);
            _clock.End(StepPhase.Backward);
        }

        _exchange.Reduce(allReduce, Step.Value);
        _clock.End(StepPhase.AllReduce);
        var (distortion, rate) = ReadStatistics(batch.Count);
        if (!double.IsFinite(distortion) || !double.IsFinite(rate)) throw new NonFiniteLossException(Step.Next(), 0, distortion, rate);
        if (training.GradientClip is { } clip) Optimizers.ClipGradient(_flat, clip);
        _optimizer.step();
        Step = Step.Next();
        _clock.End(StepPhase.Update);
        listener.StepDone(0, Step, EpochsDone, distortion, rate, beta, _clock.StepSeconds);
        listener.StepTimed(_clock, part.Count);
        return distortion + (beta * rate);
    }

    /// <summary>The weight of the rate in the update after <paramref name="step"/>: linear from 0 over the warm-up (Bowman et al. 2016, section 3.1).</summary>
    public double Beta(Step step)
    {
        var warmup = _trial.Training.KlWarmupEpochs * _batches.StepsPerEpoch;
        return warmup <= 0 ? _trial.Training.Beta : _trial.Training.Beta * Math.Min(1, step.Value / warmup);
    }

    private (double Distortion, double Rate) ReadStatistics(int rows)
    {
        _exchange.ReadStatistics(_statistics);
        var rate = 0.0;
        foreach (var value in _statistics.AsSpan(1)) rate += value;
        return (_statistics[0], rate / rows);
    }

    /// <summary>Evaluates the held-out rows, each rank its own part, and adds up.</summary>
    public HeldOutReport Evaluate(IAllReduce allReduce, CancellationToken cancellation)
    {
        var sums = new HeldOutSums(1, _trial.Model.Latent);
        var rows = _data.EvaluationRows;
        var share = BatchPlan.Split(rows.Count, allReduce.Rank, allReduce.WorldSize);
        var part = new RowRange(rows.First + share.First, share.Count);
        using (torch.no_grad())
        {
            for (var first = part.First; first < part.End; first += EvaluationBatch)
            {
                cancellation.ThrowIfCancellationRequested();
                EvaluateRows(sums, first, Math.Min(EvaluationBatch, part.End - first));
            }
        }

        if (allReduce.WorldSize > 1)
        {
            sums.CopyTo(_sums);
            allReduce.AllReduce(_sums, Step.Value, _exchange.FreeBucket);
            sums.CopyFrom(_sums);
        }

        return sums.Report(0);
    }

    private void EvaluateRows(HeldOutSums sums, int first, int count)
    {
        using var scope = torch.NewDisposeScope();
        var seed = _trial.Training.Seed;
        var x = _x.narrow(1, 0, count);
        var noise = _noise.narrow(1, 0, count);
        Span<int> rows = stackalloc int[count];
        for (var i = 0; i < count; i++) rows[i] = first + i;
        _data.Gather(rows, x.select(0, 0), seed, NoiseStreams.Of(NoisePurpose.HeldOutBinarize), first);
        Noise.FillNormal(noise.select(0, 0), seed, NoiseStreams.Of(NoisePurpose.HeldOutPosterior), first);
        var bound = Objective.Forward(x, noise, 1);
        sums.Add(count, bound.Distortion.cpu().data<float>(), bound.RatePerDimension.cpu().data<float>(), bound.Mean.contiguous().cpu().data<float>());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _x.Dispose();
        _noise.Dispose();
        _one.Dispose();
        _rateWeight.Dispose();
        _exchange.Dispose();
        _optimizer.Dispose();
        _flat.Dispose();
        Network.Dispose();
    }
}
