using Microsoft.Data.Sqlite;

namespace Vae.Runtime.Storage;

/// <summary>The tables, as a list of steps. A step is never changed once released; a new version adds one.</summary>
internal static class Schema
{
    private static readonly string[] Migrations =
    [
        """
        CREATE TABLE term (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL);
        INSERT INTO term VALUES (1, 0);

        CREATE TABLE events (
          seq INTEGER PRIMARY KEY, term INTEGER NOT NULL, stream TEXT NOT NULL, kind INTEGER NOT NULL, body BLOB NOT NULL,
          written_at INTEGER NOT NULL);
        CREATE INDEX events_by_stream ON events (stream, seq);

        CREATE TABLE series (
          id INTEGER PRIMARY KEY, sweep TEXT NOT NULL, trial INTEGER NOT NULL, attempt INTEGER NOT NULL,
          UNIQUE (sweep, trial, attempt));

        CREATE TABLE train_step (
          series INTEGER NOT NULL, step INTEGER NOT NULL, epoch INTEGER NOT NULL, loss REAL, distortion REAL, rate REAL, beta REAL, seconds REAL,
          PRIMARY KEY (series, step)) WITHOUT ROWID;

        CREATE TABLE epoch (
          series INTEGER NOT NULL, epochs_done INTEGER NOT NULL, step INTEGER NOT NULL, elbo REAL, distortion REAL, rate REAL,
          active_units INTEGER NOT NULL, kl_per_dimension BLOB NOT NULL, train_loss REAL, seconds REAL,
          PRIMARY KEY (series, epochs_done)) WITHOUT ROWID;

        CREATE TABLE point_mark (worker TEXT PRIMARY KEY, incarnation INTEGER NOT NULL, up_to INTEGER NOT NULL) WITHOUT ROWID;
        """,

        // The last write tells a writer whose commit had no answer whether it counts.
        """
        ALTER TABLE term ADD COLUMN last_write INTEGER NOT NULL DEFAULT 0;
        """,

        // Of rows that were written before nobody knows whether they are whole.
        """
        ALTER TABLE train_step ADD COLUMN crc INTEGER;
        ALTER TABLE epoch ADD COLUMN crc INTEGER;
        """,

        // Who wrote which events, for words.
        """
        CREATE TABLE writer (first_seq INTEGER PRIMARY KEY, program TEXT NOT NULL, opened_at INTEGER NOT NULL);
        """,

        // What an objective says beside the bound; see FigureColumn.
        """
        ALTER TABLE epoch ADD COLUMN figures TEXT;
        """,
    ];

    /// <summary>The first version whose points carry checksums.</summary>
    public const int SinceChecksums = 3;

    /// <summary>The first version that says who wrote it.</summary>
    public const int SinceWriters = 4;

    /// <summary>The first version whose evaluations have figures of their objective.</summary>
    public const int SinceFigures = 5;

    /// <summary>The version that this build writes.</summary>
    public static int Version => Migrations.Length;

    /// <summary>Brings the file to this build's version, and leaves this program's name. Runs inside the caller's transaction.</summary>
    /// <exception cref="StoreException">The file is newer than this build.</exception>
    public static void Migrate(SqliteConnection connection, string path, long now)
    {
        connection.Execute("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL)");
        var have = Check(connection, path);
        for (var version = have + 1; version <= Version; version++)
        {
            connection.Execute(Migrations[version - 1]);
            connection.Execute("INSERT INTO migrations VALUES ($version, $now)", ("$version", version), ("$now", now));
        }

        if (WriterOf(connection, long.MaxValue) == StoreVersions.This) return;
        connection.Execute("INSERT OR REPLACE INTO writer SELECT coalesce(max(seq), 0) + 1, $program, $now FROM events", ("$program", StoreVersions.This), ("$now", now));
    }

    /// <summary>The program that wrote an event; null when nobody knows. Of a version since <see cref="SinceWriters"/>.</summary>
    public static string? WriterOf(SqliteConnection connection, long sequence)
    {
        using var command = connection.Command("SELECT program FROM writer WHERE first_seq <= $seq ORDER BY first_seq DESC LIMIT 1", ("$seq", sequence));
        return command.ExecuteScalar() as string;
    }

    /// <returns>The file's version.</returns>
    /// <exception cref="StoreException">The file is newer than this build.</exception>
    public static int Check(SqliteConnection connection, string path)
    {
        var have = (int)connection.Scalar("SELECT coalesce(max(version), 0) FROM migrations");
        return have <= Version ? have : throw new StoreException(StoreFault.TooNew, StoreVersions.TooNew(path, WriterOf(connection, long.MaxValue), have, Version));
    }
}
