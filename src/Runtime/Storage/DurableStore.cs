using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Wire;

namespace Vae.Runtime.Storage;

/// <summary>What reads beside the one writer; disposed of with the store where it holds connections.</summary>
internal interface IStoreReader : IEventReader, IPointReader
{
    /// <inheritdoc cref="IPointStore.ReadMarks"/>
    IReadOnlyList<PointMark> ReadMarks();
}

/// <summary>A store on durable storage: one writer that commits in groups, and a reader beside it. What differs between engines is how it is opened.</summary>
public abstract class DurableStore : IStore
{
    private readonly Catalog _catalog;
    private readonly IStoreReader _reader;
    private readonly GroupCommit _commits;

    private protected DurableStore(string place, Term term, Catalog catalog, IStoreReader reader, GroupCommit commits) =>
        (Place, Term, _catalog, _reader, _commits) = (place, term, catalog, reader, commits);

    /// <inheritdoc/>
    public string Place { get; }

    /// <inheritdoc/>
    public Term Term { get; }

    /// <inheritdoc/>
    public StoreException? Trouble => _commits.Trouble;

    /// <inheritdoc/>
    public Task Failure => _commits.Failure;

    /// <inheritdoc/>
    public Action<TimeSpan, int, bool>? OnCommit
    {
        get => _commits.OnCommit;
        set => _commits.OnCommit = value;
    }

    /// <inheritdoc/>
    public Action<StoreException?>? OnTrouble
    {
        get => _commits.OnTrouble;
        set => _commits.OnTrouble = value;
    }

    /// <inheritdoc/>
    public async Task AppendAsync(IReadOnlyList<NewEvent> batch) => await _commits.EnqueueAsync(PendingWrite.Of(batch, _catalog));

    /// <inheritdoc/>
    public Task<IReadOnlyList<MetricPoint>> StoreAsync(IReadOnlyList<MetricPoint> points, IReadOnlyList<PointMark>? marks = null) => _commits.EnqueueAsync(new([], points, marks ?? []));

    /// <inheritdoc/>
    public IReadOnlyList<PointMark> ReadMarks() => _reader.ReadMarks();

    /// <inheritdoc/>
    public IEnumerable<StoredEvent> ReadStream(string stream, long afterSequence = 0) => _reader.ReadStream(stream, afterSequence);

    /// <inheritdoc/>
    public IEnumerable<StoredEvent> ReadAll(long afterSequence = 0, Action<DamagedEvent>? damaged = null) => _reader.ReadAll(afterSequence, damaged);

    /// <inheritdoc/>
    public IReadOnlyList<Attempt> ReadAttempts(TrialId trial) => _reader.ReadAttempts(trial);

    /// <inheritdoc/>
    public IReadOnlyList<MetricPoint.TrainStep> ReadTrainSteps(TrialId trial, Attempt attempt, int pointsMax = 2_000, Action<DamagedPoint>? damaged = null) => _reader.ReadTrainSteps(trial, attempt, pointsMax, damaged);

    /// <inheritdoc/>
    public IReadOnlyList<MetricPoint.Evaluation> ReadEpochs(TrialId trial, Attempt attempt, Action<DamagedPoint>? damaged = null) => _reader.ReadEpochs(trial, attempt, damaged);

    /// <inheritdoc/>
    public IReadOnlyList<CurveGap> ReadGaps(TrialId trial, Attempt attempt, int gapsMax = 1_000) => _reader.ReadGaps(trial, attempt, gapsMax);

    /// <summary>Commits what is queued, then closes the writer's session (which frees a lock that a standby waits for) and the reader's.</summary>
    public async ValueTask DisposeAsync()
    {
        await _commits.DisposeAsync();
        (_reader as IDisposable)?.Dispose();
        GC.SuppressFinalize(this);
    }
}
