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
                KlSchedule = KlSchedule.Cyclical,
                KlCycles = 2,
                KlCycleRise = 0.2,
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
        { "continuous bernoulli", t => t with { Model = t.Model with { Likelihood = Likelihood.ContinuousBernoulli } } },
        { "discretised logistic", t => t with { Model = t.Model with { Likelihood = Likelihood.DiscretisedLogistic } } },
        { "resnet", t => t with { Model = t.Model with { Architecture = Architecture.Resnet } } },
        { "blocks", t => t with { Model = t.Model with { Architecture = Architecture.Resnet, Blocks = 3 } } },
        { "groups", t => t with { Model = t.Model with { Architecture = Architecture.Resnet, Groups = 4 } } },
        { "vamp", t => t with { Model = t.Model with { Prior = Prior.Vamp } } },
        { "pseudo-inputs", t => t with { Model = t.Model with { Prior = Prior.Vamp, PseudoInputs = 10 } } },
        { "conditional", t => t with { Model = t.Model with { Family = ModelFamily.Conditional } } },
        { "classes", t => t with { Model = t.Model with { Family = ModelFamily.Conditional, Classes = 4 } } },
        { "m2", t => t with { Model = t.Model with { Family = ModelFamily.M2 } } },
        { "ladder", t => t with { Model = t.Model with { Family = ModelFamily.Ladder } } },
        { "layers of a ladder", t => t with { Model = t.Model with { Family = ModelFamily.Ladder, Ladder = [8, 4] } } },
        { "vq", t => t with { Model = t.Model with { Family = ModelFamily.Vq } } },
        { "codes", t => t with { Model = t.Model with { Family = ModelFamily.Vq, Codes = 16 } } },
        { "code size", t => t with { Model = t.Model with { Family = ModelFamily.Vq, CodeSize = 16 } } },
        { "code prior", t => t with { Model = t.Model with { Family = ModelFamily.Vq, CodePriorWidth = 16 } } },
        { "code positions", t => t with { Model = t.Model with { Family = ModelFamily.Vq, Latent = 7 } } },
        { "iwae", t => t with { Training = t.Training with { Objective = TrainingObjective.Iwae } } },
        { "samples", t => t with { Training = t.Training with { Objective = TrainingObjective.Iwae, ImportanceSamples = 50 } } },
        { "tc", t => t with { Training = t.Training with { Objective = TrainingObjective.Tc } } },
        { "estimator", t => t with { Training = t.Training with { Objective = TrainingObjective.Tc, TcEstimator = TcEstimator.Mws } } },
        { "factor", t => t with { Training = t.Training with { Objective = TrainingObjective.Factor } } },
        { "discriminator", t => t with { Training = t.Training with { Objective = TrainingObjective.Factor, DiscriminatorLayers = 3 } } },
        { "mmd", t => t with { Training = t.Training with { Objective = TrainingObjective.Mmd } } },
        { "kernel", t => t with { Training = t.Training with { Objective = TrainingObjective.Mmd, MmdKernel = MmdKernel.Rbf } } },
        { "free bits", t => t with { Training = t.Training with { FreeBits = 0.1 } } },
        { "capacity", t => t with { Training = t.Training with { Capacity = 0 } } },
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
        { "blocks of an mlp", t => t with { Model = t.Model with { Blocks = 7, Groups = 1 } } },
        { "what other families have", t => t with { Model = t.Model with { Ladder = [3, 2], Codes = 4, CodeSize = 4, CodePriorWidth = 4, Classes = 4, PseudoInputs = 4 } } },
        { "what other objectives have", t => t with { Training = t.Training with { ImportanceSamples = 9, TcEstimator = TcEstimator.Mws, DiscriminatorWidth = 9, MmdKernel = MmdKernel.Rbf, Labelled = 9 } } },
        { "momentum of adam", t => t with { Training = t.Training with { Momentum = 0.1 } } },
    };

    [Theory, MemberData(nameof(Idle))]
    public void A_field_without_effect_keeps_no_trials_apart(string field, Func<TrialSpec, TrialSpec> change) =>
        Assert.True(PackSignature.Of(Base) == PackSignature.Of(change(Base)), field);

    [Theory]
    [InlineData(Architecture.Conv)]
    [InlineData(Architecture.Resnet)]
    public void A_dense_layer_that_convolutional_vq_models_lack_keeps_none_of_them_apart(Architecture architecture)
    {
        var vq = Base with { Model = Base.Model with { Family = ModelFamily.Vq, Architecture = architecture } };

        Assert.Equal(PackSignature.Of(vq), PackSignature.Of(vq with { Model = vq.Model with { Hidden = 8, Latent = 3 } }));
        Assert.NotEqual(PackSignature.Of(vq), PackSignature.Of(vq with { Model = vq.Model with { Channels = [8] } }));
    }

    [Fact]
    public void Numbers_of_a_target_and_of_a_family_are_entries_of_a_vector()
    {
        var held = Base with { Training = Base.Training with { FreeBits = 0.1, TcAlpha = 2 } };
        var vq = Base with { Model = Base.Model with { Family = ModelFamily.Vq } };

        Assert.Equal(PackSignature.Of(held), PackSignature.Of(held with { Training = held.Training with { FreeBits = 0.2 } }));
        Assert.Equal(PackSignature.Of(vq), PackSignature.Of(vq with { Training = vq.Training with { Commitment = 1, CodeDecay = 0.5, CodeRevival = 0 } }));
    }

    [Fact]
    public void A_pack_takes_trials_of_at_most_its_latent_size()
    {
        var shape = PackShape.Solo(Base, threads: 2);

        Assert.Equal(new PackShape(1, 16, 1, 2), shape);
        Assert.True(shape.Fits(Base with { Model = new ModelSpec { Latent = 4 } }));
        Assert.False(shape.Fits(Base with { Model = new ModelSpec { Latent = 17 } }));
    }
}
