using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Tests.Training.Engine;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;
using static Vae.Tests.Training.Objectives.ObjectiveKinds;

namespace Vae.Tests.Training.Objectives;

/// <summary>What a pack promises of its slots, for every family and objective that can be fused.</summary>
public sealed class ObjectivePackTests : TorchTest
{
    [Theory, MemberData(nameof(ObjectiveKinds.Names), MemberType = typeof(ObjectiveKinds))]
    public void Each_trial_of_a_pack_follows_its_own_curve_for_500_steps(string kind)
    {
        using var data = Images();
        TrialSpec[] trials = [Smooth(Trial(kind, steps: 500)), Smooth(Trial(kind, 1, latent: 2, steps: 123, seed: 5)), Smooth(Trial(kind, 2, latent: 7, steps: 500))];

        var packed = PackRuns.Train(trials, data);

        foreach (var trial in trials) PackRuns.SameCurve(PackRuns.Train([trial], data), packed, trial.Index);
    }

    [Theory, MemberData(nameof(ObjectiveKinds.Names), MemberType = typeof(ObjectiveKinds))]
    public void Slot_is_emptied_and_refilled_without_touching_a_bit_of_the_others(string kind)
    {
        using var data = FullBatches();
        TrialSpec[] trials = [Trial(kind, steps: 40), Trial(kind, 1, latent: 3, steps: 40, seed: 5), Trial(kind, 2, steps: 40)];
        var newcomer = Trial(kind, 3, latent: 2, steps: 15, seed: 8);
        var undisturbed = PackRuns.Train(trials, data);

        using var trainer = PackTrainer.Of(trials, data, torch.CPU);
        var curves = new PackRuns.Curves(trainer);
        var orders = new SlotOrders();
        curves.AfterStep = step =>
        {
            if (step == 9) orders.Add([new SlotOrder(1, SlotOrderKind.Empty, 1, null, "pruned")]);
            if (step == 13) orders.Add([new SlotOrder(2, SlotOrderKind.Fill, 1, newcomer, ""), new SlotOrder(3, SlotOrderKind.Close, 0, null, "")]);
        };
        trainer.Run(new NoAllReduce(), curves, orders, closed: false, CancellationToken.None);

        Assert.Equal(SlotEndKind.Emptied, curves.Ends[1].Kind);
        SameBits(undisturbed, curves, 0, 2);
        PackRuns.SameCurve(PackRuns.Train([newcomer], data), curves, newcomer.Index);
    }

    [Theory, MemberData(nameof(ObjectiveKinds.Names), MemberType = typeof(ObjectiveKinds))]
    public void Trial_that_diverges_ends_alone_and_touches_no_bit_of_the_others(string kind)
    {
        using var data = FullBatches();
        TrialSpec[] trials = [Trial(kind), Trial(kind, 1, seed: 3), Trial(kind, 2)];
        var bad = trials[1] with { Training = trials[1].Training with { LearningRate = 1e30 } };

        var disturbed = PackRuns.Train([trials[0], bad, trials[2]], data);

        Assert.Equal(SlotEndKind.NonFinite, disturbed.Ends[1].Kind);
        SameBits(PackRuns.Train(trials, data), disturbed, 0, 2);
    }

    [Theory, MemberData(nameof(ObjectiveKinds.Names), MemberType = typeof(ObjectiveKinds))]
    public void Training_allocates_no_managed_memory_per_step(string kind)
    {
        const int warmUp = 30, measured = 100;
        using var data = FullBatches();
        var trials = Enumerable.Range(0, 3).Select(k => Trial(kind, k, latent: 2 + k, steps: warmUp + measured + 5, seed: (ulong)(k / 2))).ToList();
        using var trainer = PackTrainer.Of(trials, data, torch.CPU);
        var counter = new PackRuns.AllocationCounter(warmUp, warmUp + measured);

        trainer.Run(new NoAllReduce(), counter, CancellationToken.None);

        // The least object of each step would be 24 bytes a step; pools of wrappers may still grow by one or two.
        Assert.InRange(counter.Bytes, 0, 8 * measured);
    }

    // Views of the batch are made anew where its size changes, and products of other sizes may round otherwise.
    private static TrainingData FullBatches() => PackRuns.Images(rows: PackRuns.HeldOut + (4 * Batch));

    private static void SameBits(PackRuns.Curves expected, PackRuns.Curves actual, params int[] trials)
    {
        foreach (var trial in trials)
        {
            Assert.Equal(expected.Losses(trial), actual.Losses(trial));
            Assert.Equal(expected.Weights[trial], actual.Weights[trial]);
        }
    }

    // At a kink of relu the least rounding decides whether a unit learns from a row, and Adam makes a whole step of the smallest gradient: curves part, those of a trial alone from one last bit of a weight to the next as well.
    private static TrialSpec Smooth(TrialSpec trial) => trial with { Model = trial.Model with { Activation = Shared.Sweeps.Activation.Silu } };
}
