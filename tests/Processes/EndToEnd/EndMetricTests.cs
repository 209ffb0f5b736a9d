using System.Text.Json;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.EndToEnd;

/// <summary>Sweeps that are ranked by what is computed when a trial ends, from the file to the table.</summary>
public class EndMetricTests
{
    [Theory]
    [InlineData("mig")]
    [InlineData("knn")]
    [InlineData("auroc_elbo")]
    public async Task Trials_are_ranked_by_a_metric_of_the_evaluation_and_evaluate_shows_the_same_number(string metric)
    {
        using var home = new TemporaryHome();
        var file = home.Write("sweep.yaml", $"{SweepText.Grid("1, 4", "3", epochs: 3)}\nobjective: {{ metric: {metric} }}\n".Replace("count: 625", metric == "auroc_elbo" ? "count: 625, exclude_labels: [2]" : "count: 625", StringComparison.Ordinal));

        (await RunningProgram.RunVaeAsync("sweep", "run", file, "--workers", "1", "--threads", "1", "--home", home.Path)).Expect(0);

        var results = await SweepJson.ReadAsync(home);
        Assert.Equal(metric, results.Text("metric"));
        var trials = results.Items("trials");
        var values = trials.Select(trial => trial.GetProperty("figures").Number(metric)).ToList();
        Assert.Equal([1, 2], trials.Select(trial => trial.Int("rank")));
        Assert.Equal(values.OrderDescending(), values);
        Assert.All(values, value => Assert.InRange(value, 0, 1));
        var best = $"last/{trials[0].Int("trial")}";
        var evaluated = SweepJson.Parse((await RunningProgram.RunVaeAsync("model", "evaluate", best, "--metrics", metric == "auroc_elbo" ? "bound" : metric, "--samples", "2", "--json", "--home", home.Path)).Expect(0).Lines[^1]);
        Assert.Equal(values[0], evaluated.Items("metrics").Single(one => one.Text("name") == metric).Number("value"), 1e-6);
        var table = (await RunningProgram.RunVaeAsync("sweep", "results", "--home", home.Path)).Expect(0).Output;
        Assert.Contains(metric, table, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_an_objective_says_beside_the_bound_is_in_results_table_and_stream()
    {
        using var home = new TemporaryHome();
        var file = home.Write("sweep.yaml", SweepText.Grid("1", "3", epochs: 2).Replace("seed: 3 }", "seed: 3, objective: iwae, importance_samples: 5 }", StringComparison.Ordinal));

        var run = (await RunningProgram.RunVaeAsync("sweep", "run", file, "--workers", "1", "--threads", "1", "--json", "--home", home.Path)).Expect(0);

        var ended = run.Lines.Select(SweepJson.Parse).Single(line => line.Text("type") == "trial_ended");
        var trial = SweepJson.Parse(run.Lines[^1]).Items("trials").Single();
        var bound = trial.GetProperty("figures").Number("iwae_bound");
        Assert.True(bound > trial.Number("elbo"), $"The bound of 5 samples, {bound}, is below the ELBO."); // Not by chance: by Jensen's inequality, over 125 rows.
        Assert.Equal(bound, ended.GetProperty("figures").Number("iwae_bound"));
        Assert.Contains("iwae_bound", (await RunningProgram.RunVaeAsync("sweep", "results", "--home", home.Path)).Expect(0).Output, StringComparison.Ordinal);
        Assert.Contains("iwae_bound", (await RunningProgram.RunVaeAsync("sweep", "results", "--trial", "0", "--home", home.Path)).Expect(0).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_label_that_is_left_out_of_training_is_what_anomaly_and_evaluate_look_for()
    {
        using var home = new TemporaryHome();
        var file = home.Write("sweep.yaml", SweepText.Grid("1", "3", epochs: 2).Replace("count: 625", "count: 625, exclude_labels: [2]", StringComparison.Ordinal));

        var run = (await RunningProgram.RunVaeAsync("sweep", "run", file, "--workers", "1", "--threads", "1", "--json", "--home", home.Path)).Expect(0);
        var results = SweepJson.Parse(run.Lines[^1]);
        var heldOut = results.Int("held_out_rows");
        var scored = SweepJson.Parse((await RunningProgram.RunVaeAsync("model", "anomaly", "best:last", "--json", "--out", Path.Combine(home.Path, "a.png"), "--home", home.Path)).Expect(0).Lines[^1]);
        var evaluated = SweepJson.Parse((await RunningProgram.RunVaeAsync("model", "evaluate", "best:last", "--samples", "4", "--metrics", "bound", "--json", "--home", home.Path)).Expect(0).Lines[^1]);

        var labels = scored.Items("scores").Select(score => score.Int("label")).ToList();
        Assert.Equal(125, labels.Count); // All that were held out, whatever their label.
        Assert.Equal(heldOut, labels.Count(label => label != 2));
        Assert.InRange(scored.Number("auroc_total"), 0, 1);
        Assert.Contains(evaluated.Items("metrics"), one => one.Text("name") == "auroc_distortion");
    }
}
