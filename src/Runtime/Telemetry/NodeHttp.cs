using System.Buffers;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Vae.Runtime.Remoting;

namespace Vae.Runtime.Telemetry;

/// <summary>Settings of a node's HTTP port.</summary>
public sealed record NodeHttpOptions
{
    /// <summary>Address to listen on. Default 127.0.0.1: this machine only.</summary>
    public string Bind { get; init; } = "127.0.0.1";

    /// <summary>Port; 0 takes any free one.</summary>
    public required int Port { get; init; }

    /// <summary>Names under which the node may be asked, besides its address, <c>localhost</c> and <see cref="Bind"/>; a request with another <c>Host</c> is
    /// refused, so that a web page cannot reach the node under a name of its own. <c>*</c> allows all, for a node behind a Kubernetes service.</summary>
    public IReadOnlyList<string> HostNames { get; init; } = [];

    /// <summary>Ask for <c>Authorization: Bearer TOKEN</c> on <c>/metrics</c> too. Default false.</summary>
    public bool TokenForMetrics { get; init; }

    /// <summary>The token, when one is asked for.</summary>
    public ClusterToken? Token { get; init; }

    /// <summary>One line about a node that answers; begins with <c>ok</c>.</summary>
    public Func<string> Health { get; init; } = static () => "ok";

    /// <summary>Null when the node is ready to work, else what it waits for.</summary>
    public Func<string?> NotReady { get; init; } = static () => null;
}

/// <summary>A node's small HTTP port: <c>/metrics</c>, <c>/healthz</c>, <c>/readyz</c>, and whatever the coordinator adds.</summary>
public sealed class NodeHttp : IAsyncDisposable
{
    private readonly WebApplication _application;

    private NodeHttp(WebApplication application, Uri address) => (_application, Address) = (application, address);

    /// <summary>Where the node answers; the port is the real one even if 0 was asked for.</summary>
    public Uri Address { get; }

    /// <summary>Begins to answer.</summary>
    /// <param name="options">Settings.</param>
    /// <param name="metrics">What <c>/metrics</c> shows; every request is timed there.</param>
    /// <param name="log">Adds the logging provider; null logs nothing.</param>
    /// <param name="services">Adds services for more endpoints.</param>
    /// <param name="endpoints">Adds more endpoints.</param>
    /// <exception cref="ListenException">The port cannot be listened on.</exception>
    public static async Task<NodeHttp> StartAsync(
        NodeHttpOptions options, VaeMetrics metrics, Action<ILoggingBuilder>? log = null, Action<IServiceCollection>? services = null, Action<WebApplication>? endpoints = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 4 * 1024 * 1024; // A sweep file is at most 1 MB.
            kestrel.Limits.MaxConcurrentConnections = 1_000;
        });
        builder.Services.AddRoutingCore();
        if (log is not null) builder.Services.AddLogging(log);
        services?.Invoke(builder.Services);

        // Bound by hand first: the web server's own error for a busy port is no text for a user.
        using (Sockets.Listen(options.Bind, options.Port))
        {
        }

        var application = builder.Build();
        application.Urls.Add($"http://{(options.Bind.Contains(':', StringComparison.Ordinal) ? $"[{options.Bind}]" : options.Bind)}:{options.Port}");
        application.Use(next => context => TimeAsync(context, next, metrics));
        application.Use(next => context => CheckHostAsync(context, next, options));
        application.UseRouting();
        application.MapGet("/metrics", (RequestDelegate)(context => MetricsAsync(context, metrics.Registry, options)));
        application.MapGet("/healthz", (RequestDelegate)(context => context.Response.WriteAsync(options.Health() + "\n")));
        application.MapGet("/readyz", (RequestDelegate)(context => ReadyAsync(context, options)));
        endpoints?.Invoke(application);
        try
        {
            await application.StartAsync();
        }
        catch (IOException exception)
        {
            await application.DisposeAsync();
            throw new ListenException($"cannot listen on {options.Bind}:{options.Port}: {exception.Message}", exception);
        }

        var address = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return new(application, new(address));
    }

    /// <summary>Finishes running requests and stops.</summary>
    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync();
        await _application.DisposeAsync();
    }

    private static async Task TimeAsync(HttpContext context, RequestDelegate next, VaeMetrics metrics)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        await next(context);
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "(none)";
        metrics.HttpRequest(route, context.Response.StatusCode, TimeProvider.System.GetElapsedTime(startedAt));
    }

    private static Task CheckHostAsync(HttpContext context, RequestDelegate next, NodeHttpOptions options)
    {
        var host = context.Request.Host.Host.Trim('[', ']');
        var known = host is "localhost" || host == options.Bind || options.HostNames.Contains(host, StringComparer.OrdinalIgnoreCase) || options.HostNames.Contains("*")
            || (IPAddress.TryParse(host, out var address) && (IPAddress.IsLoopback(address) || address.Equals(context.Connection.LocalIpAddress)));
        return known ? next(context) : RefuseAsync(context, StatusCodes.Status403Forbidden, "This node does not answer to that host name. Allow it with --http-host.");
    }

    private static async Task MetricsAsync(HttpContext context, MetricRegistry registry, NodeHttpOptions options)
    {
        if (options.TokenForMetrics && !HasToken(context.Request, options.Token))
        {
            await RefuseAsync(context, StatusCodes.Status401Unauthorized, "Send the cluster token: Authorization: Bearer TOKEN.");
            return;
        }

        var body = new ArrayBufferWriter<byte>(16 * 1024);
        registry.Write(body);
        context.Response.ContentType = PrometheusText.ContentType;
        await context.Response.Body.WriteAsync(body.WrittenMemory);
    }

    private static Task ReadyAsync(HttpContext context, NodeHttpOptions options) =>
        options.NotReady() is { } reason ? RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, reason) : context.Response.WriteAsync("ready\n");

    /// <summary>True when the request carries the token as a bearer.</summary>
    public static bool HasToken(HttpRequest request, ClusterToken? token)
    {
        const string Scheme = "Bearer ";
        var header = request.Headers.Authorization.ToString();
        return token is not null && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) && token.Matches(header.AsSpan(Scheme.Length).Trim());
    }

    private static Task RefuseAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsync(text + "\n");
    }
}
