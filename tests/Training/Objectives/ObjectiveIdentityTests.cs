using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Objectives;

/// <summary>At special values every objective is the evidence lower bound, or another one in closed form.</summary>
public sealed class ObjectiveIdentityTests : TorchTest
{
    private static readonly TrainingSpec Plain = new();

    [Fact]
    public void Free_bits_of_zero_and_a_capacity_of_zero_with_weight_one_are_the_bound()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new OneStep(Plain);
        var plain = step.Objective.Forward(step.Inputs());
        var (loss, gradients) = (step.Report(plain).Loss, step.Gradients(plain));

        foreach (var other in (Func<VaeNetwork, PackObjective>[])[n => new FreeBitsObjective(n, new NormalBound(n, Model(n))), n => new CapacityObjective(n, new NormalBound(n, Model(n)))])
        {
            step.Objective = other(step.Network);
            step.Position = step.Position with { Trial = step.Position.Trial with { Training = Plain with { Capacity = 0, CapacityWeight = 1 } } };
            var terms = step.Objective.Forward(step.Inputs());
            Assert.Equal(loss, step.Report(terms).Loss, loss * 1e-5);
            OneStep.Same(gradients, step.Gradients(terms));
        }

        ModelSpec Model(VaeNetwork network) => step.Position.Trial.Model;
    }

    [Fact]
    public void Free_bits_replace_the_mean_rate_of_a_column_below_them_and_take_away_its_gradient()
    {
        using var scope = torch.NewDisposeScope();
        using var plain = new OneStep(Plain);
        var rates = plain.Objective.Forward(plain.Inputs()).Rate.ToArray<float>().Select(rate => rate / plain.Batch).ToArray();
        var between = (rates.Order().ElementAt(0) + rates.Order().ElementAt(1)) / 2;
        using var step = new OneStep(Plain with { FreeBits = between, Beta = 2 });
        step.X.copy_(plain.X);
        step.Noise = plain.Noise;

        var terms = step.Objective.Forward(step.Inputs());

        Assert.Equal(2 * rates.Sum(rate => Math.Max(between, rate)), step.Report(terms).Loss - step.Report(terms).Distortion, 1e-4);
        var start = terms.RateGradient!.ToArray<float>();
        for (var j = 0; j < rates.Length; j++) Assert.Equal(rates[j] > between ? 2f / step.Batch : 0f, start[j], 1e-6f);
    }

    [Fact]
    public void Capacity_takes_the_absolute_value_of_the_mean_and_not_the_mean_of_absolute_values()
    {
        using var scope = torch.NewDisposeScope();
        using var plain = new OneStep(Plain);
        var mean = plain.Report(plain.Objective.Forward(plain.Inputs())).Rate;
        // The target is the mean itself: rows lie on both sides of it, so the mean of absolute values is far from 0.
        using var step = new OneStep(Plain with { Capacity = mean * 4, CapacityWeight = 1000 });
        step.X.copy_(plain.X);
        step.Noise = plain.Noise;

        Assert.Equal(0, At(250).Penalty, 0.05);
        Assert.Equal(1000 * mean, At(0).Penalty, mean);
        Assert.Equal(3000 * mean, At(1000).Penalty, 3 * mean);
        Assert.Equal(3000 * mean, At(5000).Penalty, 3 * mean);
        Assert.Equal(0, step.Objective.RateWeight(step.Position));

        (double Distortion, double Rate, double Penalty, double Loss) At(long update)
        {
            step.Position = step.Position with { Step = update };
            return step.Report(step.Objective.Forward(step.Inputs()));
        }
    }

    [Theory]
    [InlineData(TcEstimator.Mss)]
    [InlineData(TcEstimator.Mws)]
    public void Parts_of_the_rate_in_tc_add_up_to_the_sampled_rate_whatever_the_estimator(TcEstimator estimator)
    {
        using var scope = torch.NewDisposeScope();
        using var step = new OneStep(Plain with { Objective = TrainingObjective.Tc, TcEstimator = estimator });
        using var iwae = SampledBound(step);

        var terms = step.Objective.Forward(step.Inputs());

        var bound = iwae.Report(iwae.Objective.Forward(iwae.Inputs()));
        Assert.Equal(bound.Loss, step.Report(terms).Loss, Math.Abs(bound.Loss) * 1e-5);
        Assert.NotEqual(step.Report(terms).Rate, step.Report(terms).Penalty, 1e-3); // Sampled, not the closed form that is reported.
        OneStep.Same(iwae.Gradients(iwae.Objective.Forward(iwae.Inputs())), step.Gradients(terms), 1e-3);
    }

    [Fact]
    public void Importance_weighting_with_one_sample_is_the_bound_with_a_sampled_rate()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new OneStep(Plain);
        using var iwae = SampledBound(step);

        var report = iwae.Report(iwae.Objective.Forward(iwae.Inputs()));

        // By the definition, in double: log q(z|x) - log p(z) with z from the same noise.
        var head = step.Network.Encode(step.X).to(ScalarType.Float64);
        var (mean, log) = (head.narrow(2, 0, 3), head.narrow(2, 3, 3));
        var z = mean + ((log * 0.5).exp() * step.Noise.to(ScalarType.Float64));
        var rate = (0.5 * (z.square() - ((z - mean).square() * (-log).exp()) - log)).sum().item() / step.Batch;
        var distortion = step.Objective.Forward(step.Inputs()).Distortion.item();
        Assert.Equal(distortion + rate, report.Loss, report.Loss * 1e-5);
        Assert.Equal(0, report.Penalty, 1e-4);
    }

    [Fact]
    public void Discrepancy_without_weight_leaves_the_bound()
    {
        using var scope = torch.NewDisposeScope();
        using var plain = new OneStep(Plain);
        using var step = new OneStep(Plain with { Objective = TrainingObjective.Mmd, MmdAlpha = 0, MmdLambda = 1 });
        step.X.copy_(plain.X);
        step.Noise = plain.Noise;

        var (expected, actual) = (plain.Objective.Forward(plain.Inputs()), step.Objective.Forward(step.Inputs()));

        Assert.Equal(plain.Report(expected).Loss, step.Report(actual).Loss, 1e-4);
        OneStep.Same(plain.Gradients(expected), step.Gradients(actual));
    }

    [Theory]
    [InlineData(KlSchedule.Linear, 2.5, 0, 0)]
    [InlineData(KlSchedule.Linear, 2.5, 25, 0.25)]
    [InlineData(KlSchedule.Linear, 2.5, 75, 0.75)]
    [InlineData(KlSchedule.Linear, 2.5, 100, 1)]
    [InlineData(KlSchedule.Linear, 2.5, 399, 1)]
    [InlineData(KlSchedule.Linear, 0, 0, 1)]
    [InlineData(KlSchedule.Constant, 2.5, 0, 1)]
    public void Warm_up_rises_in_a_line_from_zero_over_its_epochs_and_stays(KlSchedule schedule, double epochs, long update, double share)
    {
        var training = Plain with { KlSchedule = schedule, KlWarmupEpochs = epochs, Beta = 3 };
        var at = new SlotPosition(new TrialSpec { Index = 0, Model = new(), Training = training }, update, 40, 400, 10, 100);

        Assert.Equal(3 * share, RateSchedule.Weight(at), 1e-12);
    }

    [Theory]
    [InlineData(2, 0, 0)]
    [InlineData(2, 20, 6.25)]
    [InlineData(2, 80, 25)]
    [InlineData(2, 300, 25)]
    [InlineData(0, 100, 6.25)]
    public void Capacity_grows_in_a_line_over_its_epochs_or_over_the_whole_training(double epochs, long update, double target)
    {
        var training = Plain with { Capacity = 25, CapacityEpochs = epochs };
        var at = new SlotPosition(new TrialSpec { Index = 0, Model = new(), Training = training }, update, 40, 400, 10, 100);

        Assert.Equal(target, RateSchedule.Target(at), 1e-12);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(25, 0.5)]
    [InlineData(50, 1)]
    [InlineData(99, 1)]
    [InlineData(100, 0)]
    [InlineData(125, 0.5)]
    public void Cycles_rise_from_zero_over_their_share_and_stay(long update, double share)
    {
        var training = Plain with { KlSchedule = KlSchedule.Cyclical, KlCycles = 4, KlCycleRise = 0.5, Beta = 3 };
        var at = new SlotPosition(new TrialSpec { Index = 0, Model = new(), Training = training }, update, 40, 400, 10, 100);

        Assert.Equal(3 * share, RateSchedule.Weight(at), 1e-12);
    }

    private static OneStep SampledBound(OneStep like)
    {
        var iwae = new OneStep(Plain with { Objective = TrainingObjective.Iwae, ImportanceSamples = 1 });
        iwae.X.copy_(like.X);
        iwae.Noise = like.Noise;
        return iwae;
    }
}
