using System.Text.Json;

namespace Vae.Tests.Unit.Deploy;

/// <summary>One query of one panel, with Grafana's variables replaced by what they stand for when everything is selected.</summary>
/// <param name="Panel">Title of the panel.</param>
/// <param name="Query">PromQL that a Prometheus can run.</param>
public sealed record DashboardQuery(string Panel, string Query);

/// <summary>Reads a dashboard's JSON as Grafana would: panels, and panels inside of collapsed rows.</summary>
public static class GrafanaDashboard
{
    /// <param name="file">The dashboard's JSON file.</param>
    /// <param name="rateInterval">What `$__rate_interval` becomes, such as `1m`: at least four scrape intervals.</param>
    public static IReadOnlyList<DashboardQuery> Queries(string file, string rateInterval)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(file));
        var root = document.RootElement;
        var variables = root.GetProperty("templating").GetProperty("list").EnumerateArray()
            .Where(variable => variable.GetProperty("type").GetString() == "query")
            .Select(variable => (Name: variable.GetProperty("name").GetString()!, All: variable.GetProperty("allValue").GetString()!))
            .ToList();

        string Resolve(string query) => variables.Aggregate(
            query.Replace("$__rate_interval", rateInterval, StringComparison.Ordinal),
            (text, variable) => text.Replace($"${variable.Name}", variable.All, StringComparison.Ordinal));

        return
        [
            .. Panels(root).Where(panel => panel.TryGetProperty("targets", out _)).SelectMany(panel =>
                panel.GetProperty("targets").EnumerateArray().Select(target =>
                    new DashboardQuery(panel.GetProperty("title").GetString()!, Resolve(target.GetProperty("expr").GetString()!)))),
        ];
    }

    private static IEnumerable<JsonElement> Panels(JsonElement parent) =>
        !parent.TryGetProperty("panels", out var panels) ? [] : panels.EnumerateArray().SelectMany(panel => Panels(panel).Prepend(panel));
}
