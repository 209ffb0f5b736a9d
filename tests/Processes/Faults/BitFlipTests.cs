using System.Text.Json;
using Microsoft.Data.Sqlite;
using Vae.Coordinator.Hosting;
using Vae.Coordinator.Projections;
using Vae.Runtime.Storage;
using Vae.Tests.Processes.Support;
using Xunit.Abstractions;

namespace Vae.Tests.Processes.Faults;

/// <summary>Bits that turn over on the disk: F16.</summary>
public class BitFlipTests(ITestOutputHelper output)
{
    private const int Flips = 300;

    [Fact]
    public async Task F16_Flipped_bit_in_a_fact_is_named_with_the_fact()
    {
        using var home = new TemporaryHome();
        await RunAsync(home);
        var facts = SqliteReader.Open(home.Store).ReadAll().Count();
        using var store = new SqliteConnection($"Data Source={home.Store};Pooling=False");
        store.Open();
        for (var fact = 1; fact <= facts; fact++)
        {
            var body = (byte[])Ask(store, "SELECT body FROM events WHERE seq = $seq", ("$seq", fact))!;
            var damaged = body.ToArray();
            damaged[fact * 31 % body.Length] ^= (byte)(1 << (fact % 8));
            Ask(store, "UPDATE events SET body = $body WHERE seq = $seq", ("$seq", fact), ("$body", damaged));

            Assert.Contains($"{home.Store}: event {fact} is damaged", DamageOf(home), StringComparison.Ordinal);

            Ask(store, "UPDATE events SET body = $body WHERE seq = $seq", ("$seq", fact), ("$body", body));
        }

        store.Close();
        (await RunningProgram.RunVaeAsync("sweep", "results", "last", "--home", home.Path)).Expect(0);
    }

    [Fact]
    public async Task F16_Flipped_bit_anywhere_in_the_store_is_named_or_harms_nobody()
    {
        using var home = new TemporaryHome();
        await RunAsync(home);
        var whole = await File.ReadAllBytesAsync(home.Store);
        var expected = Read(home);
        var (same, told) = (0, 0);
        for (var flip = 0; flip < Flips; flip++)
        {
            var damaged = whole.ToArray();
            damaged[((long)flip * whole.Length / Flips) + (flip * 7 % 13)] ^= (byte)(1 << (flip % 8));
            await File.WriteAllBytesAsync(home.Store, damaged);
            if (DamageOf(home) is not null) told++;
            else if (Read(home) == expected) same++;
        }

        output.WriteLine($"{Flips} flips in {whole.Length:N0} bytes: {told} were named, {same} changed nothing that is shown.");
        Assert.InRange(told, 1, Flips);
    }

    [Fact]
    public async Task F16_Flipped_bit_in_a_model_is_named_by_whoever_reads_it_and_the_rest_goes_on()
    {
        using var home = new TemporaryHome();
        var sweep = await RunAsync(home);
        var model = home.TrialFile(sweep, 0, "model.safetensors");
        var bytes = await File.ReadAllBytesAsync(model);
        bytes[^100] ^= 0x10;
        await File.WriteAllBytesAsync(model, bytes);

        var damaged = (await RunningProgram.RunVaeAsync("model", "generate", $"{sweep}/0", "--home", home.Path, "--out", Path.Combine(home.Path, "a.png"))).Expect(3).ExpectNoTrace();
        Assert.Contains(model, damaged.Error, StringComparison.Ordinal);
        (await RunningProgram.RunVaeAsync("model", "generate", $"{sweep}/1", "--home", home.Path, "--out", Path.Combine(home.Path, "b.png"))).Expect(0);
        (await RunningProgram.RunVaeAsync("sweep", "results", sweep, "--home", home.Path)).Expect(0);
    }

    private static async Task<string> RunAsync(TemporaryHome home)
    {
        var file = home.Write("sweep.yaml", SweepText.Grid("1, 4", "2", epochs: 2));
        var run = (await RunningProgram.RunVaeAsync("sweep", "run", file, "--workers", "1", "--threads", "1", "--json", "--home", home.Path)).Expect(0);
        return SweepJson.Parse(run.Lines[^1]).GetProperty("sweep").Text("id");
    }

    private static object? Ask(SqliteConnection store, string sql, params (string Name, object Value)[] parameters)
    {
        using var command = store.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
        return command.ExecuteScalar();
    }

    // What is said of the sweep: it is marked with what is wrong, or the store cannot be read at all.
    private static string? DamageOf(TemporaryHome home)
    {
        try
        {
            return SweepReader.Open(home.Path).Find("last")?.Damage;
        }
        catch (StoreException exception)
        {
            Assert.Contains(home.Store, exception.Message, StringComparison.Ordinal);
            return exception.Message;
        }
    }

    private static string Read(TemporaryHome home) => JsonSerializer.Serialize(SweepDocument.Of(SweepReader.Open(home.Path).Find("last")!), SweepDocumentJson.Default.SweepDocument);
}
