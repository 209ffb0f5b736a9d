using System.Globalization;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Cli;

/// <summary><c>vae sweep submit|watch|cancel|export</c> against a real coordinator and a real worker.</summary>
public sealed class SweepClusterCommandTests
{
    private static string[] Command(TestCluster cluster, params string[] arguments) =>
        ["sweep", .. arguments, "--cluster", $"http://{cluster.Host}:{cluster.HttpPort.ToString(CultureInfo.InvariantCulture)}", "--token-file", cluster.Home.Token];

    private static async Task<string> SubmitAsync(TestCluster cluster, string yaml)
    {
        var submitted = (await RunningProgram.RunVaeAsync(Command(cluster, "submit", cluster.Home.Write("sweep.yaml", yaml)))).Expect(0).ExpectNoTrace();
        return submitted.Lines.Single();
    }

    [Fact]
    public async Task A_sweep_is_handed_over_watched_to_its_end_and_fetched_with_its_best_model()
    {
        using var cluster = await TestCluster.StartAsync();
        cluster.StartWorker("w1");
        var sweep = await SubmitAsync(cluster, SweepText.Grid("1, 4", "4", epochs: 2));

        var watched = (await RunningProgram.RunVaeAsync(Command(cluster, "watch", sweep, "--json"))).Expect(0).ExpectNoTrace().Lines.Select(SweepJson.Parse).ToList();
        Assert.All(watched.SkipLast(1), line => Assert.Equal("sweep_progress", line.Text("type")));
        Assert.Equal(("sweep_results", "done"), (watched[^1].Text("type"), watched[^1].GetProperty("sweep").Text("state")));
        var best = watched[^1].GetProperty("sweep").Int("best_trial");

        var folder = Path.Combine(cluster.Home.Path, "exported");
        var exported = SweepJson.Parse((await RunningProgram.RunVaeAsync(Command(cluster, "export", sweep, "--out", folder, "--json"))).Expect(0).ExpectNoTrace().Lines.Single());
        Assert.Equal(folder, exported.Text("folder"));
        Assert.Equal(SweepText.Grid("1, 4", "4", epochs: 2), await File.ReadAllTextAsync(Path.Combine(folder, "sweep.yaml")));
        var original = Path.Combine(cluster.Home.Path, "sweeps", sweep, "trials", best.ToString("D4", CultureInfo.InvariantCulture), "model.safetensors");
        Assert.Equal(await File.ReadAllBytesAsync(original), await File.ReadAllBytesAsync(Path.Combine(folder, "best", "model.safetensors")));
        var curves = await File.ReadAllLinesAsync(Path.Combine(folder, "curves.csv"));
        Assert.Equal((2 * ((2 * 8) + 2)) + 1, curves.Length); // Of each trial 8 steps and an evaluation in an epoch; a head.
        (await RunningProgram.RunVaeAsync(Command(cluster, "export", sweep, "--out", folder))).Expect(3).ExpectNoTrace();

        var here = Path.Combine(cluster.Home.Path, "here");
        (await RunningProgram.RunVaeAsync("sweep", "export", sweep, "--home", cluster.Home.Path, "--out", here)).Expect(0).ExpectNoTrace();
        Assert.Equal(curves, await File.ReadAllLinesAsync(Path.Combine(here, "curves.csv")));
    }

    [Fact]
    public async Task A_sweep_is_stopped_for_good_and_only_once()
    {
        using var cluster = await TestCluster.StartAsync();
        cluster.StartWorker("w1");
        var sweep = await SubmitAsync(cluster, SweepText.Grid("1", "4", epochs: 100_000));
        await cluster.UntilAsync("it trains", sweep, seen => seen.Items("trials") is [var trial] && trial.Text("state") == "running");
        var watching = RunningProgram.Vae(Command(cluster, "watch", sweep));

        (await RunningProgram.RunVaeAsync(Command(cluster, "cancel", sweep))).Expect(0).ExpectNoTrace();
        Assert.Equal("cancelled", cluster.See(sweep).GetProperty("sweep").Text("state"));
        (await watching.EndAsync()).Expect(0).ExpectNoTrace();

        var again = (await RunningProgram.RunVaeAsync(Command(cluster, "cancel", sweep))).Expect(3).ExpectNoTrace();
        Assert.Contains("is not running: cancelled", again.Error, StringComparison.Ordinal);
        (await RunningProgram.RunVaeAsync(Command(cluster, "cancel", "s-unknown"))).Expect(3).ExpectNoTrace();
    }
}
