using Vae.Data.Safetensors;
using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;
using static Vae.Tests.Training.Engine.PackRuns;

namespace Vae.Tests.Training.Engine;

public sealed class SnapshotTests : TorchTest
{
    [Theory]
    [InlineData(Architecture.Mlp, OptimizerKind.Adam, 25)]
    [InlineData(Architecture.Mlp, OptimizerKind.AdamW, StepsPerEpoch)]
    [InlineData(Architecture.Mlp, OptimizerKind.Sgd, 1)]
    [InlineData(Architecture.Conv, OptimizerKind.Adam, 3 * StepsPerEpoch)]
    [InlineData(Architecture.Conv, OptimizerKind.Sgd, 40)]
    public void Pack_that_goes_on_from_a_snapshot_computes_the_bits_that_it_computes_undisturbed(Architecture architecture, OptimizerKind optimizer, int at)
    {
        using var data = Images();
        var trials = Trials(architecture, optimizer);
        using var trainer = PackTrainer.Of(trials, data, torch.CPU);
        var undisturbed = new Track(trainer);
        var snapshot = new PackSnapshot();
        RunUntil(trainer, undisturbed, at);
        trainer.Save(snapshot);
        trainer.Run(new NoAllReduce(), undisturbed, CancellationToken.None);

        // Once more in the same pack, once in a new one, and once from a file.
        var again = Resume(trainer, snapshot);
        using var other = PackTrainer.Of(trials, data, torch.CPU);
        var elsewhere = Resume(other, snapshot);
        var fromFile = Resume(other, PackSnapshot.Read(Bytes(snapshot)));

        foreach (var track in (Track[])[again, elsewhere, fromFile]) track.ContinuesLike(undisturbed, snapshot);
        Assert.Equal(new Curve(PackRuns.Train(trials, data)), new Curve(undisturbed));
    }

    [Fact]
    public void Snapshot_between_the_last_step_of_an_epoch_and_its_evaluation_leads_to_that_evaluation()
    {
        using var data = Images();
        var trials = Trials(Architecture.Mlp, OptimizerKind.Adam);
        using var trainer = PackTrainer.Of(trials, data, torch.CPU);
        var track = new Track(trainer);
        var snapshot = new PackSnapshot();
        RunUntil(trainer, track, 2 * StepsPerEpoch);
        trainer.Save(snapshot);
        Assert.DoesNotContain(track.Evaluations, evaluation => evaluation.Step == 2 * StepsPerEpoch);

        var resumed = Resume(trainer, snapshot);

        Assert.Contains(resumed.Evaluations, evaluation => evaluation is { Trial: 0, Step: 2 * StepsPerEpoch });
        Assert.Equal(2 * StepsPerEpoch, (int)snapshot.Find(0)!.Step.Value);
    }

    [Theory]
    [InlineData(Architecture.Mlp, OptimizerKind.Adam)]
    [InlineData(Architecture.Conv, OptimizerKind.AdamW)]
    public void Trial_goes_on_in_another_slot_of_a_larger_and_wider_pack_on_its_own_curve(Architecture architecture, OptimizerKind optimizer)
    {
        using var data = Images();
        var trials = Trials(architecture, optimizer);
        var alone = PackRuns.Train([trials[1]], data);
        var snapshot = new PackSnapshot();
        using (var trainer = PackTrainer.Of(trials, data, torch.CPU))
        {
            RunUntil(trainer, new Track(trainer), 33);
            trainer.Save(snapshot);
        }

        using var wide = new PackTrainer(5, latent: 9, trials[0], data, torch.CPU);
        wide.Fill(0, trials[0] with { Index = 8, Model = trials[0].Model with { Latent = 9 } });
        wide.Restore(3, trials[1], PackSnapshot.Read(Bytes(snapshot)).Find(1)!);
        var track = new Track(wide);
        wide.Run(new NoAllReduce(), track, CancellationToken.None);

        var want = alone.Losses(1);
        Assert.Equal(Enumerable.Range(34, want.Count - 33).Select(step => (long)step), track.Losses[1].Keys);
        Assert.All(track.Losses[1], loss => Assert.Equal(want[(int)loss.Key - 1], loss.Value, Math.Abs(loss.Value) * 1e-4));
        Assert.Equal(alone.Ends[1].Report!.Elbo, track.Ends[1].Report!.Elbo, Math.Abs(track.Ends[1].Report!.Elbo) * 1e-4);
        Assert.Equal(alone.Ends[1].Step, track.Ends[1].Step);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Gang_that_goes_on_from_the_snapshot_of_one_rank_computes_the_same_bits(int workers)
    {
        using var data = Images();
        var trials = Trials(Architecture.Mlp, OptimizerKind.Adam);
        var undisturbed = PackRuns.Train(trials, data, workers);
        var snapshot = new PackSnapshot();
        RingThreads.Run(workers, allReduce =>
        {
            TorchProcess.SetThreads(1);
            using var trainer = PackTrainer.Of(trials, data, torch.CPU);
            RunUntil(trainer, new Track(trainer), 30, allReduce);
            if (allReduce.Rank == workers - 1) trainer.Save(snapshot);
        });

        var tracks = new Track[workers];
        RingThreads.Run(workers, allReduce =>
        {
            TorchProcess.SetThreads(1);
            using var trainer = PackTrainer.Of(trials, data, torch.CPU);
            trainer.Load(snapshot);
            tracks[allReduce.Rank] = new Track(trainer);
            trainer.Run(allReduce, tracks[allReduce.Rank], CancellationToken.None);
        });

        foreach (var track in tracks)
            foreach (var trial in trials)
                Assert.Equal(undisturbed.Weights[trial.Index], track.Weights[trial.Index]);
    }

    [Fact]
    public void Snapshot_knows_the_orders_that_were_applied_and_whether_the_pack_is_closed()
    {
        using var data = Images();
        using var trainer = PackTrainer.Of(Trials(Architecture.Mlp, OptimizerKind.Adam), data, torch.CPU);
        var orders = new SlotOrders();
        orders.Add([new SlotOrder(1, SlotOrderKind.Empty, 1, null, "pruned"), new SlotOrder(2, SlotOrderKind.Close, 0, null, ""), new SlotOrder(3, SlotOrderKind.Empty, 2, null, "late")]);
        var snapshot = new PackSnapshot();
        RunUntil(trainer, new Track(trainer), 2, orders: orders, closed: false);
        trainer.Save(snapshot);

        Assert.Equal(new PackProgress(2, 2, Closed: true, EvaluationDue: false), snapshot.Progress);
        Assert.Equal([0, 2], snapshot.Trials.Select(trial => trial.Trial.Index));
        using var other = PackTrainer.Of(Trials(Architecture.Mlp, OptimizerKind.Adam), data, torch.CPU);
        other.Load(PackSnapshot.Read(Bytes(snapshot)));
        var again = new SlotOrders();
        again.Add([new SlotOrder(2, SlotOrderKind.Empty, 0, null, "known"), new SlotOrder(3, SlotOrderKind.Empty, 2, null, "late")]);
        var track = new Track(other);
        other.Run(new NoAllReduce(), track, again, closed: false, CancellationToken.None);
        Assert.Equal([3L], track.Orders);
        Assert.Equal(SlotEndKind.Done, track.Ends[0].Kind);
    }

    [Fact]
    public void Save_allocates_nothing_once_the_same_trials_were_saved()
    {
        using var data = Images();
        using var trainer = PackTrainer.Of(Trials(Architecture.Conv, OptimizerKind.Adam), data, torch.CPU);
        var snapshot = new PackSnapshot();
        trainer.Save(snapshot);
        trainer.Save(snapshot);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10; i++) trainer.Save(snapshot);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void State_of_another_architecture_is_refused_by_tensor_and_leaves_the_slot_empty()
    {
        using var data = Images();
        var snapshot = new PackSnapshot();
        using (var conv = PackTrainer.Of([Trial(4, Architecture.Conv)], data, torch.CPU)) conv.Save(snapshot);
        using var trainer = new PackTrainer(2, 4, Trial(0), data, torch.CPU);

        var error = Assert.Throws<SafetensorsException>(() => trainer.Restore(1, Trial(4), PackSnapshot.Read(Bytes(snapshot), "checkpoint x").Find(4)!));
        Assert.Contains("checkpoint x: tensor `4.encoder.0.weight`", error.Message, StringComparison.Ordinal);
        Assert.True(trainer.IsEmpty);

        using var wider = PackTrainer.Of([Trial(4, latent: 3)], data, torch.CPU);
        wider.Save(snapshot);
        error = Assert.Throws<SafetensorsException>(() => trainer.Restore(1, Trial(4), PackSnapshot.Read(Bytes(snapshot)).Find(4)!));
        Assert.Contains("`4.posterior.weight`: its shape is [6, 16] where [8, 16] is needed", error.Message, StringComparison.Ordinal);
        Assert.Contains("4 slots", Assert.Throws<ArgumentException>(() => Load(new PackTrainer(4, 4, Trial(0), data, torch.CPU), trainer)).Message, StringComparison.Ordinal);

        static void Load(PackTrainer from, PackTrainer into)
        {
            var taken = new PackSnapshot();
            from.Save(taken);
            from.Dispose();
            into.Load(taken);
        }
    }

    internal static TrialSpec[] Trials(Architecture architecture, OptimizerKind optimizer)
    {
        return [Make(0, 4, 1, 60), Make(1, 2, 7, 77), Make(2, 4, 1, 50)];

        TrialSpec Make(int index, int latent, ulong seed, long steps)
        {
            var plain = Trial(index, architecture, latent, steps);
            return plain with
            {
                Training = plain.Training with
                {
                    Seed = seed,
                    Optimizer = optimizer,
                    Beta = 1 + index,
                    KlWarmupEpochs = 1.5,
                    EvaluateEvery = 2,
                    WeightDecay = 0.01 * index,
                    Momentum = optimizer == OptimizerKind.Sgd ? 0.8 + (0.05 * index) : 0,
                    LearningRate = optimizer == OptimizerKind.Sgd ? 1e-4 : 1e-3 * (1 + index),
                },
            };
        }
    }

    internal static byte[] Bytes(PackSnapshot snapshot)
    {
        using var file = new MemoryStream();
        snapshot.WriteTo(file);
        return file.ToArray();
    }

    /// <summary>Trains until a step of the pack, and not an act further.</summary>
    internal static void RunUntil(PackTrainer trainer, Track track, int step, IAllReduce? allReduce = null, SlotOrders? orders = null, bool closed = true)
    {
        using var stop = new CancellationTokenSource();
        track.AfterStep = done =>
        {
            if (done == step) stop.Cancel();
        };
        Assert.Throws<OperationCanceledException>(() => trainer.Run(allReduce ?? new NoAllReduce(), track, orders ?? new SlotOrders(), closed, stop.Token));
        track.AfterStep = null;
    }

    private static Track Resume(PackTrainer trainer, PackSnapshot snapshot)
    {
        trainer.Load(snapshot);
        Assert.Equal(snapshot.Progress, trainer.Progress);
        var track = new Track(trainer);
        trainer.Run(new NoAllReduce(), track, CancellationToken.None);
        return track;
    }

    private sealed class Curve(object trials) : IEquatable<Curve>
    {
        private readonly string _text = trials switch
        {
            Track track => string.Join(';', track.Weights.Select(own => $"{own.Key}: {string.Join(',', own.Value.Select(BitConverter.SingleToInt32Bits))}")),
            Curves curves => string.Join(';', curves.Weights.Select(own => $"{own.Key}: {string.Join(',', own.Value.Select(BitConverter.SingleToInt32Bits))}")),
            _ => "",
        };

        public bool Equals(Curve? other) => _text == other?._text;

        public override bool Equals(object? obj) => Equals(obj as Curve);

        public override int GetHashCode() => _text.GetHashCode(StringComparison.Ordinal);
    }

    /// <summary>What a pack told, from wherever it began.</summary>
    internal sealed class Track(PackTrainer trainer) : ITrainingListener
    {
        private int _steps;

        public SortedDictionary<int, SortedDictionary<long, double>> Losses { get; } = [];

        public List<(int Trial, long Step, double Elbo, double TrainLoss)> Evaluations { get; } = [];

        public SortedDictionary<int, SlotEnd> Ends { get; } = [];

        public SortedDictionary<int, float[]> Weights { get; } = [];

        public List<long> Orders { get; } = [];

        public Action<int>? AfterStep { get; set; }

        /// <summary>All that was told after the snapshot was told by the other run too, bit by bit.</summary>
        public void ContinuesLike(Track whole, PackSnapshot from)
        {
            foreach (var trial in from.Trials)
            {
                var index = trial.Trial.Index;
                Assert.Equal(whole.Losses[index].Where(loss => loss.Key > trial.Step.Value), Losses[index]);
                Assert.Equal(whole.Evaluations.Where(e => e.Trial == index).TakeLast(Evaluations.Count(e => e.Trial == index)), Evaluations.Where(e => e.Trial == index));
                Assert.Equal(whole.Weights[index], Weights[index]);
                Assert.Equal(whole.Ends[index] with { Seconds = 0, Report = null }, Ends[index] with { Seconds = 0, Report = null });
                Assert.Equal(whole.Ends[index].Report!.Elbo, Ends[index].Report!.Elbo);
                Assert.True(Ends[index].Seconds >= trial.Seconds);
            }
        }

        public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds)
        {
            var trial = trainer.TrialAt(slot)!.Index;
            if (!Losses.TryGetValue(trial, out var own)) Losses[trial] = own = [];
            own.Add(step.Value, distortion + (beta * rate));
        }

        public void StepTimed(StepClock clock, int trials, int rows) => AfterStep?.Invoke(++_steps);

        public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss) => Evaluations.Add((trainer.TrialAt(slot)!.Index, step.Value, report.Elbo, trainLoss));

        public void SlotEnded(SlotEnd end)
        {
            using var scope = torch.NewDisposeScope();
            using var own = trainer.Extract(end.Slot);
            Ends[end.Trial.Index] = end;
            Weights[end.Trial.Index] = [.. own.state_dict().SelectMany(entry => entry.tensor.ToArray<float>())];
        }

        public void OrderApplied(long number) => Orders.Add(number);
    }
}
