using Vae.Models;
using Vae.Models.Applications;
using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Applications;

public sealed class AnomalyTests : TorchTest
{
    [Theory, InlineData(Likelihood.Bernoulli), InlineData(Likelihood.Gaussian), InlineData(Likelihood.ContinuousBernoulli), InlineData(Likelihood.DiscretisedLogistic)]
    public void Scores_add_up_to_the_bound_of_the_training_objective(Likelihood likelihood)
    {
        var spec = TestModel.Spec(likelihood: likelihood);
        using var network = TestModel.Network(spec);
        var images = TestModel.Images(200); // More than one pass.

        var scores = Anomaly.Score(TestModel.Of(network, spec), images, 3, 11);

        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var (distortion, rate) = (0.0, 0.0);
        for (var sample = 0; sample < 3; sample++)
        {
            var noise = torch.empty([200, 3]);
            Noise.FillNormal(noise, 11, NoiseStreams.Of(NoisePurpose.Application, sample), 0);
            var bound = new VaeObjective(network, spec).Forward(torch.tensor(images, [1, 200, 64]), noise.unsqueeze(0), 1);
            distortion += bound.Distortion.sum().item() / 3;
            rate = bound.RatePerDimension.sum().item();
        }

        Assert.Equal(distortion, scores.Distortion.Sum(), Math.Abs(distortion) * 1e-5);
        Assert.Equal(rate, scores.Rate.Sum(), rate * 1e-4);
        Assert.Equal(scores.Distortion[150] + scores.Rate[150], scores.Total[150]);
    }

    [Fact]
    public void The_threshold_is_a_score_that_the_share_does_not_exceed()
    {
        double[] scores = [5, 1, 4, 2, 3, 6, 7, 8, 10, 9];

        Assert.Equal(9, Anomaly.Threshold(scores, 0.9));
        Assert.Equal(10, Anomaly.Threshold(scores, 0.95));
        Assert.Equal(10, Anomaly.Threshold(scores, 1));
        Assert.Equal(1, Anomaly.Threshold(scores, 0));
        Assert.Throws<ArgumentException>(() => Anomaly.Threshold([], 0.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => Anomaly.Threshold(scores, double.NaN));
    }

    [Fact]
    public void A_heat_map_is_dark_where_a_pixel_is_painted_right_and_adds_the_channels()
    {
        var bits = Anomaly.HeatMaps([0.3f, 1, 0, 0.5f], [0.3f, 0.25f, 0, 0.5f], new ImageShape(1, 2, 2), new PixelExcess(Likelihood.Bernoulli));
        Assert.Equal([0, Math.Log(4), 0, 0], bits.Select(heat => (double)heat), Close);

        var colours = Anomaly.HeatMaps([0, 1, 0.5f, 0], [0, 0, 0, 1], new ImageShape(2, 1, 2), new PixelExcess(Likelihood.Gaussian, Math.Log(0.25))); // Two channels of two pixels.
        Assert.Equal([0.5, 4], colours.Select(heat => (double)heat), Close); // (0.5^2 + 0) / (2 * 0.25) and (1 + 1) / (2 * 0.25).
    }

    [Fact]
    public void A_pixel_that_is_certainly_wrong_has_a_finite_heat() => Assert.InRange(new PixelExcess(Likelihood.Bernoulli).Of(1, 0), 10, 20);

    [Theory]
    [InlineData(Likelihood.Bernoulli, 0, new[] { -3f, -0.2f, 0.7f, 4f })]
    [InlineData(Likelihood.ContinuousBernoulli, 0, new[] { -9f, -0.2f, 0f, 5f })]
    [InlineData(Likelihood.Gaussian, -2, new[] { -0.3f, 0.1f, 0.5f, 1.4f })]
    [InlineData(Likelihood.DiscretisedLogistic, -2.5, new[] { 0f, 0.1f, 0.5f, 1f })]
    public void The_heat_of_a_pixel_is_its_distortion_but_for_what_no_painting_saves(Likelihood likelihood, double spread, float[] decoded)
    {
        using var scope = torch.NewDisposeScope();
        var observation = new Observation(likelihood, likelihood is Likelihood.Gaussian or Likelihood.DiscretisedLogistic ? torch.full([1], spread) : null);
        var excess = new PixelExcess(likelihood, spread);
        var painted = observation.ToImages(torch.tensor(decoded, [1, decoded.Length, 1])).contiguous().ToArray<float>();

        foreach (var x in new[] { 10f / 255, 100f / 255, 254f / 255 })
        {
            var distortion = observation.DistortionOfRows(torch.tensor(decoded, [1, decoded.Length, 1]), torch.full([1, decoded.Length, 1], x)).ToArray<float>();
            Assert.Equal(0, excess.Of(x, x), 1e-9);
            for (var i = 1; i < decoded.Length; i++) Assert.Equal(distortion[i] - distortion[0], excess.Of(x, painted[i]) - excess.Of(x, painted[0]), 2e-3);
        }
    }

    private static bool Close(double expected, double actual) => Math.Abs(expected - actual) < 1e-5;
}
