using System.Globalization;
using System.Text.Json;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Cli;

/// <summary><c>vae cluster status|drain</c> against a real coordinator and real workers.</summary>
public class ClusterCommandTests
{
    private const int InvalidInput = 3, Authentication = 4, NotReachable = 5;

    private static string[] Command(TestCluster cluster, params string[] arguments) =>
        ["cluster", .. arguments, "--cluster", $"http://{cluster.Host}:{cluster.HttpPort.ToString(CultureInfo.InvariantCulture)}", "--token-file", cluster.Home.Token];

    private static async Task<IReadOnlyList<JsonElement>> WorkersAsync(TestCluster cluster) =>
        SweepJson.Parse((await RunningProgram.RunVaeAsync(Command(cluster, "status", "--json"))).Expect(0).Lines.Single()).Items("workers");

    private static async Task WaitForAsync(TestCluster cluster, string what, Func<IReadOnlyList<JsonElement>, bool> holds) =>
        await Poll.UntilAsync(what, async () => holds(await WorkersAsync(cluster)), cluster.Evidence);

    [Fact]
    public async Task A_drained_worker_hands_over_what_it_trains_and_ends_and_another_of_its_name_gets_work_again()
    {
        using var cluster = await TestCluster.StartAsync();
        var first = cluster.StartWorker("node-1", "--lanes", "1");
        await WaitForAsync(cluster, "node-1 is idle", workers => workers is [var one] && one.Text("state") == "idle" && one.Int("lanes") == 1);
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1", "4", epochs: 100_000));
        await WaitForAsync(cluster, "node-1 trains", workers => workers is [var one] && one.Text("state") == "busy" && one.Items("packs") is [var pack] && pack.Text("sweep") == sweep && pack.Int("trials") == 1);

        var drained = (await RunningProgram.RunVaeAsync(Command(cluster, "drain", "node-1"))).Expect(0).ExpectNoTrace();
        Assert.Contains("node-1 hands over", drained.Error, StringComparison.Ordinal);
        (await first.EndAsync()).Expect(0).ExpectNoTrace();
        await WaitForAsync(cluster, "node-1 is gone", workers => workers.Count == 0);
        Assert.Equal("preempted", cluster.See(sweep).Items("trials").Single().Text("state"));

        cluster.StartWorker("node-1", "--lanes", "1");
        await WaitForAsync(cluster, "another node-1 trains it", workers => workers is [var one] && one.Text("state") == "busy");
    }

    [Fact]
    public async Task A_worker_that_dies_at_its_start_again_and_again_is_quarantined_and_shown_with_its_last_lines()
    {
        using var cluster = await TestCluster.StartAsync();
        cluster.StartWorker("sound");
        await cluster.WaitForWorkerAsync("sound");
        for (var life = 0; life < 3; life++)
        {
            var worker = cluster.StartWorker("broken");
            await WaitForAsync(cluster, "it joins", workers => workers.Any(one => one.Text("name") == "broken" && one.Int("process_id") == worker.Id));
            if (life == 2) break;
            worker.Send(RunningProgram.Kill);
            await worker.EndAsync();
            await WaitForAsync(cluster, "it is missed", workers => workers.Count == 1);
        }

        var shown = (await WorkersAsync(cluster)).Single(one => one.Text("name") == "broken");
        Assert.Equal("quarantined", shown.Text("state"));
        Assert.InRange(shown.Number("quarantine_seconds"), 1, 30);
        Assert.Contains("its process died", shown.Text("reason"), StringComparison.Ordinal);
        Assert.Contains(shown.Texts("last_lines"), line => line.Contains("broken computes on cpu", StringComparison.Ordinal));
        await Poll.UntilAsync("the metric", async () => await cluster.MetricAsync("vae_workers{state=\"quarantined\"}") == 1, cluster.Evidence);

        var table = (await RunningProgram.RunVaeAsync(Command(cluster, "status"))).Expect(0).Output;
        Assert.Contains("quarantined", table, StringComparison.Ordinal);
        Assert.Contains("broken: the process before did not end in good order; its last lines:", table, StringComparison.Ordinal);
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1, 4", "4", epochs: 1));
        await cluster.WaitForStateAsync(sweep, "done");
        Assert.All(cluster.See(sweep).Items("trials"), trial => Assert.Equal(["sound"], trial.Texts("workers")));
    }

    [Fact]
    public async Task Mistakes_end_with_the_exit_code_for_them()
    {
        using var cluster = await TestCluster.StartAsync();
        var missing = (await RunningProgram.RunVaeAsync(Command(cluster, "drain", "nobody"))).Expect(InvalidInput).ExpectNoTrace();
        Assert.Contains("no worker named nobody", missing.Error, StringComparison.Ordinal);
        (await RunningProgram.RunVaeAsync(Command(cluster, "drain", "No Name"))).Expect(2).ExpectNoTrace();
        var foreign = cluster.Home.Write("foreign", new string('x', 64));
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(foreign, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var address = $"http://{cluster.Host}:{cluster.HttpPort.ToString(CultureInfo.InvariantCulture)}";
        (await RunningProgram.RunVaeAsync("cluster", "status", "--cluster", address, "--token-file", foreign)).Expect(Authentication).ExpectNoTrace();
        (await RunningProgram.RunVaeAsync("cluster", "status", "--cluster", $"http://127.0.0.1:{FreePort.Next().ToString(CultureInfo.InvariantCulture)}", "--token-file", cluster.Home.Token)).Expect(NotReachable).ExpectNoTrace();
        Assert.Null(await cluster.GetAsync(cluster.HttpPort, "/api/v1/cluster")); // Without the token.
    }
}
