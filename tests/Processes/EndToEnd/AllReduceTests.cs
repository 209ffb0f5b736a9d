using Vae.Tests.Processes.Support;
using Vae.Torch;
using Vae.Torch.Distributed;

namespace Vae.Tests.Processes.EndToEnd;

/// <summary>The engines that sum gradients, chosen in the sweep file and used by two worker processes.</summary>
public class AllReduceTests
{
    private const int Epochs = 5;

    [GlooFact]
    public async Task Gloo_trains_the_curve_of_our_own_ring()
    {
        var ring = await TrainAsync("messagepack");
        var gloo = await TrainAsync("gloo");

        Assert.Contains("2 ranks sum their gradients by messagepack", ring.Log, StringComparison.Ordinal);
        Assert.Contains("2 ranks sum their gradients by gloo", gloo.Log, StringComparison.Ordinal);
        Assert.All(ring.Curves.Train.Zip(gloo.Curves.Train), rows => Assert.Equal(rows.First.Loss, rows.Second.Loss, Math.Abs(rows.First.Loss) * 1e-4));
    }

    [Fact]
    public async Task Compressed_gradients_train_to_the_same_quality_by_another_curve()
    {
        var plain = await TrainAsync("messagepack");
        var compressed = await TrainAsync("messagepack, compression: bfloat16");

        Assert.NotEqual(plain.Curves.Train.Select(row => row.Loss), compressed.Curves.Train.Select(row => row.Loss));
        var (expected, actual) = (plain.Curves.HeldOut[^1].Elbo, compressed.Curves.HeldOut[^1].Elbo);
        Assert.Equal(expected, actual, Math.Abs(expected) * 0.01);
    }

    private static async Task<(Curves Curves, string Log)> TrainAsync(string allReduce)
    {
        using var home = new TemporaryHome();
        // Wide enough that its gradients do not travel in one round, which is never compressed.
        var file = home.Write("sweep.yaml", SweepText.Grid("1", "6", Epochs, workersPerPack: 2, encoder: "256", resources: $", all_reduce: {allReduce}"));

        var run = (await RunningProgram.RunVaeAsync("sweep", "run", file, "--workers", "2", "--threads", "1", "--json", "--home", home.Path)).Expect(0);

        var sweep = SweepJson.Parse(run.Lines[^1]).GetProperty("sweep").Text("id");
        var logs = Directory.GetFiles(Path.Combine(home.Path, "logs"), "worker-*.log").Select(File.ReadAllText);
        return (Curves.Read(home.TrialFile(sweep, 0, "curves.csv")), string.Concat(logs));
    }
}

/// <summary>A fact that needs a build with Gloo; without it the binding says why.</summary>
public sealed class GlooFactAttribute : FactAttribute
{
    public GlooFactAttribute() => Skip = Lacks();

    private static string? Lacks()
    {
        try
        {
            return ProcessGroup.Lacks(ProcessGroupBackend.Gloo);
        }
        catch (TorchUnavailableException exception)
        {
            return exception.Message;
        }
    }
}
