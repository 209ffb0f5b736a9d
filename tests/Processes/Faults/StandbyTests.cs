using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Vae.Tests.Conformance.Stores;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>Two coordinators on one database, as real processes.</summary>
public sealed class StandbyTests : IDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly HttpClient _http = new();
    private readonly List<RunningProgram> _programs = [];

    public void Dispose()
    {
        foreach (var program in _programs) program.Dispose();
        _http.Dispose();
        _home.Dispose();
    }

    [PostgresFact]
    public async Task Standby_takes_over_when_the_active_coordinator_is_killed_and_its_sweep_ends_as_if_nothing_had_been()
    {
        var store = PostgresServer.Shared.NewDatabase();
        var (first, second) = (StartCoordinator(store), await StandbyAsync(store));
        await ReadyAsync(first);
        StartWorker("node-1", first, second);
        var sweep = await SubmitAsync(first, SweepText.Grid("1, 2", "2, 4", epochs: 200));
        await Poll.UntilAsync("a trial trains", async () => await RunningAsync(first, sweep) > 0, Evidence);

        first.Program.Send(RunningProgram.Kill);
        await ReadyAsync(second);

        Assert.StartsWith("ok, active, term 2", await TextAsync(second, "/healthz"), StringComparison.Ordinal);
        await DoneAsync(second, sweep, trials: 4);
        Assert.False(_programs[^1].HasEnded, Evidence());
    }

    [PostgresFact]
    public async Task Active_coordinator_that_was_stopped_is_put_out_and_ends_by_itself_when_it_wakes()
    {
        var store = PostgresServer.Shared.NewDatabase();
        var (first, second) = (StartCoordinator(store), await StandbyAsync(store));
        first.Program.Send(RunningProgram.Stop);
        await ReadyAsync(second);

        first.Program.Send(RunningProgram.Continue);
        var ending = (await first.Program.EndAsync()).Expect(1).ExpectNoTrace();

        Assert.Contains("term 2 has taken over the store", ending.Error, StringComparison.Ordinal);
        Assert.Null(await Record.ExceptionAsync(() => ReadyAsync(second)));
    }

    [PostgresFact]
    public async Task F15_Database_that_crashes_while_a_sweep_runs_costs_no_trial_and_who_wants_something_is_told_to_come_back()
    {
        using var server = new PostgresServer();
        var only = StartCoordinator(server.NewDatabase());
        await ReadyAsync(only);
        StartWorker("node-1", only);
        var sweep = await SubmitAsync(only, SweepText.Grid("1, 2", "2, 4", epochs: 200));
        await Poll.UntilAsync("a trial trains", async () => await RunningAsync(only, sweep) > 0, Evidence);

        server.Stop();
        await Poll.UntilAsync("trouble", async () => (await TextAsync(only, "/metrics")).Contains("vae_store_trouble 1", StringComparison.Ordinal), Evidence);
        using (var refused = await SendAsync(only, HttpMethod.Post, "/api/v1/sweeps", SweepText.Grid("1", "2", epochs: 1)))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.NotNull(refused.Headers.RetryAfter);
        }

        using (var read = await SendAsync(only, HttpMethod.Get, $"/api/v1/sweeps/{sweep}")) Assert.Equal(HttpStatusCode.OK, read.StatusCode);
        server.Start();

        await DoneAsync(only, sweep, trials: 4);
        Assert.False(only.Program.HasEnded, Evidence());
        Assert.Contains("vae_store_trouble 0", await TextAsync(only, "/metrics"), StringComparison.Ordinal);
    }

    [PostgresFact]
    public async Task Mistakes_in_the_stores_address_end_with_their_own_codes_and_without_the_password()
    {
        var url = PostgresServer.Shared.NewDatabase();
        await MistakeAsync(2, "postgres://u:geheim@/db");
        await MistakeAsync(4, url.Replace("p%40ss", "geheim", StringComparison.Ordinal));
        await MistakeAsync(5, PostgresServer.Shared.UrlOf("nowhere").Replace("nowhere", "geheim-db", StringComparison.Ordinal), shown: true);

        async Task MistakeAsync(int code, string store, bool shown = false)
        {
            var file = _home.Write("store-url", store);
            var ending = (await RunningProgram.RunVaeAsync("coordinator", "--home", _home.Path, "--port", "0", "--http-port", "0", "--store-file", file)).Expect(code).ExpectNoTrace();
            Assert.Equal(shown, ending.Error.Contains("geheim", StringComparison.Ordinal));
            Assert.DoesNotContain("p%40ss", ending.Error, StringComparison.Ordinal);
        }
    }

    private sealed record Node(RunningProgram Program, int Port, int Http);

    private Node StartCoordinator(string store)
    {
        var (port, http) = (FreePort.Next(), FreePort.Next());
        var program = RunningProgram.Start(
            Checkout.Program, ["coordinator", "--home", _home.Path, "--port", Text(port), "--http-port", Text(http)], new Dictionary<string, string> { ["VAE_STORE"] = store });
        _programs.Add(program);
        return new(program, port, http);
    }

    // Started when the other one is active, so that it is known which is which.
    private async Task<Node> StandbyAsync(string store)
    {
        await Poll.UntilAsync("the first one is active", () => _programs[0].Error.Contains("Listening for workers", StringComparison.Ordinal), Evidence);
        var node = StartCoordinator(store);
        await Poll.UntilAsync("the second one stands by", () => node.Program.Error.Contains("Standing by on", StringComparison.Ordinal), Evidence);
        Assert.StartsWith("ok, standby", await TextAsync(node, "/healthz"), StringComparison.Ordinal);
        return node;
    }

    private void StartWorker(string name, params Node[] coordinators) => _programs.Add(RunningProgram.Start(Checkout.Program,
        ["worker", "--coordinator", string.Join(',', coordinators.Select(node => $"127.0.0.1:{Text(node.Port)}")), "--name", name, "--home", _home.Path, "--token-file", _home.Token, "--threads", "1", "--device", "cpu"],
        environment: null));

    private Task ReadyAsync(Node node) => Poll.UntilAsync("a coordinator is ready", async () =>
    {
        Assert.False(node.Program.HasEnded, Evidence());
        try
        {
            using var answer = await _http.GetAsync(new Uri($"http://127.0.0.1:{Text(node.Http)}/readyz"));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }, Evidence);

    private async Task<string> SubmitAsync(Node node, string yaml)
    {
        using var answer = await SendAsync(node, HttpMethod.Post, "/api/v1/sweeps", yaml);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.Created, text);
        return SweepJson.Parse(text).Text("id");
    }

    private async Task<int> RunningAsync(Node node, string sweep) => (await ReadAsync(node, sweep)).GetProperty("sweep").GetProperty("counts").Int("running");

    private async Task DoneAsync(Node node, string sweep, int trials)
    {
        await Poll.UntilAsync("the sweep is done", async () => (await ReadAsync(node, sweep)).GetProperty("sweep").Text("state") == "done", Evidence);
        var document = await ReadAsync(node, sweep);
        Assert.Equal(trials, document.GetProperty("sweep").GetProperty("counts").Int("done"));
        Assert.All(document.Items("trials"), trial => Assert.True(File.Exists(Path.Combine(_home.Path, "sweeps", sweep, "trials", trial.Int("trial").ToString("D4", CultureInfo.InvariantCulture), "model.safetensors"))));
    }

    private async Task<JsonElement> ReadAsync(Node node, string sweep)
    {
        using var answer = await SendAsync(node, HttpMethod.Get, $"/api/v1/sweeps/{sweep}");
        return SweepJson.Parse(await answer.Content.ReadAsStringAsync());
    }

    private Task<string> TextAsync(Node node, string path) => _http.GetStringAsync(new Uri($"http://127.0.0.1:{Text(node.Http)}{path}"));

    private async Task<HttpResponseMessage> SendAsync(Node node, HttpMethod method, string path, string? yaml = null)
    {
        using var request = new HttpRequestMessage(method, new Uri($"http://127.0.0.1:{Text(node.Http)}{path}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", File.ReadAllText(_home.Token).Trim());
        if (yaml is not null) request.Content = new StringContent(yaml, Encoding.UTF8, "application/yaml");
        return await _http.SendAsync(request);
    }

    private string Evidence() => string.Concat(_programs.Select(program => program.Evidence()));

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
