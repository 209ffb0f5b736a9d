using System.Buffers.Binary;
using System.Numerics;
using Microsoft.Data.Sqlite;
using Vae.Cli;
using Vae.Cli.Models;
using Vae.Coordinator.Hosting;
using Vae.Coordinator.Projections;
using Vae.Runtime.Storage;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Tests.Unit.Cli;

namespace Vae.Tests.Unit.Runtime;

/// <summary>Stores that other versions of the program wrote: what cannot be read is whole, and the message says whose it is and what to do.</summary>
public sealed class OtherVersionTests : IDisposable
{
    private const string Ended = "0x8006"; // Tag of a fact that has more fields than the one below.

    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("vae-versions-");

    private string Database => new SweepFolders(_home.FullName).StoreFile;

    public void Dispose() => _home.Delete(recursive: true);

    private async Task FillAsync()
    {
        await using var store = SqliteStore.Open(Database, TimeProvider.System);
        await store.AppendAsync([new NewEvent(TestSweep.Id.Value, TestSweep.Submitted)]);
    }

    // A fact that lacks a field, behind a seal that holds.
    private static string Foreign()
    {
        byte[] body = [0x91, 0xA1, (byte)'x'];
        var sum = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(sum, Crc32C.Append(BitOperations.Crc32C(uint.MaxValue, Convert.ToUInt16(Ended, 16)), body));
        return Convert.ToHexString([.. body, 0xC1, .. sum]);
    }

    private void Tamper(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private void InsertForeign(int sequence) => Tamper($"INSERT INTO events VALUES ({sequence}, 1, '{TestSweep.Id.Value}', {Ended}, x'{Foreign()}', 0)");

    private StoreException Unread(long after = 0) => Assert.Throws<StoreException>(() => SqliteReader.Open(Database).ReadAll(after).Count());

    [Fact]
    public async Task Fact_of_another_version_is_not_damaged_and_both_versions_are_named_with_what_to_do()
    {
        await FillAsync();
        InsertForeign(2);
        Tamper("UPDATE writer SET program = '0.0.9 (abc)'");

        var error = Unread();

        Assert.Equal(StoreFault.OtherVersion, error.Fault);
        Assert.StartsWith($"{Database}: event 2 was written by 0.0.9 (abc) in a form that this version, {StoreVersions.This}, does not read: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("fields, found 1", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("Nothing is damaged. Use that version for what is in this store, or start anew with another --home or --store.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_program_that_opens_a_store_answers_for_what_was_written_since()
    {
        await FillAsync();
        InsertForeign(2);
        Tamper("UPDATE writer SET program = '0.0.9 (abc)'");
        await SqliteStore.Open(Database, TimeProvider.System).DisposeAsync();
        await SqliteStore.Open(Database, TimeProvider.System).DisposeAsync();
        InsertForeign(3);

        Assert.Contains("event 2 was written by 0.0.9 (abc)", Unread(after: 1).Message, StringComparison.Ordinal);
        Assert.Contains($"event 3 was written by {StoreVersions.This}", Unread(after: 2).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_from_before_versions_left_their_names_says_so_also_once_it_is_brought_up()
    {
        await FillAsync();
        InsertForeign(2);
        Tamper("DROP TABLE writer; ALTER TABLE epoch DROP COLUMN figures; DELETE FROM migrations WHERE version >= 4");
        Assert.Contains(StoreVersions.Unnamed, Unread().Message, StringComparison.Ordinal);
        await SqliteStore.Open(Database, TimeProvider.System).DisposeAsync();
        Assert.Contains(StoreVersions.Unnamed, Unread().Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_with_newer_tables_names_the_version_that_made_them()
    {
        await FillAsync();
        Tamper("INSERT INTO migrations VALUES (99, 0); UPDATE writer SET program = '7.0.0 (def)'");
        var error = Assert.Throws<StoreException>(() => SqliteStore.Open(Database, TimeProvider.System));
        Assert.Contains($"newer version of this program, 7.0.0 (def) (schema 99; this version, {StoreVersions.This}, knows {Schema.Version})", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sweep_of_another_version_is_unreadable_and_its_best_trial_is_not_called_missing()
    {
        await FillAsync();
        InsertForeign(2);
        var view = Assert.Single(SweepReader.Open(_home.FullName).All());
        Assert.Equal(("unreadable", view.Damage), SweepDocument.Summarize(view) is var summary ? (summary.State, summary.Reason) : default);

        var error = await Assert.ThrowsAsync<CliException>(() => ModelPath.FindAsync("best:last", _home.FullName, CancellationToken.None));

        Assert.Contains("does not read", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("has a result", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task F16_Sweep_with_a_flipped_bit_is_damaged_as_ever()
    {
        await FillAsync();
        InsertForeign(2);
        Tamper("UPDATE events SET body = x'91A17800C1' || substr(body, 5) WHERE seq = 2");
        Assert.Equal("damaged", SweepDocument.Summarize(Assert.Single(SweepReader.Open(_home.FullName).All())).State);
    }
}
