using System.Globalization;
using System.Text.Json;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Monitoring;

/// <summary>A real Prometheus that scrapes every second and loads the rules that ship with the product.</summary>
internal sealed class PrometheusServer : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vae-prometheus-");
    private readonly HttpClient _http;
    private readonly RunningProgram _program;

    /// <param name="coordinator">HTTP port of the coordinator.</param>
    /// <param name="workers">HTTP ports of the workers.</param>
    public PrometheusServer(int coordinator, params int[] workers)
    {
        var config = Path.Combine(_folder.FullName, "prometheus.yml");
        File.WriteAllText(config, $$"""
            global: { scrape_interval: 1s, evaluation_interval: 1s }
            rule_files: ["{{Checkout.PathTo("deploy", "monitoring", "rules")}}/*.yml"]
            scrape_configs:
              - job_name: vae-coordinator
                static_configs: [{ targets: ["127.0.0.1:{{Text(coordinator)}}"] }]
              - job_name: vae-worker
                static_configs: [{ targets: [{{string.Join(", ", workers.Select(port => $"\"127.0.0.1:{Text(port)}\""))}}] }]
            """);
        var port = FreePort.Next();
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{Text(port)}") };
        _program = RunningProgram.Start(
            Checkout.Find("prometheus")!, $"--config.file={config}", $"--storage.tsdb.path={_folder.FullName}/data", $"--web.listen-address=127.0.0.1:{Text(port)}", "--log.level=warn");
    }

    /// <summary>The values of an instant query, one per series; empty while there are none or the server still starts.</summary>
    public async Task<IReadOnlyList<double>> QueryAsync(string query)
    {
        var data = await ReadAsync($"/api/v1/query?query={Uri.EscapeDataString(query)}");
        return data is { } found
            ? [.. found.Items("result").Select(series => double.Parse(series.GetProperty("value")[1].GetString()!.Replace("Inf", "Infinity", StringComparison.Ordinal), CultureInfo.InvariantCulture))]
            : [];
    }

    /// <summary>Each rule with its health: <c>ok</c> once it was evaluated without an error.</summary>
    public async Task<IReadOnlyList<(string Rule, string Health)>> RulesAsync()
    {
        var data = await ReadAsync("/api/v1/rules");
        return data is { } found ? [.. found.Items("groups").SelectMany(group => group.Items("rules")).Select(rule => (rule.Text("name"), rule.Text("health")))] : [];
    }

    public string Evidence() => _program.Evidence();

    public void Dispose()
    {
        _program.Dispose();
        _http.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task<JsonElement?> ReadAsync(string path)
    {
        Assert.False(_program.HasEnded, _program.Evidence());
        try
        {
            using var response = await _http.GetAsync(new Uri(path, UriKind.Relative));
            var answer = SweepJson.Parse(await response.Content.ReadAsStringAsync());
            Assert.True(answer.Text("status") == "success", $"{path}: {answer}");
            return answer.GetProperty("data");
        }
        catch (Exception exception) when (exception is HttpRequestException or JsonException)
        {
            return null; // It says "Service Unavailable" in plain text until it has read its storage.
        }
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
