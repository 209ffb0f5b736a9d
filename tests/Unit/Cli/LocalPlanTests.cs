using Vae.Cli;
using Vae.Cli.Local;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Cli;

public class LocalPlanTests
{
    private static readonly LocalMachine EightCores = new(Cores: 8, CudaDevices: 0);

    [Fact]
    public void Without_a_gpu_one_worker_has_all_cores_for_its_lanes() =>
        Assert.All(new[] { 1, 3, 100 }, trials => Assert.Equal((1, 8), Shape(LocalPlan.For(Sweep(trials), null, null, null, EightCores))));

    [Fact]
    public void Where_workers_share_trials_there_are_as_many_as_the_sweep_can_use_and_cores() =>
        Assert.Equal([(2, 4), (6, 1), (8, 1)], new[] { 1, 3, 100 }.Select(trials => Shape(LocalPlan.For(Sweep(trials, most: 2), null, null, null, EightCores))));

    [Fact]
    public void Workers_that_share_a_trial_are_counted() => Assert.Equal(4, LocalPlan.For(Sweep(2, least: 1, most: 2), null, null, null, EightCores).Workers);

    [Fact]
    public void A_sweep_gets_the_workers_that_it_needs_even_on_a_small_machine() =>
        Assert.Equal((4, 1), Shape(LocalPlan.For(Sweep(1, least: 4, most: 4), null, null, null, new(Cores: 2, CudaDevices: 0))));

    [Fact]
    public void Each_gpu_gets_one_worker_of_its_own()
    {
        var plan = LocalPlan.For(Sweep(100), null, null, null, EightCores with { CudaDevices = 2 });

        Assert.Equal(["cuda:0", "cuda:1"], Enumerable.Range(0, plan.Workers).Select(plan.DeviceOf));
    }

    [Fact]
    public void Gpus_are_left_alone_when_the_processor_is_asked_for()
    {
        var plan = LocalPlan.For(Sweep(100), null, null, "cpu", EightCores with { CudaDevices = 2 });

        Assert.Equal((1, "cpu"), (plan.Workers, plan.DeviceOf(1)));
    }

    [Fact]
    public void Too_few_workers_are_refused_with_the_number_that_is_needed()
    {
        var refused = Assert.Throws<CliException>(() => LocalPlan.For(Sweep(1, least: 3, most: 3), 2, null, null, EightCores));

        Assert.Equal(ExitCode.InvalidInput, refused.Code);
        Assert.Contains("--workers 3", refused.Help);
    }

    [Fact]
    public void What_the_user_says_wins() => Assert.Equal((2, 5), Shape(LocalPlan.For(Sweep(100), 2, 5, null, EightCores)));

    [Fact]
    public void Only_numbered_device_files_are_gpus()
    {
        var folder = Directory.CreateTempSubdirectory("vae-dev-");
        foreach (var name in (string[])["nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"]) File.WriteAllText(Path.Combine(folder.FullName, name), "");

        Assert.Equal(2, LocalMachine.CountCudaDevices(folder.FullName));
        Assert.Equal(0, LocalMachine.CountCudaDevices(Path.Combine(folder.FullName, "none")));
        folder.Delete(recursive: true);
    }

    private static (int Workers, int Threads) Shape(LocalPlan plan) => (plan.Workers, plan.Threads);

    private static SweepDefinition Sweep(int trials, int least = 1, int most = 1) => new()
    {
        Name = "test",
        Dataset = new DatasetSource { Source = DatasetSource.Sprites },
        Search = new SearchSpec { Parameters = [new("training.seed", new ParameterDomain.Values([.. Enumerable.Range(1, trials).Select(seed => $"{seed}")]))] },
        Resources = new ResourceSpec { WorkersPerPackMin = least, WorkersPerPackMax = most },
    };
}
