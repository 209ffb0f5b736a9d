using System.Text.Json;
using Vae.Cli;
using Vae.Cli.Reports;
using Vae.Coordinator.Projections;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Cli;

public class SweepReportTests
{
    [Fact]
    public void The_best_trial_stands_first_and_failures_are_told_below()
    {
        var (output, results, _) = TestSweep.Console();

        SweepReport.WriteText(SweepDocument.Of(TestSweep.Whole), output);

        var lines = results.ToString().Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("trials  3: 1 failed, 2 done", lines[2]);
        Assert.Equal(["1", "2", "beta=8", "-80.50", "75.50", "5.00", "2", "1,500", "12.3"], lines[4].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["2", "0", "beta=1", "-90.00"], lines[5].Split(' ', StringSplitOptions.RemoveEmptyEntries)[..4]);
        Assert.Equal("trial 2: 1 of 3 units inactive: KL below 0.01 nats", lines[6]);
        Assert.Equal("trial 1 failed: beta=4: loss is NaN at step 7", lines[7]);
    }

    [Fact]
    public void Json_is_one_object_that_reads_back_as_the_same_document()
    {
        var (output, results, _) = TestSweep.Console(json: true);
        var document = SweepDocument.Of(TestSweep.Whole);

        SweepReport.WriteJson(document, output);

        var line = Assert.Single(results.ToString().TrimEnd().Split('\n'));
        using var json = JsonDocument.Parse(line);
        Assert.Equal((1, "sweep_results"), (json.RootElement.GetProperty("schema_version").GetInt32(), json.RootElement.GetProperty("type").GetString()));
        var back = json.RootElement.Deserialize(SweepDocumentJson.Default.SweepDocument)!;
        Assert.Equal(JsonSerializer.Serialize(document, SweepDocumentJson.Default.SweepDocument), JsonSerializer.Serialize(back, SweepDocumentJson.Default.SweepDocument));
    }

    [Fact]
    public void A_figure_that_is_not_finite_is_null_in_json()
    {
        var failed = SweepDocument.Of(TestSweep.Whole).Trials.Single(trial => trial.State == "failed");

        Assert.Null(failed.Elbo);
        Assert.Null(failed.Rank);
        Assert.Equal(7, failed.Steps);
    }

    [Fact]
    public void A_trial_without_a_result_has_a_state_and_no_figures()
    {
        var document = SweepDocument.Of(TestSweep.View(TestSweep.Submitted, TestSweep.Started(1)));

        var trial = Assert.Single(document.Trials);
        Assert.Equal((1, "running", "beta=4", null, "worker-1"), (trial.Trial, trial.State, trial.Label, trial.Elbo, trial.Workers[0]));
        Assert.Equal(("running", 2, 1), (document.Sweep.State, document.Sweep.Counts["queued"], document.Sweep.Counts["running"]));
    }

    [Theory]
    [InlineData(SweepState.Done, ExitCode.Ok)]
    [InlineData(SweepState.DoneWithFailures, ExitCode.SomeTrialsFailed)]
    [InlineData(SweepState.Failed, ExitCode.Failed)]
    [InlineData(SweepState.Cancelled, ExitCode.Ok)]
    internal void The_state_of_a_sweep_decides_the_exit_code(SweepState state, ExitCode code) =>
        Assert.Equal(code, SweepReport.CodeOf(SweepDocument.Summarize(TestSweep.View(TestSweep.Submitted, TestSweep.Ended(state)))));

    [Fact]
    public void A_list_shows_the_newest_first()
    {
        var (output, results, _) = TestSweep.Console();
        var summary = SweepDocument.Summarize(TestSweep.Whole);

        SweepReport.WriteList([summary with { Id = "s-older" }, summary with { Id = "s-newer" }], output);

        Assert.True(results.ToString().IndexOf("s-newer", StringComparison.Ordinal) < results.ToString().IndexOf("s-older", StringComparison.Ordinal));
    }

    [Fact]
    public void A_curve_that_is_not_whole_says_which_steps_lack()
    {
        var (output, results, _) = TestSweep.Console();
        var document = SweepDocument.Of(TestSweep.Whole);
        var lacking = document.Trials[0] with { LackingSteps = 3, Gaps = [new(4, 5), new(9, 9)] };

        SweepReport.WriteText(document with { Trials = [lacking, document.Trials[1] with { LackingSteps = 0, Gaps = [] }] }, output);
        SweepReport.WriteTrial(lacking, null, output);

        Assert.Contains("trial 2: its curve lacks 3 of 1,500 steps: 4 to 5, 9\n", results.ToString(), StringComparison.Ordinal);
        Assert.Contains("curve             lacks 3 of 1,500 steps: 4 to 5, 9\n", results.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("trial 0: its curve", results.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_curve_with_points_that_the_disk_has_changed_says_how_many()
    {
        var (output, results, _) = TestSweep.Console();
        var document = SweepDocument.Of(TestSweep.Whole);
        var damaged = document.Trials[0] with { LackingSteps = 0, Gaps = [], DamagedPoints = 2 };

        SweepReport.WriteText(document with { Trials = [damaged, document.Trials[1] with { DamagedPoints = 0 }] }, output);
        SweepReport.WriteTrial(damaged, null, output);

        Assert.Contains("trial 2: 2 points of its curve were changed on the disk and left out; curves.csv names the steps.", results.ToString(), StringComparison.Ordinal);
        Assert.Contains("damaged           2 points of its curve", results.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("trial 0: 0 points", results.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void One_trial_is_shown_with_its_folder_and_files()
    {
        var (output, results, _) = TestSweep.Console();
        var folder = Directory.CreateTempSubdirectory("vae-trial-").FullName;
        File.WriteAllText(Path.Combine(folder, "model.safetensors"), "");

        SweepReport.WriteTrial(SweepDocument.Of(TestSweep.Whole).Trials[0], folder, output);
        Directory.Delete(folder, recursive: true);

        Assert.Contains("trial             2 (done, rank 1)", results.ToString());
        Assert.Contains("active units      2 of 3", results.ToString());
        Assert.Contains(folder, results.ToString());
        Assert.Contains("model.safetensors", results.ToString());
    }
}
