using Microsoft.Data.Sqlite;
using Vae.Runtime.Storage;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Runtime;

public sealed class SqliteStoreTests : IDisposable
{
    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("vae-sqlite-");

    private string Database => Path.Combine(_home.FullName, "state", "store.db");

    public void Dispose() => _home.Delete(recursive: true);

    [Fact]
    public async Task F12_a_full_disk_fails_the_write_in_words_and_keeps_everything_acknowledged()
    {
        await using (var store = SqliteStore.Open(Database, TimeProvider.System, null, pagesMax: 60))
        {
            var acknowledged = 0;
            var error = await Assert.ThrowsAsync<StoreException>(async () =>
            {
                while (true)
                {
                    await store.AppendAsync([new("a", Ended(acknowledged, new string('x', 3_000)))]);
                    acknowledged++;
                }
            });
            Assert.Equal(StoreFault.DiskFull, error.Fault);
            Assert.StartsWith($"{Database}: the disk is full (about ", error.Message, StringComparison.Ordinal);
            Assert.InRange(acknowledged, 5, 100);
            Assert.Equal(acknowledged, store.ReadAll().Count());
            Assert.Equal(0, await store.StoreAsync([])); // A write that needs no room still works: the store is not stuck.
        }

        await using var roomy = SqliteStore.Open(Database, TimeProvider.System);
        await roomy.AppendAsync([new("a", Ended(0, "room again"))]);
    }

    [Fact]
    public void A_file_that_is_no_store_is_named_and_left_alone()
    {
        var path = Path.Combine(_home.FullName, "notes.txt");
        File.WriteAllText(path, new string('n', 5_000));
        var error = Assert.Throws<StoreException>(() => SqliteStore.Open(path, TimeProvider.System));
        Assert.Equal(StoreFault.Damaged, error.Fault);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Equal(new string('n', 5_000), File.ReadAllText(path));
    }

    [Fact]
    public async Task A_store_of_a_newer_version_is_refused_for_writing_and_for_reading()
    {
        await SqliteStore.Open(Database, TimeProvider.System).DisposeAsync();
        Tamper("INSERT INTO migrations VALUES (99, 0)");
        Assert.Equal(StoreFault.TooNew, Assert.Throws<StoreException>(() => SqliteStore.Open(Database, TimeProvider.System)).Fault);
        Assert.Equal(StoreFault.TooNew, Assert.Throws<StoreException>(() => SqliteReader.Open(Database)).Fault);
    }

    [Fact]
    public async Task F16_a_damaged_fact_is_named_by_its_sequence()
    {
        await using var store = SqliteStore.Open(Database, TimeProvider.System);
        await store.AppendAsync([new("a", Ended(0, "good")), new("a", Ended(1, "bad"))]);
        Tamper("UPDATE events SET body = x'c1c1' WHERE seq = 2");
        var error = Assert.Throws<StoreException>(() => store.ReadAll().Count());
        Assert.Equal(StoreFault.Damaged, error.Fault);
        Assert.Contains("event 2 is damaged", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_process_reads_what_is_committed_while_the_first_one_writes()
    {
        await using var store = SqliteStore.Open(Database, TimeProvider.System);
        await store.AppendAsync([new("a", Ended(0, "one"))]);
        var reader = SqliteReader.Open(Database);
        Assert.Single(reader.ReadAll());
        await store.AppendAsync([new("a", Ended(1, "two"))]);
        Assert.Equal(2, reader.ReadAll().Count());
    }

    [Fact]
    public void Reading_where_nothing_has_run_says_so() =>
        Assert.Contains("Nothing has run under this --home yet", Assert.Throws<StoreException>(() => SqliteReader.Open(Database)).Message, StringComparison.Ordinal);

    [Fact]
    public async Task F15_a_lock_held_too_long_is_an_error_in_words_and_the_next_write_succeeds()
    {
        await using var store = SqliteStore.Open(Database, TimeProvider.System);
        using (var other = new SqliteConnection($"Data Source={Database};Pooling=False"))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE";
            command.ExecuteNonQuery();
            var error = await Assert.ThrowsAsync<StoreException>(() => store.AppendAsync([new("a", Ended(0, "blocked"))]));
            Assert.Equal(StoreFault.Locked, error.Fault);
        }

        await store.AppendAsync([new("a", Ended(1, "free"))]);
        Assert.Equal([Ended(1, "free")], store.ReadAll().Select(stored => stored.Fact));
    }

    [Fact]
    public async Task A_closed_store_refuses_instead_of_hanging()
    {
        var store = SqliteStore.Open(Database, TimeProvider.System);
        await store.DisposeAsync();
        Assert.Equal(StoreFault.Closed, (await Assert.ThrowsAsync<StoreException>(() => store.AppendAsync([new("a", Ended(0, "late"))]))).Fault);
    }

    private static SweepEvent.Ended Ended(int number, string reason) => new SweepEvent.Ended(SweepState.Done, reason) { Sweep = new($"s-{number}") };

    private void Tamper(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
