using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

public class InterruptTests
{
    [Fact]
    public async Task Ctrl_c_keeps_the_trials_that_are_done_says_how_to_go_on_and_leaves_no_process_behind()
    {
        using var home = new TemporaryHome();

        // The first trial is over in a moment; the others are not over when the interrupt comes.
        var file = home.Write("sweep.yaml", SweepText.Grid("1", "4", epochs: 1).Replace("training.beta: { values: [1] }", "training.epochs: { values: [1, 100000, 99999] }", StringComparison.Ordinal));
        using var run = RunningProgram.Vae("sweep", "run", file, "--workers", "2", "--threads", "1", "--json", "--home", home.Path);
        var done = SweepJson.Parse(await run.LineAsync("a trial is done", line => SweepJson.Is(line, "trial_ended"))).Int("trial");

        // A terminal sends Ctrl-C to every process of the group.
        foreach (var worker in WorkerTable.Of(home)) RunningProgram.Send(worker.Id, RunningProgram.Interrupt);
        run.Send(RunningProgram.Interrupt);
        var ending = (await run.EndAsync()).Expect(130).ExpectNoTrace();

        Assert.Contains("1 of 3 trials are done", ending.Error, StringComparison.Ordinal);
        Assert.Contains("2 trials can go on where they are", ending.Error, StringComparison.Ordinal);
        var sweep = await SweepJson.ReadAsync(home);
        Assert.Contains($"go on: vae sweep resume {sweep.GetProperty("sweep").Text("id")} --workers 2 --threads 1 --home {home.Path}", ending.Error, StringComparison.Ordinal);
        Assert.Equal("interrupted", sweep.GetProperty("sweep").Text("state"));
        Assert.Equal("done", sweep.Items("trials").Single(trial => trial.Int("trial") == done).Text("state"));
        Assert.DoesNotContain(sweep.Items("trials"), trial => trial.Text("state") is "running" or "failed" or "lost");
        Assert.True(File.Exists(home.TrialFile(sweep.GetProperty("sweep").Text("id"), done, "model.safetensors")));
        Assert.Empty(WorkerTable.Of(home));
    }
}
