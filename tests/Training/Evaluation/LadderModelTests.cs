using Vae.Data;
using Vae.Models.Applications;
using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Tests.Training.Engine;
using Vae.Tests.Training.Objectives;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Evaluation;

/// <summary>A ladder as evaluation and applications see it.</summary>
public sealed class LadderModelTests : TorchTest
{
    [Fact]
    public void With_exact_posteriors_every_importance_weight_of_a_row_is_its_likelihood_whatever_the_samples()
    {
        using var network = LinearLadder.Create();
        var model = LatentModel.Of(network, LinearLadder.Spec);
        byte[] values = [0, 40, 128, 255];
        var data = new EvaluationRows(new ImageSet(1, 1, 1, values), Binarize.None, 3, torch.CPU);

        foreach (var samples in (int[])[1, 9])
        {
            var estimate = ImportanceEstimate.Of(model, data, new RowRange(0, 4), samples);
            for (var row = 0; row < 4; row++) Assert.Equal(LinearLadder.LogLikelihood(values[row] / 255.0), estimate.PerRow[row], 2e-4);
            Assert.Equal(samples, estimate.EffectiveSamples, 1e-2);
        }
    }

    [Fact]
    public void Latents_are_standard_normal_as_a_whole_and_images_of_them_have_the_models_moments()
    {
        using var network = LinearLadder.Create();
        var model = LatentModel.Of(network, LinearLadder.Spec);
        const int count = 40_000;
        var latents = model.DrawPrior(count, 4);

        using var mode = torch.no_grad();
        var images = model.Decode(torch.tensor(latents, [count, 2]));

        const double variance = LinearLadder.B * LinearLadder.B * ((LinearLadder.A * LinearLadder.A) + LinearLadder.S);
        Assert.Equal(0, images.mean().item<float>(), 4 * Math.Sqrt(variance / count));
        Assert.Equal(variance, images.view(-1).var(0).item<float>(), 4 * variance * Math.Sqrt(2.0 / count));
        Assert.Equal(-Math.Log(2 * Math.PI) - 0.5, model.LogPrior(torch.tensor([1f, 0f], [1, 2])).item<float>(), 1e-5);
    }

    [Fact]
    public void Changing_an_upper_latent_takes_the_layers_below_along()
    {
        using var network = LinearLadder.Create();
        var model = LatentModel.Of(network, LinearLadder.Spec);
        using var mode = torch.no_grad();

        var images = model.Decode(torch.tensor([0f, 0f, 0f, 1f, 1f, 0f], [3, 2])).ToArray<float>();

        Assert.Equal(0, images[0], 1e-5);
        Assert.Equal(LinearLadder.B * LinearLadder.A, images[1], 1e-4); // The second number is z2's.
        Assert.Equal(LinearLadder.B * Math.Sqrt(LinearLadder.S), images[2], 1e-4);
    }

    [Theory]
    [InlineData("ladder")]
    [InlineData("ladder_free_bits")]
    [InlineData("vamp")]
    public void Figures_are_those_that_training_reported(string kind)
    {
        using var data = ObjectiveKinds.Images();
        var trial = ObjectiveKinds.Trial(kind, steps: 40);
        using var trainer = PackTrainer.Of([trial], data, torch.CPU);
        var curves = new PackRuns.Curves(trainer);
        PackNetwork? trained = null;
        curves.AfterStep = step => { if (step == 40) trained = trainer.Extract(0); };
        trainer.Run(new NoAllReduce(), curves, CancellationToken.None);
        using var network = trained!;
        var report = curves.Ends[0].Report!;

        var images = Vae.Data.Sprites.SpriteSource.Make(count: ObjectiveKinds.Rows, size: 16, seed: 1);
        var rows = new EvaluationRows(images, Binarize.Dynamic, trial.Training.Seed, torch.CPU);
        var pass = HeldOutPass.Of(LatentModel.Of(network, trial.Model), rows, new RowRange(ObjectiveKinds.Rows - PackRuns.HeldOut, PackRuns.HeldOut));

        Assert.Equal(report.Distortion, pass.Distortion.Average(), report.Distortion * 1e-5);
        Assert.Equal(report.Rate, pass.Rate.Average(), report.Rate * 1e-4);
        Assert.Equal(report.ActiveUnits, pass.ActiveUnits);
        Assert.Equal(report.RatePerDimension.Count, pass.RatePerDimension.Length);
        foreach (var (want, have) in report.RatePerDimension.Zip(pass.RatePerDimension)) Assert.Equal(want, have, 1e-4);
    }

    [Fact]
    public void Rows_beside_a_row_and_the_number_of_samples_at_once_change_nothing()
    {
        using var network = Small();
        var model = LatentModel.Of(network, SmallSpec);
        var data = Rows();

        var whole = ImportanceEstimate.Of(model, data, new RowRange(0, 20), 6);
        var cut = ImportanceEstimate.Of(model, data, new RowRange(0, 20), 6, rowsOfOnePass: 3);

        for (var row = 0; row < 20; row++) Assert.Equal(whole.PerRow[row], cut.PerRow[row], 1e-3);
    }

    [Fact]
    public void Anomaly_scores_are_the_bounds_mean_over_the_draws()
    {
        using var network = LinearLadder.Create();
        var model = LatentModel.Of(network, LinearLadder.Spec);
        float[] images = [0.1f, 0.9f];

        var scores = Anomaly.Score(model, images, samples: 4_000, seed: 2);

        // With the true posterior the bound is the likelihood itself.
        for (var row = 0; row < 2; row++) Assert.Equal(-LinearLadder.LogLikelihood(images[row]), scores.Total[row], 0.02);
    }

    [Fact]
    public void The_rate_splits_into_information_and_mismatch_of_all_layers_as_by_every_posterior_in_units_of_the_data()
    {
        using var network = Small();
        var (model, data) = (LatentModel.Of(network, SmallSpec), Rows());
        using (torch.no_grad())
        {
            // Posteriors that differ by row, as those of a trained model: the weights of the beginning say next to nothing.
            foreach (var (name, weights) in network.named_parameters()) if (name.EndsWith("weight", StringComparison.Ordinal)) weights.mul_(2.5);
        }

        var found = HeldOutPass.Of(model, data, new RowRange(0, 20)).Aggregate(model, data);

        var (information, mismatch) = ByEveryPosterior(network, data, 20);
        Assert.Equal(information, found.MutualInformation.Value, 1e-3);
        Assert.Equal(mismatch, found.MarginalKl.Value, 1e-3);
        Assert.Equal(found.Rate.Value, found.MutualInformation.Value + found.MarginalKl.Value, 1e-9);
        Assert.InRange(found.MutualInformation.Value, 0.2, Math.Log(20));
        Assert.Contains("all layers together", new ModelEvaluation(model, data, new(new RowRange(0, 0), new RowRange(0, 20))).Compute(MetricGroup.AggregatePosterior)[0].Remark, StringComparison.Ordinal);
    }

    [Fact]
    public void Active_units_are_counted_over_all_layers()
    {
        using var network = Small();
        var evaluation = new ModelEvaluation(LatentModel.Of(network, SmallSpec), Rows(), new(new RowRange(0, 0), new RowRange(0, 20)));

        Assert.Equal("of 9", evaluation.Compute(MetricGroup.Bound).Single(figure => figure.Name == "active_units").Unit);
    }

    // Row by row in double precision, without units of the prior: precisions add up, and densities are those of z.
    private static (double Information, double Mismatch) ByEveryPosterior(LadderNetwork network, EvaluationRows data, int rows)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        int[] sizes = [.. network.Sizes];
        var noise = torch.empty([rows, sizes.Sum()]);
        data.FillNoise(Vae.Models.NoisePurpose.AggregatePosterior, 0, 0, noise);
        var suggested = network.Encode(data.Load(0, rows).unsqueeze(0)).Select(Vae.Models.Objectives.DiagonalGaussian.Of).Select(one => (Mean: one.Mean.contiguous().ToArray<float>(), Log: one.LogVariance.contiguous().ToArray<float>())).ToArray();
        var own = noise.ToArray<float>();
        double information = 0, mismatch = 0;
        for (var i = 0; i < rows; i++)
        {
            var (logs, prior, above) = (new double[rows], 0.0, (float[]?)null);
            var place = sizes.Sum();
            for (var layer = sizes.Length - 1; layer >= 0; layer--)
            {
                var size = sizes[layer];
                place -= size;
                var given = above is null ? default : Vae.Models.Objectives.DiagonalGaussian.Of(network.PriorOf(layer, torch.tensor(above, [1, 1, above.Length])));
                var (means, logVariances) = above is null ? (new float[size], new float[size]) : (given.Mean.contiguous().ToArray<float>(), given.LogVariance.contiguous().ToArray<float>());
                var z = new float[size];
                for (var j = 0; j < size; j++)
                {
                    var (mean, variance) = Merged(i, j);
                    z[j] = (float)(mean + (Math.Sqrt(variance) * own[(i * sizes.Sum()) + place + j]));
                    prior += LogDensity(z[j], means[j], Math.Exp(logVariances[j]));
                }

                for (var row = 0; row < rows; row++)
                {
                    for (var j = 0; j < size; j++)
                    {
                        var (mean, variance) = Merged(row, j);
                        logs[row] += LogDensity(z[j], mean, variance);
                    }
                }

                above = z;

                (double Mean, double Variance) Merged(int row, int j)
                {
                    var (mean, variance) = ((double)suggested[layer].Mean[(row * size) + j], Math.Exp(suggested[layer].Log[(row * size) + j]));
                    if (layer == sizes.Length - 1) return (mean, variance);
                    var both = 1 / ((1 / variance) + Math.Exp(-logVariances[j]));
                    return (both * ((mean / variance) + (means[j] * Math.Exp(-logVariances[j]))), both);
                }
            }

            var all = Math.Log(logs.Average(Math.Exp));
            information += (logs[i] - all) / rows;
            mismatch += (all - prior) / rows;
        }

        return (information, mismatch);

        static double LogDensity(double z, double mean, double variance) => -0.5 * (Math.Log(2 * Math.PI * variance) + ((z - mean) * (z - mean) / variance));
    }

    private static ModelSpec SmallSpec { get; } = new() { Family = ModelFamily.Ladder, Ladder = [4, 3, 2], Encoder = [12, 10, 8] };

    private static LadderNetwork Small() => LadderNetwork.Create(SmallSpec, new ImageShape(1, 4, 4), 5);

    private static EvaluationRows Rows()
    {
        var pixels = new byte[20 * 16];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i * i % 251);
        return new(new ImageSet(1, 4, 4, pixels), Binarize.None, 1, torch.CPU);
    }
}
