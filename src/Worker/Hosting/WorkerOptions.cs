using Vae.Runtime.Remoting;
using Vae.Shared;

namespace Vae.Worker.Hosting;

/// <summary>Settings of one worker process, read once at start.</summary>
public sealed record WorkerOptions
{
    /// <summary>This worker's name in the cluster; unique among live workers.</summary>
    public required NodeId Name { get; init; }

    /// <summary>Where the coordinator may be: its own address, and those of its standbys.</summary>
    public required PeerAddresses Coordinator { get; init; }

    /// <summary>File with the cluster's token.</summary>
    public required string TokenFile { get; init; }

    /// <summary>Name of the cluster; both ends of a connection must agree. Default <c>vae</c>.</summary>
    public string Cluster { get; init; } = "vae";

    /// <summary>Address that the data plane listens on. Default loopback.</summary>
    public string DataListen { get; init; } = "127.0.0.1";

    /// <summary>Port of the data plane; 0 takes any free one. Default 0.</summary>
    public int DataPort { get; init; }

    /// <summary>What other workers reach the data plane by. Default: the address it listens on.</summary>
    public string? DataHost { get; init; }

    /// <summary>Port of /metrics and the health checks; null for none. Default none.</summary>
    public int? HttpPort { get; init; }

    /// <summary>Address of the HTTP port. Default loopback.</summary>
    public string HttpListen { get; init; } = "127.0.0.1";

    /// <summary>Names that the HTTP port answers to beside its address; <c>*</c> for all. Default none.</summary>
    public IReadOnlyList<string> HttpHosts { get; init; } = [];

    /// <summary>Folder of cached shards.</summary>
    public required string CacheFolder { get; init; }

    /// <summary><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>. Default auto: the first accelerator where there is one.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Compute threads, 1 to 1,024; null for one per core. Default null.</summary>
    public int? Threads { get; init; }

    /// <summary>What the process of this name before logged last, when it did not end in good order. Default nothing.</summary>
    public ValueList<string> LastLines { get; init; } = [];

    /// <summary>Packs trained side by side, 1 to 1,024; null for one per thread on a processor and one on an accelerator. Default null.</summary>
    public int? Lanes { get; init; }
}
