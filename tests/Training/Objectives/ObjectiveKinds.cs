using Vae.Shared;
using Vae.Shared.Sweeps;
using Vae.Tests.Training.Engine;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Objectives;

/// <summary>Small trials of every objective that packs train, by name.</summary>
internal static class ObjectiveKinds
{
    // Batches of 25 split unevenly over 2 and 3 ranks; the last one has 2 rows, so that one of 3 ranks has none.
    public const int Rows = PackRuns.HeldOut + 102, Batch = 25;

    private static readonly Dictionary<string, Func<TrialSpec, TrialSpec>> All = new()
    {
        ["free_bits"] = t => t with { Training = t.Training with { FreeBits = 0.05 + (0.1 * t.Index), KlWarmupEpochs = 1 } },
        ["capacity"] = t => t with { Training = t.Training with { Capacity = 3 + t.Index, CapacityWeight = 20 + (5 * t.Index), CapacityEpochs = 5 + t.Index } },
        ["cyclical"] = t => t with { Training = t.Training with { KlSchedule = KlSchedule.Cyclical, KlCycles = 3, Beta = 1 + t.Index } },
        ["iwae"] = t => t with { Training = t.Training with { Objective = TrainingObjective.Iwae, ImportanceSamples = 3 } },
        ["tc"] = t => t with { Training = t.Training with { Objective = TrainingObjective.Tc, Beta = 4 + t.Index } },
        ["tc_mws"] = t => t with { Training = t.Training with { Objective = TrainingObjective.Tc, TcEstimator = TcEstimator.Mws, Beta = 4, TcAlpha = 0.5 } },
        ["mmd"] = t => t with { Training = t.Training with { Objective = TrainingObjective.Mmd, MmdLambda = 50 + t.Index, MmdAlpha = 0.5 } },
        ["mmd_rbf"] = t => t with { Training = t.Training with { Objective = TrainingObjective.Mmd, MmdLambda = 50, MmdKernel = MmdKernel.Rbf } },
        ["factor"] = t => t with { Training = t.Training with { Objective = TrainingObjective.Factor, FactorGamma = 5 + t.Index, DiscriminatorWidth = 24, DiscriminatorLayers = 3, DiscriminatorRate = 1e-3 } },
        ["vamp"] = t => t with { Model = t.Model with { Prior = Prior.Vamp, PseudoInputs = 7 } },
        ["vamp_iwae"] = t => t with { Model = t.Model with { Prior = Prior.Vamp, PseudoInputs = 7 }, Training = t.Training with { Objective = TrainingObjective.Iwae, ImportanceSamples = 2 } },
        ["vq"] = t => t with
        {
            Model = t.Model with { Family = ModelFamily.Vq, Latent = 4, Codes = 8, CodeSize = 3, CodePriorWidth = 10 },
            Training = t.Training with { Commitment = 0.25 + t.Index, CodeDecay = 0.9, CodeRevival = 0.05 * t.Index },
        },
        ["vq_conv"] = t => t with
        {
            Model = t.Model with { Family = ModelFamily.Vq, Architecture = Architecture.Conv, Codes = 6, CodeSize = 5, CodePriorWidth = 10 },
            Training = t.Training with { CodeDecay = 0.9 - (0.2 * t.Index), CodeRevival = 0.1 },
        },
        ["conditional"] = Conditional,
        ["conditional_free_bits"] = t => Conditional(t) with { Training = t.Training with { FreeBits = 0.05 + (0.1 * t.Index), KlWarmupEpochs = 1 } },
        ["conditional_iwae"] = t => Conditional(t) with { Training = t.Training with { Objective = TrainingObjective.Iwae, ImportanceSamples = 3 } },
        ["conditional_tc"] = t => Conditional(t) with { Training = t.Training with { Objective = TrainingObjective.Tc, Beta = 4 + t.Index } },
        ["conditional_factor"] = t => Conditional(t) with { Training = t.Training with { Objective = TrainingObjective.Factor, FactorGamma = 5, DiscriminatorWidth = 24, DiscriminatorLayers = 3, DiscriminatorRate = 1e-3 } },
        ["conditional_mmd"] = t => Conditional(t) with { Training = t.Training with { Objective = TrainingObjective.Mmd, MmdLambda = 50 + t.Index, MmdAlpha = 0.5 } },
        ["m2"] = t => M2(t) with { Training = t.Training with { Labelled = 20 + (7 * t.Index), ClassifierWeight = 0.5 + t.Index } },
        ["m2_warm_up"] = t => M2(t) with { Training = t.Training with { Labelled = 102, KlWarmupEpochs = 2, Beta = 2 } },
        ["vamp_capacity"] = t => t with { Model = t.Model with { Prior = Prior.Vamp, PseudoInputs = 7 }, Training = t.Training with { Capacity = 4, CapacityWeight = 10 } },
        ["ladder"] = t => Ladder(t, 4, 3, 2),
        ["ladder_free_bits"] = t => Ladder(t with { Training = t.Training with { FreeBits = 0.05 + (0.1 * t.Index), KlWarmupEpochs = 1 } }, 4, 3),
        ["ladder_capacity"] = t => Ladder(t with { Training = t.Training with { Capacity = 3 + t.Index, CapacityWeight = 20 + (5 * t.Index), CapacityEpochs = 5 + t.Index } }, 4, 3),
        ["ladder_iwae"] = t => Ladder(t with { Training = t.Training with { Objective = TrainingObjective.Iwae, ImportanceSamples = 3 } }, 4, 3),
    };

    private static TrialSpec Conditional(TrialSpec trial) => trial with { Model = trial.Model with { Family = ModelFamily.Conditional, Classes = 3 } };

    private static TrialSpec M2(TrialSpec trial) => trial with { Model = trial.Model with { Family = ModelFamily.M2, Classes = 3 } };

    public static TheoryData<string> Names => [.. All.Keys];

    /// <summary>Those whose latents are padded in a pack.</summary>
    public static TheoryData<string> Padded => [.. All.Keys.Where(kind => Trial(kind).Model.Family is ModelFamily.Vae or ModelFamily.Conditional or ModelFamily.M2)];

    public static TrialSpec Trial(string kind, int index = 0, int latent = 4, long steps = 20, ulong seed = 1, Architecture architecture = Architecture.Mlp)
    {
        var trial = PackRuns.Trial(index, architecture, latent, steps);
        return All[kind](trial with { Training = trial.Training with { Batch = Batch, Seed = seed } });
    }

    // A ladder's own sizes decide; the latent size of others is the same for all of them.
    private static TrialSpec Ladder(TrialSpec trial, params int[] sizes) => trial with
    {
        Model = trial.Model with { Family = ModelFamily.Ladder, Ladder = sizes.ToValueList(), Encoder = new[] { 32, 16, 12 }.Take(sizes.Length).ToValueList(), Latent = 4 },
    };

    public static TrainingData Images() => PackRuns.Images(rows: Rows);
}
