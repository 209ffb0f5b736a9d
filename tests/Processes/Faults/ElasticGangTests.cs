using System.Text.Json;
using Vae.Runtime.Storage;
using Vae.Shared.Messages;
using Vae.Tests.Processes.Support;
using Xunit.Abstractions;

namespace Vae.Tests.Processes.Faults;

/// <summary>Gangs that lose workers while they train: F01, F04 and F05. Survivors keep their processes and their attempt.</summary>
public class ElasticGangTests(ITestOutputHelper output)
{
    private const int Epochs = 60;
    private const string Even = ", balance: even"; // Equal parts whatever else the machine does, so that runs can be compared bit by bit.

    private const int StepsOfEpoch = 8;
    private const int Sharp = 10; // Steps after a loss.
    private const double SharpTolerance = 1e-5;

    private static readonly string[] Names = ["node-1", "node-2", "node-3"];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task F01_Worker_of_any_rank_killed_in_mid_all_reduce_costs_the_others_neither_process_nor_step(int rank)
    {
        using var cluster = await TestCluster.StartAsync();
        var workers = await StartAsync(cluster, Names);
        var undisturbed = await cluster.SubmitAsync(Yaml("[3, 3]", Even));
        await cluster.WaitForStateAsync(undisturbed, "done");
        var sweep = await cluster.SubmitAsync(Yaml("[3, 3]", Even));
        await Poll.UntilAsync("it trains", () => Steps(cluster, sweep) > 5, cluster.Evidence);
        var started = Facts<SweepEvent.PackStarted>(cluster, sweep).Single();
        var victim = started.Workers[rank].Value;

        workers[victim].Send(RunningProgram.Kill);
        await cluster.WaitForStateAsync(sweep, "done");

        Assert.All(workers.Where(worker => worker.Key != victim), worker => Assert.False(worker.Value.HasEnded, worker.Value.Evidence()));
        var trial = cluster.See(sweep).Items("trials").Single();
        Assert.True(trial.Int("attempts") == 1, string.Join("; ", Facts<SweepEvent.PackInterrupted>(cluster, sweep).Select(fact => fact.Reason)) + cluster.Evidence());
        var facts = (await cluster.StopAndCheckAsync()).Where(fact => fact.Sweep.Value == sweep).ToList();
        var regrouped = Assert.Single(facts.OfType<SweepEvent.PackRegrouped>());
        Assert.Equal(started.Workers.Select(worker => worker.Value).Where(worker => worker != victim).Order(), regrouped.Workers.Select(worker => worker.Value).Order());
        Assert.Empty(facts.OfType<SweepEvent.PackInterrupted>());
        AssertSameCurve(Losses(cluster, undisturbed), Losses(cluster, sweep));
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
    private static string Yaml(string workersPerPack, string resources = "") =>
        SweepText.Grid("1", "4", Epochs, encoder: "512, 256", resources: resources).Replace("workers_per_pack: 1", $"workers_per_pack: {workersPerPack}", StringComparison.Ordinal);

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

    private static double[] Losses(TestCluster cluster, string sweep) =>
        [.. SqliteReader.Open(cluster.Home.Store).ReadTrainSteps(new(new(sweep), 0), new(1), int.MaxValue).Select(point => point.Loss)];

    // While the same workers train, the bits are the same. Then sums are added in another order, and what rounding makes of that grows from step to step: Adam divides by the size of a gradient, so also one that is
    // nothing but rounding moves its parameter by as much as any other. A row that counted twice or not at all, or a gradient that was divided by another number, would show in the first of these steps.
    private void AssertSameCurve(double[] expected, double[] actual)
    {
        Assert.Equal(Epochs * StepsOfEpoch, expected.Length);
        Assert.Equal(expected.Length, actual.Length);
        var parted = expected.Zip(actual).TakeWhile(pair => pair.First == pair.Second).Count();
        Assert.InRange(parted, 5, expected.Length - 1);
        double Apart(int step) => Math.Abs(expected[step] - actual[step]) / Math.Abs(expected[step]);
        output.WriteLine($"parted at step {parted + 1}: " + string.Join(", ", new[] { 0, 1, 2, 5, 10, 20, 50, 100, 200 }.Where(after => parted + after < expected.Length).Select(after => $"+{after}: {Apart(parted + after):E1}")));
        for (var step = parted; step < Math.Min(parted + Sharp, expected.Length); step++) Assert.True(Apart(step) < SharpTolerance, $"step {step + 1}, {step - parted} after the loss: {expected[step]:R} and {actual[step]:R} differ by more than rounding.");
    }
}
