using System.Diagnostics;
using System.Globalization;
using Vae.Tests.Processes.Support;
using Vae.Tests.Unit.Deploy;
using Xunit.Abstractions;

namespace Vae.Tests.Processes.Monitoring;

/// <summary>Coordinator, two workers and a real Prometheus, while a sweep trains.</summary>
public class MonitoringTests(ITestOutputHelper log)
{
    private const int SeriesOfCoordinatorMax = 300, SeriesOfWorkerMax = 15;

    [FactWith("prometheus", "promtool")]
    public async Task Prometheus_scrapes_a_running_sweep_and_every_panel_of_the_dashboard_shows_data()
    {
        using var cluster = await TestCluster.StartAsync();
        int[] ports = [FreePort.Next(), FreePort.Next()];
        var workers = ports.Select((port, i) => cluster.StartWorker(Name(i), "--http-port", port.ToString(CultureInfo.InvariantCulture))).ToList();
        using var prometheus = new PrometheusServer(cluster.HttpPort, ports);
        for (var i = 0; i < ports.Length; i++) await cluster.ReadyAsync(workers[i], ports[i]);
        for (var i = 0; i < ports.Length; i++) await cluster.WaitForWorkerAsync(Name(i));

        var first = await cluster.SubmitAsync(SweepText.Grid("1, 2", "2", epochs: 2));
        await cluster.WaitForStateAsync(first, "done");
        var second = await cluster.SubmitAsync(SweepText.Grid("1", "4", epochs: 100_000, workersPerPack: 2));

        // All panels must show numbers while the second sweep trains with both workers; it has no end of its own.
        var waiting = GrafanaDashboard.Queries(Checkout.PathTo("deploy", "monitoring", "grafana", "dashboards", "vae.json"), "1m").ToList();
        Assert.NotEmpty(waiting);
        await Poll.UntilAsync("data for every panel", async () =>
        {
            foreach (var query in waiting.ToList())
            {
                if ((await prometheus.QueryAsync(query.Query)).Any(double.IsFinite)) waiting.Remove(query);
            }

            return waiting.Count == 0;
        }, () => string.Join('\n', waiting) + prometheus.Evidence());
        foreach (var metric in (string[])["vae_train_steps_total", "vae_allreduce_bytes_total"]) // They begin at 0, so panels have numbers before anything trains.
            await Poll.UntilAsync($"{metric} grows", async () => (await prometheus.QueryAsync($"sum(rate({metric}[1m]))")).Single() > 0, prometheus.Evidence);
        Assert.Equal([3], await prometheus.QueryAsync("sum(up)"));

        await Poll.UntilAsync("every rule evaluated", async () => await prometheus.RulesAsync() is { Count: > 0 } rules && rules.All(rule => rule.Health == "ok"), prometheus.Evidence);
        await LookAtMetricsAsync(cluster, cluster.HttpPort, SeriesOfCoordinatorMax);
        foreach (var port in ports) await LookAtMetricsAsync(cluster, port, SeriesOfWorkerMax);

        await cluster.CancelAsync(second);
        await cluster.WaitForStateAsync(second, "cancelled");
    }

    private async Task LookAtMetricsAsync(TestCluster cluster, int port, int seriesMax)
    {
        var text = await cluster.GetAsync(port, "/metrics");
        Assert.NotNull(text);
        Assert.Equal((0, ""), await CheckAsync(text));
        var series = text.Split('\n').Count(line => line.Length > 0 && line[0] != '#');
        log.WriteLine($"port {port}: {series} series");
        Assert.InRange(series, 1, seriesMax);
    }

    // promtool is silent when nothing is wrong, and talks without failing when only the style is.
    private static async Task<(int Status, string Said)> CheckAsync(string metrics)
    {
        var start = new ProcessStartInfo(Checkout.Find("promtool")!, ["check", "metrics"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using var promtool = Process.Start(start)!;
        var said = Task.WhenAll(promtool.StandardOutput.ReadToEndAsync(), promtool.StandardError.ReadToEndAsync());
        await promtool.StandardInput.WriteAsync(metrics);
        promtool.StandardInput.Close();
        await promtool.WaitForExitAsync();
        return (promtool.ExitCode, string.Concat(await said));
    }

    private static string Name(int index) => $"node-{(index + 1).ToString(CultureInfo.InvariantCulture)}";
}
