using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Vae.Runtime.Remoting;
using Vae.Runtime.Storage;
using Vae.Runtime.Telemetry;

namespace Vae.Coordinator.Hosting;

/// <summary>What all routes under <c>/api</c> have in common: who may ask, and the form of answers.</summary>
internal sealed class ApiAnswers(CoordinatorFront front, ClusterToken token)
{
    private const string RetryAfterSeconds = "5"; // About as long as a takeover or a restart of the database takes.

    /// <summary>Lets those pass that send the cluster token and are no page of another origin, while this coordinator is the active one. A store that is away becomes 503.</summary>
    public async Task GuardAsync(HttpContext context, Func<HttpContext, CoordinatorHost, Task> then)
    {
        if (!NodeHttp.HasToken(context.Request, token))
        {
            await ProblemAsync(context, StatusCodes.Status401Unauthorized, "Send the cluster token: Authorization: Bearer TOKEN.");
            return;
        }

        // Our own clients are no browsers and send no Origin; a page of ours would send our own.
        var origin = context.Request.Headers.Origin.ToString();
        if (origin.Length > 0 && origin != $"{context.Request.Scheme}://{context.Request.Host}")
        {
            await ProblemAsync(context, StatusCodes.Status403Forbidden, "Requests of other origins are refused.");
            return;
        }

        if (front.Active is not { } host)
        {
            await UnavailableAsync(context, $"This coordinator is not the active one ({front.Standing}). Ask the active one, or try again.");
            return;
        }

        try
        {
            await then(context, host);
        }
        catch (StoreException trouble) when (!context.Response.HasStarted)
        {
            await UnavailableAsync(context, trouble.Message);
        }
    }

    public static Task AnswerAsync<T>(HttpContext context, T document, JsonTypeInfo<T> form) => JsonAsync(context, json =>
    {
        using var members = JsonSerializer.SerializeToDocument(document, form);
        foreach (var member in members.RootElement.EnumerateObject()) member.WriteTo(json);
    });

    public static async Task JsonAsync(HttpContext context, Action<Utf8JsonWriter> write)
    {
        context.Response.ContentType = "application/json";
        var buffer = new MemoryStream();
        await using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("schema_version", 1);
            write(json);
            json.WriteEndObject();
        }

        buffer.Position = 0;
        await buffer.CopyToAsync(context.Response.Body);
    }

    private static Task UnavailableAsync(HttpContext context, string text)
    {
        context.Response.Headers.RetryAfter = RetryAfterSeconds;
        return ProblemAsync(context, StatusCodes.Status503ServiceUnavailable, text);
    }

    public static Task ProblemAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        return JsonAsync(context, json => json.WriteString("error", text));
    }
}
