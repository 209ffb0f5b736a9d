using System.Diagnostics;
using System.Text.Json;
using Vae.Cli.Terminal;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Tests.Unit.Runtime;

namespace Vae.Tests.Unit.Cli;

public class SweepDisplayTests
{
    private readonly SweepProgress _progress = new(TestSweep.Id, "betas", 3, index => $"beta={index}", Stopwatch.GetTimestamp());

    [Fact]
    public void Each_change_of_state_is_one_line()
    {
        var lines = Lines(Fact(TestSweep.Started(0)), Fact(TestSweep.Done(0, -90)), Fact(TestSweep.Failed(1, "loss is NaN at step 7")));

        Assert.Equal(
            ["trial 0 started on worker-1: beta=0", "trial 0 done: beta=0, ELBO -90.00 nats, 2 active units, 12.3 s (1/3)", "trial 1 failed: beta=1: loss is NaN at step 7"],
            lines);
    }

    [Fact]
    public void A_pack_is_one_line_and_so_is_each_trial_that_takes_a_free_slot()
    {
        var pack = new SweepEvent.PackStarted(7, new Attempt(1), [0, 1], [new NodeId("worker-1")], new PackShape(2, 16, 1, 1), Closed: false, [null, null]) { Sweep = TestSweep.Id };
        var filled = new SweepEvent.SlotFilled(7, new Attempt(1), 1, 2, 1, null) { Sweep = TestSweep.Id };
        var lost = new SweepEvent.PackInterrupted(7, new Attempt(1), TrialState.Lost, "worker-1: silent") { Sweep = TestSweep.Id };

        Assert.Equal(
            ["pack 7 started on worker-1 with trials 0, 1", "trial 2 started in pack 7: beta=2", "pack 7 attempt 1 lost: worker-1: silent; it will run again"],
            Lines(Fact(pack), Fact(filled), Fact(lost)));
    }

    [Fact]
    public async Task The_table_shows_packs_and_slots_once_a_pack_has_several_trials()
    {
        var (notes, results) = (new StringWriter(), new StringWriter());
        var output = new Output(results, notes, new OutputMode(Json: false, Quiet: false, 0, ColorOn: false, Interactive: true));
        await using (var display = SweepDisplay.For(output, _progress))
        {
            Lines(Fact(new SweepEvent.PackStarted(7, new Attempt(1), [0, 1], [new NodeId("worker-1")], new PackShape(2, 16, 1, 1), Closed: false, [null, null]) { Sweep = TestSweep.Id }));
            display.Tick();
        }

        Assert.Contains("7.1", notes.ToString());
        Assert.Contains("2 running in 1 pack", notes.ToString());
    }

    [Fact]
    public void What_an_objective_says_beside_the_bound_is_in_each_line_of_an_evaluation()
    {
        var evaluation = Evaluation(0, 1) with { Figures = [new("perplexity", 31.254), new("codes_in_use", 40)] };

        Assert.Contains(Lines(Points(evaluation)), line => line.Contains("2 active units, perplexity 31.254, codes_in_use 40: ", StringComparison.Ordinal));
    }

    [Fact]
    public void The_end_of_the_sweep_is_known()
    {
        Assert.Null(_progress.State);
        Lines(Fact(TestSweep.Ended(SweepState.Done)));
        Assert.Equal(SweepState.Done, _progress.State);
    }

    [Fact]
    public void Another_sweep_is_passed_over()
    {
        var other = new SweepEvent.Ended(SweepState.Failed, "") { Sweep = new SweepId("s-other") };

        Assert.Empty(Lines(Fact(other), Points(Evaluation(0, 1) with { Trial = new TrialId(new SweepId("s-other"), 0) })));
        Assert.Null(_progress.State);
    }

    [Fact]
    public void The_first_step_is_noted_once()
    {
        Assert.Single(Lines(Points(Evaluation(0, 1)), Points(Evaluation(0, 2))), line => line.StartsWith("first training steps", StringComparison.Ordinal));
        Assert.NotNull(_progress.FirstStepAfter);
    }

    [Fact]
    public async Task In_a_log_a_trial_shows_one_epoch_per_ten_seconds_and_every_change_of_state()
    {
        var (output, _, notes) = TestSweep.Console();
        var time = new ManualTime();
        await using var display = new PlainSweepDisplay(output, time);
        Lines(Points(Evaluation(0, 0)));

        void Show(ObserverMessage message) => display.Show(message, _progress.Observe(message));
        Show(Points(Evaluation(0, 1), Evaluation(1, 1)));
        time.Advance(TimeSpan.FromSeconds(9));
        Show(Points(Evaluation(0, 2)));
        Show(Fact(TestSweep.Started(2)));
        time.Advance(TimeSpan.FromSeconds(1));
        Show(Points(Evaluation(0, 3)));

        Assert.Equal(["trial 0 epoch 1", "trial 1 epoch 1", "trial 2 started", "trial 0 epoch 3"], notes.ToString().TrimEnd().Split('\n').Select(line => string.Join(' ', line.Replace(":", "", StringComparison.Ordinal).Split(' ').Take(line.Contains("epoch", StringComparison.Ordinal) ? 4 : 3))));
    }

    [Fact]
    public async Task For_programs_each_fact_and_epoch_is_one_json_object_on_standard_output()
    {
        var (output, results, notes) = TestSweep.Console(json: true);
        await using var display = new JsonSweepDisplay(output);

        foreach (var message in (ObserverMessage[])[Fact(TestSweep.Submitted), Fact(TestSweep.Started(0)), Points(Evaluation(0, 1) with { Elbo = double.NaN }), Fact(TestSweep.Done(0, -90)), Fact(TestSweep.Ended(SweepState.Done))])
        {
            display.Show(message, _progress.Observe(message));
        }

        var objects = results.ToString().TrimEnd().Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(["submitted", "pack_started", "evaluation", "trial_ended", "sweep_ended"], objects.Select(one => one.GetProperty("type").GetString()));
        Assert.All(objects, one => Assert.Equal(1, one.GetProperty("schema_version").GetInt32()));
        Assert.Equal(JsonValueKind.Null, objects[2].GetProperty("elbo").ValueKind);
        Assert.Equal("", notes.ToString());
    }

    [Fact]
    public async Task Quiet_shows_nothing()
    {
        var (output, results, notes) = TestSweep.Console(quiet: true);
        await using var display = SweepDisplay.For(output, _progress);

        display.Show(Fact(TestSweep.Started(0)), _progress.Observe(Fact(TestSweep.Started(0))));
        display.Tick();

        Assert.Equal("", results.ToString() + notes);
    }

    [Fact]
    public async Task On_a_terminal_a_table_is_drawn_and_taken_away_again()
    {
        var (notes, results) = (new StringWriter(), new StringWriter());
        var output = new Output(results, notes, new OutputMode(Json: false, Quiet: false, 0, ColorOn: false, Interactive: true));
        await using (var display = SweepDisplay.For(output, _progress))
        {
            foreach (var message in (ObserverMessage[])[Fact(TestSweep.Started(0)), Points(Evaluation(0, 3))]) display.Show(message, _progress.Observe(message));
            output.Note("stopping [cleanly]");
            display.Tick();
        }

        Assert.Contains("running", notes.ToString());
        Assert.Contains("-90.00", notes.ToString());
        Assert.Contains("stopping [cleanly]", notes.ToString());
        Assert.Equal("", results.ToString());
        Assert.Null(output.NoteSink);
    }

    private List<string> Lines(params ObserverMessage[] messages) => [.. messages.SelectMany(message => _progress.Observe(message)).Select(line => line.Text)];

    private static ObserverMessage.FactRecorded Fact(SweepEvent fact) => new ObserverMessage.FactRecorded(fact);

    private static ObserverMessage.PointsRecorded Points(params MetricPoint[] points) => new ObserverMessage.PointsRecorded([.. points]);

    private static MetricPoint.Evaluation Evaluation(int trial, int epochs) =>
        new(epochs, -90, 85, 5, 2, [4, 1], 88, 1.5) { Trial = new TrialId(TestSweep.Id, trial), Attempt = new Attempt(1), Step = new Step(epochs * 10) };
}
