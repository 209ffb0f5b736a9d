using Vae.Models.Networks;
using Vae.Shared;
using Vae.Shared.Sweeps;
using Vae.Tests.Training.Engine;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Objectives;

public sealed class StepExchangeTests : TorchTest
{
    // 97 rows in batches of 24: the last batch of an epoch has one row, which only one rank can have.
    private const int Rows = PackRuns.HeldOut + 97, Steps = 30;

    [Fact]
    public void Loss_that_is_no_sum_over_rows_trains_the_same_curve_on_any_number_of_ranks()
    {
        using var data = PackRuns.Images(rows: Rows);
        var alone = Train(data, 1)[0];

        foreach (var workers in (int[])[2, 3])
        {
            var ranks = Train(data, workers);
            Assert.All(ranks, rank => Assert.Equal(ranks[0].Losses, rank.Losses));
            Assert.Equal(Steps, alone.Losses.Count);
            for (var step = 0; step < Steps; step++) Assert.Equal(alone.Losses[step], ranks[0].Losses[step], Math.Abs(alone.Losses[step]) * 1e-4);
            Assert.Contains(ranks, rank => rank.Objective.Abstained == Steps / 5);
        }

        Assert.Equal(0, alone.Objective.Abstained);
    }

    [Fact]
    public void Extra_columns_arrive_as_sums_over_all_ranks_after_each_applied_step()
    {
        using var data = PackRuns.Images(rows: Rows);

        foreach (var rank in Train(data, 2))
        {
            Assert.Equal(Steps, rank.Objective.Commits.Count);
            Assert.All(rank.Objective.Commits, commit => Assert.Equal(commit.Rows, commit.Counted));
            Assert.Equal(1, rank.Objective.Commits[4].Rows);
        }
    }

    [Fact]
    public void Reported_loss_is_distortion_and_weighted_rate_and_penalty()
    {
        using var data = PackRuns.Images(rows: Rows);
        var alone = Train(data, 1)[0];

        Assert.Equal(Steps, alone.Parts.Count);
        // The penalty is half the square of the mean rate that the same step reports.
        Assert.All(alone.Parts, part => Assert.Equal(0.5 * part.Rate * part.Rate, part.Penalty, (part.Rate * part.Rate * 1e-5) + 1e-7));
    }

    private static Run[] Train(TrainingData data, int workers)
    {
        var runs = new Run[workers];
        if (workers == 1) runs[0] = TrainOne(data, new NoAllReduce());
        else RingThreads.Run(workers, allReduce => runs[allReduce.Rank] = TrainOne(data, allReduce));
        return runs;
    }

    private static Run TrainOne(TrainingData data, IAllReduce allReduce)
    {
        TorchProcess.Initialize(new TorchSettings(Threads: 1));
        var trial = PackRuns.Trial(0, steps: Steps);
        ExchangingObjective? made = null;
        using var trainer = new PackTrainer(1, trial.Model.Latent, trial, data, torch.CPU, gang: null, NumericPrecision.Float32, network => made = new ExchangingObjective(network, trial.Model));
        trainer.Fill(0, trial);
        var run = new Run(made!);
        trainer.Run(allReduce, run, CancellationToken.None);
        return run;
    }

    private sealed class Run(ExchangingObjective objective) : ITrainingListener
    {
        private double _penalty = double.NaN;

        public ExchangingObjective Objective => objective;

        public List<double> Losses { get; } = [];

        public List<(double Rate, double Penalty)> Parts { get; } = [];

        public void StepPenalized(int slot, double penalty) => _penalty = penalty;

        public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds)
        {
            Losses.Add(distortion + (beta * rate) + _penalty);
            Parts.Add((rate, _penalty));
            _penalty = double.NaN;
        }

        public void StepTimed(StepClock clock, int trials, int rows) { }

        public void Evaluated(int slot, Step step, int epochsDone, Vae.Models.Evaluation.HeldOutReport report, double trainLoss) { }
    }
}
