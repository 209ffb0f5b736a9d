using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Actors;

public class PlannerTests
{
    private const long Long = 10_000_000;
    private static readonly ActorId Sweep = Addresses.Sweep(Some.Sweep);
    private static readonly DeviceFacts Facts = Some.Cpu with { Threads = 2, Cores = 2, MemoryBytes = 8L << 30 };
    private static readonly ValueList<ProbeReading> Readings = [new(1, 1, 1, 100), new(2, 1, 1, 150), new(1, 8, 1, 700)];
    private readonly Probe _planner = new(new Planner(Some.Context()));

    private static PackQuestion Question(long steps, int batch = 32, ResourceSpec? resources = null, long trials = 16) => new(
        new TrialSpec { Index = 0, Model = new ModelSpec(), Training = new TrainingSpec { Batch = batch } }, new DataShape(8_000, 1, 28, 28), Binarize.Dynamic, resources ?? new(), trials, steps);

    private IReadOnlyList<Effect> Join(int worker = 0, DeviceFacts? facts = null) => _planner.Feed(new PlannerMessage.WorkerJoined(Some.Worker(worker), 1, facts ?? Facts));

    private IReadOnlyList<Effect> Ask(PackQuestion question) => _planner.Feed(new PlannerMessage.PlanPack(question, Sweep));

    private IReadOnlyList<Effect> End(AgentMessage.ProbePack probe, ValueList<ProbeReading> readings, int worker = 0) =>
        _planner.Feed(new PlannerMessage.ProbeEnded(Some.Worker(worker), probe.Number, readings, ""));

    private static AgentMessage.ProbePack ProbeOf(IReadOnlyList<Effect> effects) => Assert.Single(effects.Sent<AgentMessage.ProbePack>());

    private static SweepMessage.PackPlanned AnswerOf(IReadOnlyList<Effect> effects) => Assert.Single(effects.Sent<SweepMessage.PackPlanned>());

    [Fact]
    public void A_question_waits_for_the_first_worker()
    {
        Assert.Empty(Ask(Question(100)));

        var probe = ProbeOf(Join());

        Assert.Equal(PackSignature.Of(Question(100).Trial).Key, AnswerOf(End(probe, [])).Signature);
    }

    [Fact]
    public void Where_the_file_leaves_no_choice_nobody_is_asked()
    {
        Join();

        var effects = Ask(Question(Long, resources: new ResourceSpec { MaxPack = 1, Lanes = 2, Threads = 1 }));

        Assert.Empty(effects.Sent<AgentMessage.ProbePack>());
        Assert.Equal(new PackShape(1, 16, 2, 1), AnswerOf(effects).Shape);
    }

    [Fact]
    public void Long_work_is_measured_and_short_work_is_answered_from_what_a_worker_knows()
    {
        Join();

        var brief = ProbeOf(Ask(Question(100)));
        var ruled = AnswerOf(End(brief, []));
        var full = ProbeOf(Ask(Question(Long)));
        var measured = AnswerOf(End(full, Readings));

        Assert.Equal((true, false), (brief.OnlyKnown, full.OnlyKnown));
        Assert.StartsWith("rule of thumb", ruled.Reason, StringComparison.Ordinal);
        Assert.StartsWith("measured", measured.Reason, StringComparison.Ordinal);
        Assert.Equal(new PackShape(8, 16, 1, 1), measured.Shape);
    }

    [Fact]
    public void What_was_measured_once_answers_the_next_question_at_once()
    {
        Join();
        End(ProbeOf(Ask(Question(Long))), Readings);

        var again = Ask(Question(100, trials: 2));

        Assert.Empty(again.Sent<AgentMessage.ProbePack>());
        Assert.Equal(new PackShape(2, 16, 1, 1), AnswerOf(again).Shape); // Two slots take hardly longer than one, by the readings of one and eight.
    }

    [Fact]
    public void Answers_wait_until_the_probes_of_all_signatures_are_over()
    {
        Join();
        var first = ProbeOf(Ask(Question(Long, batch: 32)));
        Assert.Empty(Ask(Question(Long, batch: 64)));

        var between = End(first, Readings);
        var last = End(ProbeOf(between), Readings);

        Assert.Empty(between.Sent<SweepMessage.PackPlanned>());
        Assert.Equal(2, last.Sent<SweepMessage.PackPlanned>().Count);
    }

    [Fact]
    public void Of_many_signatures_only_the_first_few_are_measured_in_one_go()
    {
        var batches = Enumerable.Range(1, Planner.ProbesMax + 2).ToArray();
        foreach (var batch in batches) Ask(Question(Long, batch));
        List<bool> onlyKnown = [];

        var effects = Join();
        while (effects.Sent<AgentMessage.ProbePack>() is [var probe])
        {
            onlyKnown.Add(probe.OnlyKnown);
            effects = End(probe, probe.OnlyKnown ? [] : Readings);
        }

        Assert.Equal([.. Enumerable.Repeat(false, Planner.ProbesMax), true, true], onlyKnown);
        Assert.Equal(batches.Length, effects.Sent<SweepMessage.PackPlanned>().Count);
    }

    [Fact]
    public void A_worker_that_trains_passes_the_question_on_and_after_a_few_the_rule_answers()
    {
        for (var worker = 0; worker < 5; worker++) Join(worker);
        List<string> asked = [];

        var effects = Ask(Question(Long));
        while (effects.Sent<AgentMessage.ProbePack>() is [var probe])
        {
            asked.Add(effects.OfType<Effect.Send>().First(send => send.Message == probe).Target.Node.Value);
            effects = End(probe, [], asked.Count - 1);
        }

        Assert.Equal(["w0", "w1", "w2"], asked);
        Assert.StartsWith("rule of thumb", AnswerOf(effects).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_silent_worker_delays_the_answer_by_one_deadline()
    {
        Join();
        var asked = Ask(Question(Long));

        var late = _planner.FeedAfter(Planner.ProbeWithin.TotalSeconds, asked.LastWake<PlannerMessage.ProbeOverdue>()!);

        Assert.StartsWith("rule of thumb", AnswerOf(late).Reason, StringComparison.Ordinal);
        Assert.Empty(End(ProbeOf(asked), Readings)); // Its word comes too late to matter.
    }

    [Fact]
    public void A_probe_whose_worker_is_lost_is_made_on_another()
    {
        Join(0);
        Join(1);
        Ask(Question(Long));

        var next = _planner.Feed(new PlannerMessage.WorkerGone(Some.Worker(0), 1));

        Assert.Equal("w1", Assert.Single(next.OfType<Effect.Send>()).Target.Node.Value);
    }

    [Fact]
    public void Asking_again_is_answered_once()
    {
        Ask(Question(100));
        Ask(Question(100));

        AnswerOf(End(ProbeOf(Join()), []));
    }

    [Fact]
    public void Memory_is_shared_by_the_workers_of_one_host()
    {
        Join(0);
        Join(1);

        var shared = ProbeOf(Ask(Question(Long))).Order.MemoryBytes;

        Assert.True(shared < PackPlanner.MemoryLimit(new WorkerRoom(false, 2, Facts.MemoryBytes, 2)) * 0.6);
    }
}
