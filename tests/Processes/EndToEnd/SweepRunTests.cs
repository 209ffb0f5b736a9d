using System.Text.Json;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.EndToEnd;

public class SweepRunTests(FinishedSweep sweep) : IClassFixture<FinishedSweep>
{
    [Fact]
    public void Every_line_of_json_has_its_schema_version_and_the_last_one_is_the_result()
    {
        var lines = sweep.Run.Lines.Select(SweepJson.Parse).ToList();

        Assert.All(lines, line => Assert.Equal(1, line.Int("schema_version")));
        Assert.Equal("sweep_results", lines[^1].Text("type"));
        Assert.Equal("done", sweep.Results.GetProperty("sweep").Text("state"));
        Assert.Equal([0, 1, 2, 3], lines.Where(line => line.Text("type") == "trial_ended").Select(line => line.Int("trial")).Order());
    }

    [Fact]
    public void Trials_are_ranked_by_the_held_out_elbo_at_beta_1_whatever_their_own_beta()
    {
        var trials = sweep.Trials;

        Assert.Equal([1, 2, 3, 4], trials.Select(trial => trial.Int("rank")));
        Assert.Equal(trials.Select(trial => trial.Number("elbo")).OrderDescending(), trials.Select(trial => trial.Number("elbo")));
        Assert.All(trials, trial => Assert.Equal(-(trial.Number("distortion") + trial.Number("rate")), trial.Number("elbo"), Math.Abs(trial.Number("elbo")) * 1e-6));
        Assert.All(trials, trial => Assert.Equal(trial.Number("rate"), trial.Items("kl_per_dimension").Sum(kl => kl.GetDouble()), Math.Abs(trial.Number("rate")) * 1e-4));
        Assert.Equal(["0.5 2", "0.5 8", "4 2", "4 8"], trials.Select(HyperparametersOf).Order());
    }

    [Fact]
    public void A_greater_beta_buys_a_smaller_rate()
    {
        double RateOf(string hyperparameters) => sweep.Trials.Single(trial => HyperparametersOf(trial) == hyperparameters).Number("rate");

        Assert.True(RateOf("4 8") < RateOf("0.5 8"), "beta had no effect at latent size 8.");
        Assert.True(RateOf("4 2") < RateOf("0.5 2"), "beta had no effect at latent size 2.");
    }

    [Fact]
    public void Each_trial_had_a_worker_process_of_the_two_and_none_of_them_outlives_the_run()
    {
        Assert.All(sweep.Trials, trial => Assert.Contains(trial.Texts("workers").Single(), (string[])["worker-1", "worker-2"]));
        Assert.Empty(WorkerTable.Of(sweep.Home));
    }

    [Fact]
    public async Task List_status_and_results_agree_with_what_the_run_said()
    {
        var results = await ReadAsync("results");
        var status = await ReadAsync("status");
        var list = await ReadAsync("list");

        Assert.Equal(sweep.Run.Lines[^1], results);
        Assert.Equal(sweep.Results.GetProperty("trials").GetRawText(), SweepJson.Parse(status).GetProperty("trials").GetRawText());
        Assert.Equal(sweep.Sweep, SweepJson.Parse(list).Text("id"));
        Assert.Equal(sweep.Trials[0].Number("elbo"), SweepJson.Parse(list).Number("best_elbo"));
        Assert.Equal(sweep.Trials[0].Int("trial"), SweepJson.Parse(list).Int("best_trial"));
    }

    [Fact]
    public async Task Without_json_the_table_is_on_stdout_the_progress_on_stderr_and_results_prints_the_same_table_again()
    {
        using var home = new TemporaryHome();
        var file = home.Write("sweep.yaml", SweepText.Grid("1, 4", "2", epochs: 2));

        var run = (await RunningProgram.RunVaeAsync("sweep", "run", file, "--workers", "2", "--threads", "1", "--home", home.Path)).Expect(0);
        var again = (await RunningProgram.RunVaeAsync("sweep", "results", "--home", home.Path)).Expect(0);
        var quiet = (await RunningProgram.RunVaeAsync("sweep", "run", file, "--workers", "1", "--quiet", "--home", home.Path)).Expect(0);

        Assert.Equal(run.Output, again.Output);
        Assert.Contains("rank", run.Output, StringComparison.Ordinal);
        Assert.Contains("beta=4", run.Output, StringComparison.Ordinal);
        Assert.Contains("workers", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', run.Error); // No terminal, no painting.
        Assert.Equal("", quiet.Error);
    }

    private static string HyperparametersOf(JsonElement trial)
    {
        var chosen = trial.GetProperty("hyperparameters");
        return $"{chosen.Text("training.beta")} {chosen.Text("model.latent")}";
    }

    private async Task<string> ReadAsync(string command) =>
        (await RunningProgram.RunVaeAsync("sweep", command, "--json", "--home", sweep.Home.Path)).Expect(0).Lines.Single();
}
