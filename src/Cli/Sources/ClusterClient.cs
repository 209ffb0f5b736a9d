using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Vae.Coordinator.Projections;
using Vae.Runtime.Actors;

namespace Vae.Cli.Sources;

/// <summary>A coordinator over HTTP.</summary>
internal sealed class ClusterClient : ISweepSource
{
    private const int AnswerShownMax = 500;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http;

    private ClusterClient(Uri address, string token)
    {
        _http = new HttpClient { BaseAddress = address, Timeout = Patience };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>As the user may type it after <c>--cluster</c>.</summary>
    public string Address => _http.BaseAddress!.GetLeftPart(UriPartial.Authority);

    /// <exception cref="CliException">The address is none, or the token cannot be read.</exception>
    public static ClusterClient Open(string address, string tokenFile)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
        {
            throw new CliException(ExitCode.Usage, $"--cluster {address} is no HTTP address.", "Write it as http://HOST:PORT.");
        }

        try
        {
            _ = Runtime.Remoting.ClusterToken.Load(tokenFile); // Its rules: private, long enough.
            return new ClusterClient(uri, File.ReadAllText(tokenFile).Trim());
        }
        catch (UserFitException refused)
        {
            throw new CliException(ExitCode.Authentication, refused.Message);
        }
    }

    public async Task<IReadOnlyList<SweepSummary>> ListAsync(CancellationToken cancellation) =>
        (await SendAsync(HttpMethod.Get, "api/v1/sweeps", null, SweepDocumentJson.Default.SweepListDocument, cancellation)).Sweeps;

    public Task<SweepDocument> ReadAsync(string id, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Get, $"api/v1/sweeps/{Uri.EscapeDataString(id)}", null, SweepDocumentJson.Default.SweepDocument, cancellation);

    /// <summary>Hands in a sweep file.</summary>
    public Task<SweepAcceptedDocument> SubmitAsync(string yaml, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, "api/v1/sweeps", new StringContent(yaml, Encoding.UTF8, "application/yaml"), SweepDocumentJson.Default.SweepAcceptedDocument, cancellation);

    /// <summary>Who is there, and what for.</summary>
    public Task<ClusterDocument> DescribeAsync(CancellationToken cancellation) =>
        SendAsync(HttpMethod.Get, "api/v1/cluster", null, ClusterDocumentJson.Default.ClusterDocument, cancellation);

    /// <summary>Sends a worker away.</summary>
    public Task<DrainDocument> DrainAsync(string worker, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, $"api/v1/workers/{Uri.EscapeDataString(worker)}/drain", null, ClusterDocumentJson.Default.DrainDocument, cancellation);

    /// <summary>Stops a sweep for good; it ends a moment later.</summary>
    public async Task CancelAsync(string id, CancellationToken cancellation)
    {
        using var response = await AskAsync(HttpMethod.Delete, $"api/v1/sweeps/{Uri.EscapeDataString(id)}", null, cancellation);
    }

    public async Task<string> SourceOfAsync(string id, CancellationToken cancellation)
    {
        using var response = await AskAsync(HttpMethod.Get, $"api/v1/sweeps/{Uri.EscapeDataString(id)}/file", null, cancellation);
        return await response.Content.ReadAsStringAsync(cancellation);
    }

    public async Task<Stream?> OpenFileAsync(string sweep, int trial, string name, CancellationToken cancellation)
    {
        try
        {
            var path = $"api/v1/sweeps/{Uri.EscapeDataString(sweep)}/trials/{trial.ToString(CultureInfo.InvariantCulture)}/files/{Uri.EscapeDataString(name)}";
            return await (await AskAsync(HttpMethod.Get, path, null, cancellation)).Content.ReadAsStreamAsync(cancellation); // The stream ends the answer when it is disposed of.
        }
        catch (CliException missing) when (missing.Code == ExitCode.InvalidInput)
        {
            return null;
        }
    }

    public string? FolderOf(string sweep, int trial) => null;

    public void Dispose() => _http.Dispose();

    private async Task<T> SendAsync<T>(HttpMethod method, string path, HttpContent? body, JsonTypeInfo<T> form, CancellationToken cancellation)
    {
        using var response = await AskAsync(method, path, body, cancellation);
        try
        {
            return JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(cancellation), form) ?? throw new JsonException("an empty answer");
        }
        catch (JsonException exception)
        {
            throw new CliException(ExitCode.Failed, $"{_http.BaseAddress}{path} gave an answer that is not understood: {exception.Message}", "Do both ends have the same version? `vae --version` tells.");
        }
    }

    // The answer's head; its body may be a model and is read by the caller.
    private async Task<HttpResponseMessage> AskAsync(HttpMethod method, string path, HttpContent? body, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body };
        try
        {
            var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (response.IsSuccessStatusCode) return response;
            using (response) throw Refusal(response.StatusCode, path, await response.Content.ReadAsStringAsync(cancellation));
        }
        catch (HttpRequestException exception)
        {
            throw new CliException(ExitCode.NotReachable, $"{_http.BaseAddress} cannot be reached: {exception.Message}", "Is the coordinator running, with --http-port, and is the address right?");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new CliException(ExitCode.NotReachable, $"{_http.BaseAddress} has not answered within {Patience.TotalSeconds:F0} s.");
        }
    }

    private CliException Refusal(HttpStatusCode status, string path, string text)
    {
        var shown = Plain(ErrorOf(text));
        return status switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new(ExitCode.Authentication, $"{_http.BaseAddress} refused the token.", "Use the coordinator's own token file with --token-file."),
            HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity => new(ExitCode.InvalidInput, $"the coordinator refused the sweep: {shown}"),
            HttpStatusCode.ServiceUnavailable => new(ExitCode.NotReachable, $"{_http.BaseAddress} cannot do that at present: {shown}", "Try again in a few seconds."),
            HttpStatusCode.NotFound => new(ExitCode.InvalidInput, $"{_http.BaseAddress}{path} does not exist."),
            _ => new(ExitCode.Failed, $"{_http.BaseAddress} answered {(int)status}: {shown}"),
        };
    }

    // The coordinator says {"error": TEXT}; a proxy in between says what it likes.
    private static string ErrorOf(string text)
    {
        try
        {
            using var answer = JsonDocument.Parse(text);
            return answer.RootElement.TryGetProperty("error", out var error) ? error.GetString() ?? text : text;
        }
        catch (Exception other) when (other is JsonException or InvalidOperationException)
        {
            return text;
        }
    }

    // The text came over the network and goes to a terminal.
    private static string Plain(string text) =>
        new([.. text.Trim().Take(AnswerShownMax).Select(c => char.IsControl(c) && c != '\n' ? '?' : c)]);
}
