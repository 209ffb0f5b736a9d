using Vae.Tests.Processes.EndToEnd;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

public class FullDiskTests
{
    private const int Steps = 16_000;

    [FactAsRoot]
    public async Task Disk_that_fills_up_during_training_is_told_of_and_costs_nothing_when_space_is_made_in_time()
    {
        using var files = new TemporaryHome();
        using var disk = new TinyDisk(kilobytes: 16_384);
        var file = files.Write("sweep.yaml", SweepText.Grid("1", "4", epochs: Steps / 8, count: 625));
        using var run = RunningProgram.Vae("sweep", "run", file, "--workers", "1", "--threads", "1", "--json", "--home", disk.Path);
        await run.LineAsync("the trial trains", line => SweepJson.Is(line, "evaluation"));

        var ballast = Path.Combine(disk.Path, "ballast");
        Fill(ballast);
        await Poll.UntilAsync("a warning", () => run.Error.Contains("is full", StringComparison.Ordinal) || run.HasEnded, run.Evidence);
        File.Delete(ballast);
        var ending = (await run.EndAsync()).Expect(0).ExpectNoTrace();

        Assert.Contains($"warning: the disk of {disk.Path} is full", ending.Error, StringComparison.Ordinal);
        var trial = SweepJson.Parse(ending.Lines[^1]).Items("trials").Single();
        var sweep = SweepJson.Parse(ending.Lines[^1]).GetProperty("sweep").Text("id");
        var curves = Curves.Read(Path.Combine(disk.Path, "sweeps", sweep, "trials", "0000", "curves.csv"));
        Assert.Equal("done", trial.Text("state"));
        Assert.Equal(Enumerable.Range(1, Steps), curves.Train.Select(row => row.Step));
    }

    // Writes until nothing more fits.
    internal static void Fill(string path)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        var block = new byte[64 * 1024];
        try
        {
            while (true) file.Write(block);
        }
        catch (IOException)
        {
            // Full.
        }
    }
}
