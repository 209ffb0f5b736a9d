using Vae.Shared;

namespace Vae.Coordinator.Hosting;

/// <summary>Settings of one coordinator process, read once at start.</summary>
public sealed record CoordinatorOptions
{
    /// <summary>Folder of store, token and results. Made when it is missing.</summary>
    public required string Home { get; init; }

    /// <summary>Where facts and points are kept: a URL of PostgreSQL, or null for the SQLite file in <see cref="Home"/>. It may hold a password and is never shown.</summary>
    public string? Store { get; init; }

    /// <summary>Address to listen on. Default loopback.</summary>
    public string Listen { get; init; } = "127.0.0.1";

    /// <summary>Port for workers; 0 takes any free one. Default 0.</summary>
    public int Port { get; init; }

    /// <summary>Port of the HTTP side (API, /metrics, health); 0 takes any free one, null serves none. Default null.</summary>
    public int? HttpPort { get; init; }

    /// <summary>Address of the HTTP side; null for the same as <see cref="Listen"/>.</summary>
    public string? HttpListen { get; init; }

    /// <summary>Names that the HTTP side answers to beside its address; <c>*</c> for all. Default none.</summary>
    public IReadOnlyList<string> HttpHosts { get; init; } = [];

    /// <summary>File with the cluster's token; null for the one in <see cref="Home"/>, made at first start.</summary>
    public string? TokenFile { get; init; }

    /// <summary>Name of the cluster, 1 to 63 characters of [a-z0-9-]. Default <c>vae</c>.</summary>
    public string Cluster { get; init; } = "vae";

    /// <summary>Whether sweeps that an earlier process left unfinished go on. A single run wants only its own.</summary>
    public bool RecoverSweeps { get; init; }

    /// <summary>The one unfinished sweep of an earlier process that goes on, where <see cref="RecoverSweeps"/> is off; null for none. Default null.</summary>
    public SweepId? Resume { get; init; }

    /// <summary>Folder that data files of sweeps sent over the network must lie in; null refuses such files altogether.</summary>
    public string? DataRoot { get; init; }
}
