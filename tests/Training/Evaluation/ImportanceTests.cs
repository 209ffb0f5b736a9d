using Vae.Data;
using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Datasets;
using Vae.Torch;

namespace Vae.Tests.Training.Evaluation;

/// <summary>The importance-weighted estimate on a model whose likelihood is known in closed form.</summary>
public sealed class ImportanceTests : TorchTest
{
    private const int Rows = 60;

    [Fact]
    public void With_the_exact_posterior_every_weight_is_the_likelihood()
    {
        using var scope = torch.NewDisposeScope();
        var model = new Line(noise: 0.5, slope: 1.3, posteriorScale: 1);
        var data = Line.Data(Rows);
        foreach (var samples in (int[])[1, 7])
        {
            var estimate = ImportanceEstimate.Of(model, data, new RowRange(0, Rows), samples);
            for (var row = 0; row < Rows; row++) Assert.Equal(model.LogLikelihoodOf(data.Images.Row(row)[0]), estimate.PerRow[row], 1e-4);
            Assert.Equal(samples, estimate.EffectiveSamples, 1e-2);
            Assert.True(estimate.DrawError < 1e-5);
        }
    }

    [Fact]
    public void It_rises_with_the_samples_to_the_likelihood_and_the_gap_of_one_is_the_divergence_to_the_posterior()
    {
        using var scope = torch.NewDisposeScope();
        var model = new Line(noise: 0.5, slope: 1.3, posteriorScale: 1.8);
        var data = Line.Data(Rows);
        var truth = Enumerable.Range(0, Rows).Average(row => model.LogLikelihoodOf(data.Images.Row(row)[0]));
        var bounds = new List<double>();
        foreach (var samples in (int[])[1, 4, 16, 4_000]) bounds.Add(Repeated(model, data, samples));

        Assert.Equal(bounds.Order(), bounds);
        Assert.Equal(truth, bounds[^1], 5e-3);
        Assert.Equal(truth - bounds[0], model.DivergenceToPosterior, 0.05);
    }

    [Fact]
    public void Exactly_so_many_samples_are_drawn_as_asked_for()
    {
        using var scope = torch.NewDisposeScope();
        var model = new Line(noise: 0.5, slope: 1.3, posteriorScale: 1.8);
        var data = Line.Data(200);
        foreach (var samples in (int[])[1, 3, 130])
        {
            model.Drawn = 0;
            var estimate = ImportanceEstimate.Of(model, data, new RowRange(0, 200), samples);
            Assert.Equal(200L * samples, model.Drawn);
            Assert.Equal(samples, estimate.Samples);
        }
    }

    [Fact]
    public void Neither_the_batch_nor_other_rows_change_a_row()
    {
        using var scope = torch.NewDisposeScope();
        var model = new Line(noise: 0.5, slope: 1.3, posteriorScale: 1.8);
        var data = Line.Data(Rows);
        var whole = ImportanceEstimate.Of(model, data, new RowRange(0, Rows), 20);
        var cut = ImportanceEstimate.Of(model, data, new RowRange(0, Rows), 20, rowsOfOnePass: 7);
        var part = ImportanceEstimate.Of(model, data, new RowRange(33, 10), 20);
        Assert.Equal(whole.PerRow, cut.PerRow);
        Assert.Equal(whole.PerRow[33..43], part.PerRow);
    }

    [Fact]
    public void The_error_of_the_draws_is_the_spread_over_seeds()
    {
        using var scope = torch.NewDisposeScope();
        var model = new Line(noise: 0.5, slope: 1.3, posteriorScale: 1.5);
        var estimates = Enumerable.Range(1, 60).Select(seed => ImportanceEstimate.Of(model, Line.Data(Rows, (ulong)seed), new RowRange(0, Rows), 50)).ToArray();
        var spread = Estimate.Of([.. estimates.Select(estimate => estimate.Mean.Value)]).StandardError * Math.Sqrt(60);
        Assert.InRange(estimates.Average(estimate => estimate.DrawError) / spread, 0.7, 1.4);
    }

    [Fact]
    public void Chunks_of_weights_of_any_size_give_the_same_mean()
    {
        float[] weights = [-1000f, -3f, -2000f, 5f, -999f, -4f, -998f, float.NegativeInfinity];
        var whole = new ImportanceWeights(2);
        whole.Add(weights);
        var cut = new ImportanceWeights(2);
        for (var i = 0; i < weights.Length; i += 2) cut.Add(weights.AsSpan(i, 2));
        Assert.Equal(whole.LogMean(0), cut.LogMean(0), 1e-12);
        Assert.Equal(-998 + Math.Log((1 + Math.Exp(-1) + Math.Exp(-2) + Math.Exp(-1002)) / 4), cut.LogMean(0), 1e-9);
        Assert.Equal(5 + Math.Log((1 + Math.Exp(-8) + Math.Exp(-9)) / 4), cut.LogMean(1), 1e-9);
        Assert.Equal(4, cut.Samples);
    }

    [Fact]
    public void Two_hundred_nats_of_one_pixel_count_as_two_hundred()
    {
        using var scope = torch.NewDisposeScope();
        var spec = new Vae.Shared.Sweeps.ModelSpec { Encoder = [], Decoder = [], Latent = 1 };
        using var network = VaeNetwork.Create(spec, new ImageShape(1, 1, 2), [1UL]);
        using (torch.no_grad())
        {
            foreach (var (name, parameter) in network.state_dict())
            {
                parameter.zero_();
                if (name == "output.bias") parameter.copy_(torch.tensor([-200f, 200f], [1, 2]));
            }
        }

        var model = LatentModel.Of(network, spec);
        var data = new EvaluationRows(new ImageSet(1, 1, 2, new byte[] { 255, 255 }), Binarize.None, 1, torch.CPU);
        Assert.Equal(200, HeldOutPass.Of(model, data, new RowRange(0, 1)).Distortion[0], 1e-3);
    }

    private static double Repeated(Line model, EvaluationRows data, int samples) =>
        Enumerable.Range(1, Math.Max(1, 1_000 / samples)).Average(seed => ImportanceEstimate.Of(model, new EvaluationRows(data.Images, Binarize.None, (ulong)seed, torch.CPU), new RowRange(0, Rows), samples).Mean.Value);

    /// <summary>x = slope z + noise, one value and one latent: posterior and likelihood are known. The model's own posterior has the right mean and a variance that is too large by a factor.</summary>
    private sealed class Line(double noise, double slope, double posteriorScale) : LatentModel
    {
        public long Drawn { get; set; }

        public override ImageShape Image => new(1, 1, 1);

        public override int Latent => 1;

        public override bool IsDensity => true;

        public override torch.Device Device => torch.CPU;

        private double Variance => noise / (noise + (slope * slope));

        public double DivergenceToPosterior => 0.5 * (posteriorScale - 1 - Math.Log(posteriorScale));

        public static EvaluationRows Data(int rows, ulong seed = 3)
        {
            var bytes = new byte[rows];
            for (var i = 0; i < rows; i++) bytes[i] = (byte)(i * 37 % 256);
            return new(new ImageSet(1, 1, 1, bytes), Binarize.None, seed, torch.CPU);
        }

        public double LogLikelihoodOf(byte x)
        {
            var (value, variance) = (x / 255.0, noise + (slope * slope));
            return -0.5 * (Math.Log(2 * Math.PI * variance) + (value * value / variance));
        }

        public override DiagonalPosterior Encode(Tensor x) => new(x * (slope / (noise + (slope * slope))), torch.full([x.size(0), 1], Math.Log(Variance * posteriorScale)));

        public override Tensor Decode(Tensor z) => z * slope;

        public override Tensor LogLikelihood(Tensor x, Tensor z)
        {
            Drawn += z.size(0) * z.size(1);
            return (((z * slope) - x).square() * (-0.5 / noise) - (0.5 * Math.Log(2 * Math.PI * noise))).sum(2);
        }
    }
}
