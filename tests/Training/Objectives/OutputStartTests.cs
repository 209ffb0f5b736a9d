using Vae.Data;
using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Tests.Training.Engine;
using Vae.Torch;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Objectives;

/// <summary>Where a decoder begins: at the mean of the training images, if the sweep file says so or the prior is learned.</summary>
public sealed class OutputStartTests : TorchTest
{
    private const int HeldOut = 2;

    [Theory]
    [InlineData(Likelihood.Bernoulli)]
    [InlineData(Likelihood.ContinuousBernoulli)]
    [InlineData(Likelihood.Gaussian)]
    [InlineData(Likelihood.DiscretisedLogistic)]
    public void Output_means_the_image_that_it_was_made_for(Likelihood likelihood)
    {
        using var scope = torch.NewDisposeScope();
        float[] mean = [0.12f, 0.4f, 0.5f, 0.5001f, 0.88f];
        var outputs = mean.Select(value => (float)OutputStart.OutputFor(likelihood, value)).ToArray();

        var image = new Observation(likelihood, torch.zeros([1])).ToImages(torch.tensor(outputs, [1, 1, 5], torch.CPU)).ToArray<float>();

        for (var i = 0; i < mean.Length; i++) Assert.Equal(mean[i], image[i], 1e-5f);
    }

    [Theory]
    [InlineData(Likelihood.Bernoulli)]
    [InlineData(Likelihood.ContinuousBernoulli)]
    public void Values_that_no_row_has_remain_possible(Likelihood likelihood)
    {
        Assert.InRange(OutputStart.OutputFor(likelihood, 0), -10, -5);
        Assert.InRange(OutputStart.OutputFor(likelihood, 1), 5, 10);
    }

    [Theory]
    [InlineData(Binarize.None)]
    [InlineData(Binarize.Dynamic)]
    [InlineData(Binarize.Fixed)]
    public void Mean_image_is_that_of_the_training_rows_as_models_see_them(Binarize binarize)
    {
        const int rows = 700;
        var pixels = new byte[rows * 2];
        for (var row = 0; row < rows; row++) (pixels[2 * row], pixels[(2 * row) + 1]) = ((byte)(row * 37 % 256), row < rows - HeldOut ? (byte)0 : (byte)255);
        using var data = new TrainingData(new ImageSet(1, 1, 2, pixels), HeldOut, binarize, torch.CPU);
        var expected = Enumerable.Range(0, rows - HeldOut).Average(row => binarize == Binarize.Fixed ? pixels[2 * row] >= 128 ? 1.0 : 0 : pixels[2 * row] / 255.0);

        var mean = data.MeanImage;

        Assert.Equal(expected, mean[0], 1e-6);
        Assert.Equal(0, mean[1]);
    }

    [Theory]
    [InlineData("vamp")]
    [InlineData("ladder")]
    public void A_learned_prior_behind_tanh_layers_begins_with_the_mean_image(string kind)
    {
        var trial = ObjectiveKinds.Trial(kind);
        Begins(trial with { Model = trial.Model with { Activation = Vae.Shared.Sweeps.Activation.Tanh } });
    }

    [Theory]
    [InlineData(ModelFamily.Vae, Architecture.Mlp)]
    [InlineData(ModelFamily.Vae, Architecture.Conv)]
    [InlineData(ModelFamily.Vae, Architecture.Resnet)]
    [InlineData(ModelFamily.Vq, Architecture.Mlp)]
    [InlineData(ModelFamily.Vq, Architecture.Conv)]
    public void Any_model_begins_with_the_mean_image_where_the_sweep_file_says_so(ModelFamily family, Architecture architecture)
    {
        var trial = PackRuns.Trial(0, architecture);
        Begins(trial with { Model = trial.Model with { Family = family, OutputBias = OutputBias.Data } });
    }

    [Fact]
    public void Other_weights_are_those_of_the_seed_and_without_it_the_bias_is_too()
    {
        using var scope = torch.NewDisposeScope();
        using var data = PackRuns.Images();
        var plain = PackRuns.Trial(0);
        TrialSpec[] trials = [plain, plain with { Index = 1, Model = plain.Model with { OutputBias = OutputBias.Data } }];
        using var trainer = PackTrainer.Of(trials, data, torch.CPU);
        using var fresh = PackNetworks.Create(plain, data.Shape);
        using var left = trainer.Extract(0);
        using var right = trainer.Extract(1);

        foreach (var ((name, own), (random, fromData)) in fresh.state_dict().Zip(left.state_dict().Zip(right.state_dict(), (a, b) => (a.tensor, b.tensor))))
        {
            Assert.Equal(own.ToArray<float>(), random.ToArray<float>());
            if (name == "output.bias") Assert.NotEqual(own.ToArray<float>(), fromData.ToArray<float>());
            else Assert.Equal(own.ToArray<float>(), fromData.ToArray<float>());
        }
    }

    // The last bias of the trial in a pack, against the mean image of the data.
    private static void Begins(TrialSpec trial)
    {
        using var scope = torch.NewDisposeScope();
        using var data = PackRuns.Images();
        using var trainer = PackTrainer.Of([trial], data, torch.CPU);
        using var model = trainer.Extract(0);
        var bias = model.OutputBias.ToArray<float>();
        var mean = data.MeanImage.ToArray();
        var each = mean.Length / bias.Length;

        for (var i = 0; i < bias.Length; i++) Assert.Equal(OutputStart.OutputFor(trial.Model.Likelihood, mean.Skip(i * each).Take(each).Average()), bias[i], 1e-4);
    }
}
