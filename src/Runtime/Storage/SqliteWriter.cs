using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Wire;

namespace Vae.Runtime.Storage;

/// <summary>The one writing connection with its prepared statements. Used by the writer thread only.</summary>
internal sealed class SqliteWriter : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly Catalog _catalog;
    private readonly Term _term;
    private readonly SqliteCommand _begin, _commit, _rollback, _readTerm, _event, _findSeries, _addSeries, _step, _epoch, _mark;
    private readonly Dictionary<(TrialId, Attempt), long> _series = [];
    private readonly List<(TrialId, Attempt)> _seriesOfThisTransaction = [];

    public SqliteWriter(SqliteConnection connection, Term term, Catalog catalog)
    {
        (_connection, _term, _catalog) = (connection, term, catalog);
        _begin = Prepare("BEGIN IMMEDIATE");
        _commit = Prepare("COMMIT");
        _rollback = Prepare("ROLLBACK");
        _readTerm = Prepare("SELECT value FROM term WHERE id = 1");
        _event = Prepare("INSERT INTO events (term, stream, kind, body, written_at) VALUES ($0, $1, $2, $3, $4)", 5);
        _findSeries = Prepare("SELECT id FROM series WHERE sweep = $0 AND trial = $1 AND attempt = $2", 3);
        _addSeries = Prepare("INSERT INTO series (sweep, trial, attempt) VALUES ($0, $1, $2) RETURNING id", 3);
        _step = Prepare("INSERT OR IGNORE INTO train_step VALUES ($0, $1, $2, $3, $4, $5, $6, $7)", 8);
        _epoch = Prepare("INSERT OR IGNORE INTO epoch VALUES ($0, $1, $2, $3, $4, $5, $6, $7, $8, $9)", 10);
        _mark = Prepare("INSERT OR REPLACE INTO point_mark VALUES ($0, $1, $2)", 3);
    }

    /// <summary>Begins a transaction and checks the fence inside it, so no newer term can slip in before the commit.</summary>
    /// <exception cref="StaleTermException">A newer coordinator has taken over.</exception>
    public void Begin()
    {
        _begin.ExecuteNonQuery();
        var have = (long)_readTerm.ExecuteScalar()!;
        if (have == _term.Value) return;
        Rollback();
        throw new StaleTermException(new(have), _term);
    }

    public void Commit()
    {
        _commit.ExecuteNonQuery();
        _seriesOfThisTransaction.Clear();
    }

    public void Rollback()
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

    public void Append(in NewEvent added, long now)
    {
        var fact = added.Fact;
        Set(_event, _term.Value, added.Stream, (long)EventCodec.TagOf(fact, _catalog), EventCodec.Encode(fact, _catalog), now);
        _event.ExecuteNonQuery();
    }

    /// <returns>1 when the point was new, else 0.</returns>
    public int Store(MetricPoint point)
    {
        var series = SeriesOf(point.Trial, point.Attempt);
        switch (point)
        {
            case MetricPoint.TrainStep step:
                Set(_step, series, step.Step.Value, step.EpochIndex, Real(step.Loss), Real(step.Distortion), Real(step.Rate), Real(step.Beta), Real(step.Seconds));
                return _step.ExecuteNonQuery();
            case MetricPoint.Evaluation epoch:
                Set(_epoch, series, epoch.EpochsDone, epoch.Step.Value, Real(epoch.Elbo), Real(epoch.Distortion), Real(epoch.Rate), epoch.ActiveUnits,
                    MemoryMarshal.AsBytes(epoch.KlPerDimension.Span).ToArray(), Real(epoch.TrainLoss), Real(epoch.Seconds));
                return _epoch.ExecuteNonQuery();
            default: throw new InvalidOperationException($"No table for {point.GetType().Name}.");
        }
    }

    /// <summary>Remembers how far a worker's stream is durable.</summary>
    public void Store(PointMark mark)
    {
        Set(_mark, mark.Worker.Value, unchecked((long)mark.Incarnation), mark.UpTo);
        _mark.ExecuteNonQuery();
    }

    public void Dispose()
    {
        foreach (var command in (SqliteCommand[])[_begin, _commit, _rollback, _readTerm, _event, _findSeries, _addSeries, _step, _epoch, _mark]) command.Dispose();
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
