using System.Runtime.InteropServices;
using Npgsql;
using NpgsqlTypes;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Runtime.Storage.Postgres;

/// <summary>
/// The one writing session. A group is one transaction: first the term's row is updated under the condition that the term is still ours, which also locks the row against whoever wants to take over; then each
/// table gets all of its rows in one statement, as arrays. When the session breaks, the next try opens another one.
/// </summary>
internal sealed class PostgresWriter(PostgresAddress address, NpgsqlConnection session, bool locked, Term term, long lastSequence, TimeProvider time) : IGroupWriter
{
    private readonly Dictionary<(TrialId, Attempt), long> _series = [];
    private NpgsqlConnection? _session = session;
    private long _sequence = lastSequence;
    private long _facts; // Of the group that is being tried.

    /// <inheritdoc/>
    public void Write(IReadOnlyList<PendingWrite> group, long number)
    {
        try
        {
            var connection = _session ??= Reopen();
            using var transaction = connection.BeginTransaction();
            if (!Fence(connection, number))
            {
                transaction.Rollback(); // The commit of the last try had no answer, but was made.
                _sequence += _facts;
                return;
            }

            foreach (var write in group) write.Fresh.Clear();
            _facts = group.Sum(write => (long)write.Facts.Count);
            Append(connection, [.. group.SelectMany(write => write.Facts)]);
            StorePoints(connection, group);
            StoreMarks(connection, group.SelectMany(write => write.Marks));
            transaction.Commit();
            _sequence += _facts;
        }
        catch (Exception exception) when (PostgresErrors.IsOfTheStore(exception))
        {
            _session?.Dispose();
            _session = null;
            _series.Clear(); // Rows of a transaction that was rolled back.
            throw PostgresErrors.Translate(exception, address.ToString());
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _session?.Dispose();

    // Whoever took the lock meanwhile has the greater term, or will have it in a moment; until then the lock is asked for again.
    private NpgsqlConnection Reopen()
    {
        var connection = PostgresSession.Open(address, "coordinator");
        try
        {
            var have = (long)connection.Scalar("SELECT value FROM vae.term")!;
            if (have != term.Value) throw new StaleTermException(new(have), term);
            if (locked && !PostgresSession.TryLock(connection)) throw new StoreException(StoreFault.Locked, $"{address}: the session was lost, and another one holds the lock of the active coordinator.");
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private bool Fence(NpgsqlConnection connection, long number)
    {
        if (connection.Execute("UPDATE vae.term SET last_write = $1 WHERE value = $2 AND last_write <> $1", number, term.Value) == 1) return true;
        var have = (long)connection.Scalar("SELECT value FROM vae.term")!;
        return have == term.Value ? false : throw new StaleTermException(new(have), term);
    }

    private void Append(NpgsqlConnection connection, List<EncodedFact> facts)
    {
        if (facts.Count == 0) return;
        Run(connection,
            """
            INSERT INTO vae.events (seq, term, stream, kind, body, written_at)
            SELECT $1 + place, $2, stream, kind, body, $3 FROM unnest($4, $5, $6) WITH ORDINALITY AS row (stream, kind, body, place)
            """,
            Of(_sequence), Of(term.Value), Of(time.GetUtcNow().ToUnixTimeMilliseconds()),
            Array(NpgsqlDbType.Text, facts, fact => fact.Stream), Array(NpgsqlDbType.Integer, facts, fact => (int)fact.Kind),
            Array(NpgsqlDbType.Bytea, facts, fact => fact.Body)).Dispose();
    }

    private void StorePoints(NpgsqlConnection connection, IReadOnlyList<PendingWrite> group)
    {
        Learn(connection, [.. group.SelectMany(write => write.Points).Select(point => (point.Trial, point.Attempt)).Distinct().Where(key => !_series.ContainsKey(key))]);
        var steps = group.SelectMany(write => write.Points.OfType<MetricPoint.TrainStep>()).ToList();
        var epochs = group.SelectMany(write => write.Points.OfType<MetricPoint.Evaluation>()).ToList();
        var (newSteps, newEpochs) = (Insert(connection, steps), Insert(connection, epochs));
        foreach (var write in group)
        {
            // Of doubles in one group the first one was taken.
            foreach (var point in write.Points)
            {
                var series = _series[(point.Trial, point.Attempt)];
                if (point is MetricPoint.Evaluation epoch ? newEpochs.Remove((series, epoch.EpochsDone)) : newSteps.Remove((series, point.Step.Value))) write.Fresh.Add(point);
            }
        }
    }

    private HashSet<(long Series, long Place)> Insert(NpgsqlConnection connection, List<MetricPoint.TrainStep> steps) => steps.Count == 0 ? [] : ReadKeys(Run(connection,
        """
        INSERT INTO vae.train_step SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING series, step
        """,
        Array(NpgsqlDbType.Bigint, steps, SeriesOf), Array(NpgsqlDbType.Bigint, steps, step => step.Step.Value), Array(NpgsqlDbType.Integer, steps, step => step.EpochIndex),
        Array(NpgsqlDbType.Double, steps, step => step.Loss), Array(NpgsqlDbType.Double, steps, step => step.Distortion), Array(NpgsqlDbType.Double, steps, step => step.Rate),
        Array(NpgsqlDbType.Double, steps, step => step.Beta), Array(NpgsqlDbType.Double, steps, step => step.Seconds),
        Array(NpgsqlDbType.Bigint, steps, PointChecksum.Of)));

    private HashSet<(long Series, long Place)> Insert(NpgsqlConnection connection, List<MetricPoint.Evaluation> epochs) => epochs.Count == 0 ? [] : ReadKeys(Run(connection,
        """
        INSERT INTO vae.epoch SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING RETURNING series, epochs_done::bigint
        """,
        Array(NpgsqlDbType.Bigint, epochs, SeriesOf), Array(NpgsqlDbType.Integer, epochs, epoch => epoch.EpochsDone), Array(NpgsqlDbType.Bigint, epochs, epoch => epoch.Step.Value),
        Array(NpgsqlDbType.Double, epochs, epoch => epoch.Elbo), Array(NpgsqlDbType.Double, epochs, epoch => epoch.Distortion), Array(NpgsqlDbType.Double, epochs, epoch => epoch.Rate),
        Array(NpgsqlDbType.Integer, epochs, epoch => epoch.ActiveUnits), Array(NpgsqlDbType.Bytea, epochs, epoch => MemoryMarshal.AsBytes(epoch.KlPerDimension.Span).ToArray()),
        Array(NpgsqlDbType.Double, epochs, epoch => epoch.TrainLoss), Array(NpgsqlDbType.Double, epochs, epoch => epoch.Seconds), Array(NpgsqlDbType.Bigint, epochs, PointChecksum.Of),
        Array(NpgsqlDbType.Text, epochs, epoch => FigureColumn.Write(epoch.Figures))));

    // Numbers of series are given out here, for nobody else writes.
    private void Learn(NpgsqlConnection connection, List<(TrialId Trial, Attempt Attempt)> unknown)
    {
        if (unknown.Count == 0) return;
        NpgsqlParameter[] keys =
        [
            Array(NpgsqlDbType.Text, unknown, key => key.Trial.Sweep.Value), Array(NpgsqlDbType.Integer, unknown, key => key.Trial.Index),
            Array(NpgsqlDbType.Integer, unknown, key => key.Attempt.Value),
        ];
        Run(connection,
            """
            INSERT INTO vae.series SELECT (SELECT coalesce(max(id), 0) FROM vae.series) + place, sweep, trial, attempt
            FROM unnest($1, $2, $3) WITH ORDINALITY AS row (sweep, trial, attempt, place) ON CONFLICT DO NOTHING
            """, [.. keys.Select(key => key.Clone())]).Dispose();
        using var row = Run(connection, "SELECT id, sweep, trial, attempt FROM vae.series JOIN unnest($1, $2, $3) AS row (sweep, trial, attempt) USING (sweep, trial, attempt)", keys);
        while (row.Read()) _series[(new(new(row.GetString(1)), row.GetInt32(2)), new(row.GetInt32(3)))] = row.GetInt64(0);
    }

    private static void StoreMarks(NpgsqlConnection connection, IEnumerable<PointMark> marks)
    {
        var newest = marks.GroupBy(mark => mark.Worker).Select(of => of.Last()).ToList(); // One statement may change a row only once.
        if (newest.Count == 0) return;
        Run(connection,
            """
            INSERT INTO vae.point_mark SELECT * FROM unnest($1, $2, $3)
            ON CONFLICT (worker) DO UPDATE SET incarnation = excluded.incarnation, up_to = excluded.up_to
            """,
            Array(NpgsqlDbType.Text, newest, mark => mark.Worker.Value), Array(NpgsqlDbType.Bigint, newest, mark => unchecked((long)mark.Incarnation)),
            Array(NpgsqlDbType.Bigint, newest, mark => mark.UpTo)).Dispose();
    }

    private long SeriesOf(MetricPoint point) => _series[(point.Trial, point.Attempt)];

    private static HashSet<(long, long)> ReadKeys(NpgsqlDataReader row)
    {
        using (row)
        {
            var keys = new HashSet<(long, long)>();
            while (row.Read()) keys.Add((row.GetInt64(0), row.GetInt64(1)));
            return keys;
        }
    }

    private static NpgsqlDataReader Run(NpgsqlConnection connection, string sql, params NpgsqlParameter[] parameters)
    {
        using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(parameters);
        return command.ExecuteReader();
    }

    private static NpgsqlParameter<long> Of(long value) => new NpgsqlParameter<long> { TypedValue = value };

    private static NpgsqlParameter Array<TRow, TValue>(NpgsqlDbType type, List<TRow> rows, Func<TRow, TValue> column)
    {
        var values = new TValue[rows.Count];
        for (var i = 0; i < values.Length; i++) values[i] = column(rows[i]);
        return new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | type };
    }
}
