using Microsoft.Data.Sqlite;
using Vae.Coordinator.Hosting;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Runtime;

/// <summary>Bits of stored curves that turn over: F16.</summary>
public sealed class PointChecksumTests : IDisposable
{
    private const int Steps = 20;

    private static readonly TrialId Trial = new(new("s-1"), 2);
    private static readonly Attempt First = new(1);

    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("vae-points-");

    private string Database => Path.Combine(_home.FullName, "store.db");

    public void Dispose() => _home.Delete(recursive: true);

    [Theory]
    [InlineData("epoch")]
    [InlineData("loss")]
    [InlineData("distortion")]
    [InlineData("rate")]
    [InlineData("beta")]
    [InlineData("seconds")]
    [InlineData("step")]
    [InlineData("crc")]
    public async Task F16_A_reading_with_a_flipped_bit_is_named_and_left_out_and_the_rest_of_the_curve_is_read(string column)
    {
        await FillAsync();
        // 1e-9 of a loss is what the lowest bits of a double are; a whole number changes by 64.
        Tamper(column is "epoch" or "step" or "crc" ? $"UPDATE train_step SET {column} = {column} + 64 WHERE step = 7" : $"UPDATE train_step SET {column} = {column} + 1e-9 WHERE step = 7");

        var damaged = new List<DamagedPoint>();
        var curve = SqliteReader.Open(Database).ReadTrainSteps(Trial, First, Steps * 2, damaged.Add);

        Assert.Equal(Enumerable.Range(1, Steps).Where(step => step != 7).Select(step => Step(step)), curve);
        var text = Assert.Single(damaged).Text;
        Assert.Contains($"{Database}: the reading of step {(column == "step" ? 71 : 7)} of trial s-1/2, attempt 1, is damaged", text, StringComparison.Ordinal);
        Assert.Equal(StoreFault.Damaged, Assert.Throws<StoreException>(() => SqliteReader.Open(Database).ReadTrainSteps(Trial, First)).Fault);
    }

    [Theory]
    [InlineData("UPDATE epoch SET elbo = elbo + 1e-9")]
    [InlineData("UPDATE epoch SET active_units = active_units + 1")]
    [InlineData("UPDATE epoch SET train_loss = NULL")]
    [InlineData("UPDATE epoch SET kl_per_dimension = zeroblob(24)")]
    [InlineData("UPDATE epoch SET kl_per_dimension = zeroblob(13)")]
    [InlineData("UPDATE epoch SET kl_per_dimension = NULL")]
    [InlineData("UPDATE epoch SET elbo = 'minus one hundred'")]
    [InlineData("UPDATE epoch SET active_units = 1 << 40")]
    [InlineData("UPDATE epoch SET figures = 'perplexity=32.25;iwae_bound=NaN'")]
    [InlineData("UPDATE epoch SET figures = 'perplexitz=31.25;iwae_bound=NaN'")]
    [InlineData("UPDATE epoch SET figures = 'perplexity=31.25'")]
    [InlineData("UPDATE epoch SET figures = 'perplexity'")]
    [InlineData("UPDATE epoch SET figures = NULL")]
    public async Task F16_An_evaluation_that_is_not_what_was_written_is_named_and_left_out(string damage)
    {
        await FillAsync();
        Tamper("CREATE TABLE loose AS SELECT * FROM epoch; DROP TABLE epoch; ALTER TABLE loose RENAME TO epoch"); // Without rules that a flipped bit does not keep either.
        Tamper($"{damage} WHERE epochs_done = 2");

        var damaged = new List<DamagedPoint>();
        var epochs = SqliteReader.Open(Database).ReadEpochs(Trial, First, damaged.Add);

        Assert.Equal([Evaluation(1), Evaluation(3)], epochs);
        Assert.Contains("trial s-1/2, attempt 1, is damaged", Assert.Single(damaged).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task F16_The_curve_of_a_trial_is_written_without_its_damaged_points_which_are_named()
    {
        await FillAsync();
        Tamper("UPDATE train_step SET loss = 3 WHERE step = 7; UPDATE epoch SET elbo = 3 WHERE epochs_done = 2");
        var (file, damaged) = (Path.Combine(_home.FullName, "curves.csv"), new List<DamagedPoint>());

        CurveWriter.Write(file, SqliteReader.Open(Database), Trial, First, new(Steps), damaged.Add);

        var lines = File.ReadAllLines(file);
        Assert.Equal(["damaged,7,,,,,,,,7,,", $"damaged,{Evaluation(2).Step.Value},,,,,,,,{Evaluation(2).Step.Value},,"], lines[1..3]);
        Assert.Equal(1 + 2 + (Steps - 1) + 2, lines.Length);
        Assert.Equal(2, damaged.Count);
        Assert.Equal(2, CurveWriter.ReadHead(file).Damaged);
    }

    [Fact]
    public async Task Points_that_cannot_be_told_from_others_by_a_store_keep_their_checksum()
    {
        var step = Step(1) with { Loss = double.NaN, Distortion = -double.NaN, Rate = -0.0, Beta = double.PositiveInfinity, Seconds = 2 };
        var epoch = Evaluation(1) with { Elbo = double.NaN, TrainLoss = -0.0, KlPerDimension = [] };
        await using (var store = SqliteStore.Open(Database, TimeProvider.System)) await store.StoreAsync([step, epoch]);

        Assert.Equal(double.PositiveInfinity, Assert.Single(SqliteReader.Open(Database).ReadTrainSteps(Trial, First)).Beta);
        Assert.Empty(Assert.Single(SqliteReader.Open(Database).ReadEpochs(Trial, First)).KlPerDimension);
    }

    [Fact]
    public async Task Points_of_a_version_without_checksums_are_believed_before_and_after_the_store_is_brought_up()
    {
        await FillAsync();
        Tamper("ALTER TABLE train_step DROP COLUMN crc; ALTER TABLE epoch DROP COLUMN crc; ALTER TABLE epoch DROP COLUMN figures; DROP TABLE writer; DELETE FROM migrations WHERE version >= 3");
        Assert.Equal(Steps, SqliteReader.Open(Database).ReadTrainSteps(Trial, First).Count);
        Assert.Equal(3, SqliteReader.Open(Database).ReadEpochs(Trial, First).Count);

        await using var store = SqliteStore.Open(Database, TimeProvider.System);
        await store.StoreAsync([Step(Steps + 1)]);
        Assert.Equal(Steps + 1, store.ReadTrainSteps(Trial, First).Count);
        Assert.Equal(3, store.ReadEpochs(Trial, First).Count);
    }

    [Fact]
    public async Task Evaluations_of_a_version_without_figures_keep_their_checksum_and_later_ones_have_figures()
    {
        await using (var store = SqliteStore.Open(Database, TimeProvider.System)) await store.StoreAsync([Evaluation(1) with { Figures = [] }]);
        Tamper("ALTER TABLE epoch DROP COLUMN figures; DELETE FROM migrations WHERE version >= 5");
        Assert.Equal([Evaluation(1) with { Figures = [] }], SqliteReader.Open(Database).ReadEpochs(Trial, First));

        await using var opened = SqliteStore.Open(Database, TimeProvider.System);
        await opened.StoreAsync([Evaluation(2)]);

        Assert.Equal([Evaluation(1) with { Figures = [] }, Evaluation(2)], opened.ReadEpochs(Trial, First));
    }

    private async Task FillAsync()
    {
        await using var store = SqliteStore.Open(Database, TimeProvider.System);
        await store.StoreAsync([.. Enumerable.Range(1, Steps).Select(Step), .. Enumerable.Range(1, 3).Select(Evaluation)]);
    }

    private void Tamper(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static MetricPoint.TrainStep Step(int step) => new(step / 8, 100.0 - step, 80.25, 19.75 - step, 0.5, 0.01) { Trial = Trial, Attempt = First, Step = new(step) };

    private static MetricPoint.Evaluation Evaluation(int epoch) => new(epoch, -100 + epoch, 80, 20, 3, [1.5, 0.25, 1e-300], 99, epoch)
    {
        Trial = Trial, Attempt = First, Step = new(epoch * 6), Figures = [new("perplexity", 31.25), new("iwae_bound", double.NaN)],
    };
}
