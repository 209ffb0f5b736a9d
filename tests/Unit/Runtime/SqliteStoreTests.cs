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
    public async Task F12_a_full_disk_holds_the_write_back_says_why_and_keeps_everything_acknowledged()
    {
        var store = SqliteStore.Open(Database, TimeProvider.System, null, pagesMax: 60);
        var acknowledged = 0;
        Task waiting;
        while (true)
        {
            waiting = store.AppendAsync([new("a", Ended(acknowledged, new string('x', 3_000)))]);
            await UntilAsync(() => waiting.IsCompleted || store.Trouble is not null);
            if (!waiting.IsCompleted) break;
            acknowledged++;
        }

        Assert.Equal(StoreFault.DiskFull, store.Trouble!.Fault);
        Assert.StartsWith($"{Database}: the disk is full (about ", store.Trouble.Message, StringComparison.Ordinal);
        Assert.InRange(acknowledged, 5, 100);
        Assert.Equal(acknowledged, store.ReadAll().Count());

        await store.DisposeAsync(); // Ends with the disk still full: only now who waits is told so.
        Assert.Equal(StoreFault.DiskFull, (await Assert.ThrowsAsync<StoreException>(() => waiting)).Fault);

        await using var roomy = SqliteStore.Open(Database, TimeProvider.System);
        await roomy.AppendAsync([new("a", Ended(0, "room again"))]);
        Assert.Equal(acknowledged + 1, roomy.ReadAll().Count());
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
    public async Task F15_a_lock_held_too_long_delays_the_writes_and_changes_neither_their_order_nor_their_number()
    {
        await using var store = SqliteStore.Open(Database, TimeProvider.System);
        Task[] writes;
        using (var other = new SqliteConnection($"Data Source={Database};Pooling=False"))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE";
            command.ExecuteNonQuery();
            writes = [.. Enumerable.Range(0, 5).Select(i => store.AppendAsync([new("a", Ended(i, "blocked"))]))];
            await UntilAsync(() => store.Trouble is { Fault: StoreFault.Locked });
            Assert.DoesNotContain(writes, write => write.IsCompleted);
        }

        await Task.WhenAll(writes);
        Assert.Null(store.Trouble);
        Assert.Equal(Enumerable.Range(0, 5).Select(i => Ended(i, "blocked")), store.ReadAll().Select(stored => stored.Fact));
    }

    [Fact]
    public async Task F16_a_flipped_bit_is_found_and_the_facts_of_others_are_read()
    {
        await using var store = SqliteStore.Open(Database, TimeProvider.System);
        await store.AppendAsync([new("a", Ended(0, "good")), new("b", Ended(1, "bad")), new("a", Ended(2, "good"))]);
        Tamper("UPDATE events SET body = CAST(replace(CAST(body AS TEXT), 'bad', 'bid') AS BLOB) WHERE seq = 2");
        var damaged = new List<DamagedEvent>();
        Assert.Equal([Ended(0, "good"), Ended(2, "good")], store.ReadAll(damaged: damaged.Add).Select(stored => stored.Fact));
        Assert.Equal((2, "b"), (Assert.Single(damaged).Sequence, damaged[0].Stream));
        Assert.Contains($"{Database}: event 2 is damaged", damaged[0].Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task F18_a_writer_that_stood_still_finds_a_newer_term_at_its_next_write_whatever_it_believes_of_the_time()
    {
        await using var paused = SqliteStore.Open(Database, TimeProvider.System);
        await paused.AppendAsync([new("a", Ended(0, "before the pause"))]);
        await using var newer = SqliteStore.Open(Database, TimeProvider.System);
        await newer.AppendAsync([new("a", Ended(1, "meanwhile"))]);
        await Assert.ThrowsAsync<StaleTermException>(() => paused.AppendAsync([new("a", Ended(2, "after it"))]));
        await Assert.ThrowsAsync<StaleTermException>(() => paused.Failure);
        Assert.Equal([Ended(0, "before the pause"), Ended(1, "meanwhile")], newer.ReadAll().Select(stored => stored.Fact));
    }

    [Fact]
    public async Task A_store_of_the_first_version_is_brought_to_this_one()
    {
        await using (var store = SqliteStore.Open(Database, TimeProvider.System)) await store.AppendAsync([new("a", Ended(0, "old"))]);
        Tamper("ALTER TABLE term DROP COLUMN last_write; ALTER TABLE train_step DROP COLUMN crc; ALTER TABLE epoch DROP COLUMN crc; ALTER TABLE epoch DROP COLUMN figures; DROP TABLE writer; DELETE FROM migrations WHERE version > 1");
        await using var migrated = SqliteStore.Open(Database, TimeProvider.System);
        await migrated.AppendAsync([new("a", Ended(1, "new"))]);
        Assert.Equal([Ended(0, "old"), Ended(1, "new")], migrated.ReadAll().Select(stored => stored.Fact));
    }

    [Fact]
    public async Task A_closed_store_refuses_instead_of_hanging()
    {
        var store = SqliteStore.Open(Database, TimeProvider.System);
        await store.DisposeAsync();
        Assert.Equal(StoreFault.Closed, (await Assert.ThrowsAsync<StoreException>(() => store.AppendAsync([new("a", Ended(0, "late"))]))).Fault);
    }

    private static async Task UntilAsync(Func<bool> isSo)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        while (!isSo())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(startedAt) < TimeSpan.FromSeconds(30), "It did not come about within 30 s.");
            await Task.Delay(5);
        }
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
