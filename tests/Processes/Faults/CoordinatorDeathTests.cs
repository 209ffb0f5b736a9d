using System.Diagnostics;
using System.Globalization;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Tests.Processes.Support;
using Xunit.Abstractions;

namespace Vae.Tests.Processes.Faults;

/// <summary>Coordinators that are killed: in the worst moment, at random ones, and right before each step that makes something durable. VAE_KILLS widens the search.</summary>
public class CoordinatorDeathTests(ITestOutputHelper output)
{
    private static readonly int Kills = int.TryParse(Environment.GetEnvironmentVariable("VAE_KILLS"), NumberStyles.None, CultureInfo.InvariantCulture, out var kills) ? kills : 4;

    [Fact]
    public async Task F02_Coordinator_killed_between_an_assignment_and_the_answer_to_it_finds_the_assignment_once()
    {
        using var cluster = await TestCluster.StartAsync();
        using var wire = new FaultProxy(cluster.Port);
        var answers = new Swallow<PackMessage.ReplicaAccepted>();
        wire.Frames = answers;
        cluster.StartWorker("node-1", wire);
        await cluster.WaitForWorkerAsync("node-1");
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1", "4", epochs: 100));
        await Poll.UntilAsync("an answer is on its way", () => answers.Swallowed > 0, cluster.Evidence);

        await cluster.KillCoordinatorAsync();
        wire.Frames = null;
        wire.Break(); // As the death of its other end does.
        await cluster.StartCoordinatorAsync();

        await cluster.WaitForStateAsync(sweep, "done");
        Assert.Single((await cluster.StopAndCheckAsync()).OfType<SweepEvent.TrialEnded>());
    }

    [Fact]
    public async Task F02_Coordinator_killed_at_random_instants_loses_no_trial_runs_none_twice_and_finds_the_same_winner()
    {
        var trials = Math.Clamp(Kills, 8, 60);
        using var cluster = await TestCluster.StartAsync();
        foreach (var name in (string[])["node-1", "node-2"])
        {
            cluster.StartWorker(name);
            await cluster.WaitForWorkerAsync(name);
        }

        var yaml = SweepText.Grid("1", "4", epochs: 60).Replace("training.beta: { values: [1] }", $"training.seed: {{ values: [{string.Join(", ", Enumerable.Range(1, trials))}] }}", StringComparison.Ordinal);
        var undisturbed = await cluster.SubmitAsync(yaml);
        await cluster.WaitForStateAsync(undisturbed, "done");
        var prng = new Prng(7);
        var sweep = await cluster.SubmitAsync(yaml);
        var recoveries = new List<double>();
        for (var kill = 0; kill < Kills; kill++)
        {
            await Task.Delay(prng.Between(TimeSpan.Zero, TimeSpan.FromSeconds(1.5))); // A random instant is the point here, not a wait for something.
            await cluster.KillCoordinatorAsync();
            var started = Stopwatch.GetTimestamp();
            await cluster.StartCoordinatorAsync();
            await cluster.WaitForWorkerAsync("node-1");
            await cluster.WaitForWorkerAsync("node-2");
            recoveries.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            if (cluster.See(sweep).GetProperty("sweep").Text("state") == "done") sweep = await cluster.SubmitAsync(yaml);
        }

        await cluster.WaitForStateAsync(sweep, "done");
        var (expected, actual) = (Elbos(cluster, undisturbed), Elbos(cluster, sweep));
        Assert.Equal(expected, actual); // Bit for bit: nothing that a trial is made of depends on who asked for it, or how often.
        var attempts = cluster.See(sweep).Items("trials").Sum(trial => trial.Int("attempts"));
        var facts = await cluster.StopAndCheckAsync();
        Assert.All(facts.OfType<SweepEvent.TrialEnded>().GroupBy(end => (end.Sweep, end.Result.TrialIndex)), ends => Assert.Single(ends));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Kills} kills, {trials} trials a sweep; the last sweep took {attempts} attempts. All workers back after {recoveries.Average():F2} s in the mean, {recoveries.Max():F2} s at most."));
    }

    [FactWithFaultsBelow]
    public async Task F02_Coordinator_that_dies_right_before_any_sync_or_rename_comes_back_with_all_that_it_acknowledged()
    {
        const int step = 3; // Every third of them: the same moments of other trials come round.
        using var below = new FaultBox("/");
        using var cluster = await TestCluster.StartAsync(faults: below);
        cluster.StartWorker("node-1");
        await cluster.WaitForWorkerAsync("node-1");
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1, 2, 4", "2, 4", epochs: 10));
        var deaths = 0;
        while (cluster.See(sweep).GetProperty("sweep").Text("state") != "done" && deaths < Kills * 2)
        {
            below.DieAt = below.Steps + step + deaths;
            await Poll.UntilAsync("it dies, or has nothing left to do", () => cluster.Coordinator.HasEnded || cluster.See(sweep).GetProperty("sweep").Text("state") == "done", cluster.Evidence);
            below.DieAt = 0;
            if (!cluster.Coordinator.HasEnded) break;
            deaths++;
            await cluster.Coordinator.EndAsync();
            await cluster.StartCoordinatorAsync(below);
        }

        await cluster.WaitForStateAsync(sweep, "done");
        Assert.True(deaths > 2, $"It died {deaths} times only.");
        Assert.Equal(6, (await cluster.StopAndCheckAsync()).OfType<SweepEvent.TrialEnded>().Count());
    }

    private static IEnumerable<(int Trial, string Elbo)> Elbos(TestCluster cluster, string sweep) =>
        cluster.See(sweep).Items("trials").Select(trial => (trial.Int("trial"), trial.GetProperty("elbo").GetRawText())).OrderBy(pair => pair.Item1);
}
