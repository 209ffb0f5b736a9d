using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Vae.Coordinator.Projections;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Hosting;

/// <summary>
/// The coordinator over HTTP: submit, list, look, fetch files, cancel. Every route asks for the cluster token, reads included, and refuses browsers of other
/// origins. Clients send sweep files and opaque ids, never paths: data files named by a sweep are looked up below the data root only.
/// </summary>
internal sealed class SweepApi(CoordinatorFront front, ClusterToken token, string? dataRoot)
{
    private const int SweepFileBytesMax = 1024 * 1024;
    private const int TrialsOfOnePage = 1_000;

    private readonly ApiAnswers _answers = new(front, token);

    public void Map(WebApplication application)
    {
        application.MapPost("/api/v1/sweeps", (RequestDelegate)(context => _answers.GuardAsync(context, SubmitAsync)));
        application.MapGet("/api/v1/sweeps", (RequestDelegate)(context => _answers.GuardAsync(context, ListAsync)));
        application.MapGet("/api/v1/sweeps/{id}", (RequestDelegate)(context => _answers.GuardAsync(context, ShowAsync)));
        application.MapGet("/api/v1/sweeps/{id}/file", (RequestDelegate)(context => _answers.GuardAsync(context, SourceAsync)));
        application.MapGet("/api/v1/sweeps/{id}/trials/{trial}/files/{name}", (RequestDelegate)(context => _answers.GuardAsync(context, FileAsync)));
        application.MapDelete("/api/v1/sweeps/{id}", (RequestDelegate)(context => _answers.GuardAsync(context, CancelAsync)));
    }

    private async Task SubmitAsync(HttpContext context, CoordinatorHost host)
    {
        if (context.Request.ContentLength is not (>= 0 and <= SweepFileBytesMax))
        {
            await ApiAnswers.ProblemAsync(context, StatusCodes.Status413PayloadTooLarge, $"Send the sweep file as the body, with its length, at most {SweepFileBytesMax:N0} bytes.");
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
            await ApiAnswers.ProblemAsync(context, StatusCodes.Status422UnprocessableEntity, "This coordinator has no data folder, so sweeps that name files are refused. Start it with --data-root FOLDER.");
            return;
        }

        try
        {
            var sweep = await host.SubmitAsync(definition, parsed.Text, dataRoot ?? "", context.RequestAborted);
            context.Response.StatusCode = StatusCodes.Status201Created;
            await ApiAnswers.JsonAsync(context, json =>
            {
                json.WriteString("id", sweep.Value);
                json.WriteNumber("trials", SweepTrials.Count(definition));
            });
        }
        catch (UserFitException refused)
        {
            await ApiAnswers.ProblemAsync(context, StatusCodes.Status409Conflict, refused.Message);
        }
    }

    private Task ListAsync(HttpContext context, CoordinatorHost host) =>
        ApiAnswers.AnswerAsync(context, new SweepListDocument(host.Views.ReadAll(SweepDocument.Summarize)), SweepDocumentJson.Default.SweepListDocument);

    private Task ShowAsync(HttpContext context, CoordinatorHost host) => host.Views.Read(IdOf(context), view => view.Submission is null ? null : SweepDocument.Of(view, TrialsOfOnePage)) is { } document
        ? ApiAnswers.AnswerAsync(context, document.WithGaps(host.Folders), SweepDocumentJson.Default.SweepDocument)
        : ApiAnswers.ProblemAsync(context, StatusCodes.Status404NotFound, "There is no such sweep.");

    private static async Task SourceAsync(HttpContext context, CoordinatorHost host)
    {
        if (host.Views.Read(IdOf(context), view => view.Submission?.Source) is not { } source)
        {
            await ApiAnswers.ProblemAsync(context, StatusCodes.Status404NotFound, "There is no such sweep.");
            return;
        }

        context.Response.ContentType = "application/yaml";
        await context.Response.WriteAsync(source);
    }

    // What the client names is looked up among the names that there are; the path is made from ids and an enum.
    private static async Task FileAsync(HttpContext context, CoordinatorHost host)
    {
        var (id, name) = (IdOf(context), context.Request.RouteValues["name"]?.ToString());
        var kinds = Enum.GetValues<ArtifactKind>().Where(kind => SweepFolders.FileName(kind) == name).ToList();
        if (kinds.Count == 1 && int.TryParse(context.Request.RouteValues["trial"]?.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var trial)
            && host.Views.Read(id, view => trial < view.Trials))
        {
            var file = new FileInfo(host.Folders.File(new(id, trial), kinds[0]));
            if (file.Exists)
            {
                context.Response.ContentType = "application/octet-stream";
                context.Response.ContentLength = file.Length;
                await context.Response.SendFileAsync(file.FullName, context.RequestAborted);
                return;
            }
        }

        await ApiAnswers.ProblemAsync(context, StatusCodes.Status404NotFound, "There is no such file.");
    }

    private async Task CancelAsync(HttpContext context, CoordinatorHost host)
    {
        var id = IdOf(context);
        if (!host.Views.Read(id, _ => true))
        {
            await ApiAnswers.ProblemAsync(context, StatusCodes.Status404NotFound, "There is no such sweep.");
            return;
        }

        if (host.StoreTrouble is { } trouble) throw trouble;
        host.Cancel(id, "cancelled by a user");
        context.Response.StatusCode = StatusCodes.Status202Accepted;
    }

    private static SweepId IdOf(HttpContext context) => new(context.Request.RouteValues["id"]?.ToString() ?? "");
}
