using Vae.Coordinator.Hosting;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Tests.Unit.Cli;

namespace Vae.Tests.Unit.Checkpoints;

/// <summary>One curve out of the attempts of a trial: what a later attempt computed again counts, what it did not get to stays.</summary>
public sealed class TrialCurveTests
{
    private static readonly TrialId Trial = new(TestSweep.Id, 1);
    private readonly InMemoryStore _store = new(new InMemoryStore.Content(), TimeProvider.System);

    [Fact]
    public async Task Of_a_step_that_two_attempts_computed_the_newer_one_counts()
    {
        await StepsAsync(attempt: 1, first: 1, last: 10);
        await StepsAsync(attempt: 2, first: 6, last: 12);

        Assert.Equal("111112222222", Attempts(last: 2));
        Assert.Equal(Enumerable.Range(1, 12).Select(step => (long)step), Curve(last: 2).Select(point => point.Step.Value));
    }

    [Fact]
    public async Task What_the_newest_attempt_has_not_reached_yet_is_shown_from_the_one_before()
    {
        await StepsAsync(attempt: 1, first: 1, last: 10);
        await StepsAsync(attempt: 2, first: 6, last: 12);
        await StepsAsync(attempt: 3, first: 3, last: 7);

        Assert.Equal("113333322222", Attempts(last: 3));
    }

    [Fact]
    public async Task An_attempt_after_the_last_one_that_counts_is_left_out()
    {
        await StepsAsync(attempt: 1, first: 1, last: 4);
        await StepsAsync(attempt: 2, first: 3, last: 6);

        Assert.Equal("1111", Attempts(last: 1));
    }

    [Fact]
    public async Task An_attempt_from_the_initial_weights_leaves_nothing_of_those_before()
    {
        await StepsAsync(attempt: 1, first: 1, last: 5);
        await StepsAsync(attempt: 4, first: 1, last: 6);

        Assert.Equal("444444", Attempts(last: 4));
    }

    [Fact]
    public async Task Of_evaluations_the_newer_attempt_counts_too()
    {
        await EpochsAsync(attempt: 1, first: 1, last: 5);
        await EpochsAsync(attempt: 2, first: 4, last: 6);

        var epochs = TrialCurve.Epochs(_store, Trial, new(2));

        Assert.Equal([1, 2, 3, 4, 5, 6], epochs.Select(point => point.EpochsDone));
        Assert.Equal("111222", string.Concat(epochs.Select(point => point.Attempt.Value)));
    }

    [Fact]
    public async Task Points_of_other_trials_are_of_no_concern()
    {
        await StepsAsync(attempt: 1, first: 1, last: 3);
        await StepsAsync(attempt: 2, first: 2, last: 9, trial: 2);

        Assert.Equal("111", Attempts(last: 2));
    }

    [Fact]
    public void A_trial_without_points_has_an_empty_curve() => Assert.Empty(Curve(last: 1));

    [Fact]
    public async Task A_whole_curve_lacks_nothing()
    {
        await StepsAsync(attempt: 1, first: 1, last: 10);
        await StepsAsync(attempt: 2, first: 6, last: 12);

        Assert.Empty(Gaps(last: 2, end: 12));
    }

    [Fact]
    public async Task Steps_without_a_point_are_told_within_attempts_between_them_and_at_both_ends()
    {
        await StepsAsync(attempt: 1, first: 3, last: 5);
        await StepsAsync(attempt: 1, first: 7, last: 10);
        await StepsAsync(attempt: 2, first: 9, last: 9);
        await StepsAsync(attempt: 2, first: 12, last: 13);
        await StepsAsync(attempt: 3, first: 20, last: 21);

        Assert.Equal("1-2 6-6 10-11 14-19 22-25", Gaps(last: 3, end: 25)); // Step 10 of the first attempt does not count: the second one went on behind it.
        Assert.Equal(25 - 2 - 1 - 2 - 6 - 4, Curve(last: 3).Count);
    }

    [Fact]
    public async Task What_an_older_attempt_has_beyond_both_ends_of_a_newer_one_lacks_nothing()
    {
        await StepsAsync(attempt: 1, first: 1, last: 4);
        await StepsAsync(attempt: 1, first: 6, last: 12);
        await StepsAsync(attempt: 2, first: 8, last: 9);

        Assert.Equal("5-5", Gaps(last: 2, end: 12));
    }

    [Fact]
    public void Of_a_curve_without_points_all_steps_lack() => Assert.Equal("1-7", Gaps(last: 1, end: 7));

    [Fact]
    public async Task The_written_curve_names_first_what_it_lacks_and_is_read_back()
    {
        var path = Path.Combine(Path.GetTempPath(), $"vae-curves-{Guid.NewGuid():N}.csv");
        await StepsAsync(attempt: 1, first: 1, last: 3);
        await StepsAsync(attempt: 1, first: 6, last: 8);
        try
        {
            Assert.Equal([new(new(4), new(5)), new(new(9), new(9))], CurveWriter.Write(path, _store, Trial, new(1), new(9), _ => { }));

            var lines = await File.ReadAllLinesAsync(path);
            Assert.Equal(["gap,4,,,,,,,,5,,", "gap,9,,,,,,,,9,,"], lines[1..3]);
            Assert.StartsWith("train,1,", lines[3], StringComparison.Ordinal);
            Assert.All(lines, line => Assert.Equal(lines[0].Count(c => c == ','), line.Count(c => c == ',')));
            Assert.Equal([new(new(4), new(5)), new(new(9), new(9))], CurveWriter.ReadHead(path).Gaps);
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Empty(CurveWriter.ReadHead(path).Gaps);
    }

    [Fact]
    public async Task A_curve_that_is_too_long_for_the_file_says_that_it_was_thinned_and_not_that_points_lack()
    {
        var path = Path.Combine(Path.GetTempPath(), $"vae-curves-{Guid.NewGuid():N}.csv");
        await StepsAsync(attempt: 1, first: 1, last: 25_000);
        try
        {
            Assert.Empty(CurveWriter.Write(path, _store, Trial, new(1), new(25_000), _ => { }));
            Assert.Equal("thinned,1,,,,,,,,25000,,", File.ReadLines(path).ElementAt(1));
            Assert.Empty(CurveWriter.ReadHead(path).Gaps);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private string Gaps(int last, int end) => string.Join(' ', TrialCurve.Gaps(_store, Trial, new(last), new(end)).Select(gap => $"{gap.First.Value}-{gap.Last.Value}"));

    private IReadOnlyList<MetricPoint.TrainStep> Curve(int last) => TrialCurve.TrainSteps(_store, Trial, new(last), 1_000);

    private string Attempts(int last) => string.Concat(Curve(last).Select(point => point.Attempt.Value));

    private async Task StepsAsync(int attempt, int first, int last, int trial = 1) => await _store.StoreAsync(
        [.. Enumerable.Range(first, last - first + 1).Select(step => new MetricPoint.TrainStep(0, attempt, 1, 0, 1, 0.01) { Trial = Trial with { Index = trial }, Attempt = new(attempt), Step = new(step) })]);

    private async Task EpochsAsync(int attempt, int first, int last) => await _store.StoreAsync(
        [.. Enumerable.Range(first, last - first + 1).Select(epoch => new MetricPoint.Evaluation(epoch, -90, 80, 10, 2, [5, 5], 90, 1) { Trial = Trial, Attempt = new(attempt), Step = new(epoch * 8) })]);
}
