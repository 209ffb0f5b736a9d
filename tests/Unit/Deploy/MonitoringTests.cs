using System.Text.Json;
using System.Text.RegularExpressions;

namespace Vae.Tests.Unit.Deploy;

public partial class MonitoringTests
{
    private const string Monitoring = "deploy/monitoring";
    private static readonly string DashboardFile = Checkout.PathTo(Monitoring, "grafana/dashboards/vae.json");

    [Fact]
    public void Every_query_of_the_dashboard_asks_for_series_that_exist()
    {
        var queries = GrafanaDashboard.Queries(DashboardFile, "1m");

        Assert.NotEmpty(queries);
        Assert.All(queries, query => Assert.NotEmpty(PromQl.MetricsIn(query.Query)));
        Assert.Empty(queries.SelectMany(query => PromQl.Mistakes(query.Query).Concat(PromQl.UnknownGroups(query.Query))));
        Assert.DoesNotContain(queries, query => query.Query.Contains('$', StringComparison.Ordinal));
    }

    [Fact]
    public void Every_legend_of_the_dashboard_shows_labels_that_its_query_keeps()
    {
        using var dashboard = JsonDocument.Parse(File.ReadAllBytes(DashboardFile));
        var targets = dashboard.RootElement.GetProperty("panels").EnumerateArray().Where(panel => panel.TryGetProperty("targets", out _)).SelectMany(panel => panel.GetProperty("targets").EnumerateArray()).ToList();

        Assert.NotEmpty(targets);
        Assert.All(targets, target =>
        {
            var query = target.GetProperty("expr").GetString()!;
            var kept = KeptLabels().Matches(query).SelectMany(match => match.Groups[1].Value.Split(", "));
            Assert.Empty(LegendLabel().Matches(target.GetProperty("legendFormat").GetString()!).Select(match => match.Groups[1].Value).Except(kept));
        });
    }

    [Fact]
    public void Every_rule_and_every_test_of_a_rule_asks_for_series_that_exist()
    {
        var files = Checkout.Files($"{Monitoring}/rules", "*.yml").Concat(Checkout.Files($"{Monitoring}/tests", "*.yml")).Select(file => RecordedName().Replace(File.ReadAllText(file), "")).ToList();

        Assert.Empty(files.SelectMany(PromQl.Mistakes));
        Assert.NotEmpty(files.SelectMany(text => RuleExpression().Matches(text)));
        Assert.Empty(files.SelectMany(text => RuleExpression().Matches(text)).SelectMany(match => PromQl.UnknownGroups(match.Value)));
    }

    [Theory]
    [InlineData("sum(vae_no_such_total)", "vae_no_such_total does not exist")]
    [InlineData("vae_trials{phase=\"running\"}", "vae_trials has no label phase")]
    [InlineData("vae_trials{state=~\"running|asleep\"}", "vae_trials has no state=\"asleep\"")]
    [InlineData("rate(vae_auth_rejected_total{kind=\"token\"}[5m])", "vae_auth_rejected_total has no kind=\"token\"")]
    public void Queries_of_what_no_node_shows_are_found(string query, string mistake) => Assert.Equal([mistake], PromQl.Mistakes(query));

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

    /// <summary>`level:metric:operation`, the name of what a recording rule makes.</summary>
    [GeneratedRegex(@"record: \S+")]
    private static partial Regex RecordedName();

    /// <summary>The expression of one rule: one line, or the deeper lines under it.</summary>
    [GeneratedRegex(@"^ +expr: (?:\|\n(?: {10,}.*\n)+|.*\n)", RegexOptions.Multiline)]
    private static partial Regex RuleExpression();

    [GeneratedRegex(@"\bby \(([^)]*)\)")]
    private static partial Regex KeptLabels();

    [GeneratedRegex(@"\{\{ ?(\w+) ?\}\}")]
    private static partial Regex LegendLabel();

    [GeneratedRegex(@"- alert: (\w+)")]
    private static partial Regex AlertName();
}
