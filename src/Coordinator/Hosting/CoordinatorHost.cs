using Microsoft.Extensions.Logging;
using Vae.Coordinator.Actors;
using Vae.Coordinator.Projections;
using Vae.Runtime;
using Vae.Runtime.Actors;
using Vae.Runtime.Blobs;
using Vae.Runtime.Remoting;
using Vae.Runtime.Storage;
using Vae.Runtime.Storage.Postgres;
using Vae.Runtime.Telemetry;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Hosting;

/// <summary>One coordinator in this process: actors, store, listener. What <c>vae coordinator</c> runs and what <c>vae sweep run</c> embeds.</summary>
public sealed partial class CoordinatorHost : IAsyncDisposable
{
    private readonly HomeLock? _lock;
    private readonly IStore _store;
    private readonly CoordinatorFront _front;
    private readonly ActorSystem _system;
    private readonly ControlPlane _plane;
    private readonly Publisher _publisher;
    private readonly ActorQuestions _questions;
    private readonly NodeListener _listener;
    private readonly HashSet<SweepId> _damaged = [];
    private readonly TaskCompletionSource _vitalGone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _stopping;

    private CoordinatorHost(CoordinatorOptions options, HomeLock? taken, ClusterToken token, string tokenFile, IStore store, CoordinatorFront front, ILoggerFactory loggers)
    {
        (_lock, _store, _front, TokenFile) = (taken, store, front, tokenFile);
        var metrics = front.Metrics;
        Folders = new SweepFolders(options.Home);
        var logger = loggers.CreateLogger("coordinator");
        _system = new ActorSystem(NodeId.Coordinator, TimeProvider.System, logger, store, new ActorSystemOptions { ReportDirectory = Folders.Home });
        _plane = new ControlPlane(_system, TimeProvider.System, logger);
        _store.OnTrouble = trouble =>
        {
            metrics.SetStoreTrouble(trouble is not null);
            if (trouble is null) LogStoreBack(logger);
            else LogStoreAway(logger, trouble.Message);
        };
        var sweeps = StoredSweeps.Fold(store);
        Views = new SweepViews(sweeps);
        foreach (var view in sweeps.Where(view => view.Damage is not null))
        {
            _damaged.Add(view.Id);
            LogDamaged(logger, view.Id, view.Damage!);
        }

        _questions = new ActorQuestions(_system, store, Views);
        var shelf = new DatasetShelf(options.DataRoot);
        shelf.Register(_system);
        _system.RegisterPort<StorePointsJob>(JobPort.Answering<StorePointsJob>(StorePointsAsync));
        var feed = new ObserverFeed();
        var observer = _system.SpawnRoot("feed", () => feed, Supervision.Never);
        var context = new CoordinatorContext(store.Term, HistoryOf, [observer]);
        metrics.CreateCoordinator();
        metrics.Watch(_system);
        metrics.Watch(_plane.Counters);
        metrics.Watch(store);
        var checkpoints = new CheckpointFolder(Folders, Views, logger);
        checkpoints.CleanUp(); // Before anybody can send a file.
        _publisher = new Publisher(feed, Views, store, Folders, checkpoints, new FleetMetrics(metrics, Views, TimeProvider.System), logger);
        _system.SpawnRoot(Addresses.Placement.Name, () => new Placement(context), Supervision.Never);
        _system.SpawnRoot(Addresses.Planner.Name, () => new Planner(context), Supervision.Never);
        _system.SpawnRoot(Addresses.Cluster.Name, () => new Cluster(context), Supervision.Never);
        _system.SpawnRoot(Addresses.Datasets.Name, () => new DatasetCatalog());
        _system.SpawnRoot(Addresses.Metrics.Name, () => new MetricsActor(context, store.ReadMarks()));
        _system.SpawnRoot(Addresses.Sweeps.Name, () => new SweepBook(context, options.RecoverSweeps ? AllHistory() : EndedHistory(options.Resume)));
        // Without one of these the process would answer health checks and do nothing: better it ends, and is started again from the store.
        var vital = new[] { Addresses.Cluster, Addresses.Placement, Addresses.Planner, Addresses.Datasets, Addresses.Metrics, Addresses.Sweeps };
        _system.SpawnRoot("vital-watch", () => new GoneWatch(vital, (actor, reason) =>
        {
            if (!_stopping) _vitalGone.TrySetException(new UserFitException($"The actor {actor.Name} could not be carried on: {reason}. The log above says why; start the coordinator again, it goes on from its store."));
        }), Supervision.Never);
        Failure = Task.WhenAny(_system.Failure, _vitalGone.Task, _publisher.Running, store.Failure).Unwrap();
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
    public Uri? HttpAddress => _front.HttpAddress;

    /// <summary>File with the cluster's token, for workers on this machine.</summary>
    public string TokenFile { get; }

    /// <summary>Never ends while all is well; fails when the store failed or another coordinator took over.</summary>
    public Task Failure { get; }

    /// <summary>Why nothing can be stored at present; null while all is well. Training goes on, and what waits is stored when that is possible again.</summary>
    public StoreException? StoreTrouble => _store.Trouble;

    /// <summary>This life's number.</summary>
    public Term Term => _store.Term;

    /// <summary>Where facts and points lie; holds no secret.</summary>
    public string StorePlace => _store.Place;

    internal SweepViews Views { get; }

    /// <summary>Opens the store and begins to listen. With PostgreSQL it waits until no other coordinator is active on it, and answers health checks meanwhile.</summary>
    /// <exception cref="UserFitException">The home folder, the token or the port cannot be used; the text says why and what to do.</exception>
    /// <exception cref="StoreException">The store cannot be opened.</exception>
    public static async Task<CoordinatorHost> StartAsync(CoordinatorOptions options, ILoggerFactory loggers, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var folders = new SweepFolders(options.Home);
        var taken = options.Store is null ? HomeLock.Take(options.Home) : null; // With a database, its lock and its term say who is active.
        IStore? store = null;
        CoordinatorFront? front = null;
        CoordinatorHost? host = null;
        try
        {
            var tokenFile = options.TokenFile ?? ClusterToken.FileFor(folders.Home);
            var token = options.TokenFile is null ? ClusterToken.LoadOrCreate(folders.Home) : ClusterToken.Load(options.TokenFile);
            front = await CoordinatorFront.StartAsync(options, token);
            store = options.Store is { } url ? await OpenAsync(url, folders.Home, front, loggers, cancellation) : SqliteStore.Open(folders.StoreFile, TimeProvider.System);
            host = new CoordinatorHost(options, taken, token, tokenFile, store, front, loggers);
            front.Active = host;
            return host;
        }
        catch
        {
            if (store is not null) await store.DisposeAsync();
            if (front is not null) await front.DisposeAsync();
            taken?.Dispose();
            throw;
        }
    }

    /// <summary>Takes a sweep; it is durable when the task ends.</summary>
    /// <exception cref="UserFitException">It was turned away; the text says why.</exception>
    public Task<SweepId> SubmitAsync(SweepDefinition definition, string source, string baseDirectory, CancellationToken cancellation) => _questions.SubmitAsync(definition, source, baseDirectory, cancellation);

    /// <summary>What changes from now on: durable facts, stored points, workers. A trial's end comes after its files are written.</summary>
    public IAsyncEnumerable<ObserverMessage> ObserveAsync(CancellationToken cancellation) => _publisher.ListenAsync(cancellation);

    /// <summary>Stops a sweep; its running trials become cancelled.</summary>
    public void Cancel(SweepId sweep, string reason) => _system.Post(Addresses.Sweeps, new SweepBookMessage.CancelSweep(sweep, reason));

    /// <summary>Sends a worker away: it hands over what it trains and leaves. Nothing happens when there is none of that name.</summary>
    public void Drain(NodeId worker, string reason) => _system.Post(Addresses.Cluster, new ClusterMessage.DrainWorker(worker, reason));

    /// <summary>Who is there, and what for.</summary>
    /// <exception cref="UserFitException">The actors did not answer in time.</exception>
    public Task<ClusterDocument> DescribeAsync(CancellationToken cancellation) => _questions.DescribeAsync(cancellation);

    /// <summary>Every fact about a sweep, oldest first.</summary>
    public IReadOnlyList<SweepEvent> History(SweepId sweep) => HistoryOf(sweep);

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
        _front.Active = null;
        await _listener.DisposeAsync();
        await _plane.DisposeAsync();
        await _system.DisposeAsync();
        await _publisher.DisposeAsync();
        await _store.DisposeAsync();
        await _front.DisposeAsync();
        _lock?.Dispose();
    }

    private static async Task<IStore> OpenAsync(string url, string home, CoordinatorFront front, ILoggerFactory loggers, CancellationToken cancellation)
    {
        var (address, logger) = (PostgresAddress.Parse(url), loggers.CreateLogger("coordinator"));
        return await PostgresStore.OpenAsync(address, HomeId.LoadOrCreate(home), TimeProvider.System, reason =>
        {
            front.Wait(reason);
            LogStandby(logger, address.ToString(), reason, front.HttpAddress?.ToString() ?? "off");
        }, cancellation);
    }

    private async Task<Message> StorePointsAsync(StorePointsJob job, CancellationToken abandoned) =>
        new MetricsMessage.PointsStored(job.Write, (await _store.StoreAsync(job.Points, job.Marks)).ToValueList());

    private IReadOnlyList<SweepEvent> HistoryOf(SweepId sweep) => [.. _store.ReadStream(sweep.Value).Select(stored => stored.Fact).OfType<SweepEvent>()];

    // Without the sweeps that nobody can go on with; they are shown as damaged.
    private IEnumerable<SweepEvent> AllHistory() =>
        _store.ReadAll(damaged: static _ => { }).Select(stored => stored.Fact).OfType<SweepEvent>().Where(fact => !_damaged.Contains(fact.Sweep));

    private IEnumerable<SweepEvent> EndedHistory(SweepId? resumed)
    {
        var known = AllHistory().OfType<SweepEvent.Ended>().Select(fact => fact.Sweep).ToHashSet();
        if (resumed is { } sweep) known.Add(sweep);
        return AllHistory().Where(fact => known.Contains(fact.Sweep));
    }

    [LoggerMessage(EventId = 4101, Level = LogLevel.Warning, Message = "Standing by on {Store}: {Reason}. HTTP {Http}")]
    private static partial void LogStandby(ILogger logger, string store, string reason, string http);

    [LoggerMessage(EventId = 4102, Level = LogLevel.Error, Message = "Nothing can be stored at present, which is tried again: {Reason}")]
    private static partial void LogStoreAway(ILogger logger, string reason);

    [LoggerMessage(EventId = 4103, Level = LogLevel.Information, Message = "The store takes writes again; what waited is stored")]
    private static partial void LogStoreBack(ILogger logger);

    [LoggerMessage(EventId = 4104, Level = LogLevel.Error, Message = "Sweep {Sweep} cannot be read and does not go on; the others do. {Problem}")]
    private static partial void LogDamaged(ILogger logger, SweepId sweep, string problem);
}
