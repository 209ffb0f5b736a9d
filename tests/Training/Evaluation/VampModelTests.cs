using Vae.Data;
using Vae.Models.Applications;
using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Evaluation;

/// <summary>A VAE with a VampPrior as evaluation and applications see it.</summary>
public sealed class VampModelTests : TorchTest
{
    private static readonly ImageShape Image = new(1, 4, 4);

    [Theory]
    [InlineData(3)]
    [InlineData(10_000)]
    public void Prior_is_that_of_training_however_many_components_there_are(int count)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var spec = Spec(count);
        using var network = Network(spec);
        var model = LatentModel.Of(network, spec);
        var z = torch.randn([2, 300, 3]);

        var actual = model.LogPrior(z);

        Assert.Equal([2L, 300L], actual.shape);
        var expected = new VampPrior(network).LogDensity(z.reshape(1, 600, 3), null).ToArray<float>();
        foreach (var (want, have) in expected.Zip(actual.contiguous().ToArray<float>())) Assert.Equal(want, have, 1e-3);
        Assert.Equal(PriorDraws.Draw(network, 0, 5, 7).ToArray<float>(), model.DrawPrior(9, 7)[..15]);
    }

    [Fact]
    public void Traversals_go_by_the_mixtures_own_mean_and_deviation()
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var spec = Spec(4);
        using var network = Network(spec);
        var model = LatentModel.Of(network, spec);
        const int count = 50_000;
        var draws = torch.tensor(model.DrawPrior(count, 3), [count, 3]);
        var (mean, deviation) = (model.PriorMean(), model.PriorDeviation());

        for (var j = 0; j < 3; j++)
        {
            var column = draws.narrow(1, j, 1).view(-1);
            Assert.Equal(mean[j], column.mean().item<float>(), 4 * deviation[j] / Math.Sqrt(count));
            Assert.Equal(deviation[j], Math.Sqrt(column.var(0).item<float>()), 0.03 * deviation[j]);
        }

        var traversal = Traversal.Of(model, mean, [1], [-2f]);
        float[] expected = [mean[0], mean[1] - (2 * deviation[1]), mean[2]];
        Assert.Equal(LatentRows.Decode(model, expected), traversal.Images);
    }

    [Fact]
    public void Order_of_dimensions_is_that_of_their_divergence_from_the_mixtures_gaussian()
    {
        var spec = Spec(4);
        using var network = Network(spec);
        var model = LatentModel.Of(network, spec);
        var (mean, deviation) = (model.PriorMean(), model.PriorDeviation());

        // A posterior that is the prior's Gaussian tells nothing in any dimension; one that is narrower in one tells something there.
        float[] logVariances = [.. deviation.Select(value => 2 * MathF.Log(value))];
        Assert.All(model.Rates(mean, logVariances), rate => Assert.Equal(0, rate, 1e-5));
        logVariances[1] -= 2;
        Assert.Equal(0.5 * (2 + Math.Exp(-2) - 1), model.Rates(mean, logVariances)[1], 1e-5);
    }

    [Fact]
    public void Where_the_prior_is_the_posterior_itself_the_rate_is_0_and_every_weight_is_the_likelihood()
    {
        using var scope = torch.NewDisposeScope();
        var spec = Spec(1);
        using var network = Network(spec);
        byte[] pixels = [.. Enumerable.Range(0, Image.Values).Select(i => (byte)(i * 16))];
        using (torch.no_grad()) network.PseudoInputs!.copy_(torch.tensor([.. pixels.Select(pixel => pixel / 255f)], [1, 1, Image.Values]));
        var model = LatentModel.Of(network, spec);
        var data = new EvaluationRows(new ImageSet(1, 4, 4, pixels), Binarize.None, 1, torch.CPU);
        var evaluation = new ModelEvaluation(model, data, new(new RowRange(0, 0), new RowRange(0, 1)));

        Assert.Equal(0, evaluation.Pass.Rate[0], 1e-4);
        Assert.Single(evaluation.Pass.RatePerDimension);
        var scores = Anomaly.Score(model, [.. pixels.Select(pixel => pixel / 255f)], samples: 3, seed: 1);
        Assert.Equal(0, scores.Rate[0], 1e-4);
    }

    private static ModelSpec Spec(int count) => new() { Encoder = [12], Latent = 3, Prior = Prior.Vamp, PseudoInputs = count };

    private static VaeNetwork Network(ModelSpec spec)
    {
        var network = VaeNetwork.Create(spec, Image, [5UL]);
        using var mode = torch.no_grad();
        using var generator = new torch.Generator(9);
        network.PseudoInputs!.copy_(torch.rand(network.PseudoInputs.shape, generator: generator));
        return network;
    }
}
