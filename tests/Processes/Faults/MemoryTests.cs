using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

public class MemoryTests
{
    private const long BytesMax = 128 * 1024 * 1024;

    [FactWithFaultsBelow]
    public async Task F06_Trial_that_asks_for_more_memory_than_there_is_fails_alone_and_says_how_much_it_asked_for()
    {
        using var home = new TemporaryHome();
        using var below = new FaultBox { BytesMax = BytesMax };
        var file = home.Write("sweep.yaml", SweepText.Grid("1", "4", epochs: 5).Replace("training.beta: { values: [1] }", "model.encoder: { values: [[64], [8192, 8192], [32]] }", StringComparison.Ordinal));
        using var run = RunningProgram.Start(Checkout.Program, ["sweep", "run", file, "--workers", "2", "--threads", "1", "--json", "--home", home.Path], below.Environment);

        var ending = (await run.EndAsync()).Expect(6).ExpectNoTrace();

        var trials = SweepJson.Parse(ending.Lines[^1]).Items("trials").ToDictionary(trial => trial.Int("trial"));
        Assert.Equal(["done", "failed", "done"], trials.Keys.Order().Select(trial => trials[trial].Text("state")));
        Assert.Contains($"{8192L * 8192 * sizeof(float)} bytes", trials[1].Text("reason"), StringComparison.Ordinal);
        Assert.Equal(1, trials[1].Int("attempts")); // It was alone in its pack: there was nobody else to blame.
        Assert.DoesNotContain("ended with exit code", ending.Error, StringComparison.Ordinal); // No worker died of it.
        new RunHistory().Check(home.Path);
    }

    [Fact]
    public async Task F06_Trial_far_above_every_workers_memory_is_refused_before_it_starts_and_one_goes_where_it_fits()
    {
        const long small = 512L << 20, large = 3L << 30;
        using var cluster = await TestCluster.StartAsync();
        cluster.StartWorker("node-small", new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = $"{small:X}" });
        cluster.StartWorker("node-large", new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = $"{large:X}" });
        foreach (var name in (string[])["node-small", "node-large"]) await cluster.WaitForWorkerAsync(name);

        // About 50 MB, 1 GB and 250 GB.
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1", "4", epochs: 1).Replace("training.beta: { values: [1] }", "model.encoder: { values: [[64], [4096, 4096], [60000, 60000]] }", StringComparison.Ordinal));
        await cluster.WaitForStateAsync(sweep, "done_with_failures");

        var trials = cluster.See(sweep).Items("trials").ToDictionary(trial => trial.Int("trial"));
        Assert.Equal(["done", "done", "failed"], trials.Keys.Order().Select(trial => trials[trial].Text("state")));
        Assert.Equal(["node-large"], trials[1].Texts("workers"));
        Assert.Equal(0, trials[2].Int("attempts"));
        foreach (var part in (string[])["predicted to fill", $"{large} bytes", "node-large", "training.batch"]) Assert.Contains(part, trials[2].Text("reason"), StringComparison.Ordinal);
        await cluster.StopAndCheckAsync();
    }
}
