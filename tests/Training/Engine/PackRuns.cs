using Vae.Data.Sprites;
using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Engine;

/// <summary>Trains packs on small sprites and keeps the curve of each trial, by the trial's index.</summary>
internal static class PackRuns
{
    public const int Rows = 500, HeldOut = 100, Batch = 24;

    /// <summary>Steps of an epoch, the short last one included.</summary>
    public const int StepsPerEpoch = ((Rows - HeldOut - 1) / Batch) + 1;

    public static TrialSpec Trial(int index, Architecture architecture = Architecture.Mlp, int latent = 4, long steps = 60) => new()
    {
        Index = index,
        Model = new() { Architecture = architecture, Encoder = [32, 16], Channels = [4, 6], Hidden = 16, Blocks = 1, Groups = 2, Latent = latent },
        Training = new() { Epochs = 1000, MaxSteps = steps, Batch = Batch, EvaluateEvery = 1000 },
    };

    public static TrainingData Images(Binarize binarize = Binarize.Dynamic, int rows = Rows, torch.Device device = default) =>
        new(SpriteSource.Make(count: rows, size: 16, seed: 1), HeldOut, binarize, device);

    /// <summary>All trials in one pack.</summary>
    public static Curves Train(IReadOnlyList<TrialSpec> trials, TrainingData data, IAllReduce? allReduce = null, torch.Device device = default)
    {
        using var trainer = PackTrainer.Of(trials, data, device);
        var curves = new Curves(trainer);
        trainer.Run(allReduce ?? new NoAllReduce(), curves, CancellationToken.None);
        Assert.Null(trainer.RecordingRefused);
        return curves;
    }

    /// <summary>All trials in one pack, on several workers; the curves of rank 0, after a check that all ranks have the same.</summary>
    public static Curves Train(IReadOnlyList<TrialSpec> trials, TrainingData data, int workers)
    {
        if (workers == 1) return Train(trials, data);
        var all = new Curves[workers];
        RingThreads.Run(workers, allReduce =>
        {
            TorchProcess.SetThreads(1);
            all[allReduce.Rank] = Train(trials, data, allReduce);
        });
        foreach (var curves in all)
            foreach (var trial in trials)
                Assert.Equal(all[0].Losses(trial.Index), curves.Losses(trial.Index));
        return all[0];
    }

    /// <summary>Every step of a trial is within the given relative error of its other run.</summary>
    public static void SameCurve(Curves expected, Curves actual, int trial, double relative = 1e-4)
    {
        var (want, have) = (expected.Losses(trial), actual.Losses(trial));
        Assert.Equal(want.Count, have.Count);
        for (var step = 0; step < want.Count; step++)
        {
            var error = Math.Abs(want[step] - have[step]) / Math.Abs(want[step]);
            Assert.True(error <= relative, $"Trial {trial}, step {step + 1}: {want[step]:R} alone, {have[step]:R} in the pack, relative error {error:E1}.");
        }

        var (alone, packed) = (expected.Ends[trial], actual.Ends[trial]);
        Assert.Equal(alone with { Slot = 0, Seconds = 0, Report = null }, packed with { Slot = 0, Seconds = 0, Report = null });
        Assert.Equal(alone.Report!.Elbo, packed.Report!.Elbo, Math.Abs(alone.Report.Elbo) * relative);
        Assert.Equal(alone.Report.RatePerDimension.Count, packed.Report.RatePerDimension.Count);
        Assert.Equal(alone.Report.ActiveUnits, packed.Report.ActiveUnits);
    }

    /// <summary>What a pack told.</summary>
    internal sealed class Curves(PackTrainer trainer) : ITrainingListener
    {
        private readonly SortedDictionary<int, List<double>> _losses = [];
        private double _penalty;

        public SortedDictionary<int, SlotEnd> Ends { get; } = [];

        /// <summary>Final weights by trial: all parameters one after the other.</summary>
        public SortedDictionary<int, float[]> Weights { get; } = [];

        public List<(int Trial, long Step, HeldOutReport Report)> Evaluations { get; } = [];

        /// <summary>Called after each step of the pack.</summary>
        public Action<int>? AfterStep { get; set; }

        /// <summary>Called when all slots are empty.</summary>
        public Action? WhenIdle { get; set; }

        /// <summary>Steps that the trials had before.</summary>
        public int StartsAt { get; init; }

        public int PackSteps { get; private set; }

        public List<long> Orders { get; } = [];

        public IReadOnlyList<double> Losses(int trial) => _losses[trial];

        public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds)
        {
            var trial = trainer.TrialAt(slot)!.Index;
            if (!_losses.TryGetValue(trial, out var losses)) _losses[trial] = losses = [];
            losses.Add(distortion + (beta * rate) + _penalty);
            _penalty = 0;
            Assert.Equal(StartsAt + losses.Count, step.Value);
        }

        public void StepPenalized(int slot, double penalty) => _penalty = penalty;

        public void StepTimed(StepClock clock, int trials, int rows) => AfterStep?.Invoke(++PackSteps);

        public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss) =>
            Evaluations.Add((trainer.TrialAt(slot)!.Index, step.Value, report));

        public void SlotEnded(SlotEnd end)
        {
            using var scope = torch.NewDisposeScope();
            using var own = trainer.Extract(end.Slot);
            Ends[end.Trial.Index] = end;
            Weights[end.Trial.Index] = [.. own.state_dict().SelectMany(entry => entry.tensor.ToArray<float>())];
        }

        public void Idle() => WhenIdle?.Invoke();

        public void OrderApplied(long number) => Orders.Add(number);
    }

    /// <summary>Counts the managed bytes that the training thread allocates between two steps.</summary>
    /// <param name="from">After this step it begins.</param>
    /// <param name="to">After this step it ends.</param>
    internal sealed class AllocationCounter(int from, int to) : ITrainingListener
    {
        private long _start;
        private int _steps;

        public long Bytes { get; private set; } = -1;

        public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds)
        {
        }

        public void StepTimed(StepClock clock, int trials, int rows)
        {
            if (++_steps == from) _start = GC.GetAllocatedBytesForCurrentThread();
            if (_steps == to) Bytes = GC.GetAllocatedBytesForCurrentThread() - _start;
        }

        public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss)
        {
        }
    }
}
