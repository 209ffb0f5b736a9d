using Vae.Shared.Actors;

namespace Vae.Tests.Conformance.Hosts;

/// <content>Crashes, restarts, stops, watches.</content>
public abstract partial class HostConformance
{
    [Fact]
    public async Task A_crash_drops_its_effects_and_a_fresh_instance_goes_on_with_the_mail()
    {
        await using var host = await StartAsync(NoJobs);
        var instances = 0;
        host.Spawn("sink", _log.Listener);
        host.Spawn("a", () =>
        {
            var instance = Interlocked.Increment(ref instances);
            return new Scripted((_, message, effects) =>
            {
                effects.Send(new(host.Node, "sink"), new Probe(Log.Describe(message), instance));
                if (message is Probe { Text: "crash" }) throw new InvalidOperationException("as told");
            });
        }, Quick);
        host.Post("a", new Probe("crash"));
        host.Post("a", new Probe("after"));
        await host.UntilAsync(() => _log.Lines.Length == 4, "the second life");
        Assert.Equal(["started", "started 1", "started 2", "after 0 2"], _log.Lines);
    }

    [Fact]
    public async Task Giving_up_after_the_allowed_restarts_tells_the_watchers_once()
    {
        await using var host = await StartAsync(NoJobs);
        host.Spawn("a", () => new Scripted((_, message, _) =>
        {
            if (message is Signal.Started) _log.Add("life");
            else throw new InvalidOperationException("as told");
        }), Quick);
        Watch(host, "watcher", "a");
        await host.UntilAsync(() => _log.Count("watching 0") == 1, "the watch");
        for (var i = 0; i < 10; i++) host.Post("a", new Probe("crash"));
        await host.UntilAsync(() => _log.Count("gone a") > 0, "the end");
        host.Post("watcher", new Probe("last"));
        await host.UntilAsync(() => _log.Count("last 0") == 1, "the last message");
        Assert.Equal(1, _log.Count("gone a"));
        Assert.Equal(1 + Quick.RestartsMax, _log.Count("life"));
        await host.UntilAsync(() => host.DeadLetters == 10 - Quick.RestartsMax - 1, "the rest of the mail as dead letters");
    }

    [Fact]
    public async Task A_supervised_restart_is_not_told_to_watchers()
    {
        await using var host = await StartAsync(NoJobs);
        host.Spawn("a", () => new Scripted((_, message, _) =>
        {
            _log.Add(Log.Describe(message));
            if (message is Probe { Text: "crash" }) throw new InvalidOperationException("as told");
        }), Quick);
        Watch(host, "watcher", "a");
        await host.UntilAsync(() => _log.Count("watching 0") == 1, "the watch");
        host.Post("a", new Probe("crash"));
        await host.UntilAsync(() => _log.Count("started") == 2, "the restart");
        host.Stop("a");
        await host.UntilAsync(() => _log.Count("gone a") > 0, "the end");
        host.Post("watcher", new Probe("last"));
        await host.UntilAsync(() => _log.Count("last 0") == 1, "the last message");
        Assert.Equal(1, _log.Count("gone a"));
    }

    [Fact]
    public async Task Watching_somebody_who_is_not_there_is_answered()
    {
        await using var host = await StartAsync(NoJobs);
        Watch(host, "watcher", "nobody");
        await host.UntilAsync(() => _log.Count("gone nobody") == 1, "the answer");
    }

    [Fact]
    public async Task Stop_lets_the_effects_of_its_message_leave_and_takes_the_children_along()
    {
        await using var host = await StartAsync(NoJobs);
        host.Spawn("sink", _log.Listener);
        host.Spawn("parent", () => new Scripted((_, message, effects) =>
        {
            if (message is Signal.Started) effects.Spawn("child", () => new Scripted((_, inner, e) => Grow(inner, e)));
            if (message is not Probe { Text: "stop" }) return;
            effects.Stop("as told");
            effects.Send(new(host.Node, "sink"), new Probe("last words"));
        }));
        await host.UntilAsync(() => _log.Count("grandchild") == 1, "three generations");
        foreach (var name in (string[])["parent", "child", "grandchild"]) Watch(host, $"watcher-of-{name}", name);
        await host.UntilAsync(() => _log.Count("watching 0") == 3, "three watches");
        host.Post("parent", new Probe("stop"));
        await host.UntilAsync(() => _log.Lines.Count(l => l.StartsWith("gone", StringComparison.Ordinal)) == 3, "three ends");
        await host.UntilAsync(() => _log.Count("last words 0") == 1, "the last words");

        var before = host.DeadLetters;
        host.Post("child", new Probe("too late"));
        await host.UntilAsync(() => host.DeadLetters == before + 1, "the dead letter");

        void Grow(Message message, Effects effects)
        {
            if (message is Signal.Started) effects.Spawn("grandchild", () => new Scripted((_, _, _) => _log.Add("grandchild")));
        }
    }

    [Fact]
    public async Task Nothing_is_received_after_a_stop()
    {
        await using var host = await StartAsync(NoJobs);
        host.Spawn("a", () => new Scripted((_, message, effects) =>
        {
            _log.Add(Log.Describe(message));
            if (message is Probe { Text: "stop" }) effects.Stop("as told");
        }));
        Watch(host, "watcher", "a");
        await host.UntilAsync(() => _log.Count("watching 0") == 1, "the watch");
        host.Post("a", new Probe("stop"));
        for (var i = 0; i < 5; i++) host.Post("a", new Probe("late", i));
        await host.UntilAsync(() => _log.Count("gone a") == 1 && host.DeadLetters == 5, "the end");
        Assert.DoesNotContain(_log.Lines, l => l.StartsWith("late", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_crash_takes_the_children_along_and_the_fresh_instance_may_use_their_names()
    {
        await using var host = await StartAsync(NoJobs);
        host.Spawn("parent", () => new Scripted((_, message, effects) =>
        {
            if (message is Signal.Started) effects.Spawn("child", _log.Listener);
            if (message is Probe { Text: "crash" }) throw new InvalidOperationException("as told");
        }), Quick);
        await host.UntilAsync(() => _log.Count("started") == 1, "the child");
        host.Post("parent", new Probe("crash"));
        await host.UntilAsync(() => _log.Count("started") == 2, "the second child");
        host.Post("child", new Probe("hello"));
        await host.UntilAsync(() => _log.Count("hello 0") == 1, "the second child's mail");
    }

    [Fact]
    public async Task Spawning_under_a_living_actors_name_is_the_spawners_crash()
    {
        await using var host = await StartAsync(NoJobs);
        host.Spawn("taken", _log.Listener);
        host.Spawn("a", () => new Scripted((_, message, effects) =>
        {
            if (message is Probe) effects.Spawn("taken", _log.Listener);
        }), Supervision.Never);
        Watch(host, "watcher", "a");
        await host.UntilAsync(() => _log.Count("watching 0") == 1, "the watch");
        host.Post("a", new Probe("spawn"));
        await host.UntilAsync(() => _log.Count("gone a") == 1, "the end of the spawner");
        host.Post("taken", new Probe("still there"));
        await host.UntilAsync(() => _log.Count("still there 0") == 1, "the holder's mail");
        Assert.Equal(1, _log.Count("started"));
    }

    [Fact]
    public async Task A_name_is_free_again_when_its_holder_is_gone()
    {
        await using var host = await StartAsync(NoJobs);
        host.Spawn("a", _log.Listener);
        Watch(host, "watcher", "a");
        await host.UntilAsync(() => _log.Count("watching 0") == 1, "the watch");
        host.Stop("a");
        await host.UntilAsync(() => _log.Count("gone a") == 1, "the end");
        host.Spawn("a", _log.Listener);
        host.Post("a", new Probe("again"));
        await host.UntilAsync(() => _log.Count("again 0") == 1, "the successor's mail");
    }

    [Fact]
    public async Task Timers_of_an_earlier_life_are_forgotten()
    {
        await using var host = await StartAsync(NoJobs);
        var lives = 0;
        host.Spawn("a", () =>
        {
            var life = Interlocked.Increment(ref lives);
            return new Scripted((_, message, effects) =>
            {
                _log.Add($"{Log.Describe(message)} in {life}");
                if (message is Signal.Started && life == 1) effects.Wake(TimeSpan.FromMilliseconds(40), new Probe("old"));
                if (message is Signal.Started && life == 2) effects.Wake(TimeSpan.FromMilliseconds(80), new Probe("new"));
                if (message is Probe { Text: "crash" }) throw new InvalidOperationException("as told");
            });
        }, Quick);
        host.Post("a", new Probe("crash"));
        await host.UntilAsync(() => _log.Count("new 0 in 2") == 1, "the second life's timer");
        Assert.Equal(["started in 1", "crash 0 in 1", "started in 2", "new 0 in 2"], _log.Lines);
    }

    private void Watch(IHostHarness host, string watcher, string target)
    {
        host.Spawn(watcher, () => new Scripted((_, message, effects) =>
        {
            // A message to itself comes after the watch was asked for; the host's own order then says that the watch stands.
            if (message is Signal.Started)
            {
                effects.Watch(new(host.Node, target));
                effects.Send(new(host.Node, watcher), new Probe("watching"));
            }
            else
            {
                _log.Add(Log.Describe(message));
            }
        }));
    }
}
