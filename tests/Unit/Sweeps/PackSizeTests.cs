using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

public class PackSizeTests
{
    private const int Float = 4;

    private static readonly DataShape Mnist = new(TrainRows: 8_000, Channels: 1, Height: 28, Width: 28, HeldOut: 2_000);

    public static TheoryData<ModelFamily, Architecture, TrainingObjective> Kinds => new()
    {
        { ModelFamily.Vae, Architecture.Mlp, TrainingObjective.Elbo },
        { ModelFamily.Vae, Architecture.Conv, TrainingObjective.Elbo },
        { ModelFamily.Vae, Architecture.Resnet, TrainingObjective.Elbo },
        { ModelFamily.Vae, Architecture.Mlp, TrainingObjective.Iwae },
        { ModelFamily.Vae, Architecture.Conv, TrainingObjective.Iwae },
        { ModelFamily.Vae, Architecture.Mlp, TrainingObjective.Tc },
        { ModelFamily.Vae, Architecture.Mlp, TrainingObjective.Mmd },
        { ModelFamily.Vae, Architecture.Mlp, TrainingObjective.Factor },
        { ModelFamily.Conditional, Architecture.Mlp, TrainingObjective.Elbo },
        { ModelFamily.Conditional, Architecture.Conv, TrainingObjective.Elbo },
        { ModelFamily.M2, Architecture.Mlp, TrainingObjective.Elbo },
        { ModelFamily.M2, Architecture.Conv, TrainingObjective.Elbo },
        { ModelFamily.Ladder, Architecture.Mlp, TrainingObjective.Elbo },
        { ModelFamily.Ladder, Architecture.Mlp, TrainingObjective.Iwae },
        { ModelFamily.Vq, Architecture.Mlp, TrainingObjective.Elbo },
        { ModelFamily.Vq, Architecture.Conv, TrainingObjective.Elbo },
        { ModelFamily.Vq, Architecture.Resnet, TrainingObjective.Elbo },
    };

    // 1,079,600 weights: with gradient and moments four times; as a file once; as the model that it was written from once, which is more than a step needs.
    [Fact]
    public void A_pack_with_large_weights_keeps_them_six_times_beside_the_staged_rows()
    {
        var staged = 512 * (784 + 16);

        Assert.Equal(Float * ((6 * 1_079_600) + staged), Lane(new ModelSpec(), slots: 1));
    }

    // 512 rows of an evaluation are staged, or the whole batch of each slot where that is more.
    [Theory]
    [InlineData(1, 512)]
    [InlineData(4, 512)]
    [InlineData(8, 1_024)]
    public void Rows_are_staged_for_an_evaluation_of_all_slots_and_for_a_step_of_all_slots(int slots, int rows)
    {
        var small = new ModelSpec();

        Assert.Equal(Float * ((6L * slots * 1_079_600) + (rows * (784 + 16))), Lane(small, slots));
    }

    [Fact]
    public void The_noise_of_a_ladder_is_that_of_all_its_layers_and_codes_have_none()
    {
        var ladder = new ModelSpec { Family = ModelFamily.Ladder, Encoder = [4_096, 4_096], Ladder = [8, 4] };
        var other = new ModelSpec { Family = ModelFamily.Ladder, Encoder = [4_096, 4_096], Ladder = [8, 4], Latent = 4_000 };

        Assert.Equal(Lane(ladder, slots: 1), Lane(other, slots: 1));
        var weights = ModelSize.Parameters(ladder, Mnist);
        Assert.Equal(Float * ((6 * weights) + (512 * (784 + 12))), Lane(ladder, slots: 1));
    }

    [Fact]
    public void Activations_decide_where_images_are_large()
    {
        var conv = new ModelSpec { Architecture = Architecture.Conv, Channels = [32, 64] };

        var added = Lane(conv, slots: 1, batch: 2_048) - Lane(conv, slots: 1, batch: 1_024);

        // All outputs: maps of 14 x 14 x 32 and 7 x 7 x 64 on both sides, the lower one once more as a row, dense layers and latents, and the image; the gradients of both maps. The staged row.
        var perRow = (2 * 14 * 14 * 32) + (3 * 7 * 7 * 64) + 256 + 32 + 256 + (5 * 16) + 784 + (14 * 14 * 32) + (7 * 7 * 64);
        Assert.InRange(added / (1_024.0 * Float * (perRow + 784 + 16)), 1.0, 1.05);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void More_of_anything_never_needs_less(ModelFamily family, Architecture architecture, TrainingObjective objective)
    {
        var model = new ModelSpec { Family = family, Architecture = architecture, Classes = family is ModelFamily.Conditional or ModelFamily.M2 ? 10 : null };
        var before = 0L;
        foreach (var (slots, batch) in ((int, int)[])[(1, 32), (2, 32), (2, 64), (8, 64), (8, 512)])
        {
            var now = Lane(model, slots, batch, objective);

            Assert.True(now >= before, $"{slots} slots of {batch} rows: {now} after {before}");
            before = now;
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void A_device_is_given_at_least_what_its_tensors_need_on_a_processor(ModelFamily family, Architecture architecture, TrainingObjective objective)
    {
        var model = new ModelSpec { Family = family, Architecture = architecture, Classes = family is ModelFamily.Conditional or ModelFamily.M2 ? 10 : null };
        var trial = Trial(model, 256, objective);
        var tensors = Float * Math.Max(StepSize.OfStep(trial, Mnist, 1, 256), StepSize.OfEvaluation(trial, Mnist, 1, 512));

        Assert.True(PackSize.LaneBytes(trial, Mnist, new PackShape(1, model.Latent, 1, 1), 256, cuda: true) > tensors);
    }

    [Fact]
    public void A_worker_holds_the_data_once_and_each_lane_its_own_pack()
    {
        var one = Worker(lanes: 1);
        var two = Worker(lanes: 2);

        Assert.Equal(Lane(new ModelSpec(), slots: 2), two - one);
        Assert.InRange(one - Lane(new ModelSpec(), slots: 2), 10_000 * 784, (10_000 * 784) + (8 << 20));
    }

    [Fact]
    public void Gradient_descent_without_momentum_keeps_two_buffers_fewer()
    {
        var trial = Trial(new ModelSpec(), 128);
        var descent = trial with { Training = trial.Training with { Optimizer = OptimizerKind.Sgd } };
        var shape = new PackShape(1, 16, 1, 1);

        Assert.Equal(Float * 2 * 1_079_600, PackSize.LaneBytes(trial, Mnist, shape, 128, cuda: false) - PackSize.LaneBytes(descent, Mnist, shape, 128, cuda: false));
    }

    private static TrialSpec Trial(ModelSpec model, int batch, TrainingObjective objective = TrainingObjective.Elbo) =>
        new() { Index = 0, Model = model, Training = new TrainingSpec { Batch = batch, Objective = objective } };

    private static long Lane(ModelSpec model, int slots, int batch = 128, TrainingObjective objective = TrainingObjective.Elbo) =>
        PackSize.LaneBytes(Trial(model, batch, objective), Mnist, new PackShape(slots, model.Latent, 1, 1), batch, cuda: false);

    private static long Worker(int lanes) => PackSize.WorkerBytes(Trial(new ModelSpec(), 128), Mnist, new PackShape(2, 16, lanes, 1), 128, cuda: false);
}
