using Vae.Runtime.Storage;
using Vae.Shared.Messages;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>Clocks that jump under running programs: F17 and F18.</summary>
public class ClockTests
{
    [FactWithFaultsBelow]
    public async Task F17_Wall_clocks_that_jump_by_an_hour_expire_nobody_and_cost_no_attempt()
    {
        using var ahead = new FaultBox();
        using var behind = new FaultBox();
        using var cluster = await TestCluster.StartAsync(faults: ahead);
        cluster.StartWorker("node-1", via: null, behind);
        await cluster.WaitForWorkerAsync("node-1");
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1", "4", epochs: 300));
        await TrainsAsync(cluster, sweep);

        foreach (var hours in (int[])[-1, 0, 1])
        {
            (ahead.WallClock, behind.WallClock) = (TimeSpan.FromHours(hours), -TimeSpan.FromHours(hours) + TimeSpan.FromMinutes(10));
            var beats = await StepsAsync(cluster, sweep);
            await Poll.UntilAsync("training goes on", async () => await StepsAsync(cluster, sweep) > beats, cluster.Evidence);
        }

        await cluster.WaitForStateAsync(sweep, "done");
        Assert.Equal(1, cluster.See(sweep).Items("trials").Single().Int("attempts"));
        Assert.Equal(1, await cluster.MetricAsync("vae_worker_up{worker=\"node-1\"}"));
        Assert.Empty((await cluster.StopAndCheckAsync()).OfType<SweepEvent.PackInterrupted>());
        var written = SqliteReader.Open(cluster.Home.Store).ReadAll().Last().WrittenAt;
        Assert.True(written > DateTimeOffset.UtcNow + TimeSpan.FromMinutes(50), $"The coordinator's clock never jumped: it wrote at {written}.");
    }

    [FactWithFaultsBelow]
    public async Task F18_Worker_whose_machine_slept_for_half_an_hour_carries_on_or_begins_again_and_ends_once()
    {
        using var below = new FaultBox();
        using var cluster = await TestCluster.StartAsync();
        var worker = cluster.StartWorker("node-1", via: null, below);
        await cluster.WaitForWorkerAsync("node-1");
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1", "4", epochs: 300));
        await TrainsAsync(cluster, sweep);

        below.SteadyClock = TimeSpan.FromMinutes(30);

        await cluster.WaitForStateAsync(sweep, "done");
        Assert.False(worker.HasEnded, worker.Evidence());
        Assert.Single((await cluster.StopAndCheckAsync()).OfType<SweepEvent.TrialEnded>());
    }

    [FactWithFaultsBelow]
    public async Task F18_Coordinator_whose_machine_slept_for_half_an_hour_gives_its_workers_the_time_to_be_heard()
    {
        using var below = new FaultBox();
        using var cluster = await TestCluster.StartAsync(faults: below);
        cluster.StartWorker("node-1");
        await cluster.WaitForWorkerAsync("node-1");
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1", "4", epochs: 300));
        await TrainsAsync(cluster, sweep);

        below.SteadyClock = TimeSpan.FromMinutes(30);

        await cluster.WaitForStateAsync(sweep, "done");
        Assert.False(cluster.Coordinator.HasEnded, cluster.Evidence());
        Assert.Single((await cluster.StopAndCheckAsync()).OfType<SweepEvent.TrialEnded>());
    }

    private static Task TrainsAsync(TestCluster cluster, string sweep) => Poll.UntilAsync("the trial trains", async () => await StepsAsync(cluster, sweep) > 0, cluster.Evidence);

    private static Task<int> StepsAsync(TestCluster cluster, string sweep) => Task.FromResult(
        SqliteReader.Open(cluster.Home.Store) is var store
            ? store.ReadAttempts(new(new(sweep), 0)).Sum(attempt => store.ReadTrainSteps(new(new(sweep), 0), attempt, int.MaxValue).Count)
            : 0);
}
