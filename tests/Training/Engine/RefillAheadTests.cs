using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;
using static Vae.Tests.Training.Engine.PackRuns;

namespace Vae.Tests.Training.Engine;

/// <summary>A trial that is ordered into a slot that is still taken begins at the act in which the slot's trial ends, on all ranks, and is the same trial as ever.</summary>
public sealed class RefillAheadTests : TorchTest
{
    private static readonly TrialSpec Newcomer = Trial(7, latent: 2, steps: 40) with { Training = Trial(7).Training with { MaxSteps = 40, Seed = 8 } };

    private static SlotOrder Fill(long number, int slot, TrialSpec trial) => new(number, SlotOrderKind.Fill, slot, trial, "");

    private static SlotOrder Stop(long number, int slot, TrialSpec trial) => new(number, SlotOrderKind.Empty, slot, trial, "stopped");

    private static SlotOrder Close(long number) => new(number, SlotOrderKind.Close, 0, null, "");

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Trial_that_waits_for_a_slot_begins_with_the_next_step_and_leaves_its_companions_alone(int workers)
    {
        // 408 rows: all steps are full, so that the others' products have the same shapes wherever the newcomer stands.
        using var data = Images(rows: HeldOut + (17 * Batch));
        TrialSpec[] trials = [Trial(0, steps: 30), Trial(1, steps: 80)];
        var (undisturbed, alone) = (PackRuns.Train(trials, data, workers), PackRuns.Train([Newcomer], data));

        var curves = new Curves[workers];
        RingThreads.Run(workers, allReduce =>
        {
            TorchProcess.SetThreads(1);
            using var trainer = PackTrainer.Of(trials, data, torch.CPU);
            var mine = curves[allReduce.Rank] = new Curves(trainer);
            var orders = new SlotOrders();
            mine.AfterStep = step =>
            {
                if (step == 10 + allReduce.Rank) orders.Add([Fill(1, 0, Newcomer), Close(2)]);
                if (step == 31) Assert.Equal(7, trainer.TrialAt(0)!.Index);
            };
            trainer.Run(allReduce, mine, orders, closed: false, CancellationToken.None);
            Assert.Equal(80, mine.PackSteps); // None in vain.
        });

        Assert.All(curves, mine => Assert.Equal([1L, 2], mine.Orders));
        Assert.Equal(undisturbed.Losses(0), curves[0].Losses(0));
        Assert.Equal(undisturbed.Losses(1), curves[0].Losses(1));
        Assert.Equal(undisturbed.Weights[1], curves[0].Weights[1]);
        SameCurve(alone, curves[0], 7);
    }

    [Fact]
    public void Trial_that_is_stopped_before_it_begins_ends_without_a_step_and_a_stop_of_one_that_has_ended_does_not_hit_its_follower()
    {
        using var data = Images();
        TrialSpec[] trials = [Trial(0, steps: 30)];
        using var trainer = PackTrainer.Of(trials, data, torch.CPU);
        var curves = new Curves(trainer);
        var orders = new SlotOrders();
        curves.AfterStep = step =>
        {
            if (step == 5) orders.Add([Fill(1, 0, Trial(3)), Stop(2, 0, Trial(3)), Fill(3, 0, Newcomer)]);
            if (step == 35) orders.Add([Stop(4, 0, Trial(0)), Close(5)]);
        };
        trainer.Run(new NoAllReduce(), curves, orders, closed: false, CancellationToken.None);

        Assert.Equal((SlotEndKind.Emptied, 0L, "stopped"), curves.Ends[3] is var end ? (end.Kind, end.Step.Value, end.Text) : default);
        Assert.Equal(SlotEndKind.Done, curves.Ends[0].Kind);
        SameCurve(PackRuns.Train([Newcomer], data), curves, 7);
    }

    [Fact]
    public void State_that_travels_knows_who_waits()
    {
        using var data = Images();
        using var first = PackTrainer.Of([Trial(0, steps: 30)], data, torch.CPU);
        var orders = new SlotOrders();
        orders.Add([Fill(1, 0, Newcomer), Close(2)]);
        var snapshot = new PackSnapshot();
        using var stop = new CancellationTokenSource();
        var before = new Curves(first) { AfterStep = step => { if (step == 10) stop.Cancel(); } };
        Assert.Throws<OperationCanceledException>(() => first.Run(new NoAllReduce(), before, orders, closed: false, stop.Token));
        first.Save(snapshot);
        Assert.Equal([(0, 7)], snapshot.Waiting.Select(waiting => (waiting.Slot, waiting.Trial.Index)));

        using var bytes = new MemoryStream();
        snapshot.WriteTo(bytes);
        using var other = PackTrainer.Of([Trial(0, steps: 30)], data, torch.CPU);
        other.Load(PackSnapshot.Read(bytes.ToArray()));
        var track = new SnapshotTests.Track(other);
        other.Run(new NoAllReduce(), track, new SlotOrders(), closed: false, CancellationToken.None);
        Assert.Equal([0, 7], track.Ends.Keys);
        Assert.Equal(PackRuns.Train([Newcomer], data).Losses(7), track.Losses[7].Values);
        first.Load(PackSnapshot.Read(bytes.ToArray()));
        first.Save(snapshot);
        Assert.Single(snapshot.Waiting);
    }

    [Fact]
    public void End_of_a_trial_is_told_ahead_until_another_waits_and_never_in_a_closed_pack()
    {
        using var data = Images();
        using var trainer = PackTrainer.Of([Trial(0, steps: 30)], data, torch.CPU);
        var listener = new EndingListener();
        var orders = new SlotOrders();
        listener.AfterStep = step =>
        {
            if (step == 10) orders.Add([Fill(1, 0, Newcomer)]);
            if (step == 50) orders.Add([Close(2)]);
        };
        trainer.Run(new NoAllReduce(), listener, orders, closed: false, CancellationToken.None);
        Assert.Contains(10, listener.ToldAt); // Thirty steps of a small model are through within seconds.
        Assert.DoesNotContain(listener.ToldAt, step => step is > 11 and <= 30 or > 51);
        Assert.Contains(40, listener.ToldAt);
    }

    private sealed class EndingListener : ITrainingListener
    {
        private int _steps;

        public List<int> ToldAt { get; } = [];

        public Action<int> AfterStep { get; set; } = _ => { };

        public void SlotEnding(int slot) => ToldAt.Add(_steps + 1);

        public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds) { }

        public void StepTimed(StepClock clock, int trials, int rows) => AfterStep(++_steps);

        public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss) { }
    }
}
