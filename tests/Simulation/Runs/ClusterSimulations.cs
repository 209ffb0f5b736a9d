using System.Collections.Concurrent;
using System.Diagnostics;
using Vae.Tests.Simulation.Host;
using Xunit.Abstractions;

namespace Vae.Tests.Simulation.Runs;

/// <summary>
/// The main proof: whole clusters under everything that can go wrong at once, each seed another one. <c>VAE_SEEDS=200000</c> runs more of them, <c>VAE_SEED=17</c> replays one, which with
/// <c>VAE_SIMULATION_TRACE=FILE</c> writes all its events down; <c>VAE_SIMULATION_REPORT=FOLDER</c> keeps the table and the failing seeds.
/// </summary>
public class ClusterSimulations(ITestOutputHelper output)
{
    private const int SeedsByDefault = 2_000;
    private const int ReplaysMax = 100;

    // Actors that crash are bugs, and the shipped ones have no business doing so.
    private static readonly FaultKind[] NotForClusters = [FaultKind.ActorCrash, FaultKind.ActorGivenUp];

    [Fact]
    public void Every_invariant_holds_after_every_event_and_every_sweep_ends_whatever_goes_wrong()
    {
        var seeds = Seeds.Range(SeedsByDefault);
        var report = new Report();
        var clock = Stopwatch.StartNew();
        Parallel.ForEach(Partitioner.Create(seeds, EnumerablePartitionerOptions.NoBuffering), seed => RunOne(seed, report));
        var text = report.Text(clock.Elapsed);
        output.WriteLine(text);
        WriteDown(text, report);
        Assert.True(report.Failures.Count == 0, $"{report.Failures.Count} of {seeds.Count} seeds failed.\n{text}\n{report.Failures.Values.FirstOrDefault()}");
        if (seeds.Count < SeedsByDefault) return; // Too few to get everywhere.
        var never = report.NeverMet(NotForClusters, []).ToArray();
        Assert.True(never.Length == 0, $"Never met: {string.Join(", ", never)}.\n{text}");
    }

    [Fact]
    public void Two_runs_of_a_seed_are_one_history_byte_for_byte()
    {
        var seeds = Seeds.Range(ReplaysMax).Take(ReplaysMax);
        Parallel.ForEach(seeds, seed =>
        {
            var (first, again) = (SummaryOf(seed), SummaryOf(seed));
            Assert.True(first == again, $"I14: seed {seed} has two histories:\n{first}\n{again}");
        });
    }

    private static void RunOne(ulong seed, Report report)
    {
        var run = ClusterRun.Of(seed);
        using var trace = Seeds.IsOne && Environment.GetEnvironmentVariable("VAE_SIMULATION_TRACE") is { Length: > 0 } path ? new StreamWriter(path) : null;
        run.Cluster.History.Trace = trace;
        try
        {
            run.ToTheEnd();
            if (run.Cluster.History.Count(FaultKind.ActorCrash) > 0) report.Fail(seed, run.Cluster.Failed("an actor crashed", null).Message);
        }
        catch (Exception failed)
        {
            report.Fail(seed, failed is SimulationFailedException ? $"{failed.Message}\n{run.Shape}" : $"{failed.GetType().Name}: {failed.Message}\nseed {seed}, build {Seeds.Build}\n{failed.StackTrace}");
        }

        report.Add(run);
    }

    private static string SummaryOf(ulong seed)
    {
        var run = ClusterRun.Of(seed);
        try
        {
            run.ToTheEnd();
        }
        catch (SimulationFailedException failed)
        {
            return failed.Message;
        }

        return run.Cluster.Summary();
    }

    // A long run is looked at later: the table, and each failing seed with its plan and its last events.
    private static void WriteDown(string text, Report report)
    {
        if (Environment.GetEnvironmentVariable("VAE_SIMULATION_REPORT") is not { Length: > 0 } path) return;
        Directory.CreateDirectory(path);
        File.WriteAllText(Path.Combine(path, "report.txt"), text);
        foreach (var (seed, failure) in report.Failures.Take(50)) File.WriteAllText(Path.Combine(path, $"seed-{seed}.txt"), failure);
    }
}
