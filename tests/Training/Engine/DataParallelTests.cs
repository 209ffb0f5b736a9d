using Vae.Data.Sprites;
using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Engine;

public sealed class DataParallelTests : TorchTest
{
    private const int Steps = 200;

    [Theory]
    [InlineData(Architecture.Mlp, Binarize.Dynamic)]
    [InlineData(Architecture.Conv, Binarize.None)]
    public void Any_number_of_workers_trains_the_same_curve(Architecture architecture, Binarize binarize)
    {
        var alone = Train(architecture, binarize, workers: 1);
        foreach (var workers in (int[])[2, 3, 4])
        {
            var together = Train(architecture, binarize, workers);
            Assert.Equal(Steps, together.Losses.Count);
            for (var step = 0; step < Steps; step++)
            {
                Assert.Equal(alone.Losses[step], together.Losses[step], Math.Abs(alone.Losses[step]) * 1e-4);
            }

            Assert.Equal(alone.Report.Elbo, together.Report.Elbo, Math.Abs(alone.Report.Elbo) * 1e-4);
            Assert.Equal(alone.Report.ActiveUnits, together.Report.ActiveUnits);
        }
    }

    [Fact]
    public void Same_trial_twice_gives_the_same_bits()
    {
        var first = Train(Architecture.Mlp, Binarize.Dynamic, workers: 1);
        var second = Train(Architecture.Mlp, Binarize.Dynamic, workers: 1);

        Assert.Equal(first.Losses, second.Losses);
        Assert.Equal(first.Report.Elbo, second.Report.Elbo);
    }

    [Fact]
    public void Diverged_trial_names_its_step()
    {
        var trial = Trial(Architecture.Mlp) with { Training = Trial(Architecture.Mlp).Training with { LearningRate = 100, Optimizer = OptimizerKind.Sgd } };

        var curve = new Curve();
        TrainOne(trial, Binarize.None, new NoAllReduce(), curve);

        Assert.Equal(SlotEndKind.NonFinite, curve.End.Kind);
        Assert.Contains($"step {curve.End.Step.Value + 1}", curve.End.Text, StringComparison.Ordinal);
        Assert.Equal(curve.Losses.Count, curve.End.Step.Value);
    }

    private static Curve Train(Architecture architecture, Binarize binarize, int workers)
    {
        if (workers == 1)
        {
            var curve = new Curve();
            TrainOne(Trial(architecture), binarize, new NoAllReduce(), curve);
            return curve;
        }

        var curves = new Curve[workers];
        RingThreads.Run(workers, allReduce =>
        {
            curves[allReduce.Rank] = new Curve();
            TrainOne(Trial(architecture), binarize, allReduce, curves[allReduce.Rank]);
        });
        Assert.All(curves, curve => Assert.Equal(curves[0].Losses, curve.Losses));
        return curves[0];
    }

    private static void TrainOne(TrialSpec trial, Binarize binarize, IAllReduce allReduce, Curve curve)
    {
        TorchProcess.Initialize(new TorchSettings(Threads: 1));
        var images = SpriteSource.Make(count: 600, size: 16, seed: 1);
        using var data = new TrainingData(images, heldOut: 100, binarize, torch.CPU);
        using var trainer = PackTrainer.Of([trial], data, torch.CPU);
        trainer.Run(allReduce, curve, CancellationToken.None);
    }

    private static TrialSpec Trial(Architecture architecture) => new()
    {
        Index = 0,
        Model = new() { Architecture = architecture, Encoder = [32, 16], Channels = [4, 6], Hidden = 16, Latent = 4 },
        Training = new() { Epochs = 1000, MaxSteps = Steps, Batch = 24, KlWarmupEpochs = 2, EvaluateEvery = 1000 },
    };

    private sealed class Curve : ITrainingListener
    {
        public List<double> Losses { get; } = [];

        public HeldOutReport Report { get; private set; } = null!;

        public SlotEnd End { get; private set; } = null!;

        public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds) => Losses.Add(distortion + (beta * rate));

        public void StepTimed(StepClock clock, int trials, int rows) => Assert.True(clock.StepSeconds > 0);

        public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss) => Report = report;

        public void SlotEnded(SlotEnd end) => End = end;
    }
}
