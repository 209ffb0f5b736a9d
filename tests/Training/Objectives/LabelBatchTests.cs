using Vae.Data;
using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Tests.Training.Engine;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Objectives;

/// <summary>Labels reach an objective beside the rows that they belong to, whatever is shared among slots and however a batch is cut.</summary>
public sealed class LabelBatchTests : TorchTest
{
    private const int Count = 200, HeldOut = 50, Train = Count - HeldOut;

    // The first pixel of a row is its number, so that rows can be told in the objective.
    private static TrainingData Numbered()
    {
        var (pixels, labels) = (new byte[Count * 4], new byte[Count]);
        for (var row = 0; row < Count; row++) (pixels[4 * row], pixels[(4 * row) + 1], labels[row]) = ((byte)row, (byte)(255 - row), (byte)(row * 7 % 5));
        return new TrainingData(new ImageSet(1, 2, 2, pixels, labels), HeldOut, Binarize.None, torch.CPU);
    }

    private static TrialSpec Trial(int index, ulong seed, int labelled) => new()
    {
        Index = index,
        Model = new() { Encoder = [4], Latent = 2 },
        Training = new() { Epochs = 2, Batch = 32, Seed = seed, Labelled = labelled },
    };

    public static TheoryData<LabelUse, int, ulong[], int[]> Packs => new()
    {
        { LabelUse.All, 1, [1, 1, 1], [10, 20, 30] },
        { LabelUse.All, 3, [1, 2, 1], [10, 10, 10] },
        { LabelUse.Seen, 1, [1], [10] },
        { LabelUse.Seen, 1, [1, 1], [10, 10] },
        { LabelUse.Seen, 2, [1, 1, 3], [10, 40, 40] },
    };

    [Theory, MemberData(nameof(Packs))]
    public void Every_row_comes_with_its_own_label(LabelUse use, int workers, ulong[] seeds, int[] labelled)
    {
        using var data = Numbered();
        TrialSpec[] trials = [.. seeds.Select((seed, k) => Trial(k, seed, labelled[k]))];
        var seen = trials.Select(trial => LabelledRows.Choose(data.Labels!.Value.Span[..Train], data.Classes, trial.Training.Labelled, trial.Training.Seed)).ToArray();
        var made = new Checking[workers];
        if (workers == 1) Run(0, new NoAllReduce());
        else RingThreads.Run(workers, allReduce => Run(allReduce.Rank, allReduce));

        // Each row twice, because there are two epochs; each held-out row after each of them.
        for (var k = 0; k < trials.Length; k++)
        {
            Assert.Equal(2 * Train, made.Sum(objective => objective.Steps[k]));
            Assert.Equal(2 * (use == LabelUse.Seen ? trials[k].Training.Labelled : Train), made.Sum(objective => objective.SeenInSteps[k]));
            Assert.Equal(2 * HeldOut, made.Sum(objective => objective.Judged[k]));
        }

        void Run(int rank, IAllReduce allReduce)
        {
            TorchProcess.Initialize(new TorchSettings(Threads: 1));
            using var trainer = new PackTrainer(trials.Length, 2, trials[0], data, torch.CPU, gang: null, NumericPrecision.Float32,
                network => made[rank] = new Checking(network, trials[0].Model, use, trials.Length, (k, row) => use == LabelUse.All || seen[k][row] ? row * 7 % 5 : -1));
            for (var k = 0; k < trials.Length; k++) trainer.Fill(k, trials[k]);
            trainer.Run(allReduce, new Quiet(), CancellationToken.None);
        }
    }

    [Fact]
    public void Data_without_labels_is_refused_where_they_are_needed()
    {
        using var data = new TrainingData(new ImageSet(1, 2, 2, new byte[80]), 5, Binarize.None, torch.CPU);
        var trial = Trial(0, 1, 1);

        var fault = Assert.Throws<ArgumentException>(() => new PackTrainer(1, 2, trial, data, torch.CPU, gang: null, NumericPrecision.Float32,
            network => new Checking(network, trial.Model, LabelUse.All, 1, (_, _) => 0)));

        Assert.Contains("needs the label of each row", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_classes_in_the_data_than_in_the_model_are_refused()
    {
        using var data = Numbered();
        var trial = Trial(0, 1, 1);
        trial = trial with { Model = trial.Model with { Classes = 4 } };

        var fault = Assert.Throws<ArgumentException>(() => new PackTrainer(1, 2, trial, data, torch.CPU, gang: null, NumericPrecision.Float32,
            network => new Checking(network, trial.Model, LabelUse.All, 1, (_, _) => 0)));

        Assert.Contains("set it to 5", fault.Message, StringComparison.Ordinal);
    }

    private sealed class Checking(PackNetwork network, ModelSpec model, LabelUse use, int slots, Func<int, int, int> expected) : PackObjective(network)
    {
        private readonly VaeObjective _bound = new((VaeNetwork)network, model);

        public override LabelUse Labels => use;

        public int[] Steps { get; } = new int[slots];

        public int[] SeenInSteps { get; } = new int[slots];

        public int[] Judged { get; } = new int[slots];

        public override StepTerms Forward(in StepInputs inputs)
        {
            for (var k = 0; k < slots; k++)
            {
                for (var i = 0; i < inputs.Parts[k].Count; i++)
                {
                    var (row, label) = (RowAt(inputs.X, k, i), LabelAt(inputs.Labels!, k, i));
                    Assert.Equal(expected(k, row), label);
                    Steps[k]++;
                    if (label >= 0) SeenInSteps[k]++;
                }
            }

            var bound = _bound.Forward(inputs.X, inputs.Noise, inputs.Weights);
            return new StepTerms(bound.Distortion, inputs.Ones, bound.RatePerDimension, inputs.RateWeight);
        }

        public override HeldOutTerms Judge(in HeldOutInputs inputs)
        {
            for (var k = 0; k < slots; k++)
            {
                for (var i = 0; i < (int)inputs.X.size(1); i++)
                {
                    Assert.Equal(RowAt(inputs.X, k, i) * 7 % 5, LabelAt(inputs.Labels!, k, i));
                    Judged[k]++;
                }
            }

            var bound = _bound.Forward(inputs.X, inputs.Noise, new SlotWeights(1, Mask: inputs.Mask));
            return new HeldOutTerms(bound.Distortion, bound.RatePerDimension, bound.Mean);
        }

        private static int RowAt(Tensor x, int slot, int i) => (int)Math.Round(x[x.size(0) == 1 ? 0 : slot][i][0].item() * 255);

        private static int LabelAt(Tensor labels, int slot, int i) => (int)labels[labels.size(0) == 1 ? 0 : slot][i].item();
    }

    private sealed class Quiet : ITrainingListener
    {
        public void StepDone(int slot, Vae.Shared.Step step, int epoch, double distortion, double rate, double beta, double seconds) { }

        public void StepTimed(StepClock clock, int trials, int rows) { }

        public void Evaluated(int slot, Vae.Shared.Step step, int epochsDone, Vae.Models.Evaluation.HeldOutReport report, double trainLoss) { }
    }
}
