using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Runtime.Storage;

/// <summary>The one writing connection with its prepared statements. Used by the writer thread only.</summary>
internal sealed class SqliteWriter : IGroupWriter
{
    private readonly SqliteConnection _connection;
    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly Term _term;
    private readonly SqliteCommand _begin, _commit, _rollback, _readTerm, _number, _event, _findSeries, _addSeries, _step, _epoch, _mark;
    private readonly Dictionary<(TrialId, Attempt), long> _series = [];
    private readonly List<(TrialId, Attempt)> _seriesOfThisTransaction = [];

    private const int BytesPerRow = 128; // For the text of a full disk only.

    public SqliteWriter(SqliteConnection connection, string path, Term term, TimeProvider time)
    {
        (_connection, _path, _term, _time) = (connection, path, term, time);
        _begin = Prepare("BEGIN IMMEDIATE");
        _commit = Prepare("COMMIT");
        _rollback = Prepare("ROLLBACK");
        _readTerm = Prepare("SELECT value, last_write FROM term WHERE id = 1");
        _number = Prepare("UPDATE term SET last_write = $0", 1);
        _event = Prepare("INSERT INTO events (term, stream, kind, body, written_at) VALUES ($0, $1, $2, $3, $4)", 5);
        _findSeries = Prepare("SELECT id FROM series WHERE sweep = $0 AND trial = $1 AND attempt = $2", 3);
        _addSeries = Prepare("INSERT INTO series (sweep, trial, attempt) VALUES ($0, $1, $2) RETURNING id", 3);
        _step = Prepare("INSERT OR IGNORE INTO train_step VALUES ($0, $1, $2, $3, $4, $5, $6, $7, $8)", 9);
        _epoch = Prepare("INSERT OR IGNORE INTO epoch VALUES ($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", 12);
        _mark = Prepare("INSERT OR REPLACE INTO point_mark VALUES ($0, $1, $2)", 3);
    }

    /// <inheritdoc/>
    public void Write(IReadOnlyList<PendingWrite> group, long number)
    {
        try
        {
            if (!Begin(number)) return;
            var now = _time.GetUtcNow().ToUnixTimeMilliseconds();
            foreach (var write in group)
            {
                write.Fresh.Clear();
                foreach (var fact in write.Facts) Append(fact, now);
                foreach (var point in write.Points)
                {
                    if (Store(point) > 0) write.Fresh.Add(point);
                }

                foreach (var mark in write.Marks) Store(mark);
            }

            Set(_number, number);
            _number.ExecuteNonQuery();
            _commit.ExecuteNonQuery();
            _seriesOfThisTransaction.Clear();
        }
        catch (StaleTermException)
        {
            throw;
        }
        catch (Exception exception)
        {
            Rollback();
            if (exception is SqliteException sqlite) throw SqliteHelpers.Translate(sqlite, _path, (long)group.Sum(write => write.Rows) * BytesPerRow);
            throw;
        }
    }

    // The fence is read inside the transaction, so no newer term can slip in before the commit.
    private bool Begin(long number)
    {
        _begin.ExecuteNonQuery();
        long term, last;
        using (var row = _readTerm.ExecuteReader())
        {
            row.Read();
            (term, last) = (row.GetInt64(0), row.GetInt64(1));
        }

        if (term == _term.Value && last != number) return true;
        Rollback();
        return term == _term.Value ? false : throw new StaleTermException(new(term), _term);
    }

    private void Rollback()
    {
        foreach (var series in _seriesOfThisTransaction) _series.Remove(series);
        _seriesOfThisTransaction.Clear();
        try
        {
            _rollback.ExecuteNonQuery();
        }
        catch (SqliteException)
        {
            // After a full disk SQLite has rolled back by itself; there is nothing left to undo.
        }
    }

    private void Append(in EncodedFact fact, long now)
    {
        Set(_event, _term.Value, fact.Stream, (long)fact.Kind, fact.Body, now);
        _event.ExecuteNonQuery();
    }

    /// <returns>1 when the point was new, else 0.</returns>
    private int Store(MetricPoint point)
    {
        var series = SeriesOf(point.Trial, point.Attempt);
        switch (point)
        {
            case MetricPoint.TrainStep step:
                Set(_step, series, step.Step.Value, step.EpochIndex, Real(step.Loss), Real(step.Distortion), Real(step.Rate), Real(step.Beta), Real(step.Seconds), PointChecksum.Of(step));
                return _step.ExecuteNonQuery();
            case MetricPoint.Evaluation epoch:
                Set(_epoch, series, epoch.EpochsDone, epoch.Step.Value, Real(epoch.Elbo), Real(epoch.Distortion), Real(epoch.Rate), epoch.ActiveUnits,
                    MemoryMarshal.AsBytes(epoch.KlPerDimension.Span).ToArray(), Real(epoch.TrainLoss), Real(epoch.Seconds), PointChecksum.Of(epoch),
                    (object?)FigureColumn.Write(epoch.Figures) ?? DBNull.Value);
                return _epoch.ExecuteNonQuery();
            default: throw new InvalidOperationException($"No table for {point.GetType().Name}.");
        }
    }

    /// <summary>Remembers how far a worker's stream is durable.</summary>
    private void Store(PointMark mark)
    {
        Set(_mark, mark.Worker.Value, unchecked((long)mark.Incarnation), mark.UpTo);
        _mark.ExecuteNonQuery();
    }

    public void Dispose()
    {
        foreach (var command in (SqliteCommand[])[_begin, _commit, _rollback, _readTerm, _number, _event, _findSeries, _addSeries, _step, _epoch, _mark]) command.Dispose();
        _connection.Dispose();
    }

    private static object Real(double value) => SqliteHelpers.ToColumn(value);

    private static void Set(SqliteCommand command, params ReadOnlySpan<object> values)
    {
        for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i];
    }

    private long SeriesOf(TrialId trial, Attempt attempt)
    {
        if (_series.TryGetValue((trial, attempt), out var id)) return id;
        Set(_findSeries, trial.Sweep.Value, trial.Index, attempt.Value);
        if (_findSeries.ExecuteScalar() is long found)
        {
            id = found;
        }
        else
        {
            Set(_addSeries, trial.Sweep.Value, trial.Index, attempt.Value);
            id = (long)_addSeries.ExecuteScalar()!;
            _seriesOfThisTransaction.Add((trial, attempt));
        }

        _series.Add((trial, attempt), id);
        return id;
    }

    private SqliteCommand Prepare(string sql, int parameters = 0)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 0; i < parameters; i++) command.Parameters.Add(new($"${i}", null));
        if (parameters == 0) command.Prepare(); // The others are compiled at their first use and kept.
        return command;
    }
}
