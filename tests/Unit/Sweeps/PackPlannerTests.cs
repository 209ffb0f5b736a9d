using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

public class PackPlannerTests
{
    private static readonly DataShape Mnist = new(TrainRows: 8_000, Channels: 1, Height: 28, Width: 28);
    private static readonly WorkerRoom TwoCores = new(Cuda: false, Cores: 2, MemoryBytes: 8L << 30, Workers: 1);
    private static readonly ModelSpec Tiny = new() { Encoder = [64], Latent = 8 };

    private static PackQuestion Question(long trials, ModelSpec? model = null, ResourceSpec? resources = null, long steps = 500) => new(
        new TrialSpec { Index = 0, Model = model ?? new ModelSpec(), Training = new TrainingSpec { Batch = 32 } }, Mnist, Binarize.Dynamic, resources ?? new ResourceSpec(), trials, trials * steps);

    private static PackChoice Choose(PackQuestion question, WorkerRoom? room = null, params ProbeReading[] readings) => PackPlanner.Choose(question, room ?? TwoCores, [.. readings]);

    [Fact]
    public void Without_a_probe_ordinary_models_train_in_one_thread_lanes_side_by_side()
    {
        var choice = Choose(Question(16));

        Assert.Equal(new PackShape(Slots: 1, Latent: 16, Lanes: 2, Threads: 1), choice.Shape);
        Assert.Equal(PlanBasis.RuleOfThumb, choice.Basis);
        Assert.StartsWith("rule of thumb: ", choice.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_probe_tiny_models_are_fused_in_every_lane()
    {
        var shape = Choose(Question(16, Tiny)).Shape;

        Assert.Equal(2, shape.Lanes);
        Assert.InRange(shape.Slots, 2, 8);
    }

    [Fact]
    public void Reason_names_what_the_sweep_file_says_and_praises_one_thread_lanes_only_where_they_are()
    {
        var choice = Choose(Question(16, Tiny, new ResourceSpec { MaxPack = 3, Lanes = 4, Threads = 2 }));

        Assert.Equal("rule of thumb: 4 lanes of 3 slots with 2 threads each; a model this small gains from fusing; max_pack 3, lanes 4, threads 2 by the sweep file", choice.Reason);
    }

    [Fact]
    public void Without_a_probe_tiny_models_that_fit_at_once_need_no_slot_filled_again()
    {
        Assert.Equal(new PackShape(Slots: 8, Latent: 8, Lanes: 2, Threads: 1), Choose(Question(16, Tiny)).Shape);
        Assert.InRange(Choose(Question(1_000, Tiny)).Shape.Slots, 2, 4); // The size that trains fastest, where slots are filled again in any case.
    }

    [Fact]
    public void Holding_all_trials_at_once_gives_way_to_memory()
    {
        var plenty = Choose(Question(16, Tiny));
        var room = TwoCores with { MemoryBytes = (long)((plenty.MemoryBytes - 1 + (300L << 20)) / 0.8) };

        Assert.Equal((PlanBasis.Memory, 4), (Choose(Question(16, Tiny), room).Basis, Choose(Question(16, Tiny), room).Shape.Slots));
    }

    [Fact]
    public void Without_a_probe_a_cuda_device_gets_all_trials_in_one_pack()
    {
        var choice = Choose(Question(20), new WorkerRoom(Cuda: true, Cores: 16, MemoryBytes: 80L << 30, Workers: 1));

        Assert.Equal(new PackShape(20, 16, 1, 1), choice.Shape);
    }

    [Fact]
    public void Workers_share_the_trials_before_lanes_and_slots_do() =>
        Assert.Equal((1, 1), (Choose(Question(2, Tiny), TwoCores with { Workers = 2 }).Shape.Lanes, Choose(Question(2, Tiny), TwoCores with { Workers = 2 }).Shape.Slots));

    [Fact]
    public void A_probe_decides_by_the_time_to_train_all_trials()
    {
        ProbeReading[] readings = [new(1, 1, 1, 100), new(1, 1, 2, 120), new(2, 1, 1, 180), new(2, 2, 1, 260), new(2, 4, 1, 300)];

        Assert.Equal(new PackShape(4, 16, 2, 1), Choose(Question(16), null, readings).Shape);
        Assert.Equal(new PackShape(1, 16, 2, 1), Choose(Question(2), null, readings).Shape); // Two trials fill no more than two places.
        Assert.Equal(new PackShape(1, 16, 1, 2), Choose(Question(1), null, readings).Shape);
        Assert.Equal(PlanBasis.Measured, Choose(Question(16), null, readings).Basis);
        Assert.Contains("3.0 times", Choose(Question(16), null, readings).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Places_without_a_trial_do_not_count_as_speed()
    {
        // 9 trials in packs of 8 take two rounds; three lanes of one slot take three, and are faster.
        ProbeReading[] readings = [new(1, 8, 1, 100), new(3, 1, 1, 75)];

        Assert.Equal(3, Choose(Question(9), TwoCores with { Cores = 3 }, readings).Shape.Lanes);
    }

    [Fact]
    public void A_number_of_slots_between_two_measured_ones_is_chosen_where_it_fits_the_trials()
    {
        var shape = Choose(Question(6), null, new(1, 1, 1, 100), new(1, 4, 1, 300), new(1, 8, 1, 400)).Shape;

        Assert.Equal((1, 6), (shape.Lanes, shape.Slots));
    }

    [Fact]
    public void The_sweep_file_has_the_last_word()
    {
        ProbeReading[] readings = [new(1, 1, 1, 100), new(1, 4, 1, 300), new(2, 1, 1, 200), new(2, 4, 1, 500)];

        Assert.Equal(new PackShape(1, 16, 2, 1), Choose(Question(16, resources: new ResourceSpec { MaxPack = 1 }), null, readings).Shape);
        Assert.Equal(new PackShape(4, 16, 1, 1), Choose(Question(16, resources: new ResourceSpec { Lanes = 1 }), null, readings).Shape);
        var forced = Choose(Question(16, resources: new ResourceSpec { MaxPack = 1, Lanes = 2, Threads = 1 }));
        Assert.Equal(new PackShape(1, 16, 2, 1), forced.Shape);
        Assert.Equal((PlanBasis.Forced, "forced by the sweep file: max_pack 1, lanes 2, threads 1"), (forced.Basis, forced.Reason));
    }

    [Fact]
    public void A_shape_that_does_not_fit_the_memory_is_not_chosen_and_the_reason_says_so()
    {
        var fits = PackSize.WorkerBytes(Question(1).Trial, Mnist, new PackShape(4, 16, 1, 1), rows: 32, cuda: true);
        var room = new WorkerRoom(Cuda: true, Cores: 4, MemoryBytes: (long)(fits / 0.79), Workers: 1);
        ProbeReading[] readings = [new(1, 1, 1, 100), new(1, 4, 1, 390), new(1, 8, 1, 700), new(1, 16, 1, 1_300)];

        var measured = Choose(Question(16), room, readings);
        var guessed = Choose(Question(16), room);

        Assert.All([measured, guessed], choice => Assert.Equal((4, PlanBasis.Memory), (choice.Shape.Slots, choice.Basis)));
        Assert.All([measured, guessed], choice => Assert.Contains("memory", choice.Reason, StringComparison.Ordinal));
    }

    [Fact]
    public void What_fits_in_no_shape_is_said_before_it_is_tried()
    {
        var choice = Choose(Question(4), TwoCores with { MemoryBytes = 300L << 20 });

        Assert.Equal((1, 1), (choice.Shape.Slots, choice.Shape.Lanes));
        Assert.Contains("even this is predicted to need", choice.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_long_work_with_a_choice_is_worth_a_probe()
    {
        Assert.False(PackPlanner.IsWorthProbing(Question(16, Tiny), TwoCores));
        Assert.True(PackPlanner.IsWorthProbing(Question(16, steps: 100_000), TwoCores));
        Assert.False(PackPlanner.IsWorthProbing(Question(16, steps: 100_000, resources: new ResourceSpec { MaxPack = 1, Lanes = 2, Threads = 1 }), TwoCores));
        Assert.False(PackPlanner.IsWorthProbing(Question(1, steps: 1_000_000), TwoCores with { Cores = 1 }));
    }
}
