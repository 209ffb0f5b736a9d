using Vae.Runtime.Storage;
using Vae.Shared.Messages;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>Workers that vanish or are told to leave in the middle of a trial.</summary>
public class LostWorkerTests
{
    private const int LongEpochs = 400;

    [Fact]
    public async Task Worker_killed_in_mid_training_costs_one_attempt_its_peer_lives_on_and_every_trial_ends_once()
    {
        using var home = new TemporaryHome();
        var file = home.Write("sweep.yaml", SweepText.Grid("1, 4", "4", LongEpochs, workersPerPack: 2));
        using var run = RunningProgram.Vae("sweep", "run", file, "--workers", "3", "--threads", "1", "--json", "--home", home.Path);

        var pack = SweepJson.Parse(await run.LineAsync("a trial has workers", line => SweepJson.Is(line, "pack_started")));
        await run.LineAsync("the trial trains", line => SweepJson.Is(line, "evaluation"));
        var workers = WorkerTable.Of(home);
        var (killed, peer) = (pack.Texts("workers")[0], pack.Texts("workers")[1]);
        RunningProgram.Send(workers.Single(worker => worker.Name == killed).Id, RunningProgram.Kill);
        await run.LineAsync("the attempt is given up", line => SweepJson.Is(line, "pack_interrupted"));
        await run.LineAsync("another attempt", line => SweepJson.Is(line, "pack_started") && SweepJson.Parse(line).Int("attempt") == 2);
        Assert.Equal(workers.Where(worker => worker.Name != killed).OrderBy(worker => worker.Id), WorkerTable.Of(home).OrderBy(worker => worker.Id));
        var ending = (await run.EndAsync()).Expect(0).ExpectNoTrace();

        var lines = ending.Lines.Select(SweepJson.Parse).ToList();
        Assert.Equal([0, 1], lines.Where(line => line.Text("type") == "trial_ended").Select(line => line.Int("trial")).Order());
        Assert.Contains(lines, line => line.Text("type") == "pack_interrupted" && line.Text("state") == "lost" && line.Text("reason").Length > 0);
        Assert.Contains($"{killed} ended with exit code 137", ending.Error, StringComparison.Ordinal);
        var trials = lines[^1].Items("trials");
        Assert.All(trials, trial => Assert.Equal("done", trial.Text("state")));
        var inPack = pack.Items("trials").Select(trial => trial.GetInt32()).ToHashSet();
        Assert.NotEmpty(inPack);
        foreach (var retried in trials.Where(trial => inPack.Contains(trial.Int("trial"))))
        {
            Assert.Equal(2, retried.Int("attempts"));
            Assert.Contains(peer, retried.Texts("workers"));
            Assert.DoesNotContain(killed, retried.Texts("workers"));
            var curves = EndToEnd.Curves.Read(home.TrialFile(lines[^1].GetProperty("sweep").Text("id"), retried.Int("trial"), "curves.csv"));
            Assert.Equal(Enumerable.Range(1, retried.Int("steps")), curves.Train.Select(row => row.Step)); // Of the second attempt alone.
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
