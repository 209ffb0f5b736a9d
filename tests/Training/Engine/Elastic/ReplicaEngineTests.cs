using System.Buffers;
using System.Globalization;
using System.Text;
using Vae.Runtime.Actors;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Worker.Engine;
using static Vae.Tests.Training.Engine.PackRuns;

namespace Vae.Tests.Training.Engine.Elastic;

/// <summary>What a worker's engine does with generations: the same calls in the same order as a runner makes them.</summary>
public sealed class ReplicaEngineTests : TorchTest
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task F01_gang_halts_by_order_then_loses_rank_0_and_the_others_finish_without_a_hole_in_the_curve()
    {
        var trial = Long(0, 4_000);
        await using var gang = new EngineGang(3, [trial]);
        var (first, second, third) = (gang.Workers[0], gang.Workers[1], gang.Workers[2]);

        var training = gang.Workers.Select(worker => worker.TrainAsync(1, gang.Workers)).ToArray();
        foreach (var worker in gang.Workers) await StartedAsync(worker);
        foreach (var worker in gang.Workers) worker.Engine.Halt(new(1));
        var halts = await Task.WhenAll(training).WaitAsync(Patience);

        Assert.Contains(halts, halt => halt!.Kind == FailureKind.Preempted);
        Assert.All(halts, halt => Assert.InRange(halt!.Position, 1, 3_999));
        Assert.InRange(halts.Max(halt => halt!.Position) - halts.Min(halt => halt!.Position), 0, 1);

        var furthest = gang.Workers[Array.FindIndex(halts, halt => halt!.Position == halts.Max(other => other!.Position))];
        training = [.. gang.Workers.Select(worker => worker.TrainAsync(2, gang.Workers, furthest))];
        foreach (var worker in gang.Workers) await StartedAsync(worker);
        first.Engine.Stop("it is gone");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => training[0].WaitAsync(Patience));
        halts = await Task.WhenAll(training[1..]).WaitAsync(Patience);

        Assert.All(halts, halt => Assert.Equal((FailureKind.PeerLost, first.Member.Worker), (halt!.Kind, Assert.Single(halt.Silent))));
        var source = halts[1]!.Position > halts[0]!.Position ? third : second;
        EngineGang.EngineWorker[] left = [third, second];
        training = [.. left.Select(worker => worker.TrainAsync(3, left, source))];
        Assert.Null(await training[0].WaitAsync(Patience));

        var result = Assert.Single(third.Results);
        Assert.Equal((TrialState.Done, 4_000L, 4), (result.State, result.Steps, result.Artifacts.Count));
        Assert.Empty(second.Results);
        Assert.False(training[1].IsCompleted); // It would tell the result should rank 0 be lost now.
        second.Engine.Halt(new(3));
        Assert.Equal(FailureKind.Preempted, (await training[1].WaitAsync(Patience))!.Kind);

        // What the lost rank 0 had not handed on is as lost as if its process had been killed.
        var steps = third.Points.Concat(second.Points).SelectMany(points => points).OfType<MetricPoint.TrainStep>().Select(point => point.Step.Value).ToHashSet();
        Assert.Equal(Enumerable.Range(1, 4_000).Select(step => (long)step), steps.Order());
        Assert.Contains(third.Points.SelectMany(points => points), point => point is MetricPoint.Evaluation);
    }

    [Fact]
    public async Task Order_to_halt_that_overtakes_the_order_to_train_halts_it()
    {
        await using var gang = new EngineGang(1, [Long(0, 400)]);
        gang.Workers[0].Engine.Halt(new(1));

        var halt = await gang.Workers[0].TrainAsync(1, gang.Workers).WaitAsync(Patience);

        Assert.Equal((0L, FailureKind.Preempted), (halt!.Position, halt.Kind));
        var training = gang.Workers[0].TrainAsync(2, gang.Workers);
        await StartedAsync(gang.Workers[0]);
        gang.Workers[0].Engine.Halt(new(1)); // Of the past.
        Assert.Null(await training.WaitAsync(Patience));
    }

    [Fact]
    public async Task Order_to_halt_ends_the_wait_for_a_member_that_never_comes()
    {
        await using var gang = new EngineGang(2, [Long(0, 400)]);

        var training = gang.Workers[0].TrainAsync(1, gang.Workers);
        gang.Workers[0].Engine.Halt(new(1));

        var halt = await training.WaitAsync(Patience);
        Assert.Equal((0L, FailureKind.Preempted), (halt!.Position, halt.Kind));
        Assert.Null(await gang.Workers[0].TrainAsync(2, [gang.Workers[0]]).WaitAsync(Patience));
    }

    [Fact]
    public async Task Rank_0_that_is_lost_while_it_stores_a_result_leaves_it_to_the_next_one()
    {
        await using var gang = new EngineGang(2, [Long(0, 6), Long(1, 900)]);
        var (first, second) = (gang.Workers[0], gang.Workers[1]);
        var gate = new TaskCompletionSource();
        gang.Store.Gate = gate.Task;

        var training = gang.Workers.Select(worker => worker.TrainAsync(1, gang.Workers)).ToArray();
        Assert.True(await gang.Store.Waiting.WaitAsync(Patience)); // Trial 0 has ended and its first file is on the way.
        first.Engine.Stop("it is gone");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => training[0].WaitAsync(Patience));
        Assert.Equal(FailureKind.PeerLost, (await training[1].WaitAsync(Patience))!.Kind);
        gate.SetResult();
        Assert.Null(await second.TrainAsync(2, [second], second).WaitAsync(Patience));

        Assert.Empty(first.Results);
        Assert.Equal([0, 1], second.Results.Select(result => result.TrialIndex).Order());
        Assert.All(second.Results, result => Assert.Equal((TrialState.Done, 4), (result.State, result.Artifacts.Count)));
    }

    [Fact]
    public async Task End_that_is_durable_is_told_by_no_later_rank_0_and_a_joiner_tells_what_is_not()
    {
        await using var gang = new EngineGang(3, [Long(0, 6), Long(1, 7), Long(2, 8_000)]);
        EngineGang.EngineWorker[] two = [gang.Workers[0], gang.Workers[1]];
        var joiner = gang.Workers[2];

        var training = two.Select(worker => worker.TrainAsync(1, two)).ToArray();
        while (two[0].Results.Count < 2) await Task.Delay(5).WaitAsync(Patience);
        two[1].Engine.Forget(0);
        foreach (var worker in two) worker.Engine.Halt(new(1));
        var halts = await Task.WhenAll(training).WaitAsync(Patience);
        var source = halts[1]!.Position >= halts[0]!.Position ? two[1] : two[0];
        if (source == two[0]) two[0].Engine.Forget(0);
        EngineGang.EngineWorker[] grown = [joiner, two[1]];
        training = [.. grown.Select(worker => worker.TrainAsync(2, source == two[0] ? [.. grown, two[0]] : grown, source)), .. source == two[0] ? new[] { two[0].TrainAsync(2, [.. grown, two[0]], source) } : []];
        Assert.Null(await training[0].WaitAsync(Patience));

        Assert.Equal([1, 2], joiner.Results.Select(result => result.TrialIndex).Order());
        foreach (var worker in two) worker.Engine.Halt(new(2));
        Assert.All(await Task.WhenAll(training[1..]).WaitAsync(Patience), Assert.NotNull);
    }

    [Fact]
    public async Task Each_evaluation_is_told_with_what_the_objective_says_beside_the_bound()
    {
        var trial = Long(0, 100); // Ten steps of an epoch.
        await using var gang = new EngineGang(1, [trial with { Model = trial.Model with { Family = ModelFamily.Vq, Codes = 8, CodeSize = 4, CodePriorWidth = 8 } }]);
        var worker = gang.Workers[0];

        Assert.Null(await worker.TrainAsync(1, gang.Workers).WaitAsync(Patience));

        var evaluations = worker.Points.SelectMany(points => points).OfType<MetricPoint.Evaluation>().ToList();
        Assert.Equal(2, evaluations.Count); // Epochs 5 and 10.
        Assert.All(evaluations, evaluation => Assert.Equal(["perplexity", "codes_in_use"], evaluation.Figures.Select(figure => figure.Name)));
        Assert.All(evaluations, evaluation => Assert.InRange(evaluation.Figures[0].Value, 1, 8));
        Assert.Equal(Assert.Single(worker.Results).Figures, evaluations[^1].Figures);
    }

    [Theory]
    [InlineData("training.objective: tc, factor and mmd look at one aggregate posterior, but a ladder has one for each layer")]
    [InlineData("this version does not train family 99 yet")]
    public async Task A_trial_that_this_version_does_not_train_is_refused_by_name_before_anything_is_built(string reason)
    {
        var trial = Long(3, 10);
        var model = reason.StartsWith("this version", StringComparison.Ordinal) ? trial.Model with { Family = (ModelFamily)99 } : trial.Model with { Family = ModelFamily.Ladder };
        await using var gang = new EngineGang(1, [trial with { Assignments = [new("training.beta", "2")], Model = model, Training = trial.Training with { Objective = TrainingObjective.Tc } }]);

        var refusal = await Assert.ThrowsAsync<UnsupportedException>(() => gang.Workers[0].Prepared.WaitAsync(Patience));

        Assert.StartsWith("trial 3 (beta=2): ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bfloat16_is_refused_by_a_worker_without_a_device_for_it_before_anything_is_built()
    {
        await using var gang = new EngineGang(1, [Long(0, 10)], new ResourceSpec { Precision = NumericPrecision.Bfloat16 });

        var refusal = await Assert.ThrowsAsync<UnsupportedException>(() => gang.Workers[0].Prepared.WaitAsync(Patience));

        Assert.StartsWith("resources.precision: bfloat16 needs a CUDA device", refusal.Message, StringComparison.Ordinal);
        Assert.Equal((FailureKind.Engine, refusal.Message), EngineFailure.Describe(refusal)); // Against the trial: no other attempt would end otherwise.
    }

    [Fact]
    public async Task Metrics_tell_the_whole_exchange_of_gradients_and_the_part_that_training_stood_still_for()
    {
        var trial = Long(0, 30);
        trial = trial with { Model = trial.Model with { Encoder = [1024, 512] } }; // Several buckets: all but the last leave during backward.
        await using var gang = new EngineGang(2, [trial], new ResourceSpec { Balance = BalanceMode.Even, Overlap = OverlapMode.On });

        var training = gang.Workers.Select(worker => worker.TrainAsync(1, gang.Workers)).ToArray();
        Assert.Null(await training[0].WaitAsync(Patience));

        var text = new ArrayBufferWriter<byte>();
        gang.Workers[0].Metrics.Registry.Write(text);
        var (whole, exposed) = (Value("vae_allreduce_seconds_total{worker=\"worker-1\"} "), Value("vae_train_step_seconds_total{phase=\"allreduce\"} "));
        Assert.True(exposed > 0);
        Assert.True(whole > exposed, $"{whole} s in all, {exposed} s of them exposed");

        double Value(string series)
        {
            var line = Encoding.UTF8.GetString(text.WrittenSpan).Split('\n').Single(line => line.StartsWith(series, StringComparison.Ordinal));
            return double.Parse(line[series.Length..], CultureInfo.InvariantCulture);
        }
    }

    private static TrialSpec Long(int index, long steps)
    {
        var trial = Trial(index, steps: steps);
        return trial with { Training = trial.Training with { Seed = (ulong)index + 3, EvaluateEvery = 5 } };
    }

    private static async Task StartedAsync(EngineGang.EngineWorker worker) => Assert.True(await worker.Started.WaitAsync(Patience), $"{worker.Member.Worker} did not start.");
}
