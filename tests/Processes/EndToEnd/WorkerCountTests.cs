using System.Globalization;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.EndToEnd;

public class WorkerCountTests
{
    private const int Epochs = 25, Steps = 200; // 500 rows in batches of 64: 8 steps an epoch, the last of 52 rows.

    [Fact]
    public async Task One_two_and_four_worker_processes_train_the_same_curve()
    {
        var alone = await TrainAsync(1);
        var two = await TrainAsync(2);
        var four = await TrainAsync(4);

        Assert.Equal(Steps, alone.Train.Count);
        foreach (var shared in (Curves[])[two, four])
        {
            Assert.Equal(alone.Train.Select(row => row.Step), shared.Train.Select(row => row.Step));
            Assert.All(alone.Train.Zip(shared.Train), rows => AssertClose(rows.First.Loss, rows.Second.Loss));
            Assert.All(alone.HeldOut.Zip(shared.HeldOut), rows => AssertClose(rows.First.Elbo, rows.Second.Elbo));
        }

        // The reduction must really have been another one, or this test compares a run with itself.
        Assert.NotEqual(alone.Train.Select(row => row.Loss), two.Train.Select(row => row.Loss));
    }

    private static async Task<Curves> TrainAsync(int workers)
    {
        using var home = new TemporaryHome();
        var file = home.Write("sweep.yaml", SweepText.Grid("1", "6", Epochs, workers));

        var run = (await RunningProgram.RunVaeAsync(
            "sweep", "run", file, "--workers", workers.ToString(CultureInfo.InvariantCulture), "--threads", "1", "--json", "--home", home.Path)).Expect(0);

        var results = SweepJson.Parse(run.Lines[^1]);
        Assert.Equal(workers, results.Items("trials").Single().Texts("workers").Distinct().Count());
        return Curves.Read(home.TrialFile(results.GetProperty("sweep").Text("id"), 0, "curves.csv"));
    }

    private static void AssertClose(double expected, double actual) =>
        Assert.True(Math.Abs(expected - actual) < 1e-4 * Math.Abs(expected), $"{expected:R} and {actual:R} differ by more than 1e-4.");
}
