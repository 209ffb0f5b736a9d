using Microsoft.Data.Sqlite;
using Vae.Shared.Messages;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>Disks and locks under the coordinator's store: F14 and F15.</summary>
public class StoreFaultTests
{
    private const int Epochs = 100;

    [FactWithFaultsBelow]
    public async Task F14_Store_whose_sync_fails_is_told_of_loudly_acknowledges_nothing_and_goes_on_when_the_disk_does()
    {
        using var below = new FaultBox("coordinator.db");
        using var cluster = await TestCluster.StartAsync(faults: below);
        var sweep = await BeginAsync(cluster);

        below.SyncError = FaultBox.InputOutputError;
        await Poll.UntilAsync("the coordinator says so", () => cluster.Coordinator.Error.Contains("Nothing can be stored at present", StringComparison.Ordinal), cluster.Evidence);
        Assert.True(below.Failed > 0);
        Assert.Contains("coordinator.db", cluster.Coordinator.Error, StringComparison.Ordinal);
        Assert.False(cluster.Coordinator.HasEnded);
        below.SyncError = 0;

        await EndsAsync(cluster, sweep);
    }

    [FactWithFaultsBelow]
    public async Task F14_File_of_a_trial_whose_sync_fails_is_not_taken_for_stored()
    {
        using var below = new FaultBox("model.safetensors");
        using var cluster = await TestCluster.StartAsync(faults: below);
        below.SyncError = FaultBox.InputOutputError;
        var sweep = await BeginAsync(cluster);

        await Poll.UntilAsync("a sync fails", () => below.Failed > 0, cluster.Evidence);
        below.SyncError = 0;

        await EndsAsync(cluster, sweep);
    }

    [Fact]
    public async Task F15_Store_that_another_process_locks_for_longer_than_is_waited_costs_nothing_that_was_acknowledged()
    {
        using var cluster = await TestCluster.StartAsync();
        var sweep = await BeginAsync(cluster);

        await using (var other = new SqliteConnection($"Data Source={cluster.Home.Store};Pooling=False"))
        {
            other.Open();
            using var locking = other.CreateCommand();
            locking.CommandText = "BEGIN IMMEDIATE";
            locking.ExecuteNonQuery();
            await Task.Delay(TimeSpan.FromSeconds(7)); // Longer than the store waits for a lock: the length of the fault, not a wait for something.
        }

        Assert.False(cluster.Coordinator.HasEnded);
        await EndsAsync(cluster, sweep);
    }

    private static async Task<string> BeginAsync(TestCluster cluster)
    {
        cluster.StartWorker("node-1");
        await cluster.WaitForWorkerAsync("node-1");
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1, 4", "2, 4", Epochs));
        await cluster.UntilAsync("a trial trains", sweep, document => document.Items("trials").Any(trial => trial.Text("state") == "running"));
        return sweep;
    }

    private static async Task EndsAsync(TestCluster cluster, string sweep)
    {
        await cluster.WaitForStateAsync(sweep, "done");
        Assert.Equal(Enumerable.Range(0, 4), (await cluster.StopAndCheckAsync()).OfType<SweepEvent.TrialEnded>().Select(end => end.Result.TrialIndex).Order());
    }
}
