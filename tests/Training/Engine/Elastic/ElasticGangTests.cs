using Vae.Shared;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;
using Vae.Worker.Collectives.Groups;
using Vae.Worker.Collectives.SharedMemory;
using Vae.Worker.Training;
using static Vae.Tests.Training.Engine.PackRuns;

namespace Vae.Tests.Training.Engine.Elastic;

/// <summary>Losses, joins and halts at any act must not show in what is trained.</summary>
public sealed class ElasticGangTests : TorchTest
{
    // Full batches, so that what a slot computes depends on no other slot in any bit.
    private const int TrainRows = 10 * Batch;

    private static readonly GangOptions Even = new(BalanceMode.Even, OverlapMode.Off);

    public static TheoryData<int> Seeds => [1, 2, 3, 4, 5, 6];

    [Theory, MemberData(nameof(Seeds))]
    public void F01_losses_and_joins_leave_the_curve_as_it_is_and_count_each_row_once(int seed)
    {
        var architecture = seed % 3 == 0 ? Architecture.Conv : Architecture.Mlp;
        var optimizer = (OptimizerKind)(seed % 3);
        var trial = Spec(0, architecture, optimizer, steps: 75);

        using var gang = Run(new(seed, Workers: 3, Losses: 3, Joins: 3, Halts: 2), [trial], [], Even);

        Assert.True(gang.Worlds.Count >= 4, "Nothing happened.");
        CheckAll(gang, [trial]);
        AgreeWithinRounding(gang, [trial]);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void F01_a_lost_worker_that_is_replaced_at_once_changes_no_bit(int seed)
    {
        var trial = Spec(0, Architecture.Mlp, OptimizerKind.AdamW, steps: 75);
        using var calm = Run(new(seed, Workers: 3), [trial], [], Even);

        using var gang = Run(new(seed, Workers: 3, Losses: 4, Halts: 1) { Replaces = true }, [trial], [], Even);

        Assert.All(gang.Worlds, world => Assert.Equal(3, world));
        CheckAll(gang, [trial]);
        Assert.Equal(calm.Members[0].FinalWeights()[0], gang.Members[0].FinalWeights()[0]);
        foreach (var member in gang.Members)
            foreach (var (at, loss) in member.Losses)
                Assert.Equal(calm.Members[0].Losses[at], loss);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Packs_that_are_refilled_survive_losses_and_joins_at_any_act(int seed) => Refilled(seed, ahead: false);

    [Theory, MemberData(nameof(Seeds))]
    public void Packs_whose_slots_are_refilled_ahead_survive_losses_and_joins_at_any_act(int seed) => Refilled(seed, ahead: true);

    private static void Refilled(int seed, bool ahead)
    {
        var trials = Enumerable.Range(0, 6).Select(k => Spec(k, Architecture.Mlp, OptimizerKind.Adam, steps: 15 + (7 * k), latent: k % 2 == 0 ? 4 : 3, evaluateEvery: 1)).ToList();

        using var gang = Run(new(seed, Workers: 3, Losses: 3, Joins: 2, Halts: 2, SumsMost: 25) { Ahead = ahead }, trials[..3], trials[3..], Even);

        CheckAll(gang, trials);
        AgreeWithinRounding(gang, trials);
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void Codebook_goes_with_the_weights_to_who_joins_and_to_who_was_behind(int seed)
    {
        var plain = Spec(0, seed == 3 ? Architecture.Conv : Architecture.Mlp, steps: 75);
        var trial = plain with
        {
            Model = plain.Model with { Family = ModelFamily.Vq, Codes = 8, CodeSize = 3, CodePriorWidth = 10 },
            Training = plain.Training with { KlWarmupEpochs = 0, CodeDecay = 0.9, CodeRevival = 0.5 },
        };
        using var calm = Run(new(seed, Workers: 3), [trial], [], Even);

        using var gang = Run(new(seed, Workers: 3, Losses: 3, Halts: 1) { Replaces = true }, [trial], [], Even);

        CheckAll(gang, [trial]);
        Assert.Equal(calm.Members[0].FinalWeights()[0], gang.Members[0].FinalWeights()[0]);
    }

    [Theory]
    [InlineData("shared_memory")]
    [InlineData("gloo")]
    public void State_travels_whatever_engine_sums(string name)
    {
        IRingEngine engine = name == "gloo" ? new GlooEngine() : new SharedMemoryEngine();
        if (engine.Offer(new(engine.Kind)).Facts is null) return; // This libtorch has no Gloo, or this kernel shares no memory.
        var trial = Spec(0, Architecture.Mlp, OptimizerKind.Adam, steps: 60);

        using var gang = Run(new(11, Workers: 3, Losses: 2, Joins: 2, Halts: 1), [trial], [], Even, engine);

        CheckAll(gang, [trial]);
        AgreeWithinRounding(gang, [trial]);
    }

    [Fact]
    public void Compressed_gradients_begin_with_empty_remainders_and_go_on()
    {
        var trial = Spec(0, Architecture.Mlp, OptimizerKind.Adam, steps: 75) with { Model = Spec(0).Model with { Encoder = [1024, 256] } };
        var compressed = Even with { Compression = GradientCompression.Bfloat16 };
        using var calm = Run(new(3, Workers: 3), [trial], [], Even);

        using var gang = Run(new(3, Workers: 3, Losses: 2, Joins: 2), [trial], [], compressed);

        CheckAll(gang, [trial]);
        Assert.Equal(calm.Members[0].Evaluations[^1].Report.Elbo, gang.Members[0].Evaluations[^1].Report.Elbo, Math.Abs(calm.Members[0].Evaluations[^1].Report.Elbo) * 0.02);
    }

    [Fact]
    public void Gradients_that_leave_during_backward_survive_losses_too()
    {
        var trial = Spec(0, Architecture.Mlp, OptimizerKind.Adam, steps: 60) with { Model = Spec(0).Model with { Encoder = [1024, 256] } };
        using var calm = Run(new(4, Workers: 3), [trial], [], Even);

        using var gang = Run(new(4, Workers: 3, Losses: 3, SumsMost: 60) { Replaces = true }, [trial], [], Even with { Overlap = OverlapMode.On });

        CheckAll(gang, [trial]);
        Assert.Equal(calm.Members[0].FinalWeights()[0], gang.Members[0].FinalWeights()[0]);
    }

    [Fact]
    public void Rank_that_missed_the_last_act_takes_it_over()
    {
        var trial = Spec(0, steps: 20);
        for (var seed = 1; seed <= 60; seed++)
        {
            using var gang = Run(new(seed, Workers: 4, Losses: 2, SumsMost: 15), [trial], [], Even);
            CheckAll(gang, [trial]);
            if (gang.Laggards > 0) return;
        }

        Assert.Fail("In 60 gangs no rank was ever behind: the case is not reached.");
    }

    [Fact]
    public void Gang_of_two_goes_on_as_one()
    {
        var trial = Spec(0, Architecture.Mlp, OptimizerKind.Sgd, steps: 90);

        using var gang = Run(new(21, Workers: 2, Losses: 1, Joins: 0, Halts: 0, SumsMost: 20), [trial], [], Even);

        Assert.Equal([2, 1], gang.Worlds);
        CheckAll(gang, [trial]);
        AgreeWithinRounding(gang, [trial]);
    }

    [Fact]
    public void Gang_of_one_grows_step_by_step()
    {
        var trial = Spec(0, Architecture.Mlp, OptimizerKind.Sgd, steps: 120);

        using var gang = Run(new(21, Workers: 1, Joins: 3, Halts: 3, SumsMost: 20), [trial], [], Even);

        Assert.Equal([1, 2, 3, 4], gang.Worlds);
        CheckAll(gang, [trial]);
        AgreeWithinRounding(gang, [trial]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Rank_0_that_is_lost_at_the_moment_a_trial_ends_takes_no_result_with_it(bool last)
    {
        TrialSpec[] trials = [Spec(0, steps: 12), Spec(1, steps: last ? 12 : 40)];
        using var gang = New(new(1, Workers: 3), trials, [], Even);
        var first = gang.Members[0];
        gang.OnEnd = (member, _) =>
        {
            if (member == first) throw new RankDiedException();
        };

        gang.Run();

        Assert.Equal(2, gang.Members.Count);
        CheckAll(gang, trials);
        AgreeWithinRounding(gang, trials);
    }

    [Fact]
    public void Joiner_knows_the_ends_that_nobody_has_accepted_and_not_those_that_somebody_has()
    {
        TrialSpec[] trials = [Spec(0, steps: 8), Spec(1, steps: 9), Spec(2, steps: 60)];
        using var gang = New(new(8, Workers: 2, Losses: 1, Joins: 1, SumsMost: 41), trials, [], Even);
        gang.OnEnd = (member, end) =>
        {
            if (end.Trial.Index == 1) member.Ends.Forget(0);
        };

        gang.Run();

        foreach (var member in gang.Members) Assert.Equal([1, 2], member.Ends.All.Select(end => end.End.Trial.Index).Order());
        Assert.Equal(gang.Members[0].FinalWeights()[1], gang.Members[^1].FinalWeights()[1]);
    }

    private static TrialSpec Spec(int index, Architecture architecture = Architecture.Mlp, OptimizerKind optimizer = OptimizerKind.Adam, long steps = 60, int latent = 4, int evaluateEvery = 3)
    {
        var trial = Trial(index, architecture, latent, steps);
        return trial with { Training = trial.Training with { Seed = (ulong)index + 40, Optimizer = optimizer, Momentum = optimizer == OptimizerKind.Sgd ? 0.9 : trial.Training.Momentum, LearningRate = optimizer == OptimizerKind.Sgd ? 1e-4 : 1e-3, KlWarmupEpochs = 2, EvaluateEvery = evaluateEvery } };
    }

    private static ElasticGang New(Trouble trouble, IReadOnlyList<TrialSpec> trials, IReadOnlyList<TrialSpec> queue, GangOptions options, IRingEngine? engine = null)
    {
        TorchProcess.SetThreads(1);
        var data = Images(rows: HeldOut + TrainRows);
        var latent = trials.Concat(queue).Max(trial => trial.Model.Latent);
        return new(trouble, data, Pack, queue.Count > 0 ? queue : null, engine);

        PackTrainer Pack()
        {
            var trainer = new PackTrainer(trials.Count, latent, trials[0], data, torch.CPU, options);
            for (var slot = 0; slot < trials.Count; slot++) trainer.Fill(slot, trials[slot]);
            return trainer;
        }
    }

    private static ElasticGang Run(Trouble trouble, IReadOnlyList<TrialSpec> trials, IReadOnlyList<TrialSpec> queue, GangOptions options, IRingEngine? engine = null)
    {
        var gang = New(trouble, trials, queue, options, engine);
        gang.Run();
        return gang;
    }

    // Rows, ends and weights: every survivor has the same.
    private static void CheckAll(ElasticGang gang, IReadOnlyList<TrialSpec> trials)
    {
        var weights = gang.Members[0].FinalWeights();
        foreach (var trial in trials)
        {
            gang.Ledger.Check(trial, trial.Training.MaxSteps!.Value, TrainRows);
            foreach (var member in gang.Members)
            {
                var end = Assert.Single(member.Ends.All, end => end.End.Trial.Index == trial.Index).End;
                Assert.Equal((SlotEndKind.Done, trial.Training.MaxSteps.Value), (end.Kind, end.Step.Value));
                Assert.Equal(weights[trial.Index], member.FinalWeights()[trial.Index]);
            }
        }
    }

    // Against each trial trained alone, undisturbed, by one worker.
    private static void AgreeWithinRounding(ElasticGang gang, IReadOnlyList<TrialSpec> trials)
    {
        using var data = Images(rows: HeldOut + TrainRows);
        foreach (var trial in trials)
        {
            var alone = Train([trial], data);
            foreach (var member in gang.Members)
            {
                foreach (var ((index, step), loss) in member.Losses)
                    if (index == trial.Index)
                        Assert.Equal(alone.Losses(index)[(int)step - 1], loss, Math.Abs(loss) * 2e-4);
                var elbo = member.Ends.All.Single(end => end.End.Trial.Index == trial.Index).End.Report!.Elbo;
                Assert.Equal(alone.Ends[trial.Index].Report!.Elbo, elbo, Math.Abs(elbo) * 2e-4);
            }
        }
    }
}
