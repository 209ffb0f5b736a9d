using Vae.Data.Sprites;
using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Engine;

/// <summary>How ranks share work and exchange gradients must not show in what is trained.</summary>
public sealed class GangTests : TorchTest
{
    private const int Steps = 200;

    [Fact]
    public void Overlap_changes_no_bit_of_a_curve()
    {
        ValueList<int> severalBuckets = [1024, 256];
        var plain = Train(2, _ => new(BalanceMode.Even, OverlapMode.Off), severalBuckets);
        var overlapped = Train(2, _ => new(BalanceMode.Even, OverlapMode.On), severalBuckets);
        var measured = Train(2, _ => new(BalanceMode.Even, OverlapMode.Auto), severalBuckets);

        Assert.Equal(plain[0].Losses, overlapped[0].Losses);
        Assert.Equal(plain[0].Losses, measured[0].Losses);
        Assert.Equal(plain[0].Report.Elbo, overlapped[0].Report.Elbo);
        Assert.Equal((false, false, true), (plain[0].ChoseOverlap, overlapped[0].ChoseOverlap, measured[0].ChoseOverlap));
    }

    [Fact]
    public void Worker_that_is_slow_for_long_takes_fewer_rows_and_the_curve_stays()
    {
        var even = Train(3, _ => new(BalanceMode.Even));
        var uneven = Train(3, rank => new(BalanceMode.Auto, Time: new ClockOf(rank == 1 ? 3 : 1)));

        Assert.Equal(8, even[1].RowsOfLastStep);
        Assert.InRange(uneven[1].RowsOfLastStep, 1, 4);
        Assert.Equal(24, uneven.Sum(curve => curve.RowsOfLastStep));
        Assert.All(uneven, curve => Assert.Equal(uneven[0].Losses, curve.Losses));
        for (var step = 0; step < Steps; step++) Assert.Equal(even[0].Losses[step], uneven[0].Losses[step], Math.Abs(even[0].Losses[step]) * 1e-4);
        Assert.Equal(even[0].Report.Elbo, uneven[0].Report.Elbo, Math.Abs(even[0].Report.Elbo) * 1e-4);
    }

    [Fact]
    public void Workers_of_equal_speed_train_bit_by_bit_as_with_even_parts()
    {
        var even = Train(2, _ => new(BalanceMode.Even));
        var measured = Train(2, _ => new(BalanceMode.Auto, Time: new ClockOf(1)));

        Assert.Equal(even[0].Losses, measured[0].Losses);
        Assert.Equal(even[0].Report.Elbo, measured[0].Report.Elbo);
    }

    [Theory]
    [InlineData(2, OverlapMode.Off)]
    [InlineData(3, OverlapMode.On)]
    public void Compressed_gradients_train_to_the_same_quality_with_the_same_curve_on_all_ranks(int workers, OverlapMode overlap)
    {
        ValueList<int> severalBuckets = [1024, 256];
        var plain = Train(workers, _ => new(BalanceMode.Even, OverlapMode.Off), severalBuckets);
        var compressed = Train(workers, _ => new(BalanceMode.Even, overlap, GradientCompression.Bfloat16), severalBuckets);

        Assert.All(compressed, curve => Assert.Equal(compressed[0].Losses, curve.Losses));
        Assert.NotEqual(plain[0].Losses, compressed[0].Losses);
        Assert.Equal(plain[0].Losses[0], compressed[0].Losses[0], Math.Abs(plain[0].Losses[0]) * 1e-6); // Statistics are not rounded.
        Assert.Equal(plain[0].Report.Elbo, compressed[0].Report.Elbo, Math.Abs(plain[0].Report.Elbo) * 0.01);
    }

    private static Curve[] Train(int workers, Func<int, GangOptions> gang, ValueList<int>? encoder = null)
    {
        var curves = new Curve[workers];
        RingThreads.Run(workers, allReduce => TrainOne(allReduce, curves[allReduce.Rank] = new Curve(), gang(allReduce.Rank), encoder ?? [32, 16]));
        Assert.All(curves, curve => Assert.Equal(Steps, curve.Losses.Count));
        return curves;
    }

    private static void TrainOne(IAllReduce allReduce, Curve curve, GangOptions gang, ValueList<int> encoder)
    {
        TorchProcess.Initialize(new TorchSettings(Threads: 1));
        var trial = new TrialSpec
        {
            Index = 0,
            Model = new() { Encoder = encoder, Latent = 4 },
            Training = new() { Epochs = 1000, MaxSteps = Steps, Batch = 24, KlWarmupEpochs = 2, EvaluateEvery = 1000 },
        };
        // 504 rows to train on: 21 full batches, so that the last step has all its rows.
        using var data = new TrainingData(SpriteSource.Make(count: 604, size: 16, seed: 1), heldOut: 100, Shared.Datasets.Binarize.Dynamic, torch.CPU);
        using var trainer = PackTrainer.Of([trial], data, torch.CPU, gang);
        trainer.Run(allReduce, curve, CancellationToken.None);
    }

    /// <summary>Each reading comes a fixed time after the one before, so every phase of a step seems to take that long.</summary>
    private sealed class ClockOf(int secondsPerReading) : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => _now += secondsPerReading;
    }

    private sealed class Curve : ITrainingListener
    {
        public List<double> Losses { get; } = [];

        public HeldOutReport Report { get; private set; } = null!;

        public int RowsOfLastStep { get; private set; }

        public bool ChoseOverlap { get; private set; }

        public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds) => Losses.Add(distortion + (beta * rate));

        public void StepTimed(StepClock clock, int trials, int rows) => RowsOfLastStep = rows;

        public void OverlapChosen(OverlapChoice choice) => ChoseOverlap = true;

        public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss) => Report = report;
    }
}
