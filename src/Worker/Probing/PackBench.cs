using System.Diagnostics;
using Vae.Data;
using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Engine;
using Vae.Worker.Training;

namespace Vae.Worker.Probing;

/// <summary>
/// Trains packs of one signature with the product's own trainer, on made-up images turned into bits as the sweep's are and in its precision: the time of a step does not depend on what the pixels show. The trials of a
/// pack share their rows as those of a sweep do, unless the sweep searches the seed.
/// </summary>
public sealed class PackBench : IPackBench, IDisposable
{
    private const int RowsMin = 2_048;
    private const int WarmUpSteps = 2;
    private const string SeedPath = "training.seed";

    private readonly torch.Device _device;
    private readonly TrialSpec _trial;
    private readonly NumericPrecision _precision;
    private readonly bool _sameSeeds;
    private readonly TrainingData _data;
    private readonly List<Lane> _lanes = [];

    /// <param name="order">What is to be trained.</param>
    /// <param name="device">Where.</param>
    public PackBench(ProbeOrder order, torch.Device device)
    {
        _device = device;
        _trial = order.Trial with { Training = order.Trial.Training with { Batch = order.Rows, Epochs = int.MaxValue, MaxSteps = null, EvaluateEvery = int.MaxValue, KlWarmupEpochs = 0 } };
        _precision = order.Precision;
        _sameSeeds = !order.Trial.Assignments.Any(assignment => assignment.Path == SeedPath);
        var rows = Math.Min(order.Data.TrainRows, Math.Max(RowsMin, order.Rows)) + 1;
        var pixels = new byte[(long)rows * order.Data.Values];
        new Random(1).NextBytes(pixels);
        _data = new TrainingData(new ImageSet(order.Data.Channels, order.Data.Height, order.Data.Width, pixels, LabelsOf(order.Trial.Model, rows)), heldOut: 1, order.Binarize, device);
    }

    // For models that take them; a label is a byte.
    private static byte[] LabelsOf(ModelSpec model, int rows)
    {
        if (model.Classes is not { } classes) return [];
        var labels = new byte[rows];
        for (var row = 0; row < rows; row++) labels[row] = (byte)(row % Math.Min(classes, byte.MaxValue + 1));
        return labels;
    }

    /// <inheritdoc/>
    public double Measure(ProbeShape shape, TimeSpan atLeast, int stepsAtLeast, CancellationToken cancellation)
    {
        while (_lanes.Count < shape.Lanes) _lanes.Add(new Lane($"probe {_lanes.Count}"));
        using var together = new Barrier(shape.Lanes);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var bursts = Enumerable.Range(0, shape.Lanes).Select(lane => RunAsync(_lanes[lane], shape, () => new LaneBurst(together, atLeast, stepsAtLeast, stop.Token), stop)).ToArray();
        try
        {
            Task.WaitAll(bursts, CancellationToken.None); // Each ends soon after a cancellation; what they use must outlive them.
        }
        catch (AggregateException failures) when (failures.InnerExceptions.Any(IsMemory))
        {
            return 0;
        }
        catch (AggregateException failures)
        {
            cancellation.ThrowIfCancellationRequested();
            throw failures.InnerExceptions.FirstOrDefault(failure => failure is not OperationCanceledException) ?? failures;
        }

        return bursts.Sum(burst => burst.Result * shape.Slots);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var lane in _lanes) lane.Dispose();
        _data.Dispose();
    }

    private static bool IsMemory(Exception failure) => failure is OutOfMemoryException or TorchException { IsOutOfMemory: true };

    // Steps per second of one lane's pack.
    private Task<double> RunAsync(Lane lane, ProbeShape shape, Func<LaneBurst> begin, CancellationTokenSource stop) => lane.Do(() =>
    {
        try
        {
            Lane.SetThreads(shape.Threads, shape.Lanes);
            using var trainer = PackTrainer.Of([.. Enumerable.Range(0, shape.Slots).Select(Trial)], _data, _device, precision: _precision);
            using var alone = new NoAllReduce();
            using var burst = begin();
            return burst.Run(trainer, alone);
        }
        catch
        {
            stop.Cancel(); // The other lanes would wait at the barrier for ever.
            throw;
        }
    });

    private TrialSpec Trial(int slot) =>
        _trial with { Index = slot, Training = _trial.Training with { Seed = _sameSeeds ? _trial.Training.Seed : (ulong)slot } };

    /// <summary>One lane's part: a few steps to warm up, the common start, then steps until the time is over.</summary>
    private sealed class LaneBurst(Barrier together, TimeSpan atLeast, int stepsAtLeast, CancellationToken stop) : ITrainingListener, IDisposable
    {
        private readonly CancellationTokenSource _over = new();
        private int _warmUp;
        private int _steps;
        private long _start;
        private double _seconds;

        public double Run(PackTrainer trainer, IAllReduce alone)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, _over.Token);
            try
            {
                trainer.Run(alone, this, either.Token);
            }
            catch (OperationCanceledException) when (_over.IsCancellationRequested && !stop.IsCancellationRequested)
            {
                // The burst is over.
            }

            return _steps / _seconds;
        }

        public void Dispose() => _over.Dispose();

        public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds) { }

        public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss) { }

        public void StepTimed(StepClock clock, int trials, int rows)
        {
            if (_warmUp < WarmUpSteps)
            {
                if (++_warmUp < WarmUpSteps) return;
                together.SignalAndWait(stop);
                _start = Stopwatch.GetTimestamp();
                return;
            }

            _steps++;
            var passed = Stopwatch.GetElapsedTime(_start);
            if (passed < atLeast || _steps < stepsAtLeast) return;
            _seconds = passed.TotalSeconds;
            _over.Cancel();
        }
    }
}
