using Microsoft.Data.Sqlite;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Wire;

namespace Vae.Runtime.Storage;

/// <summary>
/// Facts and points in one SQLite file (write-ahead log, <c>synchronous=FULL</c>). One thread writes; whatever has queued up while the last
/// transaction was synced goes into the next one, so the price of a sync is shared by all actors that wait for it.
/// </summary>
public sealed class SqliteStore : DurableStore
{
    private SqliteStore(string path, SqliteConnection connection, Term term, TimeProvider time, Catalog catalog)
        : base(path, term, catalog, new SqliteReader(path, catalog), new(new SqliteWriter(connection, path, term, time), path, time, Timeout.InfiniteTimeSpan))
    {
    }

    /// <summary>Opens or makes the store and takes the next term: from now on an older writer of the same file is refused.</summary>
    /// <param name="path">The file; its folder is made when it is missing.</param>
    /// <param name="time">Wall-clock times of the rows.</param>
    /// <param name="catalog">Which facts may be stored; null for the product's.</param>
    /// <exception cref="StoreException">The file cannot be opened or written, is damaged, or is newer than this build.</exception>
    public static SqliteStore Open(string path, TimeProvider time, Catalog? catalog = null) => Open(path, time, catalog, int.MaxValue);

    internal static SqliteStore Open(string path, TimeProvider time, Catalog? catalog, int pagesMax)
    {
        SqliteConnection? connection = null;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            connection = SqliteHelpers.Open(path, SqliteOpenMode.ReadWriteCreate);
            connection.Execute("PRAGMA journal_mode = WAL");
            connection.Execute("PRAGMA synchronous = FULL");
            connection.Execute($"PRAGMA max_page_count = {pagesMax}");
            connection.Execute("BEGIN IMMEDIATE");
            Schema.Migrate(connection, path, time.GetUtcNow().ToUnixTimeMilliseconds());
            connection.Execute("UPDATE term SET value = value + 1, last_write = 0");
            var term = new Term(connection.Scalar("SELECT value FROM term WHERE id = 1"));
            connection.Execute("COMMIT");
            return new(path, connection, term, time, catalog ?? MessageCatalog.Default);
        }
        catch (Exception exception)
        {
            connection?.Dispose();
            throw exception switch
            {
                SqliteException sqlite => SqliteHelpers.Translate(sqlite, path),
                IOException or UnauthorizedAccessException => new StoreException(StoreFault.Denied, $"{path}: the store's folder cannot be made: {exception.Message}", exception),
                _ => exception,
            };
        }
    }
}
