using System.Threading.Channels;
using Microsoft.Data.Sqlite;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Wire;

namespace Vae.Runtime.Storage;

/// <summary>
/// Facts and points in one SQLite file (write-ahead log, <c>synchronous=FULL</c>). One thread writes; whatever has queued up while the last
/// transaction was synced goes into the next one, so the price of a sync is shared by all actors that wait for it.
/// </summary>
public sealed class SqliteStore : IEventStore, IPointStore, IAsyncDisposable
{
    // Bounds one transaction, and with it how long the first waiter waits for the last one's rows.
    private const int RowsPerCommitMax = 20_000;

    // Callers await their writes, so this many at once means that the disk has stopped; they then wait for a place.
    private const int QueueMax = 10_000;
    private const int BytesPerRow = 128; // For the text of a full disk only.

    private readonly Channel<Write> _queue = Channel.CreateBounded<Write>(new BoundedChannelOptions(QueueMax) { SingleReader = true });
    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly SqliteWriter _writer;
    private readonly SqliteReader _reader;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SqliteStore(string path, SqliteConnection connection, Term term, TimeProvider time, Catalog catalog)
    {
        (_path, Term, _time) = (path, term, time);
        _writer = new(connection, term, catalog);
        _reader = new(path, catalog);
        _thread = new(WriteLoop) { Name = "store writer", IsBackground = true };
        _thread.Start();
    }

    private sealed record Write(IReadOnlyList<NewEvent> Facts, IReadOnlyList<MetricPoint> Points, IReadOnlyList<PointMark> Marks, TaskCompletionSource<int> Done)
    {
        public int Rows => Facts.Count + Points.Count + Marks.Count;
    }

    /// <inheritdoc/>
    public Term Term { get; }

    /// <summary>Told of every transaction: how long it took, how many rows it held, and whether it was committed.</summary>
    public Action<TimeSpan, int, bool>? OnCommit { get; set; }

    /// <summary>Opens or makes the store and takes the next term: from now on an older writer of the same file is refused.</summary>
    /// <param name="path">The file; its folder is made when it is missing.</param>
    /// <param name="time">Wall-clock times of the rows.</param>
    /// <param name="catalog">Which facts may be stored; null for the product's.</param>
    /// <exception cref="StoreException">The file cannot be opened or written, is damaged, or is newer than this build.</exception>
    public static SqliteStore Open(string path, TimeProvider time, Catalog? catalog = null) => Open(path, time, catalog, int.MaxValue);

    internal static SqliteStore Open(string path, TimeProvider time, Catalog? catalog, int pagesMax)
    {
        SqliteConnection? connection = null;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            connection = SqliteHelpers.Open(path, SqliteOpenMode.ReadWriteCreate);
            connection.Execute("PRAGMA journal_mode = WAL");
            connection.Execute("PRAGMA synchronous = FULL");
            connection.Execute($"PRAGMA max_page_count = {pagesMax}");
            connection.Execute("BEGIN IMMEDIATE");
            Schema.Migrate(connection, path, time.GetUtcNow().ToUnixTimeMilliseconds());
            connection.Execute("UPDATE term SET value = value + 1");
            var term = new Term(connection.Scalar("SELECT value FROM term WHERE id = 1"));
            connection.Execute("COMMIT");
            return new(path, connection, term, time, catalog ?? MessageCatalog.Default);
        }
        catch (Exception exception)
        {
            connection?.Dispose();
            throw exception switch
            {
                SqliteException sqlite => SqliteHelpers.Translate(sqlite, path),
                IOException or UnauthorizedAccessException => new StoreException(StoreFault.Denied, $"{path}: the store's folder cannot be made: {exception.Message}", exception),
                _ => exception,
            };
        }
    }

    /// <inheritdoc/>
    public Task AppendAsync(IReadOnlyList<NewEvent> batch) => EnqueueAsync(batch, [], []);

    /// <inheritdoc/>
    public Task<int> StoreAsync(IReadOnlyList<MetricPoint> points, IReadOnlyList<PointMark>? marks = null) => EnqueueAsync([], points, marks ?? []);

    /// <inheritdoc/>
    public IReadOnlyList<PointMark> ReadMarks() => _reader.ReadMarks();

    /// <inheritdoc/>
    public IEnumerable<StoredEvent> ReadStream(string stream, long afterSequence = 0) => _reader.ReadStream(stream, afterSequence);

    /// <inheritdoc/>
    public IEnumerable<StoredEvent> ReadAll(long afterSequence = 0) => _reader.ReadAll(afterSequence);

    /// <inheritdoc/>
    public IReadOnlyList<Attempt> ReadAttempts(TrialId trial) => _reader.ReadAttempts(trial);

    /// <inheritdoc/>
    public IReadOnlyList<MetricPoint.TrainStep> ReadTrainSteps(TrialId trial, Attempt attempt, int pointsMax = 2_000) => _reader.ReadTrainSteps(trial, attempt, pointsMax);

    /// <inheritdoc/>
    public IReadOnlyList<MetricPoint.Evaluation> ReadEpochs(TrialId trial, Attempt attempt) => _reader.ReadEpochs(trial, attempt);

    /// <summary>Commits what is queued, then closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _ended.Task;
    }

    private Task<int> EnqueueAsync(IReadOnlyList<NewEvent> facts, IReadOnlyList<MetricPoint> points, IReadOnlyList<PointMark> marks)
    {
        var write = new Write(facts, points, marks, new(TaskCreationOptions.RunContinuationsAsynchronously));
        return _queue.Writer.TryWrite(write) ? write.Done.Task : WaitAsync();

        async Task<int> WaitAsync()
        {
            try
            {
                await _queue.Writer.WriteAsync(write);
            }
            catch (ChannelClosedException exception)
            {
                throw new StoreException(StoreFault.Closed, $"{_path}: the store is closed.", exception);
            }

            return await write.Done.Task;
        }
    }

    private void WriteLoop()
    {
        var group = new List<Write>();
        while (_queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            var rows = 0;
            while (rows < RowsPerCommitMax && _queue.Reader.TryRead(out var write))
            {
                group.Add(write);
                rows += write.Rows;
            }

            Commit(group, rows);
            group.Clear();
        }

        _writer.Dispose();
        _ended.SetResult();
    }

    private void Commit(List<Write> group, int rows)
    {
        var startedAt = _time.GetTimestamp();
        var fresh = new int[group.Count];
        Exception? failure = null;
        try
        {
            _writer.Begin();
            var now = _time.GetUtcNow().ToUnixTimeMilliseconds();
            for (var i = 0; i < group.Count; i++)
            {
                foreach (var fact in group[i].Facts) _writer.Append(fact, now);
                foreach (var point in group[i].Points) fresh[i] += _writer.Store(point);
                foreach (var mark in group[i].Marks) _writer.Store(mark);
            }

            _writer.Commit();
        }
        catch (Exception exception)
        {
            if (exception is not StaleTermException) _writer.Rollback();
            failure = exception is SqliteException sqlite ? SqliteHelpers.Translate(sqlite, _path, (long)rows * BytesPerRow) : exception;
        }

        OnCommit?.Invoke(_time.GetElapsedTime(startedAt), rows, failure is null);
        for (var i = 0; i < group.Count; i++)
        {
            if (failure is null) group[i].Done.SetResult(fresh[i]);
            else group[i].Done.SetException(failure);
        }
    }
}
