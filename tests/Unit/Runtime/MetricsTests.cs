using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Vae.Runtime.Remoting;
using Vae.Runtime.Telemetry;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Runtime;

public class MetricsTests
{
    private static readonly SweepId Sweep = new("s-\"1\\\n");

    [Fact]
    public async Task Exposition_is_the_documented_text()
    {
        using var metrics = new VaeMetrics("1.2.3", "abc");
        await using var system = Kit.NewSystem();
        system.SpawnRoot("sweep.s-1", () => new Scripted((_, _, _) => { }));
        metrics.Watch(system);
        metrics.CreateSweep(Sweep);
        metrics.SetTrials(Sweep, TrialState.Running, 3);
        metrics.CreateCoordinator();
        metrics.TrialFinished(TrialState.Done);
        metrics.SetBest(Sweep, double.NegativeInfinity, 7);
        metrics.HttpRequest("/metrics", 200, TimeSpan.FromMilliseconds(3));
        metrics.HttpRequest("/metrics", 200, TimeSpan.FromSeconds(500));
        metrics.StepPhase("allreduce", TimeSpan.FromMilliseconds(3));
        metrics.StepPhase("allreduce", TimeSpan.FromSeconds(500));
        metrics.Trained(new("w-1"), 2, 256);

        var text = Text(metrics);

        const string Name = "sweep=\"s-\\\"1\\\\\\n\"";
        Assert.Contains($"# HELP vae_trials Trials of a sweep by state.\n# TYPE vae_trials gauge\nvae_trials{{{Name},state=\"cancelled\"}} 0\n", text, StringComparison.Ordinal);
        Assert.Contains($"vae_trials{{{Name},state=\"running\"}} 3\n", text, StringComparison.Ordinal);
        Assert.Contains($"vae_trials_finished_total{{outcome=\"done\"}} 1\nvae_trials_finished_total{{outcome=\"failed\"}} 0\n", text, StringComparison.Ordinal);
        Assert.Contains($"vae_sweep_best_elbo{{{Name}}} -Inf\n", text, StringComparison.Ordinal);
        Assert.Contains($"vae_train_samples_total{{worker=\"w-1\"}} 256\n", text, StringComparison.Ordinal);
        Assert.Contains("vae_build_info{version=\"1.2.3\",commit=\"abc\",runtime=\".NET ", text, StringComparison.Ordinal);
        Assert.Contains("vae_mailbox_depth{actor=\"sweep\"} 0\n", text, StringComparison.Ordinal);
        Assert.Contains("# TYPE vae_dead_letters_total counter\nvae_dead_letters_total 0\n", text, StringComparison.Ordinal);
        Assert.Equal(
            """
            # HELP vae_http_request_duration_seconds Time of an HTTP request by route and status.
            # TYPE vae_http_request_duration_seconds histogram
            vae_http_request_duration_seconds_bucket{route="/metrics",status="200",le="0.01"} 1
            vae_http_request_duration_seconds_bucket{route="/metrics",status="200",le="0.1"} 1
            vae_http_request_duration_seconds_bucket{route="/metrics",status="200",le="1"} 1
            vae_http_request_duration_seconds_bucket{route="/metrics",status="200",le="10"} 1
            vae_http_request_duration_seconds_bucket{route="/metrics",status="200",le="+Inf"} 2
            vae_http_request_duration_seconds_sum{route="/metrics",status="200"} 500.003
            vae_http_request_duration_seconds_count{route="/metrics",status="200"} 2

            """, Regex.Match(text, "# HELP vae_http_request_duration_seconds .*\n.*\n(vae_.*\n)*").Value);
        Assert.Contains("# TYPE vae_train_step_seconds_total counter\nvae_train_step_seconds_total{phase=\"allreduce\"} 500.003\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hundred_workers_and_their_coordinator_show_fewer_than_two_thousand_series()
    {
        await using var system = Kit.NewSystem();
        using var worker = new VaeMetrics("1", "c") { TimesRequests = false };
        worker.WatchInTotal(system, new RemotingCounters());
        worker.CreateWorker(new("w-1"));
        var before = Series(worker);
        worker.Trained(new("w-1"), 2, 256);
        worker.AllReduced(new("w-1"), 4, TimeSpan.Zero, TimeSpan.Zero);
        worker.CheckpointWritten(new("w-1"));
        worker.CheckpointFailed(new("w-1"));
        foreach (var phase in VaeMetrics.StepPhases) worker.StepPhase(phase, TimeSpan.FromMilliseconds(1));
        foreach (var route in (string[])["/metrics", "/healthz", "/readyz"]) worker.HttpRequest(route, 200, TimeSpan.FromMilliseconds(1));
        Assert.Equal(before, Series(worker)); // All begin at zero, and none comes later.

        using var coordinator = new VaeMetrics("1", "c");
        coordinator.Watch(system);
        coordinator.Watch(new RemotingCounters());
        coordinator.CreateCoordinator();
        coordinator.SetActive(true);
        foreach (var actor in (string[])["cluster", "placement", "datasets", "planner", "sweeps", "sweep", "pack", "metrics", "view", "vital-watch"]) system.SpawnRoot(actor, () => new Scripted((_, _, _) => { }));
        for (var i = 0; i < 100; i++)
        {
            coordinator.SetWorkerUp(new($"w-{i}"), true);
            coordinator.SetWorkerSlowdown(new($"w-{i}"), i % 4 == 0 ? 1.3 : 1.02);
            coordinator.SetLinkSlowdown(new($"w-{i}"), i % 8 == 0 ? 2 : 1);
        }

        for (var i = 0; i < 14; i++) // Those that ended last, and some that run.
        {
            coordinator.CreateSweep(new($"s-{i}"));
            coordinator.SetBest(new($"s-{i}"), -80, 5);
        }

        for (var route = 0; route < 12; route++)
        {
            coordinator.HttpRequest($"/api/{route}", 200, TimeSpan.FromMilliseconds(1));
            if (route < 4) coordinator.HttpRequest($"/api/{route}", 404, TimeSpan.FromMilliseconds(1));
        }

        Assert.InRange((100 * before) + Series(coordinator), 1_000, 1_999);
    }

    [Fact]
    public void Slowdowns_are_there_while_they_deviate_and_gone_when_they_do_not()
    {
        using var metrics = new VaeMetrics("1", "c");
        metrics.SetWorkerSlowdown(new("w-1"), 1.6);
        metrics.SetLinkSlowdown(new("w-1"), 2.5);
        Assert.Contains("\nvae_worker_slowdown_ratio{worker=\"w-1\"} 1.6\n", Text(metrics), StringComparison.Ordinal);
        Assert.Contains("\nvae_link_slowdown_ratio{worker=\"w-1\"} 2.5\n", Text(metrics), StringComparison.Ordinal);

        metrics.SetWorkerSlowdown(new("w-1"), 1.05);
        metrics.SetLinkSlowdown(new("w-1"), 1);

        Assert.DoesNotContain("slowdown_ratio{", Text(metrics), StringComparison.Ordinal);
    }

    [Fact]
    public void A_sweep_that_ended_leaves_no_gauges_behind()
    {
        using var metrics = new VaeMetrics("1", "c");
        metrics.CreateSweep(new("s-old"));
        metrics.SetBest(new("s-old"), -80, 5);
        metrics.ForgetSweep(new("s-old"));
        Assert.DoesNotMatch("(?m)^vae_(trials|sweep_[a-z_]+)\\{", Text(metrics));
    }

    [Fact]
    public void Exchange_of_gradients_and_the_wait_in_it_count_in_seconds_from_zero()
    {
        using var metrics = new VaeMetrics("1", "c");
        metrics.CreateWorker(new("w-1"));
        Assert.Contains("\nvae_allreduce_wait_seconds_total{worker=\"w-1\"} 0\n", Text(metrics), StringComparison.Ordinal);
        Assert.Contains("\nvae_allreduce_seconds_total{worker=\"w-1\"} 0\n", Text(metrics), StringComparison.Ordinal);

        for (var i = 0; i < 2; i++) metrics.AllReduced(new("w-1"), 4, TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(2.5));

        Assert.Contains("\nvae_allreduce_wait_seconds_total{worker=\"w-1\"} 3\n", Text(metrics), StringComparison.Ordinal);
        Assert.Contains("\nvae_allreduce_seconds_total{worker=\"w-1\"} 5\n", Text(metrics), StringComparison.Ordinal);
        Assert.Contains("\nvae_allreduce_bytes_total{worker=\"w-1\"} 8\n", Text(metrics), StringComparison.Ordinal);
    }

    [Fact]
    public void A_coordinator_tells_what_checkpoints_it_keeps_and_a_worker_does_not()
    {
        using var metrics = new VaeMetrics("1", "c");
        Assert.DoesNotContain("\nvae_checkpoint_bytes_total ", Text(metrics), StringComparison.Ordinal);
        metrics.CreateCoordinator();
        Assert.Contains("\nvae_checkpoint_last_timestamp_seconds 0\n", Text(metrics), StringComparison.Ordinal);

        metrics.CheckpointKept(5, DateTimeOffset.FromUnixTimeMilliseconds(1_500));
        metrics.CheckpointKept(2, DateTimeOffset.FromUnixTimeMilliseconds(2_500));

        Assert.Contains("\nvae_checkpoint_bytes_total 7\n", Text(metrics), StringComparison.Ordinal);
        Assert.Contains("\nvae_checkpoint_last_timestamp_seconds 2.5\n", Text(metrics), StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_that_runs_wild_is_cut_off_at_two_thousand_series()
    {
        using var metrics = new VaeMetrics("1", "c");
        for (var i = 0; i < 3_000; i++) metrics.SetWorkerUp(new($"w-{i}"), true);
        Assert.Equal(2_000, Regex.Count(Text(metrics), "(?m)^vae_worker_up\\{"));
    }

    [FactWithPromtool]
    public async Task Promtool_has_nothing_to_say()
    {
        using var metrics = new VaeMetrics("1.2.3", "abc");
        await using var system = Kit.NewSystem();
        metrics.Watch(system);
        metrics.Watch(new RemotingCounters());
        metrics.CreateWorker(new("w-1"));
        metrics.CreateSweep(Sweep);
        metrics.SetBest(Sweep, double.NaN, 7);
        metrics.AllReduced(new("w-1"), 4_096, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(2));
        metrics.HttpRequest("/metrics", 200, TimeSpan.FromMilliseconds(1));
        metrics.SetWorkerUp(new("w-1"), true);
        metrics.Trained(new("w-1"), 1, 128);

        using var promtool = Process.Start(new ProcessStartInfo("promtool", "check metrics") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        await promtool.StandardInput.WriteAsync(Text(metrics));
        promtool.StandardInput.Close();
        var said = await promtool.StandardOutput.ReadToEndAsync() + await promtool.StandardError.ReadToEndAsync();
        await promtool.WaitForExitAsync();
        Assert.Equal("", said);
        Assert.Equal(0, promtool.ExitCode);
    }

    [Fact]
    public async Task The_http_port_serves_metrics_and_health_and_refuses_foreign_hosts()
    {
        using var metrics = new VaeMetrics("1", "c");
        string? notReady = "waiting for the store";
        await using var http = await NodeHttp.StartAsync(new() { Port = 0, NotReady = () => notReady }, metrics);
        using var client = new HttpClient { BaseAddress = http.Address };

        Assert.Equal("ok\n", await client.GetStringAsync("/healthz"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await client.GetAsync("/readyz")).StatusCode);
        notReady = null;
        Assert.Equal("ready\n", await client.GetStringAsync("/readyz"));
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/nothing/123")).StatusCode);

        using var rebound = new HttpRequestMessage(HttpMethod.Get, "/metrics") { Headers = { Host = "evil.example" } };
        Assert.Equal(HttpStatusCode.Forbidden, (await client.SendAsync(rebound)).StatusCode);

        var answer = await client.GetAsync("/metrics");
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Contains("vae_http_request_duration_seconds_count{route=\"/readyz\",status=\"503\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("vae_http_request_duration_seconds_count{route=\"(none)\",status=\"404\"} 1\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_ask_for_the_token_when_told_to_and_a_busy_port_says_what_to_do()
    {
        using var metrics = new VaeMetrics("1", "c");
        await using var http = await NodeHttp.StartAsync(new() { Port = 0, TokenForMetrics = true, Token = ClusterToken.Parse("correct-horse-battery-staple") }, metrics);
        using var client = new HttpClient { BaseAddress = http.Address };
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/metrics")).StatusCode);
        client.DefaultRequestHeaders.Authorization = new("Bearer", "wrong-horse-battery-staple-x");
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/metrics")).StatusCode);
        client.DefaultRequestHeaders.Authorization = new("Bearer", "correct-horse-battery-staple");
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/metrics")).StatusCode);

        var busy = await Assert.ThrowsAsync<ListenException>(() => NodeHttp.StartAsync(new() { Port = http.Address.Port }, metrics));
        Assert.Contains("is already in use", busy.Message, StringComparison.Ordinal);
    }

    private static int Series(VaeMetrics metrics) => Text(metrics).Split('\n').Count(line => line.Length > 0 && line[0] != '#');

    private static string Text(VaeMetrics metrics)
    {
        var output = new ArrayBufferWriter<byte>();
        metrics.Registry.Write(output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}

/// <summary>Skips where Debian's package prometheus is not installed.</summary>
internal sealed class FactWithPromtoolAttribute : FactAttribute
{
    public FactWithPromtoolAttribute()
    {
        var found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, "promtool")));
        if (!found) Skip = "promtool is missing: apt-get install --no-install-recommends prometheus";
    }
}
