using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

public class MemoryTests
{
    private const long BytesMax = 256 * 1024 * 1024;

    [FactWithFaultsBelow]
    public async Task F06_Trial_that_asks_for_more_memory_than_there_is_fails_alone_and_says_how_much_it_asked_for()
    {
        using var home = new TemporaryHome();
        using var below = new FaultBox { BytesMax = BytesMax };
        var file = home.Write("sweep.yaml", SweepText.Grid("1", "4", epochs: 5).Replace("training.beta: { values: [1] }", "model.encoder: { values: [[64], [16384, 16384], [32]] }", StringComparison.Ordinal));
        using var run = RunningProgram.Start(Checkout.Program, ["sweep", "run", file, "--workers", "2", "--threads", "1", "--json", "--home", home.Path], below.Environment);

        var ending = (await run.EndAsync()).Expect(6).ExpectNoTrace();

        var trials = SweepJson.Parse(ending.Lines[^1]).Items("trials").ToDictionary(trial => trial.Int("trial"));
        Assert.Equal(["done", "failed", "done"], trials.Keys.Order().Select(trial => trials[trial].Text("state")));
        Assert.Contains($"{16384L * 16384 * sizeof(float)} bytes", trials[1].Text("reason"), StringComparison.Ordinal);
        Assert.Equal(1, trials[1].Int("attempts")); // It was alone in its pack: there was nobody else to blame.
        Assert.DoesNotContain("ended with exit code", ending.Error, StringComparison.Ordinal); // No worker died of it.
        new RunHistory().Check(home.Path);
    }
}
