using Vae.Models.Networks;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;
using static Vae.Tests.Training.Engine.PackRuns;

namespace Vae.Tests.Training.Engine;

public sealed class PackTests : TorchTest
{
    [Theory]
    [InlineData(Architecture.Mlp, Binarize.Dynamic, Likelihood.Bernoulli)]
    [InlineData(Architecture.Mlp, Binarize.None, Likelihood.Gaussian)]
    [InlineData(Architecture.Conv, Binarize.Dynamic, Likelihood.Bernoulli)]
    [InlineData(Architecture.Mlp, Binarize.None, Likelihood.ContinuousBernoulli)]
    [InlineData(Architecture.Mlp, Binarize.None, Likelihood.DiscretisedLogistic)]
    [InlineData(Architecture.Resnet, Binarize.Dynamic, Likelihood.Bernoulli)]
    public void Each_trial_of_a_pack_follows_the_curve_that_it_follows_alone(Architecture architecture, Binarize binarize, Likelihood likelihood)
    {
        const int steps = 500;
        using var data = Images(binarize);
        var plain = Trial(0, architecture, steps: steps);
        // At a kink of relu the least rounding decides whether a unit learns, and so many units of a resnet stand at one that curves part: those of a trial alone from one last bit of a weight to the next as well.
        var activation = architecture == Architecture.Resnet ? Vae.Shared.Sweeps.Activation.Silu : Vae.Shared.Sweeps.Activation.Relu;
        plain = plain with { Model = plain.Model with { Likelihood = likelihood, Activation = activation } };
        var trials = new[]
        {
            plain,
            With(1, training => training with { Beta = 4, LearningRate = 3e-4, KlWarmupEpochs = 5.5 }),
            With(2, training => training with { Seed = 7, WeightDecay = 0.01, AdamBeta1 = 0.8, AdamBeta2 = 0.99, AdamEpsilon = 1e-6, Epochs = 20, MaxSteps = null }, latent: 2),
            With(3, training => training with { GradientClip = 5, MaxSteps = 250, EvaluateEvery = 3 }, latent: 7),
            With(4, training => training with { Beta = 0, Seed = 7, EvaluateEvery = 5 }),
        };

        var packed = PackRuns.Train(trials, data);

        foreach (var trial in trials) SameCurve(PackRuns.Train([trial], data), packed, trial.Index);

        TrialSpec With(int index, Func<TrainingSpec, TrainingSpec> change, int latent = 4) =>
            plain with { Index = index, Model = plain.Model with { Latent = latent }, Training = change(plain.Training) };
    }

    [Fact]
    public void A_batch_above_the_rows_of_an_evaluation_pass_is_evaluated_like_any_other()
    {
        using var data = new TrainingData(Vae.Data.Sprites.SpriteSource.Make(count: 1_400, size: 16, seed: 1), 700, Binarize.None, torch.CPU);
        var trials = Enumerable.Range(0, 2).Select(k => Trial(k, steps: 2)).Select(trial => trial with { Training = trial.Training with { Batch = 600 } }).ToList();

        var packed = PackRuns.Train(trials, data);

        foreach (var trial in trials) SameCurve(PackRuns.Train([trial], data), packed, trial.Index);
    }

    [Theory]
    [InlineData(OptimizerKind.AdamW)]
    [InlineData(OptimizerKind.Sgd)]
    public void Other_optimizers_have_their_numbers_per_slot_too(OptimizerKind optimizer)
    {
        using var data = Images();
        var trials = Enumerable.Range(0, 3).Select(k => Trial(k, steps: 100)).Select(trial => trial with
        {
            Training = trial.Training with { Optimizer = optimizer, LearningRate = 1e-3 * (1 + trial.Index), Momentum = 0.8 + (0.05 * trial.Index), WeightDecay = 0.02 * trial.Index },
        }).ToList();

        var packed = PackRuns.Train(trials, data);

        foreach (var trial in trials) SameCurve(PackRuns.Train([trial], data), packed, trial.Index);
    }

    [Theory]
    [InlineData(Architecture.Mlp)]
    [InlineData(Architecture.Conv)]
    [InlineData(Architecture.Resnet)]
    public void Any_number_of_workers_trains_a_pack_to_the_same_curves(Architecture architecture)
    {
        using var data = Images();
        TrialSpec[] trials = [Trial(0, architecture, 4, 120), WithSeed(Trial(1, architecture, 2, 90), 5), Trial(2, architecture, 4, 120)];
        var alone = PackRuns.Train(trials, data);

        foreach (var workers in (int[])[2, 3, 4])
        {
            var together = PackRuns.Train(trials, data, workers);
            foreach (var trial in trials) SameCurve(alone, together, trial.Index);
        }
    }

    [Fact]
    public void Same_pack_twice_gives_the_same_bits()
    {
        using var data = Images();
        TrialSpec[] trials = [Trial(0), WithSeed(Trial(1, latent: 2), 9), Trial(2)];

        var (first, second) = (PackRuns.Train(trials, data, workers: 2), PackRuns.Train(trials, data, workers: 2));

        foreach (var trial in trials)
        {
            Assert.Equal(first.Losses(trial.Index), second.Losses(trial.Index));
            Assert.Equal(first.Weights[trial.Index], second.Weights[trial.Index]);
            Assert.Equal(first.Ends[trial.Index].Report!.Elbo, second.Ends[trial.Index].Report!.Elbo);
        }
    }

    [Fact]
    public void Padding_of_a_smaller_latent_stays_exactly_zero()
    {
        using var data = Images();
        var small = Trial(1, latent: 3) with { Training = Trial(1).Training with { WeightDecay = 0.1, MaxSteps = 60 } };
        using var trainer = PackTrainer.Of([Trial(0, latent: 8), small], data, torch.CPU);
        var curves = new Curves(trainer);
        var checkedSteps = 0;
        curves.AfterStep = step =>
        {
            if (step % 20 != 0) return;
            checkedSteps++;
            using var scope = torch.NewDisposeScope();
            var state = trainer.Network.state_dict().ToDictionary(entry => entry.name, entry => entry.tensor);
            Assert.All(state["posterior.weight"].select(0, 1).view(2, 8, 16).narrow(1, 3, 5).ToArray<float>(), IsZero);
            Assert.All(state["posterior.bias"].select(0, 1).view(2, 8).narrow(1, 3, 5).ToArray<float>(), IsZero);
            Assert.All(state["decoder.0.weight"].select(0, 1).narrow(1, 3, 5).ToArray<float>(), IsZero);
            Assert.DoesNotContain(0f, state["posterior.weight"].select(0, 1).view(2, 8, 16).narrow(1, 0, 3).ToArray<float>());
        };

        trainer.Run(new NoAllReduce(), curves, CancellationToken.None);

        Assert.Equal(3, checkedSteps);
        Assert.Equal(3, curves.Ends[1].Report!.RatePerDimension.Count);
    }

    [Fact]
    public void Trial_alone_in_a_place_made_for_a_larger_latent_follows_its_own_curve()
    {
        using var data = Images();
        TrialSpec larger = Trial(0, latent: 7, steps: 30), trial = Trial(1, latent: 2, steps: 60);
        trial = trial with { Training = trial.Training with { Beta = 4 } };
        using var trainer = new PackTrainer(1, 7, larger, data, torch.CPU);
        var curves = new Curves(trainer);
        trainer.Fill(0, larger);
        trainer.Run(new NoAllReduce(), curves, CancellationToken.None);

        trainer.Fill(0, trial); // As a refill does: the noise of the larger one is still there.
        trainer.Run(new NoAllReduce(), curves, CancellationToken.None);

        SameCurve(PackRuns.Train([trial], data), curves, trial.Index);
    }

    [Fact]
    public void Trial_leaves_a_pack_in_its_own_shapes()
    {
        using var data = Images();
        using var trainer = PackTrainer.Of([Trial(0, latent: 8), WithSeed(Trial(1, latent: 3), 5)], data, torch.CPU);
        using var own = VaeNetwork.Create(Trial(1, latent: 3).Model, data.Shape, [5UL]);
        using var taken = trainer.Extract(1);
        using var scope = torch.NewDisposeScope();

        foreach (var ((name, expected), (_, actual)) in own.state_dict().Zip(taken.state_dict()))
        {
            Assert.Equal(expected.shape, actual.shape);
            Assert.True(expected.ToArray<float>().AsSpan().SequenceEqual(actual.ToArray<float>()), name);
        }

        Assert.Equal(own.parameters().Sum(parameter => parameter.numel()), trainer.Network.ParametersOf(3));
    }

    [Theory]
    [InlineData(Architecture.Mlp)]
    [InlineData(Architecture.Conv)]
    [InlineData(Architecture.Resnet)]
    public void Trial_that_diverges_ends_alone_and_touches_nobody(Architecture architecture)
    {
        using var data = Images();
        var bad = WithSeed(Trial(1, architecture), 3) with { Training = Trial(1, architecture).Training with { Seed = 3, LearningRate = 1e30, Optimizer = OptimizerKind.Sgd, GradientClip = 1 } };
        var (good, other) = (Sgd(WithSeed(Trial(0, architecture), 2)), Sgd(WithSeed(Trial(2, architecture), 4)));
        var undisturbed = PackRuns.Train([good, Sgd(WithSeed(Trial(1, architecture), 3)), other], data);

        var disturbed = PackRuns.Train([good, bad, other], data);

        var end = disturbed.Ends[1];
        Assert.Equal(SlotEndKind.NonFinite, end.Kind);
        Assert.Contains($"step {end.Step.Value + 1}", end.Text, StringComparison.Ordinal);
        Assert.All(disturbed.Weights[1], weight => Assert.True(float.IsFinite(weight)));
        foreach (var trial in (int[])[0, 2])
        {
            Assert.Equal(undisturbed.Losses(trial), disturbed.Losses(trial));
            Assert.Equal(undisturbed.Weights[trial], disturbed.Weights[trial]);
        }

        static TrialSpec Sgd(TrialSpec trial) => trial with { Training = trial.Training with { Optimizer = OptimizerKind.Sgd } };
    }

    [Theory]
    [InlineData(1, false, Architecture.Mlp)]
    [InlineData(1, true, Architecture.Mlp)]
    [InlineData(2, true, Architecture.Mlp)]
    [InlineData(1, true, Architecture.Conv)]
    [InlineData(1, false, Architecture.Resnet)]
    public void Slot_is_emptied_and_refilled_without_touching_the_others(int workers, bool equalSeeds, Architecture architecture)
    {
        // 408 rows: all steps are full, so that the others' products have the same shapes wherever the newcomer stands.
        using var data = Images(rows: HeldOut + (17 * Batch));
        // Trials of equal seeds share rows and noise until the newcomer, which stands elsewhere, parts them.
        TrialSpec[] trials = [.. Enumerable.Range(0, 3).Select(k => WithSeed(Trial(k, architecture, latent: k == 1 ? 3 : 4, steps: 80), equalSeeds ? 2 : (ulong)k + 2))];
        var newcomer = WithSeed(Trial(7, architecture, latent: 2, steps: 45), 8);
        var undisturbed = PackRuns.Train(trials, data, workers);
        var alone = PackRuns.Train([newcomer], data);

        var curves = new Curves[workers];
        RunOnEach(workers, allReduce =>
        {
            using var trainer = PackTrainer.Of(trials, data, torch.CPU);
            var mine = curves[allReduce.Rank] = new Curves(trainer);
            var orders = new SlotOrders();
            // Ranks hear of orders at different times; nothing is said about which step they are applied at.
            mine.AfterStep = step =>
            {
                if (step == 10 + allReduce.Rank) orders.Add([new SlotOrder(1, SlotOrderKind.Empty, 1, null, "pruned at rung 1")]);
                if (step == 8) orders.Add([new SlotOrder(3, SlotOrderKind.Close, 0, null, "")]); // Jobs overtake each other.
                if (step == 20 - allReduce.Rank) orders.Add([new SlotOrder(1, SlotOrderKind.Empty, 1, null, "known"), new SlotOrder(2, SlotOrderKind.Fill, 1, newcomer, "")]);
            };
            trainer.Run(allReduce, mine, orders, closed: false, CancellationToken.None);
        });

        Assert.All(curves, mine => Assert.Equal([1L, 2, 3], mine.Orders));
        foreach (var trial in (int[])[0, 2])
        {
            Assert.Equal(undisturbed.Losses(trial), curves[0].Losses(trial));
            Assert.Equal(undisturbed.Weights[trial], curves[0].Weights[trial]);
        }

        Assert.Equal((SlotEndKind.Emptied, "pruned at rung 1"), (curves[0].Ends[1].Kind, curves[0].Ends[1].Text));
        Assert.Equal(undisturbed.Losses(1).Take((int)curves[0].Ends[1].Step.Value), curves[0].Losses(1));
        SameCurve(alone, curves[0], 7);
    }

    [Fact]
    public void Newcomer_is_the_same_trial_at_whatever_step_of_an_epoch_it_begins()
    {
        using var data = Images();
        var newcomer = Trial(7, latent: 2, steps: 60) with { Training = Trial(7).Training with { MaxSteps = 60, EvaluateEvery = 1, KlWarmupEpochs = 2 } };
        var alone = PackRuns.Train([newcomer], data);
        foreach (var at in (int[])[1, StepsPerEpoch - 1, StepsPerEpoch, StepsPerEpoch + 5])
        {
            using var trainer = new PackTrainer(3, latent: 4, Trial(0), data, torch.CPU);
            trainer.Fill(0, Trial(0, steps: 100));
            var curves = new Curves(trainer);
            var orders = new SlotOrders();
            curves.AfterStep = step =>
            {
                if (step == at) orders.Add([new SlotOrder(1, SlotOrderKind.Fill, 2, newcomer, ""), new SlotOrder(2, SlotOrderKind.Close, 0, null, "")]);
            };
            trainer.Run(new NoAllReduce(), curves, orders, closed: false, CancellationToken.None);

            SameCurve(alone, curves, 7);
            Assert.Equal(alone.Evaluations.Select(e => e.Step), curves.Evaluations.Where(e => e.Trial == 7).Select(e => e.Step));
            SameCurve(PackRuns.Train([Trial(0, steps: 100)], data), curves, 0);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Idle_pack_waits_for_its_next_trial_and_ends_when_it_is_closed(int workers)
    {
        using var data = Images();
        var (first, second) = (Trial(0, steps: 5), Trial(1, steps: 7));
        var curves = new Curves[workers];
        RunOnEach(workers, allReduce =>
        {
            using var trainer = PackTrainer.Of([first], data, torch.CPU);
            var mine = curves[allReduce.Rank] = new Curves(trainer);
            var orders = new SlotOrders();
            using var idle = new SemaphoreSlim(0);
            mine.WhenIdle = () => idle.Release();
            var giver = new Thread(() =>
            {
                idle.Wait();
                orders.Add([new SlotOrder(1, SlotOrderKind.Fill, 0, second, "")]);
                idle.Wait();
                orders.Add([new SlotOrder(2, SlotOrderKind.Empty, 0, null, "late"), new SlotOrder(3, SlotOrderKind.Close, 0, null, "")]);
            });
            giver.Start();
            trainer.Run(allReduce, mine, orders, closed: false, CancellationToken.None);
            giver.Join();
        });

        Assert.All(curves, mine => Assert.Equal([1L, 2, 3], mine.Orders));
        SameCurve(PackRuns.Train([first], data), curves[0], 0);
        SameCurve(PackRuns.Train([second], data), curves[0], 1);
    }

    [Fact]
    public void Emptied_slot_holds_no_weight_of_its_trial_and_its_neighbours_keep_theirs()
    {
        using var data = Images();
        using var trainer = PackTrainer.Of([Trial(0), Trial(1), Trial(2)], data, torch.CPU);
        using var scope = torch.NewDisposeScope();
        foreach (var weights in trainer.Network.parameters()) weights.select(0, 1).detach().fill_(float.NaN); // What a trial may have diverged to.
        var before = Neighbours();

        trainer.Empty(1);

        foreach (var weights in trainer.Network.parameters()) Assert.All(weights.select(0, 1).contiguous().ToArray<float>(), IsZero);
        Assert.Equal(before, Neighbours());

        float[] Neighbours() => [.. trainer.Network.parameters().SelectMany(weights => (float[])[.. weights.select(0, 0).contiguous().ToArray<float>(), .. weights.select(0, 2).contiguous().ToArray<float>()])];
    }

    [Fact]
    public void Idle_pack_can_be_stopped()
    {
        using var data = Images();
        using var trainer = new PackTrainer(2, 4, Trial(0), data, torch.CPU);
        using var stop = new CancellationTokenSource();
        var curves = new Curves(trainer) { WhenIdle = stop.Cancel };

        Assert.Throws<OperationCanceledException>(() => trainer.Run(new NoAllReduce(), curves, new SlotOrders(), closed: false, stop.Token));
    }

    [Fact]
    public void Trial_of_another_shape_or_too_large_is_refused_by_name()
    {
        using var data = Images();
        using var trainer = PackTrainer.Of([Trial(0, latent: 4)], data, torch.CPU);
        trainer.Empty(0);

        Assert.Contains("latent size 5", Assert.Throws<ArgumentException>(() => trainer.Fill(0, Trial(3, latent: 5))).Message, StringComparison.Ordinal);
        var wide = Trial(3) with { Model = Trial(3).Model with { Encoder = [64] } };
        Assert.Contains("another shape", Assert.Throws<ArgumentException>(() => trainer.Fill(0, wide)).Message, StringComparison.Ordinal);
        trainer.Fill(0, Trial(4));
        Assert.Contains("holds trial 4", Assert.Throws<ArgumentException>(() => trainer.Fill(0, Trial(3))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, Architecture.Mlp)]
    [InlineData(4, Architecture.Mlp)]
    [InlineData(1, Architecture.Conv)]
    [InlineData(4, Architecture.Conv)]
    [InlineData(1, Architecture.Resnet)]
    [InlineData(3, Architecture.Resnet)]
    public void Training_allocates_no_managed_memory_per_step(int slots, Architecture architecture)
    {
        const int warmUp = 6 * StepsPerEpoch, measured = 10 * StepsPerEpoch;
        using var data = Images();
        var trials = Enumerable.Range(0, slots).Select(k => WithSeed(Trial(k, architecture, 2 + k, warmUp + measured + 5), (ulong)(k / 2))).ToList();
        using var trainer = PackTrainer.Of(trials, data, torch.CPU);
        var counter = new AllocationCounter(warmUp, warmUp + measured);

        trainer.Run(new NoAllReduce(), counter, CancellationToken.None);

        // Shapes change with the short batch at the end of an epoch; two views are made anew for each change.
        var changes = 2 * measured / StepsPerEpoch;
        Assert.InRange(counter.Bytes, 0, changes * 4 * 128);
    }

    private static void IsZero(float value) => Assert.Equal(0f, value);

    private static TrialSpec WithSeed(TrialSpec trial, ulong seed) => trial with { Training = trial.Training with { Seed = seed } };

    private static void RunOnEach(int workers, Action<IAllReduce> body)
    {
        if (workers == 1) body(new NoAllReduce());
        else
        {
            RingThreads.Run(workers, allReduce =>
            {
                TorchProcess.SetThreads(1);
                body(allReduce);
            });
        }
    }
}
