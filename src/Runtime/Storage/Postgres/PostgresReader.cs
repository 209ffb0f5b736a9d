using System.Runtime.InteropServices;
using Npgsql;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Wire;

namespace Vae.Runtime.Storage.Postgres;

/// <summary>Reads a store, also while another process writes it. Safe from any thread. A server that is being restarted is waited for.</summary>
public sealed class PostgresReader : IStoreReader, IDisposable
{
    private const int BucketPoints = 2; // The lowest and the highest of each run.
    private const int EndPoints = 2; // The first and the last of the curve.
    private const int PageRows = 2_000; // A replay holds this many facts at a time, and no transaction for longer than it takes to read them.
    private const string Series = "(SELECT id FROM vae.series WHERE sweep = $1 AND trial = $2 AND attempt = $3)";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromMilliseconds(250);

    private readonly NpgsqlDataSource _source;
    private readonly string _place;
    private readonly Catalog _catalog;

    internal PostgresReader(PostgresAddress address, Catalog? catalog) =>
        (_source, _place, _catalog) = (NpgsqlDataSource.Create(address.ConnectionString("reader", pooled: true)), address.ToString(), catalog ?? MessageCatalog.Default);

    /// <inheritdoc/>
    public IEnumerable<StoredEvent> ReadStream(string stream, long afterSequence = 0) =>
        ReadEvents("SELECT seq, term, stream, written_at, kind, body FROM vae.events WHERE seq > $1 AND stream = $3 ORDER BY seq LIMIT $2", afterSequence, null, stream);

    /// <inheritdoc/>
    public IEnumerable<StoredEvent> ReadAll(long afterSequence = 0, Action<DamagedEvent>? damaged = null) =>
        ReadEvents("SELECT seq, term, stream, written_at, kind, body FROM vae.events WHERE seq > $1 ORDER BY seq LIMIT $2", afterSequence, damaged);

    /// <inheritdoc/>
    public IReadOnlyList<Attempt> ReadAttempts(TrialId trial) => ReadRows(
        "SELECT attempt FROM vae.series WHERE sweep = $1 AND trial = $2 ORDER BY attempt", static row => new Attempt(row.GetInt32(0)), trial.Sweep.Value, trial.Index);

    /// <inheritdoc/>
    public IReadOnlyList<MetricPoint.TrainStep> ReadTrainSteps(TrialId trial, Attempt attempt, int pointsMax = 2_000, Action<DamagedPoint>? damaged = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pointsMax, BucketPoints + EndPoints);
        const string Columns = "step, epoch, loss, distortion, rate, beta, seconds, crc";
        // NaN is never an extreme, but the ends are kept whatever they are.
        const string Query = $"""
            WITH curve AS (SELECT {Columns} FROM vae.train_step WHERE series = {Series}),
                 extent AS (SELECT count(*) AS points, min(step) AS first, max(step) AS last FROM curve),
                 cut AS (SELECT curve.*, (step - first) * $4 / (last - first + 1) AS bucket, nullif(loss, 'NaN') AS rank FROM curve, extent WHERE points > $5),
                 low AS (SELECT DISTINCT ON (bucket) {Columns} FROM cut ORDER BY bucket, rank ASC NULLS LAST, step),
                 high AS (SELECT DISTINCT ON (bucket) {Columns} FROM cut ORDER BY bucket, rank DESC NULLS LAST, step)
            SELECT {Columns} FROM curve, extent WHERE points <= $5
            UNION SELECT * FROM low
            UNION SELECT * FROM high
            UNION SELECT {Columns} FROM curve, extent WHERE step IN (first, last)
            ORDER BY step
            """;
        return ReadPoints(Query, trial, attempt, damaged, row => (new MetricPoint.TrainStep(
            row.GetInt32(1), row.GetDouble(2), row.GetDouble(3), row.GetDouble(4), row.GetDouble(5), row.GetDouble(6))
        {
            Trial = trial, Attempt = attempt, Step = new(row.GetInt64(0)),
        }, SumAt(row, 7)), trial.Sweep.Value, trial.Index, attempt.Value, (long)((pointsMax - EndPoints) / BucketPoints), (long)pointsMax);
    }

    /// <inheritdoc/>
    public IReadOnlyList<MetricPoint.Evaluation> ReadEpochs(TrialId trial, Attempt attempt, Action<DamagedPoint>? damaged = null) => ReadPoints(
        $"SELECT step, epochs_done, elbo, distortion, rate, active_units, kl_per_dimension, train_loss, seconds, crc, figures FROM vae.epoch WHERE series = {Series} ORDER BY epochs_done", trial, attempt, damaged,
        row => (new MetricPoint.Evaluation(
            row.GetInt32(1), row.GetDouble(2), row.GetDouble(3), row.GetDouble(4), row.GetInt32(5),
            ValueList.Create<double>(MemoryMarshal.Cast<byte, double>(row.GetFieldValue<byte[]>(6))), row.GetDouble(7), row.GetDouble(8))
        {
            Trial = trial, Attempt = attempt, Step = new(row.GetInt64(0)), Figures = FigureColumn.Read(row.IsDBNull(10) ? null : row.GetString(10)),
        }, SumAt(row, 9)), trial.Sweep.Value, trial.Index, attempt.Value);

    /// <inheritdoc/>
    public IReadOnlyList<CurveGap> ReadGaps(TrialId trial, Attempt attempt, int gapsMax = 1_000) => ReadRows(
        $"""
        WITH curve AS (SELECT step, lag(step) OVER (ORDER BY step) AS before FROM vae.train_step WHERE series = {Series})
        SELECT before + 1, step - 1 FROM curve WHERE step > before + 1 ORDER BY step LIMIT $4
        """,
        static row => new CurveGap(new(row.GetInt64(0)), new(row.GetInt64(1))), trial.Sweep.Value, trial.Index, attempt.Value, (long)gapsMax);

    /// <summary>The newest mark of each worker, in order of names.</summary>
    public IReadOnlyList<PointMark> ReadMarks() => ReadRows(
        "SELECT worker, incarnation, up_to FROM vae.point_mark ORDER BY worker COLLATE \"C\"",
        static row => new PointMark(new(row.GetString(0)), unchecked((ulong)row.GetInt64(1)), row.GetInt64(2)));

    /// <summary>Closes all idle connections.</summary>
    public void Dispose() => _source.Dispose();

    private IEnumerable<StoredEvent> ReadEvents(string sql, long after, Action<DamagedEvent>? damaged, params object[] more)
    {
        while (true)
        {
            var page = ReadRows(
                sql, static row => new StoredRow(row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetInt64(3), row.GetInt32(4), row.GetFieldValue<byte[]>(5)),
                [after, PageRows, .. more]);
            foreach (var stored in page)
            {
                if (stored.Read(_catalog, _place, damaged, WriterOf) is { } fact) yield return fact;
            }

            if (page.Count == 0) yield break;
            after = page[^1].Sequence;
        }
    }

    private string? WriterOf(long sequence) =>
        ReadRows("SELECT program FROM vae.writer WHERE first_seq <= $1 ORDER BY first_seq DESC LIMIT 1", static row => row.GetString(0), sequence).FirstOrDefault();

    private List<T> ReadPoints<T>(string sql, TrialId trial, Attempt attempt, Action<DamagedPoint>? damaged, Func<NpgsqlDataReader, (T, long?)> read, params object[] values) where T : MetricPoint =>
        [.. ReadRows(sql, row => PointChecksum.Read(() => read(row), _place, trial, attempt, damaged), values).OfType<T>()];

    private static long? SumAt(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    private List<T> ReadRows<T>(string sql, Func<NpgsqlDataReader, T> read, params object[] values)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                using var connection = _source.OpenConnection();
                using var command = connection.Command(sql, values);
                using var row = command.ExecuteReader();
                var rows = new List<T>();
                while (row.Read()) rows.Add(read(row));
                return rows;
            }
            catch (Exception exception) when (PostgresErrors.IsOfTheStore(exception))
            {
                var told = PostgresErrors.Translate(exception, _place);
                if (!told.IsTransient || TimeProvider.System.GetElapsedTime(startedAt) > Patience) throw told;
            }

            Thread.Sleep(TryAgainAfter);
        }
    }
}
