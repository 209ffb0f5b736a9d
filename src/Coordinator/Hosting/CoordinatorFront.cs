using System.Globalization;
using Vae.Runtime;
using Vae.Runtime.Remoting;
using Vae.Runtime.Telemetry;

namespace Vae.Coordinator.Hosting;

/// <summary>What a coordinator process shows from its first moment to its last: metrics, health, the HTTP interface. It is there before the coordinator is active, and then says that it stands by.</summary>
internal sealed class CoordinatorFront : IAsyncDisposable
{
    private volatile CoordinatorHost? _active;
    private volatile string _waiting = "starting";
    private NodeHttp? _http;

    public VaeMetrics Metrics { get; } = new(ProgramVersion.Text, ProgramVersion.Commit);

    /// <summary>Where the HTTP side answers; null when it was not asked for.</summary>
    public Uri? HttpAddress => _http?.Address;

    /// <summary>The coordinator, once it is active.</summary>
    public CoordinatorHost? Active
    {
        get => _active;
        set
        {
            _active = value;
            Metrics.SetActive(value is not null);
        }
    }

    /// <summary>Begins to answer, where it was asked for.</summary>
    /// <exception cref="ListenException">The port cannot be listened on.</exception>
    public static async Task<CoordinatorFront> StartAsync(CoordinatorOptions options, ClusterToken token)
    {
        var front = new CoordinatorFront();
        front.Metrics.SetActive(false);
        if (options.HttpPort is not { } port) return front;
        var http = new NodeHttpOptions
        {
            Bind = options.HttpListen ?? options.Listen, Port = port, HostNames = options.HttpHosts, Token = token, Health = front.Health,
            NotReady = () => front.Active is null ? front.Standing : null,
        };
        try
        {
            front._http = await NodeHttp.StartAsync(http, front.Metrics, endpoints: application =>
            {
                new SweepApi(front, token, options.DataRoot).Map(application);
                new ClusterApi(front, token).Map(application);
            });
            return front;
        }
        catch
        {
            await front.DisposeAsync();
            throw;
        }
    }

    /// <summary>Why this coordinator is not active.</summary>
    public string Standing => $"standby: {_waiting}";

    /// <summary>It has to wait.</summary>
    public void Wait(string reason) => _waiting = reason;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_http is not null) await _http.DisposeAsync();
        Metrics.Dispose();
    }

    private string Health() => _active is not { } active ? $"ok, {Standing}"
        : active.StoreTrouble is { } trouble ? $"ok, active, but nothing can be stored at present: {trouble.Message}"
        : string.Create(CultureInfo.InvariantCulture, $"ok, active, term {active.Term.Value}");
}
