using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>A power cut while a checkpoint is stored, before each of the steps that make it durable: F13. The unit tests look at all states that a disk may be left in; here the whole program goes on from them.</summary>
public class PowerCutTests
{
    private const int CutsMax = 12;
    private const int ExitOfKilled = 137, ExitOfInterrupted = 130;

    [FactWithFaultsBelow]
    public async Task F13_Sweep_that_is_cut_off_before_any_sync_or_rename_of_its_checkpoint_goes_on_and_ends_with_the_undisturbed_bits()
    {
        using var undisturbed = new TemporaryHome();
        var expected = Elbo((await RunningProgram.RunVaeAsync(Run(undisturbed))).Expect(0).Lines[^1]);

        var cuts = 0;
        while (await IsCutOffAsync(cuts + 1, expected)) Assert.True(++cuts < CutsMax, "Storing a checkpoint never ended.");

        // The folder's sync is called through the C library's own handle, where nothing can come between; to a process that is killed it makes no difference.
        Assert.True(cuts >= 2, $"A file's content and its name are at least two steps, not {cuts}.");
    }

    private static async Task<bool> IsCutOffAsync(int cut, string expected)
    {
        using var home = new TemporaryHome();
        using var below = new FaultBox("checkpoints");
        using var run = RunningProgram.Start(Checkout.Program, Run(home), below.Environment);
        await run.LineAsync("it trains", line => SweepJson.Is(line, "evaluation"));
        var workers = WorkerTable.Of(home);

        below.DieAt = below.Steps + cut;
        run.Send(RunningProgram.Interrupt);
        var exit = (await run.EndAsync()).Code;
        below.DieAt = 0;
        if (exit == ExitOfInterrupted) return false;
        Assert.Equal(ExitOfKilled, exit);
        foreach (var worker in workers) RunningProgram.Send(worker.Id, RunningProgram.Kill);

        var resumed = (await RunningProgram.RunVaeAsync("sweep", "resume", "--workers", "1", "--threads", "1", "--json", "--home", home.Path)).Expect(0).ExpectNoTrace();
        Assert.Equal(expected, Elbo(resumed.Lines[^1]));
        Assert.Empty(Directory.EnumerateFiles(home.Path, "*.tmp", SearchOption.AllDirectories));
        new RunHistory().Check(home.Path);
        return true;
    }

    private static string Elbo(string line) => SweepJson.Parse(line).Items("trials").Single().GetProperty("elbo").GetRawText();

    private static string[] Run(TemporaryHome home) =>
        ["sweep", "run", home.Write("sweep.yaml", SweepText.Grid("1", "4", epochs: 1_500, resources: ", balance: even")), "--workers", "1", "--threads", "1", "--json", "--home", home.Path];
}
