using System.Text.Json;
using Vae.Runtime.Storage;
using Vae.Shared.Messages;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>Gangs that lose workers while they train: F01, F04 and F05. Survivors keep their processes and their attempt.</summary>
public class ElasticGangTests
{
    private const int Epochs = 60;

    private static readonly string[] Names = ["node-1", "node-2", "node-3"];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task F01_Worker_of_any_rank_killed_in_mid_all_reduce_costs_the_others_neither_process_nor_step(int rank)
    {
        using var cluster = await TestCluster.StartAsync();
        var workers = await StartAsync(cluster, Names);
        var undisturbed = await TrainAsync(cluster, "[3, 3]");
        var sweep = await cluster.SubmitAsync(Yaml("[3, 3]"));
        await Poll.UntilAsync("it trains", () => Steps(cluster, sweep) > 5, cluster.Evidence);
        var started = Facts<SweepEvent.PackStarted>(cluster, sweep).Single();
        var victim = started.Workers[rank].Value;

        workers[victim].Send(RunningProgram.Kill);
        await cluster.WaitForStateAsync(sweep, "done");

        Assert.All(workers.Where(worker => worker.Key != victim), worker => Assert.False(worker.Value.HasEnded, worker.Value.Evidence()));
        var trial = cluster.See(sweep).Items("trials").Single();
        Assert.True(trial.Int("attempts") == 1, string.Join("; ", Facts<SweepEvent.PackInterrupted>(cluster, sweep).Select(fact => fact.Reason)) + cluster.Evidence());
        AssertClose(undisturbed.Number("elbo"), trial.Number("elbo"));
        var facts = (await cluster.StopAndCheckAsync()).Where(fact => fact.Sweep.Value == sweep).ToList();
        var regrouped = Assert.Single(facts.OfType<SweepEvent.PackRegrouped>());
        Assert.Equal(started.Workers.Select(worker => worker.Value).Where(worker => worker != victim).Order(), regrouped.Workers.Select(worker => worker.Value).Order());
        Assert.Empty(facts.OfType<SweepEvent.PackInterrupted>());
    }

    [Fact]
    public async Task F04_Worker_that_dies_whenever_it_gets_something_to_do_is_left_out_and_the_sweep_ends_elsewhere()
    {
        const string crashing = "node-2";
        const int deathsMax = 5;
        using var cluster = await TestCluster.StartAsync();
        await StartAsync(cluster, ["node-1"]);
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1, 2, 4", "2, 4", epochs: 800, resources: ", max_pack: 1"));
        var deaths = 0;
        for (; deaths < deathsMax; deaths++)
        {
            var worker = cluster.StartWorker(crashing, "--lanes", "1");
            var state = "";
            await Poll.UntilAsync("it has something to do, or is left out", async () => await cluster.WorkerAsync(crashing) is { } shown && shown.Int("process_id") == worker.Id
                && (state = shown.Text("state")) is "quarantined" or "busy", cluster.Evidence);
            if (state == "quarantined") break;
            worker.Send(RunningProgram.Kill);
            await worker.EndAsync();
        }

        Assert.InRange(deaths, 1, deathsMax - 1); // It was left out before it could do more harm.
        Assert.NotEmpty((await cluster.WorkerAsync(crashing))!.Value.Texts("last_lines"));
        await cluster.WaitForStateAsync(sweep, "done");
        Assert.All(cluster.See(sweep).Items("trials"), trial => Assert.Equal(["node-1"], trial.Texts("workers")));
        await cluster.StopAndCheckAsync();
    }

    [Fact]
    public async Task F05_Worker_told_to_leave_hands_its_trial_over_and_the_result_is_that_of_an_undisturbed_run_bit_for_bit()
    {
        using var cluster = await TestCluster.StartAsync();
        var workers = await StartAsync(cluster, Names[..2]);
        var undisturbed = await TrainAsync(cluster, "[1, 1]");
        var sweep = await cluster.SubmitAsync(Yaml("[1, 1]"));
        await Poll.UntilAsync("it trains", () => Steps(cluster, sweep) > 20, cluster.Evidence);
        var leaver = Facts<SweepEvent.PackStarted>(cluster, sweep).Single().Workers.Single().Value;

        workers[leaver].Send(RunningProgram.Terminate);
        (await workers[leaver].EndAsync()).Expect(0).ExpectNoTrace();
        await cluster.WaitForStateAsync(sweep, "done");

        var trial = cluster.See(sweep).Items("trials").Single();
        Assert.Equal(undisturbed.GetProperty("elbo").GetRawText(), trial.GetProperty("elbo").GetRawText());
        Assert.Equal(2, trial.Int("attempts"));
        var facts = (await cluster.StopAndCheckAsync()).Where(fact => fact.Sweep.Value == sweep).ToList();
        Assert.Equal(TrialState.Preempted, Assert.Single(facts.OfType<SweepEvent.PackInterrupted>()).State);
        var again = facts.OfType<SweepEvent.PackStarted>().Last();
        Assert.True(again.From.Single() is not null, "It began anew instead of going on.");
    }

    [Fact]
    public async Task F05_Worker_told_to_leave_a_gang_goes_at_once_and_the_others_train_on_in_the_same_attempt()
    {
        using var cluster = await TestCluster.StartAsync();
        var workers = await StartAsync(cluster, Names[..2]);
        var sweep = await cluster.SubmitAsync(Yaml("[1, 2]"));
        await Poll.UntilAsync("it trains", () => Steps(cluster, sweep) > 20, cluster.Evidence);
        var leaver = Facts<SweepEvent.PackStarted>(cluster, sweep).Single().Workers[0].Value;

        workers[leaver].Send(RunningProgram.Terminate);
        (await workers[leaver].EndAsync()).Expect(0).ExpectNoTrace();
        await cluster.WaitForStateAsync(sweep, "done");

        Assert.Equal(1, cluster.See(sweep).Items("trials").Single().Int("attempts"));
        Assert.Single((await cluster.StopAndCheckAsync()).OfType<SweepEvent.PackRegrouped>());
    }

    // Wide enough that most of a step is its all-reduce.
    private static string Yaml(string workersPerPack) =>
        SweepText.Grid("1", "4", Epochs, encoder: "512, 256").Replace("workers_per_pack: 1", $"workers_per_pack: {workersPerPack}", StringComparison.Ordinal);

    private static async Task<Dictionary<string, RunningProgram>> StartAsync(TestCluster cluster, IEnumerable<string> names)
    {
        var workers = names.ToDictionary(name => name, name => cluster.StartWorker(name, "--lanes", "1"));
        foreach (var name in workers.Keys) await cluster.WaitForWorkerAsync(name);
        return workers;
    }

    private static async Task<JsonElement> TrainAsync(TestCluster cluster, string workersPerPack)
    {
        var sweep = await cluster.SubmitAsync(Yaml(workersPerPack));
        await cluster.WaitForStateAsync(sweep, "done");
        return cluster.See(sweep).Items("trials").Single();
    }

    private static IEnumerable<T> Facts<T>(TestCluster cluster, string sweep) where T : SweepEvent =>
        SqliteReader.Open(cluster.Home.Store).ReadStream(sweep).Select(stored => stored.Fact).OfType<T>();

    private static int Steps(TestCluster cluster, string sweep)
    {
        var store = SqliteReader.Open(cluster.Home.Store);
        return store.ReadAttempts(new(new(sweep), 0)).Sum(attempt => store.ReadTrainSteps(new(new(sweep), 0), attempt, int.MaxValue).Count);
    }

    // Sums over another number of workers are added in another order, and 480 steps make 0.8 % of that (measured: one, two and three undisturbed workers).
    private static void AssertClose(double expected, double actual) => Assert.True(Math.Abs(expected - actual) < 2e-2 * Math.Abs(expected), $"{expected:R} and {actual:R} differ by more than rounding makes of it.");
}
