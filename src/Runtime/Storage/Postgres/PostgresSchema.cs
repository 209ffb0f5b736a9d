using Npgsql;

namespace Vae.Runtime.Storage.Postgres;

/// <summary>The tables, all in a schema of our own, as a list of steps. A step is never changed once released; a new version adds one.</summary>
internal static class PostgresSchema
{
    /// <summary>Key of the lock that the one active coordinator holds for as long as its session lives.</summary>
    public const long ActiveLock = 0x7661_6500_0000_0001;

    private const long MigrationLock = ActiveLock + 1;
    private const string NewestWriter = "SELECT program FROM vae.writer ORDER BY first_seq DESC LIMIT 1";

    private static readonly string[] Migrations =
    [
        """
        CREATE TABLE vae.term (id integer PRIMARY KEY CHECK (id = 1), value bigint NOT NULL, last_write bigint NOT NULL, home text NOT NULL);
        INSERT INTO vae.term VALUES (1, 0, 0, '');

        CREATE TABLE vae.events (
          seq bigint PRIMARY KEY, term bigint NOT NULL, stream text NOT NULL, kind integer NOT NULL, body bytea NOT NULL, written_at bigint NOT NULL);
        CREATE INDEX events_by_stream ON vae.events (stream, seq);

        CREATE TABLE vae.series (
          id bigint PRIMARY KEY, sweep text NOT NULL, trial integer NOT NULL, attempt integer NOT NULL, UNIQUE (sweep, trial, attempt));

        CREATE TABLE vae.train_step (
          series bigint NOT NULL, step bigint NOT NULL, epoch integer NOT NULL, loss float8 NOT NULL, distortion float8 NOT NULL, rate float8 NOT NULL,
          beta float8 NOT NULL, seconds float8 NOT NULL, PRIMARY KEY (series, step));

        CREATE TABLE vae.epoch (
          series bigint NOT NULL, epochs_done integer NOT NULL, step bigint NOT NULL, elbo float8 NOT NULL, distortion float8 NOT NULL, rate float8 NOT NULL,
          active_units integer NOT NULL, kl_per_dimension bytea NOT NULL, train_loss float8 NOT NULL, seconds float8 NOT NULL,
          PRIMARY KEY (series, epochs_done));

        CREATE TABLE vae.point_mark (worker text PRIMARY KEY, incarnation bigint NOT NULL, up_to bigint NOT NULL);
        """,

        // Of rows that were written before nobody knows whether they are whole.
        """
        ALTER TABLE vae.train_step ADD COLUMN crc bigint;
        ALTER TABLE vae.epoch ADD COLUMN crc bigint;
        """,

        // Who wrote which events, for words.
        """
        CREATE TABLE vae.writer (first_seq bigint PRIMARY KEY, program text NOT NULL, opened_at bigint NOT NULL);
        """,

        // What an objective says beside the bound; see FigureColumn.
        """
        ALTER TABLE vae.epoch ADD COLUMN figures text;
        """,
    ];

    /// <summary>The version that this build writes.</summary>
    public static int Version => Migrations.Length;

    /// <summary>Brings the database to this build's version; two that come at once take turns.</summary>
    /// <exception cref="StoreException">The database is newer than this build.</exception>
    public static void Migrate(NpgsqlConnection connection, string place, long now)
    {
        using var transaction = connection.BeginTransaction();
        connection.Execute("SELECT pg_advisory_xact_lock($1)", MigrationLock);
        connection.Execute("CREATE SCHEMA IF NOT EXISTS vae");
        connection.Execute("CREATE TABLE IF NOT EXISTS vae.migrations (version integer PRIMARY KEY, applied_at bigint NOT NULL)");
        var have = Convert.ToInt32(connection.Scalar("SELECT coalesce(max(version), 0) FROM vae.migrations"), System.Globalization.CultureInfo.InvariantCulture);
        if (have > Version)
        {
            throw new StoreException(StoreFault.TooNew, StoreVersions.TooNew(place, connection.Scalar(NewestWriter) as string, have, Version));
        }

        for (var version = have + 1; version <= Version; version++)
        {
            connection.Execute(Migrations[version - 1]);
            connection.Execute("INSERT INTO vae.migrations VALUES ($1, $2)", version, now);
        }

        transaction.Commit();
    }

    /// <summary>Leaves this program's name with the number of the first event that it may write. Runs inside the caller's transaction, when it has become the one writer.</summary>
    public static void LeaveName(NpgsqlConnection connection, long lastSequence, long now)
    {
        if (connection.Scalar(NewestWriter) as string == StoreVersions.This) return;
        connection.Execute("INSERT INTO vae.writer VALUES ($1, $2, $3) ON CONFLICT (first_seq) DO UPDATE SET program = excluded.program, opened_at = excluded.opened_at", lastSequence + 1, StoreVersions.This, now);
    }

    public static int Execute(this NpgsqlConnection connection, string sql, params ReadOnlySpan<object> values)
    {
        using var command = connection.Command(sql, values);
        return command.ExecuteNonQuery();
    }

    public static object? Scalar(this NpgsqlConnection connection, string sql, params ReadOnlySpan<object> values)
    {
        using var command = connection.Command(sql, values);
        return command.ExecuteScalar();
    }

    public static NpgsqlCommand Command(this NpgsqlConnection connection, string sql, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values) command.Parameters.Add(new() { Value = value });
        return command;
    }
}
