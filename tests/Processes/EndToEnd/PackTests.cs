using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.EndToEnd;

/// <summary>Trials fused into packs, with slots refilled as trials end, against the same trials one by one.</summary>
public class PackTests
{
    private const int Epochs = 6, Trials = 6;

    [Fact]
    public async Task Packs_on_one_and_two_workers_and_lanes_train_the_curves_of_single_trials()
    {
        var single = await TrainAsync(workers: 1, threads: 1, "max_pack: 1");
        var packed = await TrainAsync(workers: 1, threads: 1, "max_pack: 4, lanes: 1");
        var shared = await TrainAsync(workers: 2, threads: 1, "max_pack: 4, lanes: 1");
        var lanes = await TrainAsync(workers: 1, threads: 2, "max_pack: 2, lanes: 2");

        Assert.Equal(1, single.Slots);
        Assert.Equal(4, packed.Slots);
        Assert.Equal(Trials - 4, packed.Refilled.Count);
        Assert.Equal(2, lanes.Lanes);
        foreach (var other in (Run[])[packed, shared, lanes])
        {
            Assert.Equal(1, other.AttemptsMax);
            for (var trial = 0; trial < Trials; trial++)
            {
                Assert.Equal(single.Curves[trial].Train.Select(row => row.Step), other.Curves[trial].Train.Select(row => row.Step));
                Assert.All(single.Curves[trial].Train.Zip(other.Curves[trial].Train), rows => AssertClose(rows.First.Loss, rows.Second.Loss));
                Assert.All(single.Curves[trial].HeldOut.Zip(other.Curves[trial].HeldOut), rows => AssertClose(rows.First.Elbo, rows.Second.Elbo));
            }
        }
    }

    private static async Task<Run> TrainAsync(int workers, int threads, string resources)
    {
        using var home = new TemporaryHome();
        var file = home.Write("sweep.yaml", SweepText.Grid("1, 4", "2, 3, 4", Epochs, workers, encoder: "16", resources: $", {resources}"));

        var run = (await RunningProgram.RunVaeAsync("sweep", "run", file, "--workers", $"{workers}", "--threads", $"{threads}", "--json", "--home", home.Path)).Expect(0);

        var lines = run.Lines.Select(SweepJson.Parse).ToList();
        var results = lines[^1];
        var planned = lines.Where(line => line.Text("type") == "pack_planned").ToList();
        var sweep = results.GetProperty("sweep").Text("id");
        return new Run(
            planned.Select(line => line.GetProperty("slots").GetInt32()).LastOrDefault(1),
            planned.Select(line => line.GetProperty("lanes").GetInt32()).LastOrDefault(1),
            [.. lines.Where(line => line.Text("type") == "slot_filled").Select(line => line.GetProperty("trial").GetInt32())],
            results.Items("trials").Max(trial => trial.GetProperty("attempts").GetInt32()),
            [.. Enumerable.Range(0, Trials).Select(trial => Curves.Read(home.TrialFile(sweep, trial, "curves.csv")))]);
    }

    private static void AssertClose(double expected, double actual) =>
        Assert.True(Math.Abs(expected - actual) < 1e-4 * Math.Abs(expected), $"{expected:R} and {actual:R} differ by more than 1e-4.");

    private sealed record Run(int Slots, int Lanes, IReadOnlyList<int> Refilled, int AttemptsMax, IReadOnlyList<Curves> Curves);
}
