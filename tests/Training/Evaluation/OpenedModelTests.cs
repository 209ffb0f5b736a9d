using Vae.Data;
using Vae.Models.Evaluation;
using Vae.Models.Files;
using Vae.Models.Networks;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Evaluation;

/// <summary>What is measured of a model is the same after it was written and opened again, whatever its likelihood.</summary>
public sealed class OpenedModelTests : TorchTest, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vae-opened-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(Likelihood.Bernoulli, null)]
    [InlineData(Likelihood.Gaussian, null)]
    [InlineData(Likelihood.Gaussian, 0.25)]
    [InlineData(Likelihood.ContinuousBernoulli, null)]
    [InlineData(Likelihood.DiscretisedLogistic, null)]
    public void A_model_that_is_opened_again_has_the_same_figures(Likelihood likelihood, double? variance)
    {
        var trial = new TrialSpec { Index = 0, Model = new() { Encoder = [8], Latent = 3, Likelihood = likelihood, Variance = variance }, Training = new() };
        using var network = VaeNetwork.Create(trial.Model, new ImageShape(1, 4, 4), [7UL]);
        Write(trial, network);

        using var opened = TrainedModel.Load(_folder, torch.CPU);

        var expected = Evaluate(LatentModel.Of(network, trial.Model)).ToArray();
        Assert.Equal(expected, Evaluate(opened.Latents));
        Assert.Equal(["elbo", "distortion", "rate", "bits_per_dimension", "active_units", "log_likelihood", "mutual_information", "marginal_kl", "reconstruction_error", "linear_probe", "knn"], expected.Select(figure => figure.Name));
        Assert.All(expected, figure => Assert.True(double.IsFinite(figure.Value), figure.Name));
    }

    [Theory]
    [InlineData(ModelFamily.Vae, Prior.Vamp)]
    [InlineData(ModelFamily.Ladder, Prior.Normal)]
    public void Families_and_priors_with_a_bound_of_their_own_have_the_same_figures_again(ModelFamily family, Prior prior)
    {
        var trial = Trial(family, prior);
        using var network = PackNetworks.Create(trial, new ImageShape(1, 4, 4));
        Write(trial, network);

        using var opened = TrainedModel.Load(_folder, torch.CPU);

        var expected = Evaluate(LatentModel.Of(network, trial.Model)).ToArray();
        Assert.Equal(expected, Evaluate(opened.Latents));
        Assert.Contains(expected, figure => figure.Name == "log_likelihood");
        Assert.Contains(expected, figure => figure.Name == "marginal_kl");
        Assert.All(expected, figure => Assert.True(double.IsFinite(figure.Value), figure.Name));
    }

    [Theory]
    [InlineData(ModelFamily.Vae, Prior.Normal)]
    [InlineData(ModelFamily.Vae, Prior.Vamp)]
    [InlineData(ModelFamily.Ladder, Prior.Normal)]
    public void A_model_that_is_opened_again_shows_the_same_images(ModelFamily family, Prior prior)
    {
        var trial = Trial(family, prior);
        using var network = PackNetworks.Create(trial, new ImageShape(1, 4, 4));
        Write(trial, network);
        var images = Enumerable.Range(0, 3 * 16).Select(i => (i * i % 251) / 255f).ToArray();
        var (drawn, painted) = (GenerativeModel.Of(network, trial.Model).Generate(9, 4), GenerativeModel.Of(network, trial.Model).Reconstruct(images));

        using var opened = TrainedModel.Load(_folder, torch.CPU);

        Assert.Equal(drawn, opened.Model.Generate(9, 4));
        Assert.Equal(painted, opened.Model.Reconstruct(images));
        Assert.Equal(9 * 16, drawn.Distinct().Count());
    }

    private void Write(TrialSpec trial, PackNetwork network)
    {
        var config = new ModelConfig(trial, null, network.Image, null, null);
        using (var file = File.Create(Path.Combine(_folder, TrainedModel.FileName))) TrainedModel.Write(file, network, 0, config);
        File.WriteAllText(Path.Combine(_folder, ModelConfig.FileName), config.Write());
    }

    private static TrialSpec Trial(ModelFamily family, Prior prior) => new()
    {
        Index = 0,
        Model = new() { Family = family, Encoder = family == ModelFamily.Ladder ? [8, 6] : [8], Ladder = [3, 2], Latent = 3, Prior = prior, PseudoInputs = 5 },
        Training = new(),
    };

    private static IEnumerable<Measured> Evaluate(LatentModel model)
    {
        var pixels = new byte[40 * 16];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i * i % 251);
        byte[] labels = [.. Enumerable.Range(0, 40).Select(row => (byte)(row % 3))];
        var rows = new EvaluationRows(new ImageSet(1, 4, 4, pixels, labels), Binarize.None, 1, torch.CPU);
        var evaluation = new ModelEvaluation(model, rows, new(new RowRange(0, 20), new RowRange(20, 20)));
        return Enum.GetValues<MetricGroup>().Where(group => evaluation.Concerns(group) && evaluation.Lacks(group) is null).SelectMany(group => evaluation.Compute(group, samples: 5));
    }
}
