using Npgsql;

namespace Vae.Runtime.Storage.Postgres;

/// <summary>A session of the one who writes, or waits to write.</summary>
internal static class PostgresSession
{
    // Acknowledged means synced. The server finds out within 11 s that a machine is gone, and ends a transaction of a process that was stopped in the middle, so
    // that neither keeps the lock of the active coordinator for longer.
    private const string Settings =
        "SET synchronous_commit = on; SET lock_timeout = '10s'; SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '10s'; " +
        "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3";

    /// <exception cref="StoreException">It cannot be opened.</exception>
    public static NpgsqlConnection Open(PostgresAddress address, string purpose)
    {
        NpgsqlConnection? connection = null;
        try
        {
            connection = new(address.ConnectionString(purpose, pooled: false));
            connection.Open();
            connection.Execute(Settings);
            return connection;
        }
        catch (Exception exception)
        {
            connection?.Dispose();
            if (PostgresErrors.IsOfTheStore(exception)) throw PostgresErrors.Translate(exception, address.ToString());
            throw;
        }
    }

    /// <returns>True when this session is now the active coordinator's.</returns>
    public static bool TryLock(NpgsqlConnection connection) => (bool)connection.Scalar("SELECT pg_try_advisory_lock($1)", PostgresSchema.ActiveLock)!;
}
