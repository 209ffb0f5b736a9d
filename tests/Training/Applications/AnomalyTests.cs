using Vae.Models;
using Vae.Models.Applications;
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
        var bits = Anomaly.HeatMaps([0.3f, 1, 0, 0.5f], [0.3f, 0.25f, 0, 0.5f], 1, 4, areBits: true);
        Assert.Equal([0f, MathF.Log(4), 0f, 0f], bits.Select(value => MathF.Round(value, 6)).Select((value, i) => i == 1 ? MathF.Log(4) * (MathF.Abs(value - MathF.Log(4)) < 1e-5f ? 1 : 0) : value));

        var colours = Anomaly.HeatMaps([0, 1, 0.5f, 0], [0, 0, 0, 1], 2, 4, areBits: false); // Two channels of two pixels.
        Assert.Equal([0.25f, 2f], colours);
    }

    [Fact]
    public void A_pixel_that_is_certainly_wrong_has_a_finite_heat() =>
        Assert.InRange(Anomaly.HeatMaps([1], [0], 1, 1, areBits: true)[0], 10, 20);
}
