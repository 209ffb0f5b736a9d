using System.Net.Sockets;
using Npgsql;

namespace Vae.Runtime.Storage.Postgres;

/// <summary>What a PostgreSQL server or the way to it reported, in words.</summary>
internal static class PostgresErrors
{
    public static bool IsOfTheStore(Exception exception) => exception is NpgsqlException or SocketException or IOException or TimeoutException
        || (exception is InvalidOperationException && exception.Source == "Npgsql"); // A connection that broke is found closed.

    public static StoreException Translate(Exception exception, string place)
    {
        var (fault, text) = exception is PostgresException told ? Explain(told) : (StoreFault.Unreachable, $"the database server cannot be reached: {Innermost(exception)}");
        return new(fault, $"{place}: {text}", exception);
    }

    private static (StoreFault Fault, string Text) Explain(PostgresException told) => told.SqlState switch
    {
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            (StoreFault.Refused, $"the server refuses this user: {told.MessageText}. Check user and password of the store's address, PGPASSFILE, and the server's pg_hba.conf."),
        PostgresErrorCodes.InvalidCatalogName => (StoreFault.Unreachable, $"{told.MessageText}. Make it: createdb NAME"),
        PostgresErrorCodes.InsufficientPrivilege => (StoreFault.Denied, $"{told.MessageText}. The user must own the database, or be granted CREATE on it."),
        PostgresErrorCodes.ReadOnlySqlTransaction => (StoreFault.Unreachable, "the server takes no writes: it is a replica, or was made read-only. Name the primary server."),
        PostgresErrorCodes.DiskFull => (StoreFault.DiskFull, "the disk of the database server is full. Free some space: the write is then made; nothing acknowledged is lost."),
        PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected =>
            (StoreFault.Locked, $"somebody holds a lock on its tables, or the server is too slow: {told.MessageText}"),
        "XX001" or "XX002" => (StoreFault.Damaged, $"the server found damage: {told.MessageText}. Restore the database from a backup."),
        PostgresErrorCodes.TooManyConnections => (StoreFault.Unreachable, "the server has no connection left for us. Raise max_connections, or close others."),
        // 08: the connection; 57P: shutdown, crash, start-up; 25P03: a transaction that stood still, for example in a process that was stopped.
        ['0', '8', ..] or ['5', '7', 'P', ..] or "25P03" => (StoreFault.Unreachable, $"the database server is not to be had at present: {told.MessageText}"),
        ['5', '3', ..] or ['5', '8', ..] => (StoreFault.InputOutput, $"the database server failed: {told.MessageText}"),
        _ => (StoreFault.Damaged, $"the database does not fit this program: {told.MessageText} (SQLSTATE {told.SqlState})"),
    };

    private static string Innermost(Exception exception)
    {
        while (exception.InnerException is { } inner) exception = inner;
        return exception.Message.TrimEnd('.');
    }
}
