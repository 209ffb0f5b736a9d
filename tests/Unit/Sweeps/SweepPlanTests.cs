using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

public class SweepPlanTests
{
    private static readonly DataShape Mnist = new(TrainRows: 8_000, Channels: 1, Height: 28, Width: 28);

    [Fact]
    public void Parameters_of_an_mlp_are_the_sum_of_its_layers() =>
        Assert.Equal(401_920 + 131_328 + 8_224 + 4_352 + 131_584 + 402_192, ModelSize.Parameters(new ModelSpec(), Mnist));

    [Fact]
    public void Parameters_of_a_convolutional_model_are_the_sum_of_its_layers() =>
        Assert.Equal(544 + 32_832 + 803_072 + 5_140 + 2_816 + 805_952 + 32_800 + 513,
            ModelSize.Parameters(new ModelSpec { Architecture = Architecture.Conv, Latent = 10 }, Mnist));

    [Fact]
    public void A_learned_variance_is_one_parameter_more()
    {
        var gaussian = new ModelSpec { Likelihood = Likelihood.Gaussian };

        Assert.Equal(1, ModelSize.Parameters(gaussian, Mnist) - ModelSize.Parameters(gaussian with { Variance = 1 }, Mnist));
    }

    [Fact]
    public void Activations_are_all_outputs_the_input_and_three_latents() =>
        Assert.Equal(784 + 48 + 512 + 256 + 32 + 256 + 512 + 784, ModelSize.ActivationsPerRow(new ModelSpec(), Mnist));

    [Fact]
    public void A_plan_adds_up_its_trials()
    {
        var sweep = Sweep.Valid("training: { epochs: 3, batch: 100 }\nresources: { workers_per_pack: 2 }\nsearch: { parameters: { model.latent: { values: [2, 4, 8, 16] } } }");

        var plan = SweepPlan.Of(sweep, Mnist with { TrainRows = 950 });

        Assert.Equal((4, 3), (plan.Trials, plan.First.Count));
        Assert.Equal((10, 30), (plan.First[0].StepsPerEpoch, plan.First[0].Steps)); // 9.5 batches are 10 steps.
        Assert.Equal(4 * 30, plan.Steps);
        Assert.Equal(ModelSize.Parameters(new ModelSpec { Latent = 2 }, Mnist), plan.SmallestParameters);
        Assert.Equal(ModelSize.Parameters(new ModelSpec { Latent = 16 }, Mnist), plan.LargestParameters);
        Assert.Equal(ModelSize.TrainingBytes(new ModelSpec { Latent = 16 }, Mnist, rows: 50), plan.LargestMemoryBytes);
    }

    [Fact]
    public void A_step_limit_bounds_the_steps()
    {
        var sweep = Sweep.Valid("training: { max_steps: 7 }");

        Assert.Equal(7, SweepPlan.Of(sweep, Mnist).Steps);
    }

    [Fact]
    public void A_model_that_cannot_take_the_images_names_trial_and_reason()
    {
        var sweep = Sweep.Valid("model: { architecture: conv, channels: [8, 8, 8] }");

        var fault = Assert.Throws<ArgumentException>(() => SweepPlan.Of(sweep, Mnist));

        Assert.Contains("divisible by 8, but images are 28 x 28", fault.Message, StringComparison.Ordinal);
    }
}
