using Vae.Runtime.Storage;
using Vae.Shared.Messages;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>Workers that vanish or are told to leave in the middle of a trial.</summary>
public class LostWorkerTests
{
    private const int LongEpochs = 400;

    [Fact]
    public async Task Worker_killed_in_mid_training_costs_no_attempt_its_peer_trains_on_and_every_trial_ends_once()
    {
        using var home = new TemporaryHome();
        var file = home.Write("sweep.yaml", SweepText.Grid("1, 4", "4", LongEpochs, workersPerPack: 2));
        using var run = RunningProgram.Vae("sweep", "run", file, "--workers", "3", "--threads", "1", "--json", "--home", home.Path);

        var pack = SweepJson.Parse(await run.LineAsync("a trial has workers", line => SweepJson.Is(line, "pack_started")));
        await run.LineAsync("the trial trains", line => SweepJson.Is(line, "evaluation"));
        var workers = WorkerTable.Of(home);
        var (killed, peer) = (pack.Texts("workers")[0], pack.Texts("workers")[1]);
        RunningProgram.Send(workers.Single(worker => worker.Name == killed).Id, RunningProgram.Kill);
        var next = SweepJson.Parse(await run.LineAsync("the gang goes on without it", line => SweepJson.Is(line, "pack_regrouped")));
        Assert.Contains(peer, next.Texts("workers"));
        Assert.DoesNotContain(killed, next.Texts("workers"));
        Assert.Equal(workers.Where(worker => worker.Name != killed).OrderBy(worker => worker.Id), WorkerTable.Of(home).OrderBy(worker => worker.Id));
        var ending = (await run.EndAsync()).Expect(0).ExpectNoTrace();

        var lines = ending.Lines.Select(SweepJson.Parse).ToList();
        Assert.Equal([0, 1], lines.Where(line => line.Text("type") == "trial_ended").Select(line => line.Int("trial")).Order());
        Assert.DoesNotContain(lines, line => line.Text("type") == "pack_interrupted");
        Assert.Contains($"{killed} ended with exit code 137", ending.Error, StringComparison.Ordinal);
        foreach (var trial in lines[^1].Items("trials"))
        {
            Assert.Equal(("done", 1), (trial.Text("state"), trial.Int("attempts")));
            var curves = EndToEnd.Curves.Read(home.TrialFile(lines[^1].GetProperty("sweep").Text("id"), trial.Int("trial"), "curves.csv"));
            Assert.Equal(Enumerable.Range(1, trial.Int("steps")), curves.Train.Select(row => row.Step)); // No step is missing, and none is there twice.
        }
    }

    [Fact]
    public async Task Worker_told_to_leave_exits_with_0_and_its_trial_is_preempted_and_ends_elsewhere()
    {
        using var cluster = await TestCluster.StartAsync();
        Dictionary<string, RunningProgram> workers = new() { ["node-1"] = cluster.StartWorker("node-1"), ["node-2"] = cluster.StartWorker("node-2") };
        foreach (var name in workers.Keys) await cluster.WaitForWorkerAsync(name);
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1", "4", epochs: 100_000));
        await Poll.UntilAsync("the trial trains", async () => await cluster.MetricAsync($"vae_trials{{sweep=\"{sweep}\",state=\"running\"}}") == 1, cluster.Coordinator.Evidence);
        var running = (await SweepJson.ReadAsync(cluster.Home, sweep)).Items("trials").Single().Texts("workers").Single();

        workers[running].Send(RunningProgram.Terminate);
        var ending = (await workers[running].EndAsync()).Expect(0).ExpectNoTrace();
        var other = workers.Keys.Single(name => name != running);
        await Poll.UntilAsync("the trial starts elsewhere", async () =>
            (await SweepJson.ReadAsync(cluster.Home, sweep)).Items("trials").Single() is var trial && trial.Text("state") == "running" && trial.Texts("workers").SequenceEqual([other]), cluster.Coordinator.Evidence);

        Assert.False(workers[other].HasEnded);
        Assert.Equal(2, (await SweepJson.ReadAsync(cluster.Home, sweep)).Items("trials").Single().Int("attempts"));
        var interruption = Assert.Single(SqliteReader.Open(cluster.Home.Store).ReadAll().Select(stored => stored.Fact).OfType<SweepEvent.PackInterrupted>());
        Assert.Equal(TrialState.Preempted, interruption.State);
        await cluster.CancelAsync(sweep);
        await cluster.WaitForStateAsync(sweep, "cancelled");
    }
}
