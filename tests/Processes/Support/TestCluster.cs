using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Vae.Coordinator.Hosting;
using Vae.Coordinator.Projections;
using Vae.Shared.Messages;

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

    /// <summary>What clients were told, and what is checked at the end.</summary>
    public RunHistory History { get; } = new();

    public RunningProgram Coordinator { get; private set; } = null!;

    /// <summary>Where the coordinator listens and is asked.</summary>
    public string Host { get; private init; } = "127.0.0.1";

    /// <param name="host">An address of this machine.</param>
    /// <param name="faults">Faults below the coordinator; null for none.</param>
    public static async Task<TestCluster> StartAsync(string host = "127.0.0.1", FaultBox? faults = null)
    {
        var cluster = new TestCluster { Host = host };
        try
        {
            await cluster.StartCoordinatorAsync(faults);
            return cluster;
        }
        catch
        {
            cluster.Dispose();
            throw;
        }
    }

    /// <summary>Starts the coordinator, or starts it again after its end, with the same ports and the same home.</summary>
    public async Task StartCoordinatorAsync(FaultBox? faults = null)
    {
        Coordinator = Keep(RunningProgram.Start(
            Checkout.Program, ["coordinator", "--home", Home.Path, "--listen", Host, "--port", Text(Port), "--http-port", Text(HttpPort)], faults?.Environment));
        await ReadyAsync(Coordinator, HttpPort);
    }

    /// <summary>Ends the coordinator as a power cut would.</summary>
    public async Task KillCoordinatorAsync()
    {
        Coordinator.Send(RunningProgram.Kill);
        await Coordinator.EndAsync();
    }

    /// <summary>Starts a worker; it may not have joined yet.</summary>
    public RunningProgram StartWorker(string name, params string[] more) => StartWorker(name, via: null, faults: null, more);

    /// <summary>Starts a worker behind a proxy, with faults below it; null for without.</summary>
    public RunningProgram StartWorker(string name, FaultProxy? via, FaultBox? faults = null, params string[] more) =>
        Keep(RunningProgram.Start(Checkout.Program, WorkerArguments(name, $"127.0.0.1:{Text(via?.Port ?? Port)}", more), faults?.Environment));

    /// <summary>Starts a worker with more in its environment.</summary>
    public RunningProgram StartWorker(string name, IReadOnlyDictionary<string, string> environment) =>
        Keep(RunningProgram.Start(Checkout.Program, WorkerArguments(name, $"127.0.0.1:{Text(Port)}", []), environment));

    /// <summary>Starts a worker on a host of its own.</summary>
    public RunningProgram StartWorker(string name, VirtualHosts hosts, int host, params string[] more) =>
        Keep(hosts.Start(host, Checkout.Program, WorkerArguments(name, $"{Host}:{Text(Port)}", ["--data-listen", hosts.Address(host), .. more])));

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
        return History.Acknowledge(SweepJson.Parse(text).Text("id"));
    }

    /// <summary>The sweep as a client sees it now, whether a coordinator runs or not.</summary>
    public JsonElement See(string sweep) => History.See(JsonSerializer.SerializeToElement(
        SweepDocument.Of(SweepReader.Open(Home.Path).Find(sweep)!), SweepDocumentJson.Default.SweepDocument));

    /// <summary>A worker as `vae cluster status` shows it; null while the coordinator does not know it.</summary>
    public async Task<JsonElement?> WorkerAsync(string name)
    {
        using var request = Request(HttpMethod.Get, "/api/v1/cluster");
        using var response = await _http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        return SweepJson.Parse(text).Items("workers").Where(worker => worker.Text("name") == name).Select(worker => (JsonElement?)worker).FirstOrDefault();
    }

    /// <summary>Stops everything and holds what is left against the invariants.</summary>
    /// <returns>The facts of the store.</returns>
    public async Task<IReadOnlyList<SweepEvent>> StopAndCheckAsync()
    {
        await Poll.UntilAsync("the points of all finished trials are stored", () => RunHistory.HasAllPoints(Home.Path), Evidence);
        StopAll();
        return History.Check(Home.Path);
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
            using var response = await _http.GetAsync(new Uri($"http://{Host}:{Text(httpPort)}{path}"));
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
        $"sweep {sweep} becomes {state}", () => See(sweep).GetProperty("sweep").Text("state") == state, Evidence);

    /// <summary>Waits until something holds of a sweep.</summary>
    public Task UntilAsync(string what, string sweep, Func<JsonElement, bool> holds) => Poll.UntilAsync(what, () => holds(See(sweep)), Evidence);

    public void Dispose()
    {
        StopAll();
        _http.Dispose();
        Home.Dispose();
    }

    public string Evidence() => string.Concat(_programs.Select(program => program.Evidence()));

    private HttpRequestMessage Request(HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, new Uri($"http://{Host}:{Text(HttpPort)}{path}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", File.ReadAllText(Home.Token).Trim());
        return request;
    }

    private RunningProgram Keep(RunningProgram program)
    {
        _programs.Add(program);
        return program;
    }

    private string[] WorkerArguments(string name, string coordinator, string[] more) =>
        ["worker", "--coordinator", coordinator, "--name", name, "--home", Home.Path, "--token-file", Home.Token, "--threads", "1", "--device", "cpu", .. more];

    private void StopAll()
    {
        foreach (var program in _programs.AsEnumerable().Reverse()) program.Dispose();
        _programs.Clear();
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
