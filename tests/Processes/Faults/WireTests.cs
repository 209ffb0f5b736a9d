using System.Net;
using System.Text.Json;
using Vae.Shared.Messages;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>Wires that lose, double, reorder and delay: F10 and F11.</summary>
public class WireTests
{
    private const double SlowFrom = 1.25; // Where the coordinator begins to name.

    [Fact]
    public async Task F10_Frames_that_are_lost_doubled_reordered_and_late_count_once()
    {
        using var cluster = await TestCluster.StartAsync();
        var frames = new RandomFrames(seed: 5, drop: 0.05, twice: 0.15, late: 0.1);
        using var wire = new FaultProxy(cluster.Port) { Frames = frames, Delay = piece => TimeSpan.FromMilliseconds(piece % 7 == 0 ? 20 : 0) };
        foreach (var name in (string[])["node-1", "node-2"]) cluster.StartWorker(name, wire);
        foreach (var name in (string[])["node-1", "node-2"]) await cluster.WaitForWorkerAsync(name);

        var sweep = await cluster.SubmitAsync(SweepText.Grid("1, 2, 4", "2, 4", epochs: 40, workersPerPack: 2));
        await cluster.WaitForStateAsync(sweep, "done");

        var ends = (await cluster.StopAndCheckAsync()).OfType<SweepEvent.TrialEnded>().ToList();
        Assert.Equal(Enumerable.Range(0, 6), ends.Select(end => end.Result.TrialIndex).Order());
        Assert.All(ends, end => Assert.Equal(TrialState.Done, end.Result.State));
        Assert.True(frames is { Dropped: > 0, Doubled: > 0, Delayed: > 0 }, $"{frames.Dropped} frames were lost, {frames.Doubled} doubled and {frames.Delayed} reordered.");
    }

    [Fact]
    public async Task F11_Gang_with_one_slow_and_lossy_link_goes_on_and_trains_the_curve_of_a_fast_one()
    {
        using var cluster = await TestCluster.StartAsync();
        using var link = StartBehindLink(cluster, "node-1", host: 2);
        using var other = StartBehindLink(cluster, "node-2", host: 3);
        foreach (var name in (string[])["node-1", "node-2"]) await cluster.WaitForWorkerAsync(name);
        var yaml = SweepText.Grid("1", "4", epochs: 2, workersPerPack: 2, resources: ", all_reduce: messagepack");
        var fast = await cluster.SubmitAsync(yaml);
        await cluster.WaitForStateAsync(fast, "done");

        // A lost packet comes again after about as long as it was on its way, and a bit.
        link.Delay = piece => TimeSpan.FromMilliseconds(piece % 50 == 49 ? 600 : 200);
        var slow = await cluster.SubmitAsync(yaml);
        await cluster.WaitForStateAsync(slow, "done");

        Assert.True(link.Connections >= 2, "The gradients took another way.");
        var (expected, actual) = (cluster.See(fast).Items("trials").Single(), cluster.See(slow).Items("trials").Single());
        Assert.Equal(expected.GetProperty("elbo").GetRawText(), actual.GetProperty("elbo").GetRawText());
        Assert.Equal(1, actual.Int("attempts"));
        Assert.True(actual.Number("seconds") > 10 * expected.Number("seconds"), $"{actual.Number("seconds")} s is no slow link.");
        await cluster.StopAndCheckAsync();
    }

    [Fact]
    public async Task F11_Slow_link_is_named_with_both_ends_in_status_metric_and_log_and_is_not_when_it_has_recovered()
    {
        using var cluster = await TestCluster.StartAsync();
        using var link = StartBehindLink(cluster, "node-1", host: 2);
        using var other = StartBehindLink(cluster, "node-2", host: 3);
        foreach (var name in (string[])["node-1", "node-2"]) await cluster.WaitForWorkerAsync(name);
        link.Delay = _ => TimeSpan.FromMilliseconds(40);
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1", "4", epochs: 100_000, workersPerPack: 2, resources: ", all_reduce: messagepack"));

        // What leads to the data plane of node-1 comes from the only other member.
        await Poll.UntilAsync("the slow link is named", async () => await SlowdownAsync(cluster, "node-2") >= SlowFrom, cluster.Evidence);
        var named = (await cluster.WorkerAsync("node-2"))!.Value.GetProperty("link");
        Assert.Equal("node-1", named.Text("to"));
        Assert.True(named.Number("round_trip_milliseconds") is > 70 and < 10_000, named.ToString());
        Assert.True((await cluster.WorkerAsync("node-1"))!.Value.GetProperty("link").Number("slowdown") < SlowFrom);
        Assert.True(await cluster.MetricAsync("vae_link_slowdown_ratio{worker=\"node-2\"}") >= SlowFrom);
        await Poll.UntilAsync("the log names it", () => cluster.Coordinator.Evidence().Contains("from worker node-2 to worker node-1", StringComparison.Ordinal), cluster.Evidence);
        var table = (await RunningProgram.RunVaeAsync("cluster", "status", "--cluster", $"http://{cluster.Host}:{cluster.HttpPort}", "--token-file", cluster.Home.Token)).Expect(0).Output;
        Assert.Contains("its link to node-1 makes steps take", table, StringComparison.Ordinal);

        link.Delay = null;
        await Poll.UntilAsync("it is no longer named", async () => await SlowdownAsync(cluster, "node-2") is < SlowFrom, cluster.Evidence);
        await cluster.CancelAsync(sweep);
        await cluster.WaitForStateAsync(sweep, "cancelled");
    }

    [Fact]
    public async Task F11_The_links_of_a_worker_that_computes_slowly_are_not_named()
    {
        using var cluster = await TestCluster.StartAsync();
        var slow = cluster.StartWorker("node-1");
        cluster.StartWorker("node-2");
        foreach (var name in (string[])["node-1", "node-2"]) await cluster.WaitForWorkerAsync(name);
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1", "4", epochs: 100_000, workersPerPack: 2, encoder: "512, 512", resources: ", all_reduce: messagepack, balance: even"));
        var worst = 0.0;
        var measured = 0;
        await Poll.UntilAsync("links are measured many times while one worker is stopped half of the time", async () =>
        {
            slow.Send(RunningProgram.Stop);
            await Task.Delay(60);
            slow.Send(RunningProgram.Continue);
            if (await SlowdownAsync(cluster, "node-1") is not { } from || await SlowdownAsync(cluster, "node-2") is not { } to) return false;
            worst = Math.Max(worst, Math.Max(from, to));
            return ++measured >= 60;
        }, cluster.Evidence);

        Assert.InRange(worst, 1, SlowFrom);
        await cluster.CancelAsync(sweep);
        await cluster.WaitForStateAsync(sweep, "cancelled");
    }

    private static async Task<double?> SlowdownAsync(TestCluster cluster, string worker) =>
        (await cluster.WorkerAsync(worker))?.GetProperty("link") is { ValueKind: JsonValueKind.Object } link ? link.Number("slowdown") : null;

    // Its data plane listens at one address of loopback and is known by another one, where the proxy is.
    private static FaultProxy StartBehindLink(TestCluster cluster, string name, int host)
    {
        var port = FreePort.Next();
        var (real, known) = (IPAddress.Parse($"127.0.0.{host}"), IPAddress.Parse($"127.0.1.{host}"));
        var link = new FaultProxy(new IPEndPoint(real, port), new IPEndPoint(known, port));
        cluster.StartWorker(name, "--data-listen", $"{real}", "--data-port", $"{port}", "--data-host", $"{known}");
        return link;
    }
}
