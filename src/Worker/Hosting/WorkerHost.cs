using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Vae.Data.Shards;
using Vae.Runtime;
using Vae.Runtime.Actors;
using Vae.Runtime.Blobs;
using Vae.Runtime.Remoting;
using Vae.Runtime.Telemetry;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Torch;
using Vae.Worker.Actors;
using Vae.Worker.Collectives.Engines;
using Vae.Worker.Collectives.Groups;
using Vae.Worker.Collectives.SharedMemory;
using Vae.Worker.Engine;
using Vae.Worker.Probing;

namespace Vae.Worker.Hosting;

/// <summary>One worker in this process: actors, engine, data plane. What <c>vae worker</c> runs.</summary>
public sealed class WorkerHost : IAsyncDisposable
{
    private static readonly TimeSpan LoadEvery = TimeSpan.FromSeconds(1);
    private const int StudioThreadsMax = 4; // Files are made in milliseconds; more would only disturb the lanes.

    private static readonly TimeSpan LeaveWithin = WorkerAgent.LeaveWithin + TimeSpan.FromSeconds(2);

    private readonly ActorSystem _system;
    private readonly ControlPlane _plane;
    private readonly Connector _connector;
    private readonly NodeListener _listener;
    private readonly DataPlaneTransport _transport;
    private readonly BlobClient _blobs;
    private readonly LanePool _lanes = new();
    private readonly Studio _studio;
    private readonly EnginePort _engine;
    private readonly ProbePort _probe;
    private readonly VaeMetrics _metrics = new(ProgramVersion.Text, ProgramVersion.Commit) { TimesRequests = false };
    private readonly StepMeter _meter;
    private readonly Timer _load;
    private NodeHttp? _http;
    private readonly TaskCompletionSource _agentGone = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private WorkerHost(WorkerOptions options, NodeIdentity identity, torch.Device device, DeviceFacts facts, ILoggerFactory loggers)
    {
        var logger = loggers.CreateLogger("worker");
        Facts = facts;
        _system = new ActorSystem(options.Name, TimeProvider.System, logger);
        _plane = new ControlPlane(_system, TimeProvider.System, logger);
        _metrics.WatchInTotal(_system, _plane.Counters);
        _metrics.CreateWorker(options.Name);
        _meter = new StepMeter(options.Name, _metrics);
        _transport = new DataPlaneTransport(identity);
        _listener = NodeListener.Start(options.DataListen, options.DataPort, identity,
            new Dictionary<ConnectionPurpose, IConnectionHandler> { [ConnectionPurpose.Data] = DataPlane.Handler(_transport) }, logger, counters: _plane.Counters);
        _blobs = new BlobClient(options.Coordinator, identity, NodeId.Coordinator);
        _studio = new Studio(Math.Min(facts.Threads, StudioThreadsMax));
        var process = new WorkerProcess(options.Name, WorkerIncarnation.Next(options.CacheFolder, options.Name, TimeProvider.System));
        var outbox = Addresses.Outbox(options.Name);
        var parts = new EngineParts(options.Name, _lanes, _studio, device, new ShardCache(options.CacheFolder), _blobs, _transport, new AllReduceFactory([new SharedMemoryEngine(), new TcpEngine(), new GlooEngine(), new NcclEngine(device)], logger), facts, _meter,
            points => _system.Post(outbox, new OutboxMessage.AddPoints(points)), Path.Combine(options.CacheFolder, "scratch"),
            (assignment, info) => _system.Post(Addresses.Replica(process, info.Pack, info.Attempt, assignment.Generation), new ReplicaMessage.CheckpointStored(info)), logger);
        _engine = new EnginePort(parts, logger);
        _engine.Register(_system);
        _probe = new ProbePort(new ProbeCache(Path.Combine(options.CacheFolder, "probes")), facts, (order, cancellation) => PackProbe.Run(order, device, facts.Threads, cancellation));
        _probe.Register(_system);
        var endpoint = new DataEndpoint(options.DataHost ?? options.DataListen, _listener.Endpoint.Port);
        var agent = Addresses.Agent(options.Name);
        _system.SpawnRoot(outbox.Name, () => new MetricsOutbox(options.Name, process.Incarnation));
        _system.SpawnRoot(agent.Name, () => new WorkerAgent(new WorkerIdentity(options.Name, process.Incarnation, facts, endpoint, options.Lanes ?? (device.type == DeviceType.CPU ? facts.Threads : 1), options.LastLines)));
        _system.SpawnRoot("host-watch", () => new GoneWatch([agent], (_, _) => _agentGone.TrySetResult()));
        _connector = new Connector(_plane, identity, NodeId.Coordinator, options.Coordinator, TimeProvider.System, logger);
        _load = new Timer(_ => _system.Post(agent, new AgentMessage.LoadSampled(_meter.Sample())), null, LoadEvery, LoadEvery);
        Completion = CompleteAsync();
    }

    /// <summary>Where /metrics is; null when it was not asked for.</summary>
    public Uri? HttpAddress => _http?.Address;

    /// <summary>What this worker is.</summary>
    public DeviceFacts Facts { get; }

    /// <summary>Ends when the worker has left the cluster; fails with a text fit for a user when it can never join (wrong token, cluster or version).</summary>
    public Task Completion { get; }

    /// <summary>Loads libtorch, listens, and begins to connect and register.</summary>
    /// <exception cref="TorchUnavailableException">libtorch or the shim is missing.</exception>
    /// <exception cref="UserFitException">Token, device or port cannot be used; the text says why and what to do.</exception>
    public static async Task<WorkerHost> StartAsync(WorkerOptions options, ILoggerFactory loggers, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var token = ClusterToken.Load(options.TokenFile);
        var (device, facts) = DeviceProbe.Open(options.Device, options.Threads ?? Environment.ProcessorCount);
        var host = new WorkerHost(options, new NodeIdentity(options.Name, options.Cluster, token), device, facts, loggers);
        try
        {
            if (options.HttpPort is { } port)
            {
                var http = new NodeHttpOptions { Bind = options.HttpListen, Port = port, HostNames = options.HttpHosts, NotReady = () => host._plane.Connected.Count > 0 ? null : "not connected to the coordinator" };
                host._http = await NodeHttp.StartAsync(http, host._metrics);
            }

            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Finishes what can be finished, tells the coordinator, and ends. Bounded in time.</summary>
    public async Task LeaveAsync(string reason)
    {
        _system.Post(Addresses.Agent(_system.Node), new AgentMessage.Leave(reason));
        await Task.WhenAny(_agentGone.Task, Task.Delay(LeaveWithin));
        _agentGone.TrySetResult();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _load.DisposeAsync();
        if (_http is not null) await _http.DisposeAsync();
        await _connector.DisposeAsync();
        await _listener.DisposeAsync();
        await _plane.DisposeAsync();
        await _system.DisposeAsync();
        await _blobs.DisposeAsync();
        _engine.Dispose();
        _probe.Dispose();
        _transport.Dispose();
        _lanes.Dispose();
        _studio.Dispose();
        _metrics.Dispose();
    }

    private async Task CompleteAsync()
    {
        var first = await Task.WhenAny(_agentGone.Task, _connector.Completion, _system.Failure);
        await first;
    }
}
