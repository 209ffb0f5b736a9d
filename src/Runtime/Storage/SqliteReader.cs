using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Wire;

namespace Vae.Runtime.Storage;

/// <summary>Reads a store, also while another process writes it: every call sees what was committed when it began. Safe from any thread.</summary>
public sealed class SqliteReader : IStoreReader
{
    private const int BucketPoints = 2; // The lowest and the highest of each run.
    private const int EndPoints = 2; // The first and the last of the curve.

    private readonly string _path;
    private readonly Catalog _catalog;
    private string _sum = "crc"; // The column of a point's checksum.
    private string _figures = "figures";
    private int _version = Schema.Version;

    internal SqliteReader(string path, Catalog? catalog) => (_path, _catalog) = (path, catalog ?? MessageCatalog.Default);

    /// <summary>Opens an existing store for reading.</summary>
    /// <exception cref="StoreException">There is none, it is damaged, or it is newer than this build.</exception>
    public static SqliteReader Open(string path, Catalog? catalog = null)
    {
        if (!File.Exists(path)) throw new StoreException(StoreFault.Denied, $"{path}: there is no store. Nothing has run under this --home yet.");
        var reader = new SqliteReader(path, catalog);
        using var connection = reader.Connect();
        reader._version = reader.Guard(() => Schema.Check(connection, path));
        if (reader._version < Schema.SinceChecksums) reader._sum = "NULL";
        if (reader._version < Schema.SinceFigures) reader._figures = "NULL";
        return reader;
    }

    /// <inheritdoc/>
    public IEnumerable<StoredEvent> ReadStream(string stream, long afterSequence = 0) =>
        ReadEvents("SELECT seq, term, stream, written_at, kind, body FROM events WHERE stream = $stream AND seq > $after ORDER BY seq", null, ("$stream", stream), ("$after", afterSequence));

    /// <inheritdoc/>
    public IEnumerable<StoredEvent> ReadAll(long afterSequence = 0, Action<DamagedEvent>? damaged = null) =>
        ReadEvents("SELECT seq, term, stream, written_at, kind, body FROM events WHERE seq > $after ORDER BY seq", damaged, ("$after", afterSequence));

    /// <inheritdoc/>
    public IReadOnlyList<Attempt> ReadAttempts(TrialId trial) => ReadRows(
        "SELECT attempt FROM series WHERE sweep = $sweep AND trial = $trial ORDER BY attempt",
        static row => new Attempt(row.GetInt32(0)), ("$sweep", trial.Sweep.Value), ("$trial", trial.Index));

    /// <inheritdoc/>
    public IReadOnlyList<MetricPoint.TrainStep> ReadTrainSteps(TrialId trial, Attempt attempt, int pointsMax = 2_000, Action<DamagedPoint>? damaged = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pointsMax, BucketPoints + EndPoints);
        var columns = $"step, epoch, loss, distortion, rate, beta, seconds, {_sum} AS crc";
        const string Columns = "step, epoch, loss, distortion, rate, beta, seconds, crc";
        const string Series = "series = (SELECT id FROM series WHERE sweep = $sweep AND trial = $trial AND attempt = $attempt)";
        // SQLite takes the other columns of a min() or max() row from that very row. NaN is NULL here and never an extreme, but the ends are kept whatever they are.
        var query = $"""
            WITH curve AS (SELECT {columns} FROM train_step WHERE {Series}),
                 extent AS (SELECT count(*) AS points, min(step) AS first, max(step) AS last FROM curve),
                 cut AS (SELECT curve.*, (step - first) * $buckets / (last - first + 1) AS bucket FROM curve, extent),
                 low AS (SELECT {Columns}, min(loss) FROM cut GROUP BY bucket),
                 high AS (SELECT {Columns}, max(loss) FROM cut GROUP BY bucket)
            SELECT {Columns} FROM curve, extent WHERE points <= $most
            UNION SELECT {Columns} FROM low WHERE (SELECT points FROM extent) > $most
            UNION SELECT {Columns} FROM high WHERE (SELECT points FROM extent) > $most
            UNION SELECT {Columns} FROM curve, extent WHERE step IN (first, last)
            ORDER BY step
            """;
        return ReadPoints(query, trial, attempt, damaged, row => (new MetricPoint.TrainStep(
            row.GetInt32(1), row.ReadDouble(2), row.ReadDouble(3), row.ReadDouble(4), row.ReadDouble(5), row.ReadDouble(6))
        {
            Trial = trial, Attempt = attempt, Step = new(row.GetInt64(0)),
        }, SumAt(row, 7)), [.. Key(trial, attempt), ("$most", pointsMax), ("$buckets", (pointsMax - EndPoints) / BucketPoints)]);
    }

    /// <inheritdoc/>
    public IReadOnlyList<MetricPoint.Evaluation> ReadEpochs(TrialId trial, Attempt attempt, Action<DamagedPoint>? damaged = null) => ReadPoints(
        $"""
        SELECT step, epochs_done, elbo, distortion, rate, active_units, kl_per_dimension, train_loss, seconds, {_sum}, {_figures} FROM epoch
        WHERE series = (SELECT id FROM series WHERE sweep = $sweep AND trial = $trial AND attempt = $attempt) ORDER BY epochs_done
        """, trial, attempt, damaged,
        row => (new MetricPoint.Evaluation(
            row.GetInt32(1), row.ReadDouble(2), row.ReadDouble(3), row.ReadDouble(4), row.GetInt32(5),
            ValueList.Create<double>(MemoryMarshal.Cast<byte, double>(row.GetFieldValue<byte[]>(6))), row.ReadDouble(7), row.ReadDouble(8))
        {
            Trial = trial, Attempt = attempt, Step = new(row.GetInt64(0)), Figures = FigureColumn.Read(row.IsDBNull(10) ? null : row.GetString(10)),
        }, SumAt(row, 9)), Key(trial, attempt));

    /// <inheritdoc/>
    public IReadOnlyList<CurveGap> ReadGaps(TrialId trial, Attempt attempt, int gapsMax = 1_000) => ReadRows(
        """
        WITH curve AS (SELECT step, lag(step) OVER (ORDER BY step) AS before FROM train_step
                       WHERE series = (SELECT id FROM series WHERE sweep = $sweep AND trial = $trial AND attempt = $attempt))
        SELECT before + 1, step - 1 FROM curve WHERE step > before + 1 ORDER BY step LIMIT $most
        """,
        static row => new CurveGap(new(row.GetInt64(0)), new(row.GetInt64(1))), [.. Key(trial, attempt), ("$most", gapsMax)]);

    /// <summary>The newest mark of each worker, in order of names.</summary>
    public IReadOnlyList<PointMark> ReadMarks() => ReadRows(
        "SELECT worker, incarnation, up_to FROM point_mark ORDER BY worker",
        static row => new PointMark(new(row.GetString(0)), unchecked((ulong)row.GetInt64(1)), row.GetInt64(2)));

    private static (string, object)[] Key(TrialId trial, Attempt attempt) =>
        [("$sweep", trial.Sweep.Value), ("$trial", trial.Index), ("$attempt", attempt.Value)];

    // Lazy: a replay of a large store holds one event at a time.
    private IEnumerable<StoredEvent> ReadEvents(string sql, Action<DamagedEvent>? damaged, params (string, object)[] parameters)
    {
        using var connection = Connect();
        using var command = connection.Command(sql, parameters);
        using var row = Guard(command.ExecuteReader);
        while (Guard(row.Read))
        {
            var stored = new StoredRow(row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetInt64(3), row.GetInt32(4), row.GetFieldValue<byte[]>(5));
            if (stored.Read(_catalog, _path, damaged, WriterOf) is { } fact) yield return fact;
        }
    }

    private string? WriterOf(long sequence)
    {
        if (_version < Schema.SinceWriters) return null;
        using var connection = Connect();
        return Guard(() => Schema.WriterOf(connection, sequence));
    }

    private List<T> ReadPoints<T>(
        string sql, TrialId trial, Attempt attempt, Action<DamagedPoint>? damaged, Func<SqliteDataReader, (T, long?)> read, params (string, object)[] parameters) where T : MetricPoint =>
        [.. ReadRows(sql, row => PointChecksum.Read(() => read(row), _path, trial, attempt, damaged), parameters).OfType<T>()];

    private static long? SumAt(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    private List<T> ReadRows<T>(string sql, Func<SqliteDataReader, T> read, params (string, object)[] parameters) => Guard(() =>
    {
        using var connection = Connect();
        using var command = connection.Command(sql, parameters);
        using var row = command.ExecuteReader();
        var rows = new List<T>();
        while (row.Read()) rows.Add(read(row));
        return rows;
    });

    private SqliteConnection Connect() => Guard(() => SqliteHelpers.Open(_path, SqliteOpenMode.ReadOnly));

    private T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (SqliteException exception)
        {
            throw SqliteHelpers.Translate(exception, _path);
        }
    }
}
