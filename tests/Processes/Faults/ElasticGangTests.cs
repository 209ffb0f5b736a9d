using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>Gangs that lose workers while they train: F01, F04 and F05. Survivors keep their processes and their attempt.</summary>
public class ElasticGangTests
{
    [Fact]
    public async Task F04_Worker_that_dies_whenever_it_gets_something_to_do_is_left_out_and_the_sweep_ends_elsewhere()
    {
        const string crashing = "node-2";
        const int deathsMax = 5;
        using var cluster = await TestCluster.StartAsync();
        await StartAsync(cluster, ["node-1"]);
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1, 2, 4", "2, 4", epochs: 800, resources: ", max_pack: 1"));
        var deaths = 0;
        for (; deaths < deathsMax; deaths++)
        {
            var worker = cluster.StartWorker(crashing, "--lanes", "1");
            var state = "";
            await Poll.UntilAsync("it has something to do, or is left out", async () => await cluster.WorkerAsync(crashing) is { } shown && shown.Int("process_id") == worker.Id
                && (state = shown.Text("state")) is "quarantined" or "busy", cluster.Evidence);
            if (state == "quarantined") break;
            worker.Send(RunningProgram.Kill);
            await worker.EndAsync();
        }

        Assert.InRange(deaths, 1, deathsMax - 1); // It was left out before it could do more harm.
        Assert.NotEmpty((await cluster.WorkerAsync(crashing))!.Value.Texts("last_lines"));
        await cluster.WaitForStateAsync(sweep, "done");
        Assert.All(cluster.See(sweep).Items("trials"), trial => Assert.Equal(["node-1"], trial.Texts("workers")));
        await cluster.StopAndCheckAsync();
    }

    private static async Task<Dictionary<string, RunningProgram>> StartAsync(TestCluster cluster, IEnumerable<string> names)
    {
        var workers = names.ToDictionary(name => name, name => cluster.StartWorker(name, "--lanes", "1"));
        foreach (var name in workers.Keys) await cluster.WaitForWorkerAsync(name);
        return workers;
    }
}
