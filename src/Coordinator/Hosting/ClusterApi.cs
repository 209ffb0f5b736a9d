using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Vae.Coordinator.Projections;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Shared;

namespace Vae.Coordinator.Hosting;

/// <summary>The workers over HTTP: look, and send one away. Asks for the cluster token on every route, as <see cref="SweepApi"/> does.</summary>
internal sealed class ClusterApi(CoordinatorFront front, ClusterToken token)
{
    private readonly ApiAnswers _answers = new(front, token);

    public void Map(WebApplication application)
    {
        application.MapGet("/api/v1/cluster", (RequestDelegate)(context => _answers.GuardAsync(context, ShowAsync)));
        application.MapPost("/api/v1/workers/{name}/drain", (RequestDelegate)(context => _answers.GuardAsync(context, DrainAsync)));
    }

    private async Task ShowAsync(HttpContext context, CoordinatorHost host)
    {
        try
        {
            await ApiAnswers.AnswerAsync(context, await host.DescribeAsync(context.RequestAborted), ClusterDocumentJson.Default.ClusterDocument);
        }
        catch (UserFitException late)
        {
            await ApiAnswers.ProblemAsync(context, StatusCodes.Status503ServiceUnavailable, late.Message);
        }
    }

    private async Task DrainAsync(HttpContext context, CoordinatorHost host)
    {
        var name = context.Request.RouteValues["name"]?.ToString() ?? "";
        try
        {
            var known = NodeId.IsValid(name) && (await host.DescribeAsync(context.RequestAborted)).Workers.Any(worker => worker.Name == name);
            if (!known)
            {
                await ApiAnswers.ProblemAsync(context, StatusCodes.Status404NotFound, "There is no such worker.");
                return;
            }

            host.Drain(new NodeId(name), "drained by a user");
            context.Response.StatusCode = StatusCodes.Status202Accepted;
            await ApiAnswers.AnswerAsync(context, new DrainDocument(name, "leaving"), ClusterDocumentJson.Default.DrainDocument);
        }
        catch (UserFitException late)
        {
            await ApiAnswers.ProblemAsync(context, StatusCodes.Status503ServiceUnavailable, late.Message);
        }
    }
}
