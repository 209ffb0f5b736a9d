using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Vae.Tests.Processes.Support;

/// <summary>A coordinator process with its HTTP port, and whatever workers a test starts beside it.</summary>
internal sealed class TestCluster : IDisposable
{
    private readonly List<RunningProgram> _programs = [];
    private readonly HttpClient _http = new();

    private TestCluster() { }

    public TemporaryHome Home { get; } = new();

    public int Port { get; } = FreePort.Next();

    public int HttpPort { get; } = FreePort.Next();

    public RunningProgram Coordinator { get; private set; } = null!;

    public static async Task<TestCluster> StartAsync()
    {
        var cluster = new TestCluster();
        try
        {
            cluster.Coordinator = cluster.Keep(RunningProgram.Vae("coordinator", "--home", cluster.Home.Path, "--port", Text(cluster.Port), "--http-port", Text(cluster.HttpPort)));
            await cluster.ReadyAsync(cluster.Coordinator, cluster.HttpPort);
            return cluster;
        }
        catch
        {
            cluster.Dispose();
            throw;
        }
    }

    /// <summary>Starts a worker; it may not have joined yet.</summary>
    public RunningProgram StartWorker(string name, params string[] more) => Keep(RunningProgram.Vae(
        ["worker", "--coordinator", $"127.0.0.1:{Text(Port)}", "--name", name, "--home", Home.Path, "--token-file", Home.Token, "--threads", "1", "--device", "cpu", .. more]));

    /// <summary>Waits until a node's HTTP port says that it is ready.</summary>
    public async Task ReadyAsync(RunningProgram node, int httpPort) => await Poll.UntilAsync($"/readyz on port {httpPort}", async () =>
    {
        Assert.False(node.HasEnded, node.Evidence());
        return await GetAsync(httpPort, "/readyz") is not null;
    }, node.Evidence);

    /// <summary>Hands in a sweep.</summary>
    /// <returns>Its id.</returns>
    public async Task<string> SubmitAsync(string yaml)
    {
        using var request = Request(HttpMethod.Post, "/api/v1/sweeps");
        request.Content = new StringContent(yaml, Encoding.UTF8, "application/yaml");
        using var response = await _http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, text);
        return SweepJson.Parse(text).Text("id");
    }

    public async Task CancelAsync(string sweep)
    {
        using var request = Request(HttpMethod.Delete, $"/api/v1/sweeps/{sweep}");
        using var response = await _http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
    }

    /// <summary>What a node's HTTP port answers; null while it does not, or says that it is not ready.</summary>
    public async Task<string?> GetAsync(int httpPort, string path)
    {
        try
        {
            using var response = await _http.GetAsync(new Uri($"http://127.0.0.1:{Text(httpPort)}{path}"));
            return response.IsSuccessStatusCode ? await response.Content.ReadAsStringAsync() : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>The value of a series of the coordinator, written as Prometheus text has it; null while there is none.</summary>
    public async Task<double?> MetricAsync(string series)
    {
        var line = (await GetAsync(HttpPort, "/metrics"))?.Split('\n').FirstOrDefault(line => line.StartsWith(series + " ", StringComparison.Ordinal));
        return line is null ? null : double.Parse(line[(series.Length + 1)..], CultureInfo.InvariantCulture);
    }

    public Task WaitForWorkerAsync(string name) =>
        Poll.UntilAsync($"{name} joins", async () => await MetricAsync($"vae_worker_up{{worker=\"{name}\"}}") == 1, Evidence);

    /// <summary>Waits until a sweep is in a state.</summary>
    public Task WaitForStateAsync(string sweep, string state) => Poll.UntilAsync(
        $"sweep {sweep} becomes {state}", async () => (await SweepJson.ReadAsync(Home, sweep)).GetProperty("sweep").Text("state") == state, Evidence);

    public void Dispose()
    {
        foreach (var program in _programs.AsEnumerable().Reverse()) program.Dispose();
        _http.Dispose();
        Home.Dispose();
    }

    private string Evidence() => string.Concat(_programs.Select(program => program.Evidence()));

    private HttpRequestMessage Request(HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, new Uri($"http://127.0.0.1:{Text(HttpPort)}{path}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", File.ReadAllText(Home.Token).Trim());
        return request;
    }

    private RunningProgram Keep(RunningProgram program)
    {
        _programs.Add(program);
        return program;
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
