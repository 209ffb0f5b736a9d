using Microsoft.Extensions.Logging;
using Vae.Coordinator.Actors;
using Vae.Coordinator.Projections;
using Vae.Runtime;
using Vae.Runtime.Actors;
using Vae.Runtime.Blobs;
using Vae.Runtime.Remoting;
using Vae.Runtime.Storage;
using Vae.Runtime.Telemetry;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Hosting;

/// <summary>One coordinator in this process: actors, store, listener. What <c>vae coordinator</c> runs and what <c>vae sweep run</c> embeds.</summary>
public sealed class CoordinatorHost : IAsyncDisposable
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(30);

    private readonly HomeLock _lock;
    private readonly SqliteStore _store;
    private readonly ActorSystem _system;
    private readonly ControlPlane _plane;
    private readonly Publisher _publisher;
    private readonly NodeListener _listener;
    private readonly VaeMetrics _metrics = new(ProgramVersion.Text, ProgramVersion.Commit);
    private NodeHttp? _http;
    private readonly TaskCompletionSource _vitalGone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _inboxes;
    private volatile StoreException? _trouble;
    private volatile bool _stopping;

    private CoordinatorHost(CoordinatorOptions options, HomeLock taken, ClusterToken token, string tokenFile, SqliteStore store, ILoggerFactory loggers)
    {
        (_lock, _store, TokenFile) = (taken, store, tokenFile);
        Folders = new SweepFolders(options.Home);
        var logger = loggers.CreateLogger("coordinator");
        _system = new ActorSystem(NodeId.Coordinator, TimeProvider.System, logger, store, new ActorSystemOptions { ReportDirectory = Folders.Home });
        _plane = new ControlPlane(_system, TimeProvider.System, logger);
        var history = store.ReadAll().Select(stored => stored.Fact).OfType<SweepEvent>().ToList();
        Views = new SweepViews(history);
        var shelf = new DatasetShelf(options.DataRoot);
        shelf.Register(_system);
        _system.RegisterPort<StorePointsJob>(JobPort.Answering<StorePointsJob>(StorePointsAsync));
        var feed = new ObserverFeed();
        var observer = _system.SpawnRoot("feed", () => feed, Supervision.Never);
        var context = new CoordinatorContext(store.Term, HistoryOf, [observer]);
        _metrics.CreateCoordinator();
        _metrics.Watch(_system);
        _metrics.Watch(_plane.Counters);
        _metrics.Watch(store);
        var checkpoints = new CheckpointFolder(Folders, Views, logger);
        checkpoints.CleanUp(); // Before anybody can send a file.
        _publisher = new Publisher(feed, Views, store, Folders, checkpoints, new FleetMetrics(_metrics, Views), logger);
        _system.SpawnRoot(Addresses.Placement.Name, () => new Placement(context), Supervision.Never);
        _system.SpawnRoot(Addresses.Planner.Name, () => new Planner(context), Supervision.Never);
        _system.SpawnRoot(Addresses.Cluster.Name, () => new Cluster(context), Supervision.Never);
        _system.SpawnRoot(Addresses.Datasets.Name, () => new DatasetCatalog());
        _system.SpawnRoot(Addresses.Metrics.Name, () => new MetricsActor(context, store.ReadMarks()));
        _system.SpawnRoot(Addresses.Sweeps.Name, () => new SweepBook(context, options.RecoverSweeps ? AllHistory() : EndedHistory()));
        // Without one of these the process would answer health checks and do nothing: better it ends, and is started again from the store.
        var vital = new[] { Addresses.Cluster, Addresses.Placement, Addresses.Planner, Addresses.Datasets, Addresses.Metrics, Addresses.Sweeps };
        _system.SpawnRoot("vital-watch", () => new GoneWatch(vital, (actor, reason) =>
        {
            if (!_stopping) _vitalGone.TrySetException(new UserFitException($"The actor {actor.Name} could not be carried on: {reason}. The log above says why; start the coordinator again, it goes on from its store."));
        }), Supervision.Never);
        Failure = Task.WhenAny(_system.Failure, _vitalGone.Task, _publisher.Running).Unwrap();
        var identity = new NodeIdentity(NodeId.Coordinator, options.Cluster, token);
        _listener = NodeListener.Start(options.Listen, options.Port, identity, new Dictionary<ConnectionPurpose, IConnectionHandler>
        {
            [ConnectionPurpose.Control] = _plane,
            [ConnectionPurpose.Blob] = new BlobServer(new ArtifactStore(Folders, Views, shelf)),
        }, logger, counters: _plane.Counters);
    }

    /// <summary>Where things lie.</summary>
    public SweepFolders Folders { get; }

    /// <summary>Port for workers.</summary>
    public int Port => _listener.Endpoint.Port;

    /// <summary>Where the HTTP side answers; null when it was not asked for.</summary>
    public Uri? HttpAddress => _http?.Address;

    /// <summary>File with the cluster's token, for workers on this machine.</summary>
    public string TokenFile { get; }

    /// <summary>Never ends while all is well; fails when the store failed or another coordinator took over.</summary>
    public Task Failure { get; }

    /// <summary>Why the points of running trials cannot be stored at present; null while they can. They are tried again.</summary>
    public StoreException? StoreTrouble => _trouble;

    internal SweepViews Views { get; }

    /// <summary>Opens the store and begins to listen.</summary>
    /// <exception cref="UserFitException">The home folder, the token or the port cannot be used; the text says why and what to do.</exception>
    /// <exception cref="StoreException">The store cannot be opened.</exception>
    public static async Task<CoordinatorHost> StartAsync(CoordinatorOptions options, ILoggerFactory loggers, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var taken = HomeLock.Take(options.Home);
        SqliteStore? store = null;
        CoordinatorHost? host = null;
        try
        {
            var folders = new SweepFolders(options.Home);
            var tokenFile = options.TokenFile ?? ClusterToken.FileFor(folders.Home);
            var token = options.TokenFile is null ? ClusterToken.LoadOrCreate(folders.Home) : ClusterToken.Load(options.TokenFile);
            store = SqliteStore.Open(folders.StoreFile, TimeProvider.System);
            host = new CoordinatorHost(options, taken, token, tokenFile, store, loggers);
            await host.StartHttpAsync(options, token);
            return host;
        }
        catch when (host is not null)
        {
            await host.DisposeAsync();
            throw;
        }
        catch
        {
            if (store is not null) await store.DisposeAsync();
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Takes a sweep; it is durable when the task ends.</summary>
    /// <exception cref="UserFitException">It was turned away; the text says why.</exception>
    public async Task<SweepId> SubmitAsync(SweepDefinition definition, string source, string baseDirectory, CancellationToken cancellation)
    {
        var sweep = SweepIds.New();
        var inbox = _system.OpenInbox($"submit-{Interlocked.Increment(ref _inboxes)}");
        try
        {
            _system.Post(Addresses.Sweeps, new SweepBookMessage.SubmitSweep(sweep, definition, source, baseDirectory, inbox.Id));
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            deadline.CancelAfter(AnswerWithin);
            while (true)
            {
                switch ((await inbox.Reader.ReadAsync(deadline.Token)).Message)
                {
                    case ObserverMessage.SweepAccepted accepted when accepted.Sweep == sweep: return sweep;
                    case ObserverMessage.SweepRejected rejected when rejected.Sweep == sweep: throw new UserFitException(rejected.Text);
                    default: break;
                }
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new UserFitException($"The sweep was not taken within {AnswerWithin.TotalSeconds:F0} s; the coordinator's log says more.");
        }
        finally
        {
            await _system.StopRoot(inbox.Id, "answered");
        }
    }

    /// <summary>What changes from now on: durable facts, stored points, workers. A trial's end comes after its files are written.</summary>
    public IAsyncEnumerable<ObserverMessage> ObserveAsync(CancellationToken cancellation) => _publisher.ListenAsync(cancellation);

    /// <summary>Stops a sweep; its running trials become cancelled.</summary>
    public void Cancel(SweepId sweep, string reason) => _system.Post(Addresses.Sweeps, new SweepBookMessage.CancelSweep(sweep, reason));

    /// <summary>Sends a worker away: it hands over what it trains and leaves. Nothing happens when there is none of that name.</summary>
    public void Drain(NodeId worker, string reason) => _system.Post(Addresses.Cluster, new ClusterMessage.DrainWorker(worker, reason));

    /// <summary>Who is there, and what for.</summary>
    /// <exception cref="UserFitException">The actors did not answer in time.</exception>
    public async Task<ClusterDocument> DescribeAsync(CancellationToken cancellation)
    {
        var inbox = _system.OpenInbox($"describe-{Interlocked.Increment(ref _inboxes)}");
        try
        {
            _system.Post(Addresses.Cluster, new ClusterMessage.DescribeCluster(inbox.Id));
            _system.Post(Addresses.Placement, new PlacementMessage.DescribePlacement(inbox.Id));
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            deadline.CancelAfter(AnswerWithin);
            (ObserverMessage.ClusterDescribed? Members, ObserverMessage.PlacementDescribed? Placed) answer = default;
            while (answer.Members is null || answer.Placed is null)
            {
                var message = (await inbox.Reader.ReadAsync(deadline.Token)).Message;
                answer = (message as ObserverMessage.ClusterDescribed ?? answer.Members, message as ObserverMessage.PlacementDescribed ?? answer.Placed);
            }

            return ClusterDocument.Of(_store.Term, answer.Members, answer.Placed, PackOf);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new UserFitException($"The coordinator did not answer within {AnswerWithin.TotalSeconds:F0} s; its log says more.");
        }
        finally
        {
            await _system.StopRoot(inbox.Id, "answered");
        }
    }

    private (int? Generation, int? Trials) PackOf(PackId pack, Attempt attempt) => Views.Read(pack.Sweep, view =>
        view.Packs.TryGetValue(pack.Number, out var row) && row.Attempt == attempt ? ((int?)row.Generation.Value, (int?)row.Live.Count) : default);

    /// <summary>Where a sweep stands, as a copy.</summary>
    public SweepView View(SweepId sweep)
    {
        var view = new SweepView(sweep);
        foreach (var fact in HistoryOf(sweep)) view.Apply(fact);
        return view;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        if (_http is not null) await _http.DisposeAsync();
        await _listener.DisposeAsync();
        await _plane.DisposeAsync();
        await _system.DisposeAsync();
        await _publisher.DisposeAsync();
        await _store.DisposeAsync();
        _metrics.Dispose();
        _lock.Dispose();
    }

    private async Task StartHttpAsync(CoordinatorOptions options, ClusterToken token)
    {
        if (options.HttpPort is not { } port) return;
        var http = new NodeHttpOptions { Bind = options.HttpListen ?? options.Listen, Port = port, HostNames = options.HttpHosts, Token = token };
        _http = await NodeHttp.StartAsync(http, _metrics, endpoints: application =>
        {
            new SweepApi(this, token, options.DataRoot).Map(application);
            new ClusterApi(this, token).Map(application);
        });
    }

    private async Task<Message> StorePointsAsync(StorePointsJob job, CancellationToken abandoned)
    {
        try
        {
            await _store.StoreAsync(job.Points, job.Marks);
            _trouble = null;
        }
        catch (StoreException exception)
        {
            _trouble = exception; // The metrics actor tries again; who watches should know meanwhile.
            throw;
        }

        return new MetricsMessage.PointsStored(job.Write);
    }

    private IReadOnlyList<SweepEvent> HistoryOf(SweepId sweep) => [.. _store.ReadStream(sweep.Value).Select(stored => stored.Fact).OfType<SweepEvent>()];

    private IEnumerable<SweepEvent> AllHistory() => _store.ReadAll().Select(stored => stored.Fact).OfType<SweepEvent>();

    private IEnumerable<SweepEvent> EndedHistory()
    {
        var ended = AllHistory().OfType<SweepEvent.Ended>().Select(fact => fact.Sweep).ToHashSet();
        return AllHistory().Where(fact => ended.Contains(fact.Sweep));
    }
}
