using Npgsql;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Wire;

namespace Vae.Runtime.Storage.Postgres;

/// <summary>Facts and points in a PostgreSQL database, for clusters whose coordinator has a standby. Keeps the promises of <see cref="SqliteStore"/>: one writer, group commit, each transaction checks the term.</summary>
public sealed class PostgresStore : DurableStore
{
    private PostgresStore(PostgresAddress address, NpgsqlConnection session, bool locked, Term term, long lastSequence, TimeProvider time, Catalog catalog)
        : base(address.ToString(), term, catalog, new PostgresReader(address, catalog),
            new(new PostgresWriter(address, session, locked, term, lastSequence, time), address.ToString(), time, PostgresStandby.BeatEvery))
    {
    }

    /// <summary>Waits until no other coordinator is active on the database, then makes its tables where they lack and takes the next term.</summary>
    /// <param name="address">Where.</param>
    /// <param name="home">Id of the folder that the sweeps' files lie in; the first one is remembered, and another one refused.</param>
    /// <param name="time">Wall-clock times of the rows; measures waits.</param>
    /// <param name="waiting">Told why it has to wait, whenever that changes.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <param name="catalog">Which facts may be stored; null for the product's.</param>
    /// <exception cref="StoreException">The database cannot be reached or used, is newer than this build, or belongs to another home.</exception>
    public static async Task<PostgresStore> OpenAsync(
        PostgresAddress address, string home, TimeProvider time, Action<string> waiting, CancellationToken cancellation, Catalog? catalog = null)
    {
        var session = await new PostgresStandby(address, time).WaitAsync(waiting, cancellation);
        return Take(address, session, locked: true, home, time, catalog);
    }

    /// <summary>Takes the next term without asking whether another coordinator is active; that one can write nothing more.</summary>
    internal static PostgresStore Seize(PostgresAddress address, string home, TimeProvider time, Catalog? catalog = null)
    {
        var session = PostgresSession.Open(address, "coordinator");
        try
        {
            PostgresSchema.Migrate(session, address.ToString(), time.GetUtcNow().ToUnixTimeMilliseconds());
        }
        catch (Exception exception)
        {
            session.Dispose();
            if (PostgresErrors.IsOfTheStore(exception)) throw PostgresErrors.Translate(exception, address.ToString());
            throw;
        }

        return Take(address, session, locked: false, home, time, catalog);
    }

    private static PostgresStore Take(PostgresAddress address, NpgsqlConnection session, bool locked, string home, TimeProvider time, Catalog? catalog)
    {
        try
        {
            using var transaction = session.BeginTransaction();
            long term, last;
            using (var command = session.Command("UPDATE vae.term SET value = value + 1, last_write = 0, home = CASE home WHEN '' THEN $1 ELSE home END RETURNING value, home", home))
            using (var row = command.ExecuteReader())
            {
                row.Read();
                term = row.GetInt64(0);
                if (row.GetString(1) != home)
                {
                    throw new StoreException(StoreFault.Denied,
                        $"{address}: the files of its sweeps lie in another home folder (id {row.GetString(1)}, this one has {home}). Give all coordinators of a database the same shared folder as --home.");
                }
            }

            last = (long)session.Scalar("SELECT coalesce(max(seq), 0) FROM vae.events")!;
            PostgresSchema.LeaveName(session, last, time.GetUtcNow().ToUnixTimeMilliseconds());
            session.Execute("SET application_name = 'vae coordinator'"); // It began as a standby.
            transaction.Commit();
            return new(address, session, locked, new(term), last, time, catalog ?? MessageCatalog.Default);
        }
        catch (Exception exception)
        {
            session.Dispose();
            if (PostgresErrors.IsOfTheStore(exception)) throw PostgresErrors.Translate(exception, address.ToString());
            throw;
        }
    }
}
