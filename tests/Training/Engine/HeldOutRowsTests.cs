using Vae.Data.Sprites;
using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Datasets;
using Vae.Torch;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Engine;

public sealed class HeldOutRowsTests : TorchTest
{
    // 1,100 rows take three passes of at most 512. A loop that returns after its first one, or a short last pass that counts as a full one, gives another mean.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Reported_bound_is_the_mean_over_all_held_out_rows_each_counted_once_on_any_number_of_workers(int workers)
    {
        const int heldOut = 1_100;
        var images = SpriteSource.Make(count: heldOut + 50, size: 16, seed: 1);
        using var data = new TrainingData(images, heldOut, Binarize.Dynamic, torch.CPU);
        var plain = PackRuns.Trial(0, steps: 1);
        var trial = plain with { Training = plain.Training with { LearningRate = 1e-30, Seed = 4 } }; // The weights stay those that the seed gives.

        var report = PackRuns.Train([trial], data, workers).Ends[0].Report!;

        using var network = VaeNetwork.Create(trial.Model, data.Shape, [4UL]);
        var rows = new EvaluationRows(images, Binarize.Dynamic, 4, torch.CPU);
        var model = LatentModel.Of(network, trial.Model);
        double sum = 0, distortion = 0;
        for (var first = 0; first < heldOut; first += 100) // Other passes than the engine's.
        {
            var pass = HeldOutPass.Of(model, rows, new RowRange(50 + first, 100));
            sum += pass.Bounds.Sum();
            distortion += pass.Distortion.Sum();
        }

        Assert.Equal(sum / heldOut, HeldOutPass.Of(model, rows, new RowRange(50, heldOut)).Bounds.Average(), Math.Abs(report.Elbo) * 1e-9);
        Assert.Equal(sum / heldOut, report.Elbo, Math.Abs(report.Elbo) * 1e-6);
        Assert.Equal(distortion / heldOut, report.Distortion, report.Distortion * 1e-6);
    }
}
