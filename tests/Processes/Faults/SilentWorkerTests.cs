using System.Text.Json;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>Workers that say nothing for longer than their lease, and come back: F03, F07, F08 and F09. The lease is waited for, so they wait side by side.</summary>
public class SilentWorkerTests(SilentWorkers scenarios) : IClassFixture<SilentWorkers>
{
    [Fact]
    public Task F03_Worker_that_sleeps_longer_than_its_lease_wakes_to_find_its_trial_elsewhere_and_there_is_one_result() => scenarios.Sleeping;

    [Fact]
    public Task F07_Workers_cut_off_from_the_coordinator_come_back_and_nothing_runs_twice_or_is_told_twice() => scenarios.CutOff;

    [Fact]
    public Task F07_Worker_that_was_cut_off_and_dropped_by_its_gang_trains_again_in_the_same_attempt_and_the_same_process() => scenarios.Returning;

    [Fact]
    public Task F08_Worker_that_hears_and_is_not_heard_is_lost_for_both_sides() => scenarios.Mute;

    [FactOnVirtualHosts]
    public Task F09_Connection_that_dies_without_a_word_is_found_by_both_ends() => scenarios.Unplugged;
}

/// <summary>The scenarios, all under way from the first test on.</summary>
public sealed class SilentWorkers
{
    private const int Epochs = 300;

    internal Task Sleeping { get; } = Task.Run(SleepAsync);

    internal Task CutOff { get; } = Task.Run(CutOffAsync);

    internal Task Returning { get; } = Task.Run(ReturnAsync);

    internal Task Mute { get; } = Task.Run(MuteAsync);

    internal Task Unplugged { get; } = VirtualHosts.Lacks is null ? Task.Run(UnplugAsync) : Task.CompletedTask;

    private static async Task SleepAsync()
    {
        using var cluster = await TestCluster.StartAsync();
        var (sweep, sleeper, other) = await BeginAsync(cluster, name => cluster.StartWorker(name));

        sleeper.Program.Send(RunningProgram.Stop);
        await cluster.UntilAsync("the trial starts elsewhere", sweep, document => IsOn(document, other.Name, attempt: 2));
        sleeper.Program.Send(RunningProgram.Continue);

        await EndsOnceAsync(cluster, sweep, sleeper, other);
    }

    private static async Task CutOffAsync()
    {
        using var cluster = await TestCluster.StartAsync();
        using var wire = new FaultProxy(cluster.Port);
        foreach (var name in Names) cluster.StartWorker(name, wire);
        var (sweep, _) = await SubmitAsync(cluster, betas: "1, 4");

        wire.Cut();
        await Poll.UntilAsync("both are lost", async () => await UpAsync(cluster, Names[0]) == 0 && await UpAsync(cluster, Names[1]) == 0, cluster.Evidence);
        await cluster.UntilAsync("both trials are lost", sweep, document => document.Items("trials").All(trial => trial.Text("state") == "lost"));
        wire.Mend();

        await cluster.WaitForStateAsync(sweep, "done");
        var ends = (await cluster.StopAndCheckAsync()).OfType<SweepEvent.TrialEnded>().ToList();
        Assert.Equal([0, 1], ends.Select(end => end.Result.TrialIndex).Order());
    }

    private static async Task ReturnAsync()
    {
        using var cluster = await TestCluster.StartAsync();
        using var wire = new FaultProxy(cluster.Port);
        var stays = cluster.StartWorker(Names[0], "--lanes", "1");
        var returns = cluster.StartWorker(Names[1], wire, faults: null, "--lanes", "1");
        foreach (var name in Names) await cluster.WaitForWorkerAsync(name);
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1", "4", epochs: 20_000).Replace("workers_per_pack: 1", "workers_per_pack: [1, 2]", StringComparison.Ordinal));
        await Poll.UntilAsync("both train", () => Gangs(cluster, sweep) is [.., { Count: 2 }] && Steps(cluster, sweep) > 20, cluster.Evidence);

        wire.Cut();
        await Poll.UntilAsync("it is dropped", () => Gangs(cluster, sweep) is [.., { Count: 1 }], cluster.Evidence);
        wire.Mend();
        await Poll.UntilAsync("it is back", () => Gangs(cluster, sweep) is [.., { Count: 1 }, { Count: 2 }], cluster.Evidence);
        var steps = Steps(cluster, sweep);
        await Poll.UntilAsync("both train again", () => Steps(cluster, sweep) > steps + 20, cluster.Evidence);

        Assert.Equal(returns.Id, (await cluster.WorkerAsync(Names[1]))!.Value.Int("process_id"));
        Assert.All([stays, returns], worker => Assert.False(worker.HasEnded, worker.Evidence()));
        await cluster.CancelAsync(sweep);
        await cluster.WaitForStateAsync(sweep, "cancelled");
        var facts = await cluster.StopAndCheckAsync();
        var started = Assert.Single(facts.OfType<SweepEvent.PackStarted>());
        Assert.Equal(started.Workers.Zip(started.Incarnations).OrderBy(one => one.First.Value), facts.OfType<SweepEvent.PackRegrouped>().Last() is var last ? last.Workers.Zip(last.Incarnations).OrderBy(one => one.First.Value) : []);
    }

    // The members of each generation of the first attempt, as far as it is.
    private static List<ValueList<NodeId>> Gangs(TestCluster cluster, string sweep) =>
        [.. SqliteReader.Open(cluster.Home.Store).ReadStream(sweep).Select(stored => stored.Fact switch
        {
            SweepEvent.PackStarted started => started.Workers,
            SweepEvent.PackRegrouped regrouped => regrouped.Workers,
            _ => [],
        }).Where(workers => workers.Count > 0)];

    private static int Steps(TestCluster cluster, string sweep) => SqliteReader.Open(cluster.Home.Store).ReadTrainSteps(new(new(sweep), 0), new(1), int.MaxValue).Count;

    private static async Task MuteAsync()
    {
        using var cluster = await TestCluster.StartAsync();
        using var wire = new FaultProxy(cluster.Port);
        var (sweep, mute, other) = await BeginAsync(cluster, name => name == Names[0] ? cluster.StartWorker(name, wire) : cluster.StartWorker(name), on: Names[0]);

        wire.Set(toServer: LinkState.Lost, toClient: LinkState.Open);
        await cluster.UntilAsync("the trial starts elsewhere", sweep, document => IsOn(document, other.Name, attempt: 2));
        await Poll.UntilAsync("it finds that it is not heard", () => mute.Program.Error.Contains("No connection to coordinator", StringComparison.Ordinal), cluster.Evidence);
        wire.Mend();

        await EndsOnceAsync(cluster, sweep, mute, other);
    }

    private static async Task UnplugAsync()
    {
        using var hosts = new VirtualHosts(2);
        using var cluster = await TestCluster.StartAsync(hosts.Gateway);
        var (sweep, unplugged, other) = await BeginAsync(cluster, name => cluster.StartWorker(name, hosts, Array.IndexOf(Names, name)));

        hosts.Unplug(Array.IndexOf(Names, unplugged.Name));
        await cluster.UntilAsync("the trial starts elsewhere", sweep, document => IsOn(document, other.Name, attempt: 2));
        await Poll.UntilAsync("it finds that it is alone", () => unplugged.Program.Error.Contains("was silent for more than", StringComparison.Ordinal), cluster.Evidence);
        hosts.Replug(Array.IndexOf(Names, unplugged.Name));

        await EndsOnceAsync(cluster, sweep, unplugged, other);
    }

    private static readonly string[] Names = ["node-1", "node-2"];

    private sealed record Node(string Name, RunningProgram Program);

    // Two workers, one trial on one of them that trains.
    private static async Task<(string Sweep, Node Trains, Node Idle)> BeginAsync(TestCluster cluster, Func<string, RunningProgram> start, string? on = null)
    {
        var nodes = new Dictionary<string, RunningProgram>();
        foreach (var name in Names.OrderBy(name => name != on))
        {
            nodes[name] = start(name);
            await cluster.WaitForWorkerAsync(name);
        }

        var (sweep, document) = await SubmitAsync(cluster, betas: "1");
        var trains = document.Items("trials").Single().Texts("workers").Single();
        if (on is not null) Assert.Equal(on, trains);
        var idle = Names.Single(name => name != trains);
        return (sweep, new(trains, nodes[trains]), new(idle, nodes[idle]));
    }

    private static async Task<(string Sweep, JsonElement Document)> SubmitAsync(TestCluster cluster, string betas)
    {
        foreach (var name in Names) await cluster.WaitForWorkerAsync(name);
        var sweep = await cluster.SubmitAsync(SweepText.Grid(betas, "4", Epochs));
        await cluster.UntilAsync("all trials train", sweep, document => document.Items("trials") is { Count: > 0 } trials
            && trials.Count == betas.Split(',').Length && trials.All(trial => trial.Text("state") == "running"));
        return (sweep, cluster.See(sweep));
    }

    // Back it comes, and is a worker as any other; the trial ends once, where it was moved to.
    private static async Task EndsOnceAsync(TestCluster cluster, string sweep, Node returned, Node other)
    {
        await cluster.WaitForWorkerAsync(returned.Name);
        await cluster.WaitForStateAsync(sweep, "done");
        var trial = cluster.See(sweep).Items("trials").Single();
        Assert.Equal(2, trial.Int("attempts"));
        Assert.Equal([other.Name], trial.Texts("workers"));
        Assert.False(returned.Program.HasEnded, returned.Program.Evidence());
        var next = await cluster.SubmitAsync(SweepText.Grid("1, 2", "2", epochs: 1));
        await cluster.WaitForStateAsync(next, "done");
        var facts = await cluster.StopAndCheckAsync();
        Assert.Single(facts.OfType<SweepEvent.TrialEnded>(), end => end.Sweep.Value == sweep);
        Assert.Single(facts.OfType<SweepEvent.PackInterrupted>(), fact => fact.State == TrialState.Lost);
    }

    private static bool IsOn(JsonElement document, string worker, int attempt) =>
        document.Items("trials").Single() is var trial && trial.Text("state") == "running" && trial.Int("attempts") == attempt && trial.Texts("workers").SequenceEqual([worker]);

    private static Task<double?> UpAsync(TestCluster cluster, string worker) => cluster.MetricAsync($"vae_worker_up{{worker=\"{worker}\"}}");
}
