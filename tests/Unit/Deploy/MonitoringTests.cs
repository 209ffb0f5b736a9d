using System.Text.Json;
using System.Text.RegularExpressions;

namespace Vae.Tests.Unit.Deploy;

public partial class MonitoringTests
{
    private const string Monitoring = "deploy/monitoring";
    private static readonly string DashboardFile = Checkout.PathTo(Monitoring, "grafana/dashboards/vae.json");

    /// <summary>The names that the program exports. A histogram is queried by its three suffixes.</summary>
    private static readonly string[] Exported =
    [
        "vae_build_info", "vae_trials", "vae_trials_finished_total", "vae_train_steps_total", "vae_train_samples_total",
        .. Histogram("vae_train_step_duration_seconds"), .. Histogram("vae_allreduce_wait_seconds"), "vae_allreduce_bytes_total",
        "vae_worker_up", "vae_sweep_best_elbo", "vae_sweep_active_units", "vae_mailbox_depth", "vae_dead_letters_total",
        .. Histogram("vae_store_write_duration_seconds"), "vae_auth_rejected_total", "vae_protocol_errors_total",
        .. Histogram("vae_http_request_duration_seconds"),
    ];

    [Fact]
    public void Every_query_of_the_dashboard_asks_for_metrics_that_exist()
    {
        var queries = GrafanaDashboard.Queries(DashboardFile, "1m");

        Assert.NotEmpty(queries);
        Assert.All(queries, query => Assert.NotEmpty(MetricName().Matches(query.Query)));
        Assert.Empty(queries.SelectMany(query => Unknown(query.Query)));
        Assert.DoesNotContain(queries, query => query.Query.Contains('$', StringComparison.Ordinal));
    }

    [Fact]
    public void Every_rule_and_every_test_of_a_rule_names_metrics_that_exist()
    {
        var files = Checkout.Files($"{Monitoring}/rules", "*.yml").Concat(Checkout.Files($"{Monitoring}/tests", "*.yml"));

        Assert.Empty(files.SelectMany(file => Unknown(RecordedName().Replace(File.ReadAllText(file), ""))));
    }

    [Fact]
    public void Dashboard_keeps_its_address_and_its_panels_do_not_overlap()
    {
        using var dashboard = JsonDocument.Parse(File.ReadAllBytes(DashboardFile));
        var cells = new HashSet<(int, int)>();
        foreach (var panel in dashboard.RootElement.GetProperty("panels").EnumerateArray())
        {
            var at = panel.GetProperty("gridPos");
            var (x, y) = (at.GetProperty("x").GetInt32(), at.GetProperty("y").GetInt32());
            Assert.InRange(x + at.GetProperty("w").GetInt32(), 1, 24);
            for (var i = 0; i < at.GetProperty("w").GetInt32() * at.GetProperty("h").GetInt32(); i++)
            {
                var cell = (x + (i % at.GetProperty("w").GetInt32()), y + (i / at.GetProperty("w").GetInt32()));
                Assert.True(cells.Add(cell), $"{panel.GetProperty("title")} covers another panel at {cell}.");
            }
        }

        Assert.Equal("vae-fleet", dashboard.RootElement.GetProperty("uid").GetString());
    }

    [Fact]
    public void Every_alert_has_a_test_that_fires_one_that_stays_silent_and_a_chapter_in_the_runbook()
    {
        var alerts = AlertName().Matches(File.ReadAllText(Checkout.PathTo(Monitoring, "rules/alerts.yml"))).Select(match => match.Groups[1].Value).ToList();
        var tests = File.ReadAllText(Checkout.PathTo(Monitoring, "tests/alerts.test.yml"));
        var runbook = File.ReadAllText(Checkout.PathTo(Monitoring, "RUNBOOK.md"));

        Assert.NotEmpty(alerts);
        Assert.All(alerts, alert =>
        {
            Assert.Contains($"name: {alert} fires\n", tests, StringComparison.Ordinal);
            Assert.Contains($"name: {alert} stays silent\n", tests, StringComparison.Ordinal);
            Assert.Contains($"\n## {alert}\n", runbook, StringComparison.Ordinal);
            Assert.Contains($"RUNBOOK.md#{alert.ToLowerInvariant()}\n", tests, StringComparison.Ordinal);
        });
    }

    [TheoryWith("promtool")]
    [InlineData("check", "config", "prometheus.yml")]
    [InlineData("check", "rules", "rules/alerts.yml")]
    [InlineData("check", "rules", "rules/recording.yml")]
    [InlineData("test", "rules", "tests/alerts.test.yml")]
    public void Prometheus_accepts(string verb, string what, string file)
    {
        var (status, output, error) = Checkout.Run("promtool", [verb, what, Checkout.PathTo(Monitoring, file)]);

        Assert.True(status == 0, output + error);
    }

    private static string[] Histogram(string name) => [$"{name}_bucket", $"{name}_sum", $"{name}_count"];

    private static IEnumerable<string> Unknown(string text) => MetricName().Matches(text).Select(match => match.Value).Except(Exported);

    [GeneratedRegex(@"\bvae_[a-z_]+\b")]
    private static partial Regex MetricName();

    /// <summary>`level:metric:operation`, the name of what a recording rule makes.</summary>
    [GeneratedRegex(@"record: \S+")]
    private static partial Regex RecordedName();

    [GeneratedRegex(@"- alert: (\w+)")]
    private static partial Regex AlertName();
}
