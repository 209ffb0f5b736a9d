using Vae.Shared.Actors;

namespace Vae.Tests.Conformance.Hosts;

/// <summary>What every actor may rely on, whatever host it runs in. Each host runs all of it.</summary>
public abstract partial class HostConformance
{
    private static readonly Supervision Quick = new(3, TimeSpan.FromMinutes(1), TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(5));

    private readonly Log _log = new();

    /// <summary>A fresh node with an empty store. A <see cref="ProbeJob"/> is answered with the function's message, or fails with its exception's text.</summary>
    protected abstract Task<IHostHarness> StartAsync(Func<ProbeJob, Message> jobs);

    [Fact]
    public async Task Started_comes_before_any_mail()
    {
        await using var host = await StartAsync(NoJobs);
        host.Spawn("a", _log.Listener);
        host.Post("a", new Probe("mail"));
        await host.UntilAsync(() => _log.Lines.Length == 2, "two messages");
        Assert.Equal(["started", "mail 0"], _log.Lines);
    }

    [Fact]
    public async Task Messages_of_one_sender_keep_their_order()
    {
        const int each = 200;
        await using var host = await StartAsync(NoJobs);
        host.Spawn("sink", _log.Listener);
        foreach (var name in (string[])["one", "two"])
        {
            host.Spawn(name, () => new Scripted((_, message, effects) =>
            {
                if (message is not Probe go) return;
                effects.Send(new(host.Node, "sink"), new Probe(name, go.Number));
                if (go.Number + 1 < each) effects.Send(new(host.Node, name), new Probe("go", go.Number + 1));
            }));
            host.Post(name, new Probe("go"));
        }

        await host.UntilAsync(() => _log.Lines.Length == 1 + (2 * each), "all messages");
        foreach (var name in (string[])["one", "two"])
        {
            Assert.Equal(Enumerable.Range(0, each).Select(i => $"{name} {i}"), _log.Lines.Where(l => l.StartsWith(name, StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task Effects_of_one_message_leave_in_the_order_in_which_they_were_asked_for()
    {
        await using var host = await StartAsync(NoJobs);
        host.Spawn("sink", _log.Listener);
        host.Spawn("a", () => new Scripted((_, message, effects) =>
        {
            if (message is not Probe) return;
            for (var i = 0; i < 100; i++) effects.Send(new(host.Node, "sink"), new Probe("n", i));
        }));
        host.Post("a", new Probe("go"));
        await host.UntilAsync(() => _log.Lines.Length == 101, "all messages");
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"n {i}"), _log.Lines.Skip(1));
    }

    [Fact]
    public async Task Signals_come_from_the_host_and_timers_and_answers_from_the_actor_itself()
    {
        await using var host = await StartAsync(_ => new Probe("answer"));
        host.Spawn("a", () => new Scripted((sender, message, effects) =>
        {
            _log.Add($"{Log.Describe(message)} from {sender.Name}");
            if (message is not Signal.Started) return;
            effects.Wake(TimeSpan.FromMilliseconds(1), new Probe("timer"));
            effects.Run(new ProbeJob("job"));
        }));
        await host.UntilAsync(() => _log.Lines.Length == 3, "three messages");
        Assert.Equal(["answer 0 from a", "started from host", "timer 0 from a"], _log.Lines.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Timers_come_in_the_order_of_their_moments_and_equal_ones_as_asked_for()
    {
        await using var host = await StartAsync(NoJobs);
        host.Spawn("a", () => new Scripted((_, message, effects) =>
        {
            if (message is Probe) _log.Add(Log.Describe(message));
            if (message is not Signal.Started) return;
            effects.Wake(TimeSpan.FromMilliseconds(60), new Probe("t", 3));
            effects.Wake(TimeSpan.FromMilliseconds(5), new Probe("t", 1));
            effects.Wake(TimeSpan.FromMilliseconds(60), new Probe("t", 4));
            effects.Wake(TimeSpan.FromMilliseconds(30), new Probe("t", 2));
        }));
        await host.UntilAsync(() => _log.Lines.Length == 4, "four timers");
        Assert.Equal(["t 1", "t 2", "t 3", "t 4"], _log.Lines);
    }

    [Fact]
    public async Task A_job_that_throws_comes_back_as_JobFailed_with_the_job_and_the_text()
    {
        await using var host = await StartAsync(job => job.Text == "bad" ? throw new IOException("no space left") : new Probe("done"));
        host.Spawn("a", () => new Scripted((_, message, effects) =>
        {
            _log.Add(Log.Describe(message));
            if (message is not Signal.Started) return;
            effects.Run(new ProbeJob("bad"));
        }));
        await host.UntilAsync(() => _log.Lines.Length == 2, "the failure");
        Assert.Equal(["started", "failed bad: no space left"], _log.Lines);
    }

    [Fact]
    public async Task Facts_are_durable_before_the_other_effects_of_their_message_leave()
    {
        await using var host = await StartAsync(NoJobs);
        host.Spawn("sink", () => new Scripted((_, message, _) =>
        {
            if (message is Probe probe) _log.Add(host.DurableFacts >= probe.Number ? "durable" : $"{host.DurableFacts} of {probe.Number}");
        }));
        host.Spawn("a", () => new Scripted((_, message, effects) =>
        {
            if (message is not Probe go) return;
            effects.Send(new(host.Node, "sink"), new Probe("told", 2 * go.Number)); // Asked for first, and still it waits.
            effects.Persist(Facts.Number(go.Number));
            effects.Persist(Facts.Number(-go.Number));
        }));
        for (var i = 1; i <= 20; i++) host.Post("a", new Probe("go", i));
        await host.UntilAsync(() => _log.Lines.Length == 20, "all messages");
        Assert.Equal(20, _log.Count("durable"));
        Assert.Equal(40, host.DurableFacts);
    }

    [Fact]
    public async Task Effects_without_facts_wait_in_line_behind_facts_of_the_same_actor()
    {
        await using var host = await StartAsync(NoJobs);
        host.Spawn("sink", _log.Listener);
        host.Spawn("a", () => new Scripted((_, message, effects) =>
        {
            if (message is not Probe go) return;
            effects.Send(new(host.Node, "sink"), go);
            if (go.Number % 3 == 0) effects.Persist(Facts.Number(go.Number));
        }));
        for (var i = 0; i < 30; i++) host.Post("a", new Probe("n", i));
        await host.UntilAsync(() => _log.Lines.Length == 31, "all messages");
        Assert.Equal(Enumerable.Range(0, 30).Select(i => $"n {i}"), _log.Lines.Skip(1));
    }

    [Fact]
    public async Task Mail_for_nobody_is_counted()
    {
        await using var host = await StartAsync(NoJobs);
        host.Post("nobody", new Probe("lost"));
        await host.UntilAsync(() => host.DeadLetters == 1, "one dead letter");
    }

    private static Message NoJobs(ProbeJob job) => throw new InvalidOperationException($"The test has no job {job.Text}.");
}
