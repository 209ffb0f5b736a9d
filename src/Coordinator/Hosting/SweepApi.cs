using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Vae.Coordinator.Projections;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Runtime.Telemetry;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Hosting;

/// <summary>
/// The coordinator over HTTP: submit, list, look, cancel. Every route asks for the cluster token, reads included, and refuses browsers of other
/// origins. Clients send sweep files and opaque ids, never paths: data files named by a sweep are looked up below the data root only.
/// </summary>
internal sealed class SweepApi(CoordinatorHost host, ClusterToken token, string? dataRoot)
{
    private const int SweepFileBytesMax = 1024 * 1024;
    private const int TrialsOfOnePage = 1_000;

    public void Map(WebApplication application)
    {
        application.MapPost("/api/v1/sweeps", (RequestDelegate)(context => GuardAsync(context, SubmitAsync)));
        application.MapGet("/api/v1/sweeps", (RequestDelegate)(context => GuardAsync(context, ListAsync)));
        application.MapGet("/api/v1/sweeps/{id}", (RequestDelegate)(context => GuardAsync(context, ShowAsync)));
        application.MapDelete("/api/v1/sweeps/{id}", (RequestDelegate)(context => GuardAsync(context, CancelAsync)));
    }

    private async Task GuardAsync(HttpContext context, Func<HttpContext, Task> then)
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

        await then(context);
    }

    private async Task SubmitAsync(HttpContext context)
    {
        if (context.Request.ContentLength is not (>= 0 and <= SweepFileBytesMax))
        {
            await ProblemAsync(context, StatusCodes.Status413PayloadTooLarge, $"Send the sweep file as the body, with its length, at most {SweepFileBytesMax:N0} bytes.");
            return;
        }

        var body = new byte[context.Request.ContentLength.Value];
        await context.Request.Body.ReadExactlyAsync(body);
        var parsed = SweepParser.Parse(body.AsSpan());
        if (parsed.Definition is not { } definition)
        {
            context.Response.StatusCode = StatusCodes.Status422UnprocessableEntity;
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(ProblemText.Json("sweep.yaml", parsed.Problems));
            return;
        }

        if (dataRoot is null && definition.Dataset.Images is not null)
        {
            await ProblemAsync(context, StatusCodes.Status422UnprocessableEntity, "This coordinator has no data folder, so sweeps that name files are refused. Start it with --data-root FOLDER.");
            return;
        }

        try
        {
            var sweep = await host.SubmitAsync(definition, parsed.Text, dataRoot ?? "", context.RequestAborted);
            context.Response.StatusCode = StatusCodes.Status201Created;
            await JsonAsync(context, json =>
            {
                json.WriteString("id", sweep.Value);
                json.WriteNumber("trials", SweepTrials.Count(definition));
            });
        }
        catch (UserFitException refused)
        {
            await ProblemAsync(context, StatusCodes.Status409Conflict, refused.Message);
        }
    }

    private Task ListAsync(HttpContext context) =>
        AnswerAsync(context, new SweepListDocument(host.Views.ReadAll(SweepDocument.Summarize)), SweepDocumentJson.Default.SweepListDocument);

    private Task ShowAsync(HttpContext context) => host.Views.Read(IdOf(context), view => SweepDocument.Of(view, TrialsOfOnePage)) is { } document
        ? AnswerAsync(context, document, SweepDocumentJson.Default.SweepDocument)
        : ProblemAsync(context, StatusCodes.Status404NotFound, "There is no such sweep.");

    private async Task CancelAsync(HttpContext context)
    {
        var id = IdOf(context);
        if (!host.Views.Read(id, _ => true))
        {
            await ProblemAsync(context, StatusCodes.Status404NotFound, "There is no such sweep.");
            return;
        }

        host.Cancel(id, "cancelled by a user");
        context.Response.StatusCode = StatusCodes.Status202Accepted;
    }

    private static SweepId IdOf(HttpContext context) => new(context.Request.RouteValues["id"]?.ToString() ?? "");

    private static Task AnswerAsync<T>(HttpContext context, T document, JsonTypeInfo<T> form) => JsonAsync(context, json =>
    {
        using var members = JsonSerializer.SerializeToDocument(document, form);
        foreach (var member in members.RootElement.EnumerateObject()) member.WriteTo(json);
    });

    private static async Task JsonAsync(HttpContext context, Action<Utf8JsonWriter> write)
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

    private static Task ProblemAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        return JsonAsync(context, json => json.WriteString("error", text));
    }
}
