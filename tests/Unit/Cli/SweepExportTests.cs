using System.Text.Json;
using Vae.Cli;
using Vae.Cli.Reports;
using Vae.Cli.Sources;
using Vae.Coordinator.Projections;

namespace Vae.Tests.Unit.Cli;

public sealed class SweepExportTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"vae-export-{Guid.NewGuid():N}");

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_sweep_is_a_folder_with_its_file_its_results_all_curves_and_the_best_model()
    {
        using var source = new Scripted();
        var (output, _, notes) = TestSweep.Console();

        var files = await SweepExport.WriteAsync(source, TestSweep.Id.Value, _folder, output, default);

        Assert.Equal(["sweep.yaml", "results.json", "curves.csv", "best/model.safetensors", "best/curves.csv"], files);
        Assert.Equal("version: 1", Read("sweep.yaml"));
        Assert.Equal("trial,kind,step\n0,train,1\n0,train,2\n2,train,1\n2,train,2\n", Read("curves.csv"));
        Assert.Equal("weights of trial 2", Read("best/model.safetensors"));
        using var results = JsonDocument.Parse(Read("results.json"));
        Assert.Equal(("sweep_results", 1), (results.RootElement.GetProperty("type").GetString(), results.RootElement.GetProperty("schema_version").GetInt32()));
        Assert.Equal([_folder], Directory.GetDirectories(Path.GetTempPath(), Path.GetFileName(_folder) + "*"));
        Assert.Equal("", notes.ToString());
    }

    [Fact]
    public async Task What_fails_half_way_leaves_nothing_behind()
    {
        using var source = new Scripted { Breaks = true };
        await Assert.ThrowsAsync<IOException>(() => SweepExport.WriteAsync(source, TestSweep.Id.Value, _folder, TestSweep.Console().Output, default));
        Assert.Empty(Directory.GetDirectories(Path.GetTempPath(), Path.GetFileName(_folder) + "*"));
    }

    [Fact]
    public async Task A_folder_that_holds_something_is_left_alone()
    {
        Directory.CreateDirectory(_folder);
        File.WriteAllText(Path.Combine(_folder, "mine"), "x");
        using var source = new Scripted();
        var told = await Assert.ThrowsAsync<CliException>(() => SweepExport.WriteAsync(source, TestSweep.Id.Value, _folder, TestSweep.Console().Output, default));
        Assert.Equal(ExitCode.InvalidInput, told.Code);
        Assert.Equal(["mine"], Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("beta-vs-latent", "beta-vs-latent")]
    [InlineData("../../etc", "etc")]
    [InlineData("a b/c", "a-b-c")]
    [InlineData("äö", "sweep")]
    public void A_name_becomes_a_folder_of_this_folder(string name, string folder) => Assert.Equal(folder, SweepExport.FolderName(name));

    private string Read(string file) => File.ReadAllText(Path.Combine(_folder, file));

    /// <summary>The whole test sweep; trials 0 and 2 have curves and weights, and one of them a name that leads elsewhere.</summary>
    private sealed class Scripted : ISweepSource
    {
        public bool Breaks { get; init; }

        public Task<IReadOnlyList<SweepSummary>> ListAsync(CancellationToken cancellation) => throw new NotSupportedException();

        public Task<SweepDocument> ReadAsync(string id, CancellationToken cancellation)
        {
            var document = SweepDocument.Of(TestSweep.Whole);
            return Task.FromResult(document with { Trials = [.. document.Trials.Select(trial => trial.Rank == 1 ? trial with { Files = ["model.safetensors", "../../evil", "curves.csv"] } : trial)] });
        }

        public Task<string> SourceOfAsync(string id, CancellationToken cancellation) => Task.FromResult("version: 1");

        public Task<Stream?> OpenFileAsync(string sweep, int trial, string name, CancellationToken cancellation)
        {
            if (Breaks) throw new IOException("gone");
            var text = name == "curves.csv" ? "kind,step\ntrain,1\ntrain,2\n" : $"weights of trial {trial}";
            return Task.FromResult<Stream?>(new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text)));
        }

        public string? FolderOf(string sweep, int trial) => null;

        public void Dispose()
        {
            // Nothing is open.
        }
    }
}
