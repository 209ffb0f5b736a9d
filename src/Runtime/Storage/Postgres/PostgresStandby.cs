using Npgsql;

namespace Vae.Runtime.Storage.Postgres;

/// <summary>
/// Waits until this process may be the active coordinator. The active one holds an advisory lock for as long as its session lives, so its death is known at once. It exists for the other case too: an active
/// coordinator that was stopped, or whose host hangs, keeps its session. Therefore the active one writes something at least every <see cref="BeatEvery"/>, and when nothing new was
/// seen for <see cref="SilentMax"/>, by this process's own clock, its session is ended. All of this is a hint: the proof is the term, which every transaction checks.
/// </summary>
internal sealed class PostgresStandby(PostgresAddress address, TimeProvider time)
{
    /// <summary>How often an idle active coordinator shows that it lives.</summary>
    public static readonly TimeSpan BeatEvery = TimeSpan.FromSeconds(3);

    /// <summary>An active coordinator that wrote nothing for so long is put out. Longer than any pause of a healthy one: a garbage collection, a slow sync, a short stop of the server.</summary>
    public static readonly TimeSpan SilentMax = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(1);

    private (long Term, long LastWrite) _seen = (-1, -1);
    private long _seenAt;

    /// <summary>Ends with a session that holds the lock.</summary>
    /// <param name="waiting">Told why it has to wait, whenever that changes.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreException">The first connection cannot be made. Once it has waited, it waits through everything.</exception>
    public async Task<NpgsqlConnection> WaitAsync(Action<string> waiting, CancellationToken cancellation)
    {
        NpgsqlConnection? connection = null;
        string? told = null;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var pause = LookEvery;
            try
            {
                if (connection is null)
                {
                    connection = PostgresSession.Open(address, "standby");
                    PostgresSchema.Migrate(connection, address.ToString(), time.GetUtcNow().ToUnixTimeMilliseconds());
                    _seen = (-1, -1);
                }

                if (PostgresSession.TryLock(connection)) return connection;
                Tell("another coordinator is active; this one takes over when that ends");
                EndSilent(connection);
            }
            catch (Exception exception) when (told is not null && (exception is StoreException { IsTransient: true } || PostgresErrors.IsOfTheStore(exception)))
            {
                Tell(exception is StoreException ? exception.Message : PostgresErrors.Translate(exception, address.ToString()).Message);
                connection?.Dispose();
                (connection, pause) = (null, RetryEvery);
            }
            catch (Exception exception)
            {
                connection?.Dispose();
                if (PostgresErrors.IsOfTheStore(exception)) throw PostgresErrors.Translate(exception, address.ToString());
                throw;
            }

            try
            {
                await Task.Delay(pause, time, cancellation);
            }
            catch (OperationCanceledException)
            {
                connection?.Dispose();
                throw;
            }
        }

        void Tell(string reason)
        {
            if (reason == told) return;
            told = reason;
            waiting(reason);
        }
    }

    private void EndSilent(NpgsqlConnection connection)
    {
        (long, long) now;
        using (var command = connection.Command("SELECT value, last_write FROM vae.term"))
        using (var row = command.ExecuteReader())
        {
            row.Read();
            now = (row.GetInt64(0), row.GetInt64(1));
        }

        if (now != _seen)
        {
            (_seen, _seenAt) = (now, time.GetTimestamp());
            return;
        }

        if (time.GetElapsedTime(_seenAt) < SilentMax) return;
        _seenAt = time.GetTimestamp();
        // A lock of one bigint lies in pg_locks as its two halves.
        connection.Execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) " +
            "AND ((classid::bigint << 32) | objid::bigint) = $1 AND pid <> pg_backend_pid()",
            PostgresSchema.ActiveLock);
    }
}
