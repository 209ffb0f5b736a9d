using Vae.Runtime.Storage;
using Vae.Shared.Messages;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>Disks that fail while a checkpoint is stored: F12 and F14. The first checkpoint of a pack comes after ten seconds, so the scenarios wait for it side by side.</summary>
public class CheckpointFaultTests(CheckpointFaults scenarios) : IClassFixture<CheckpointFaults>
{
    [FactAsRoot]
    public Task F12_Disk_that_is_full_when_a_checkpoint_comes_keeps_the_old_one_leaves_nothing_behind_and_stops_no_trial() => scenarios.FullDisk;

    [FactWithFaultsBelow]
    public Task F14_Checkpoint_whose_sync_fails_is_not_taken_for_stored_and_the_trial_trains_on() => scenarios.FailedSync;
}

/// <summary>The scenarios, all under way from the first test on.</summary>
public sealed class CheckpointFaults
{
    internal Task FullDisk { get; } = Environment.IsPrivilegedProcess && TinyDisk.IsAvailable ? Task.Run(FillAsync) : Task.CompletedTask;

    internal Task FailedSync { get; } = FaultBox.Lacks is null ? Task.Run(FailSyncAsync) : Task.CompletedTask;

    private static async Task FillAsync()
    {
        using var disk = new TinyDisk(kilobytes: 65_536);
        using var cluster = await TestCluster.StartAsync();
        Directory.CreateSymbolicLink(Path.Combine(cluster.Home.Path, "sweeps"), disk.Path); // Checkpoints fill their disk; the store has another.
        var sweep = await BeginAsync(cluster);
        await Poll.UntilAsync("a first checkpoint", () => Checkpoints(cluster).Any(), cluster.Evidence);
        var first = Checkpoints(cluster).First();

        var ballast = Path.Combine(disk.Path, "ballast");
        FullDiskTests.Fill(ballast);
        await Poll.UntilAsync("a warning", () => cluster.Evidence().Contains("a checkpoint could not be stored", StringComparison.Ordinal), cluster.Evidence);
        Assert.Contains("bytes cannot be stored in the folder of checkpoints", cluster.Evidence(), StringComparison.Ordinal);
        Assert.Contains(": 0 bytes are free there", cluster.Evidence(), StringComparison.Ordinal);
        Assert.Equal([first], Checkpoints(cluster));
        Assert.Empty(Directory.EnumerateFiles(disk.Path, "*.tmp", SearchOption.AllDirectories));
        Assert.True(File.Exists(PathOf(cluster, first)));
        File.Delete(ballast);
        await Poll.UntilAsync("another checkpoint", () => Checkpoints(cluster).Count() > 1, cluster.Evidence);

        await EndAsync(cluster, sweep);
    }

    private static async Task FailSyncAsync()
    {
        using var below = new FaultBox("checkpoints");
        using var cluster = await TestCluster.StartAsync(faults: below);
        below.SyncError = FaultBox.InputOutputError;
        var sweep = await BeginAsync(cluster);

        await Poll.UntilAsync("a sync fails", () => below.Failed > 0, cluster.Evidence);
        Assert.Empty(Checkpoints(cluster));
        below.SyncError = 0;
        await Poll.UntilAsync("a checkpoint", () => Checkpoints(cluster).Any(), cluster.Evidence);

        await EndAsync(cluster, sweep);
    }

    private static async Task<string> BeginAsync(TestCluster cluster)
    {
        cluster.StartWorker("node-1");
        await cluster.WaitForWorkerAsync("node-1");
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1", "4", epochs: 100_000, encoder: "1024, 512"));
        await cluster.UntilAsync("the trial trains", sweep, document => document.Items("trials").Any(trial => trial.Text("state") == "running"));
        return sweep;
    }

    // The trial was never interrupted, and what is left is whole.
    private static async Task EndAsync(TestCluster cluster, string sweep)
    {
        Assert.Equal(1, cluster.See(sweep).Items("trials").Single().Int("attempts"));
        Assert.Empty((await cluster.StopAndCheckAsync()).OfType<SweepEvent.PackInterrupted>());
    }

    private static IEnumerable<CheckpointInfo> Checkpoints(TestCluster cluster) =>
        SqliteReader.Open(cluster.Home.Store).ReadAll().Select(stored => stored.Fact).OfType<SweepEvent.CheckpointStored>().Select(fact => fact.Checkpoint);

    private static string PathOf(TestCluster cluster, CheckpointInfo checkpoint) =>
        new Vae.Coordinator.Hosting.SweepFolders(cluster.Home.Path).Checkpoint(new(checkpoint.Pack, checkpoint.Attempt, checkpoint.Position));
}
