using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Vae.Data;
using Vae.Data.Shards;
using Vae.Data.Sprites;
using Vae.Runtime.Blobs;
using Vae.Runtime.Remoting;
using Vae.Runtime.Telemetry;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives.Engines;
using Vae.Worker.Engine;

namespace Vae.Tests.Training.Engine.Elastic;

/// <summary>Replica engines of several workers in one process, with the shipped data plane and uploads between them; the test is their runner.</summary>
internal sealed class EngineGang : IAsyncDisposable
{
    private static readonly ClusterToken Token = ClusterToken.Parse(ClusterToken.NewText());
    private static readonly DeviceFacts Facts = new("host", 1, "processor", 1, 1, "cpu", "", 0, 1, "libtorch", "blas", "cpu", "1");

    private readonly NodeListener _coordinator;
    private readonly DirectoryInfo _cache = Directory.CreateTempSubdirectory("vae-engines-");

    public EngineGang(int workers, IReadOnlyList<TrialSpec> trials, ResourceSpec? resources = null)
    {
        Images = SpriteSource.Make(count: PackRuns.HeldOut + (10 * PackRuns.Batch), size: 16, seed: 1);
        Trials = trials;
        Resources = resources ?? new() { Balance = BalanceMode.Even };
        _coordinator = NodeListener.Start("127.0.0.1", 0, Identity("coordinator"), new Dictionary<ConnectionPurpose, IConnectionHandler> { [ConnectionPurpose.Blob] = new BlobServer(Store) }, NullLogger.Instance);
        Workers = [.. Enumerable.Range(1, workers).Select(number => new EngineWorker(this, $"worker-{number}"))];
    }

    public ImageSet Images { get; }

    public IReadOnlyList<TrialSpec> Trials { get; }

    public ResourceSpec Resources { get; }

    public MemoryStore Store { get; } = new();

    public EngineWorker[] Workers { get; }

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in Workers) await worker.DisposeAsync();
        await _coordinator.DisposeAsync();
        _cache.Delete(recursive: true);
    }

    private static NodeIdentity Identity(string node) => new(new(node), "test", Token);

    /// <summary>One worker and its replica.</summary>
    internal sealed class EngineWorker : IAsyncDisposable
    {
        private readonly LanePool _lanes = new();
        private readonly Studio _studio = new(1);
        private readonly VaeMetrics _metrics = new("1", "test");
        private readonly DataShelf _shelf = new(torch.CPU);
        private readonly DataPlaneTransport _transport;
        private readonly NodeListener _listener;
        private readonly BlobClient _blobs;

        public EngineWorker(EngineGang gang, string name)
        {
            _transport = new DataPlaneTransport(Identity(name));
            _listener = NodeListener.Start("127.0.0.1", 0, Identity(name), new Dictionary<ConnectionPurpose, IConnectionHandler> { [ConnectionPurpose.Data] = DataPlane.Handler(_transport) }, NullLogger.Instance);
            _blobs = new BlobClient(new PeerAddresses(new HostPort("127.0.0.1", gang._coordinator.Endpoint.Port)), Identity(name), NodeId.Coordinator);
            Member = new(new(name), new("127.0.0.1", _listener.Endpoint.Port), 1, new(1));
            _metrics.CreateWorker(new(name));
            var parts = new EngineParts(
                new(name), _lanes, _studio, torch.CPU, new ShardCache(gang._cache.FullName), _blobs, _transport, new AllReduceFactory([new TcpEngine()], NullLogger.Instance), Facts, new StepMeter(new(name), _metrics), Points.Enqueue, gang._cache.FullName, static (_, _) => { }, NullLogger.Instance);
            var manifest = new DatasetManifest { Fingerprint = new string('0', 64), Source = DatasetSource.Sprites, Count = gang.Images.Count, HeldOut = PackRuns.HeldOut, Channels = 1, Height = 16, Width = 16, Classes = 0, HasLabels = false, ShardRows = gang.Images.Count, Shards = [] };
            var assignment = new ReplicaAssignment(
                new(new("s-1"), 1), new(1), new(1), new(gang.Trials.Count, 4, 1, 1), gang.Trials.Select((trial, slot) => new SlotFill(slot, trial)).ToValueList(), true, manifest,
                new DatasetSource { Source = DatasetSource.Sprites, Count = gang.Images.Count, Size = 16, Binarize = Binarize.Dynamic }, gang.Resources, new ActorId(NodeId.Coordinator, "runner"));
            Engine = new ReplicaEngine(assignment, parts, _shelf);
            Prepared = Engine.PrepareAsync(gang.Images);
        }

        public GangMember Member { get; }

        public ReplicaEngine Engine { get; }

        public VaeMetrics Metrics => _metrics;

        public Task Prepared { get; }

        public ConcurrentQueue<ValueList<MetricPoint>> Points { get; } = new();

        public ConcurrentQueue<TrialResult> Results { get; } = new();

        /// <summary>Released at the first act of each generation.</summary>
        public SemaphoreSlim Started { get; } = new(0);

        public async Task<GangHalt?> TrainAsync(int generation, EngineWorker[] members, EngineWorker? source = null)
        {
            await Prepared;
            var signals = new EngineSignals(() => Started.Release(), (_, result) => Results.Enqueue(result), (_, _) => { }, _ => { });
            return await Engine.TrainAsync(new(generation), members.Select(member => member.Member).ToValueList(), source?.Member.Worker, signals);
        }

        public async ValueTask DisposeAsync()
        {
            Engine.Stop("the test is over");
            await Engine.DisposeAsync();
            await _blobs.DisposeAsync();
            await _listener.DisposeAsync();
            _transport.Dispose();
            _shelf.Dispose();
            _studio.Dispose();
            _lanes.Dispose();
            _metrics.Dispose();
            Started.Dispose();
        }
    }

    /// <summary>Keeps artifacts in memory, and holds them up while the gate is closed.</summary>
    internal sealed class MemoryStore : IBlobStore
    {
        private readonly ConcurrentDictionary<ArtifactKey, byte[]> _artifacts = [];

        /// <summary>Uploads wait for this.</summary>
        public Task Gate { get; set; } = Task.CompletedTask;

        /// <summary>Released at each upload that waits.</summary>
        public SemaphoreSlim Waiting { get; } = new(0);

        public IReadOnlyDictionary<ArtifactKey, byte[]> Artifacts => _artifacts;

        public Task<ShardBlob?> OpenShardAsync(string fingerprint, int index, CancellationToken cancellation) => Task.FromResult<ShardBlob?>(null);

        public async Task<IArtifactSink> StoreArtifactAsync(ArtifactKey key, long length, CancellationToken cancellation)
        {
            Waiting.Release();
            await Gate.WaitAsync(cancellation);
            return new Sink(content => _artifacts[key] = content);
        }

        public Task<IArtifactSink> StoreCheckpointAsync(CheckpointKey key, long length, CancellationToken cancellation) => throw new NotSupportedException();

        public Task<Stream?> OpenCheckpointAsync(CheckpointKey key, CancellationToken cancellation) => Task.FromResult<Stream?>(null);

        private sealed class Sink(Action<byte[]> keep) : IArtifactSink
        {
            private readonly MemoryStream _content = new();

            public Stream Content => _content;

            public Task CommitAsync(CancellationToken cancellation)
            {
                keep(_content.ToArray());
                return Task.CompletedTask;
            }

            public ValueTask DisposeAsync() => _content.DisposeAsync();
        }
    }
}
