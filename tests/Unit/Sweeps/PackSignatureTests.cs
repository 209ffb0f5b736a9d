using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

public class PackSignatureTests
{
    private static readonly TrialSpec Base = new() { Index = 0, Model = new ModelSpec(), Training = new TrainingSpec() };

    [Fact]
    public void A_signature_reads_as_what_it_stands_for() =>
        Assert.Equal("vae mlp encoder=512-256 decoder=256-512 activation=relu bernoulli batch=128 optimizer=adam", PackSignature.Of(Base).Key);

    [Fact]
    public void Trials_that_differ_in_numbers_only_share_a_signature()
    {
        var other = Base with
        {
            Index = 7,
            Assignments = [new("training.beta", "4")],
            Model = Base.Model with { Latent = 3 },
            Training = Base.Training with
            {
                Beta = 4,
                LearningRate = 0.1,
                KlWarmupEpochs = 2,
                Seed = 9,
                Epochs = 3,
                MaxSteps = 4,
                EvaluateEvery = 2,
                WeightDecay = 0.1,
                AdamBeta1 = 0.5,
                AdamBeta2 = 0.6,
                AdamEpsilon = 1e-3,
                GradientClip = 1,
            },
        };

        Assert.Equal(PackSignature.Of(Base), PackSignature.Of(other));
    }

    public static TheoryData<string, Func<TrialSpec, TrialSpec>> Kinds => new()
    {
        { "encoder", t => t with { Model = t.Model with { Encoder = [512, 128] } } },
        { "decoder", t => t with { Model = t.Model with { Decoder = [512] } } },
        { "architecture", t => t with { Model = t.Model with { Architecture = Architecture.Conv } } },
        { "channels", t => t with { Model = t.Model with { Architecture = Architecture.Conv, Channels = [8] } } },
        { "hidden", t => t with { Model = t.Model with { Architecture = Architecture.Conv, Hidden = 9 } } },
        { "likelihood", t => t with { Model = t.Model with { Likelihood = Likelihood.Gaussian } } },
        { "variance", t => t with { Model = t.Model with { Likelihood = Likelihood.Gaussian, Variance = 0.1 } } },
        { "another variance", t => t with { Model = t.Model with { Likelihood = Likelihood.Gaussian, Variance = 0.25 } } },
        { "activation", t => t with { Model = t.Model with { Activation = Activation.LeakyRelu } } },
        { "batch", t => t with { Training = t.Training with { Batch = 32 } } },
        { "adamw", t => t with { Training = t.Training with { Optimizer = OptimizerKind.AdamW } } },
        { "sgd", t => t with { Training = t.Training with { Optimizer = OptimizerKind.Sgd } } },
        { "momentum", t => t with { Training = t.Training with { Optimizer = OptimizerKind.Sgd, Momentum = 0.5 } } },
    };

    [Fact]
    public void Trials_of_other_shapes_or_operations_all_have_signatures_of_their_own()
    {
        var keys = Kinds.Select(row => PackSignature.Of(((Func<TrialSpec, TrialSpec>)row[1])(Base)).Key).Append(PackSignature.Of(Base).Key).ToArray();

        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    public static TheoryData<string, Func<TrialSpec, TrialSpec>> Idle => new()
    {
        { "channels of an mlp", t => t with { Model = t.Model with { Channels = [8] } } },
        { "hidden of an mlp", t => t with { Model = t.Model with { Hidden = 8 } } },
        { "the default decoder written out", t => t with { Model = t.Model with { Decoder = [256, 512] } } },
        { "variance of bernoulli", t => t with { Model = t.Model with { Variance = 0.1 } } },
        { "momentum of adam", t => t with { Training = t.Training with { Momentum = 0.1 } } },
    };

    [Theory, MemberData(nameof(Idle))]
    public void A_field_without_effect_keeps_no_trials_apart(string field, Func<TrialSpec, TrialSpec> change) =>
        Assert.True(PackSignature.Of(Base) == PackSignature.Of(change(Base)), field);

    [Fact]
    public void A_pack_takes_trials_of_at_most_its_latent_size()
    {
        var shape = PackShape.Solo(Base, threads: 2);

        Assert.Equal(new PackShape(1, 16, 1, 2), shape);
        Assert.True(shape.Fits(Base with { Model = new ModelSpec { Latent = 4 } }));
        Assert.False(shape.Fits(Base with { Model = new ModelSpec { Latent = 17 } }));
    }
}
