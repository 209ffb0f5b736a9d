using Microsoft.Data.Sqlite;

namespace Vae.Runtime.Storage;

/// <summary>Opening, short statements, and errors in words.</summary>
internal static class SqliteHelpers
{
    // A backup or a reader that recovers the log holds the lock for moments; after this time somebody is told, and the write is tried again.
    private const int BusyTimeoutSeconds = 2;

    private const int Perm = 3, Busy = 5, Locked = 6, NoMemory = 7, ReadOnly = 8, InputOutput = 10, Corrupt = 11, Full = 13, CantOpen = 14, NotADatabase = 26;

    static SqliteHelpers() => SQLitePCL.Batteries_V2.Init();

    public static SqliteConnection Open(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path, Mode = mode, DefaultTimeout = BusyTimeoutSeconds, Pooling = false,
        }.ToString());
        try
        {
            connection.Open();
            connection.Execute($"PRAGMA busy_timeout = {BusyTimeoutSeconds * 1000}");
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public static void Execute(this SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using var command = connection.Command(sql, parameters);
        command.ExecuteNonQuery();
    }

    public static long Scalar(this SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using var command = connection.Command(sql, parameters);
        return (long)(command.ExecuteScalar() ?? 0L);
    }

    public static SqliteCommand Command(this SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
        return command;
    }

    /// <summary>SQLite keeps no NaN: it becomes NULL, and NULL becomes NaN again. Infinities are kept.</summary>
    public static object ToColumn(double value) => double.IsNaN(value) ? DBNull.Value : value;

    public static double ReadDouble(this SqliteDataReader reader, int column) => reader.IsDBNull(column) ? double.NaN : reader.GetDouble(column);

    /// <param name="exception">What SQLite reported.</param>
    /// <param name="path">The store's file.</param>
    /// <param name="bytesNeeded">About what the write needed, when known.</param>
    public static StoreException Translate(SqliteException exception, string path, long bytesNeeded = 0)
    {
        var (fault, text) = exception.SqliteErrorCode switch
        {
            Full => (StoreFault.DiskFull, $"the disk is full{Room(path, bytesNeeded)}. Free some space: the write is then made; nothing acknowledged is lost."),
            Busy or Locked => (StoreFault.Locked, $"another process has held the lock for more than {BusyTimeoutSeconds} s. Is another coordinator or a backup using the same --home?"),
            Corrupt or NotADatabase => (StoreFault.Damaged, "this is not a store of this program, or it is damaged. Restore it from a backup, or move it away to start anew."),
            CantOpen or Perm or ReadOnly => (StoreFault.Denied, "the store cannot be opened by this user. Check that the folder exists and may be written."),
            // A page whose sync failed is written again by the next try, from memory: nothing is hoped for.
            InputOutput or NoMemory => (StoreFault.InputOutput, $"reading or writing failed: {exception.Message}"),
            _ => (StoreFault.Damaged, $"the store does not fit this program: {exception.Message}"),
        };
        return new(fault, $"{path}: {text}", exception);
    }

    private static string Room(string path, long bytesNeeded)
    {
        try
        {
            var free = new DriveInfo(Path.GetFullPath(path)).AvailableFreeSpace;
            return bytesNeeded > 0 ? $" (about {bytesNeeded:N0} bytes needed, {free:N0} free)" : $" ({free:N0} bytes free)";
        }
        catch (Exception exception) when (exception is IOException or ArgumentException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
