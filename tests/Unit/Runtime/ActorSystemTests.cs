using Vae.Runtime.Actors;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using static Vae.Tests.Unit.Runtime.Kit;

namespace Vae.Tests.Unit.Runtime;

public class ActorSystemTests
{
    [Fact]
    public async Task Messages_of_many_senders_arrive_one_at_a_time_and_in_order_per_sender()
    {
        await using var system = NewSystem(options: new() { MailboxCapacity = 100_000 });
        var inside = 0;
        var overlaps = 0;
        var seen = new Seen<(string, int)>();
        system.SpawnRoot("sink", () => new Scripted((sender, message, _) =>
        {
            if (Interlocked.Increment(ref inside) != 1) Interlocked.Increment(ref overlaps);
            if (message is Note note) seen.Add((sender.Name, note.Number));
            Interlocked.Decrement(ref inside);
        }));
        for (var s = 0; s < 4; s++)
        {
            system.SpawnRoot($"source-{s}", () => new Scripted((_, message, effects) =>
            {
                if (message is Signal.Started) for (var i = 0; i < 5_000; i++) effects.Send(At("sink"), new Note(i));
            }));
        }

        await Until(() => seen.All.Length == 20_000, "all notes");
        Assert.Equal(0, overlaps);
        foreach (var sender in seen.All.GroupBy(item => item.Item1)) Assert.Equal(Enumerable.Range(0, 5_000), sender.Select(item => item.Item2));
    }

    [Fact]
    public async Task A_crashed_actor_comes_back_as_a_fresh_instance_after_its_back_off_and_keeps_its_mail()
    {
        var time = new ManualTime();
        await using var system = NewSystem(time);
        var seen = new Seen<string>();
        var lives = 0;
        var actor = system.SpawnRoot("fragile", () =>
        {
            var life = ++lives;
            return new Scripted((_, message, _) =>
            {
                if (message is Note { Number: 13 }) throw new InvalidOperationException("thirteen");
                seen.Add(message is Note note ? $"{life}:{note.Number}" : $"{life}:{message.GetType().Name}");
            });
        });
        await Until(() => seen.All.Length == 1, "start");
        system.Post(actor, new Note(13));
        system.Post(actor, new Note(14));
        await Until(() => system.Timers.Count == 1, "back-off");
        Assert.Equal(["1:Started"], seen.All);

        time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.Equal(1, lives);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await Until(() => seen.All.Length == 3, "second life");
        Assert.Equal(["1:Started", "2:Started", "2:14"], seen.All);
    }

    [Fact]
    public async Task An_actor_that_crashes_too_often_is_given_up_and_its_watcher_is_told()
    {
        await using var system = NewSystem();
        var inbox = new Seen<Signal.Terminated>();
        var starts = 0;
        system.SpawnRoot("parent", () => new Scripted((_, message, effects) =>
        {
            if (message is Signal.Started)
            {
                effects.Spawn("child", () => new Scripted((_, _, _) =>
                {
                    Interlocked.Increment(ref starts);
                    throw new InvalidOperationException("always");
                }), new(2, TimeSpan.FromMinutes(1), TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(2)));
                effects.Watch(At("child"));
            }
            else if (message is Signal.Terminated gone) inbox.Add(gone);
        }));

        await Until(() => inbox.All.Length == 1, "Terminated");
        Assert.Equal(3, starts); // The first life and two restarts.
        Assert.Equal(At("child"), inbox.All[0].Actor);
        Assert.Contains("always", inbox.All[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watching_an_actor_that_is_not_there_is_answered_at_once()
    {
        await using var system = NewSystem();
        var seen = new Seen<ActorId>();
        system.SpawnRoot("watcher", () => new Scripted((_, message, effects) =>
        {
            if (message is Signal.Started)
            {
                effects.Watch(At("nobody"));
                effects.Watch(new(new("elsewhere"), "nobody"));
            }
            else if (message is Signal.Terminated gone) seen.Add(gone.Actor);
        }));

        await Until(() => seen.All.Length == 2, "both answers");
        Assert.Equal([At("nobody"), new(new("elsewhere"), "nobody")], seen.All);
    }

    [Fact]
    public async Task Children_end_with_their_parent_and_their_names_are_free_afterwards()
    {
        await using var system = NewSystem();
        var parent = system.SpawnRoot("parent", () => new Scripted((_, message, effects) =>
        {
            if (message is Signal.Started) effects.Spawn("child", () => new Scripted((_, started, more) =>
            {
                if (started is Signal.Started) more.Spawn("grandchild", () => new Scripted((_, _, _) => { }));
            }));
            else effects.Stop("enough");
        }));
        await Until(() => system.ActorCount == 3, "three actors");

        system.Post(parent, new Note(1));

        await Until(() => system.ActorCount == 0, "nobody left");
        system.SpawnRoot("child", () => new Scripted((_, _, _) => { }));
    }

    [Fact]
    public async Task A_child_may_take_the_name_of_one_that_is_on_its_way_out()
    {
        await using var system = NewSystem();
        var starts = 0;
        Func<IActor> child = () =>
        {
            Interlocked.Increment(ref starts);
            return new Scripted((_, message, effects) =>
            {
                if (message is not Note note) return;
                effects.Send(At("parent"), note);
                effects.Stop("done");
            });
        };
        system.SpawnRoot("parent", () => new Scripted((_, message, effects) =>
        {
            if (message is Signal.Started or Note) effects.Spawn("child", child);
        }));
        for (var i = 0; i < 20; i++)
        {
            var expected = i + 1;
            await Until(() => starts >= expected && system.Post(At("child"), new Note(i)), "child");
            await Until(() => starts >= expected + 1, "successor");
        }

        Assert.Equal(0, system.CrashesTotal);
    }

    [Fact]
    public async Task Wakes_fire_in_the_order_of_their_times_on_one_operating_timer()
    {
        var time = new ManualTime();
        await using var system = NewSystem(time);
        var seen = new Seen<int>();
        system.SpawnRoot("sleeper", () => new Scripted((_, message, effects) =>
        {
            if (message is Signal.Started) foreach (var ms in (int[])[30, 10, 20, 10]) effects.Wake(TimeSpan.FromMilliseconds(ms), new Note(ms));
            else if (message is Note note) seen.Add(note.Number);
        }));
        await Until(() => system.Timers.Count == 4, "four timers");
        Assert.Equal(1, time.Armed);

        time.Advance(TimeSpan.FromMilliseconds(25));
        await Until(() => seen.All.Length == 3, "three wakes");
        Assert.Equal([10, 10, 20], seen.All);
        time.Advance(TimeSpan.FromMilliseconds(5));
        await Until(() => seen.All.Length == 4, "the last wake");
    }

    [Fact]
    public async Task Effects_leave_only_when_the_facts_of_their_batch_are_durable_and_in_order()
    {
        var store = new HandStore();
        await using var system = NewSystem(events: store);
        var seen = new Seen<int>();
        system.SpawnRoot("sink", () => new Scripted((_, message, _) => seen.Add(message is Note note ? note.Number : -1)));
        var writer = system.SpawnRoot("writer", () => new Scripted((_, message, effects) =>
        {
            if (message is not Note note) return;
            effects.Send(At("sink"), note);
            if (note.Number % 2 == 0) effects.Persist(new Fact(note.Number));
        }));

        for (var i = 1; i <= 5; i++) system.Post(writer, new Note(i));
        await Until(() => store.Open == 2, "both commits under way");
        await Until(() => seen.All.Length == 2, "what needs no commit");
        Assert.Equal([-1, 1], seen.All);

        store.CommitOne();
        await Until(() => seen.All.Length == 4, "the first commit");
        Assert.Equal([-1, 1, 2, 3], seen.All);
        store.CommitOne();
        await Until(() => seen.All.Length == 6, "the second commit");
        Assert.Equal([new NewEvent("writer", new Fact(2)), new NewEvent("writer", new Fact(4))], store.Durable);
    }

    [Fact]
    public async Task A_store_that_fails_ends_the_actor_fails_the_system_and_lets_nothing_out()
    {
        var store = new HandStore();
        await using var system = NewSystem(events: store);
        var seen = new Seen<Message>();
        system.SpawnRoot("sink", () => new Scripted((_, message, _) => seen.Add(message)));
        var writer = system.SpawnRoot("writer", () => new Scripted((_, message, effects) =>
        {
            if (message is not Note note) return;
            effects.Persist(new Fact(note.Number));
            effects.Send(At("sink"), note);
        }));
        system.Post(writer, new Note(1));
        system.Post(writer, new Note(2));
        await Until(() => store.Open == 2, "commits");

        store.CommitOne(new StaleTermException(new(2), new(1)));
        store.CommitOne();

        await Assert.ThrowsAsync<StaleTermException>(() => system.Failure);
        await Until(() => system.ActorCount == 1, "writer gone");
        Assert.Equal([new Signal.Started()], seen.All);
    }

    [Fact]
    public async Task After_a_store_failed_once_nothing_is_written_any_more_not_even_by_who_hears_of_the_actor_that_ended()
    {
        var store = new HandStore();
        await using var system = NewSystem(events: store);
        var writer = system.SpawnRoot("writer", () => new Scripted((_, message, effects) =>
        {
            if (message is Note note) effects.Persist(new Fact(note.Number));
        }));
        var heard = new Seen<Message>();
        system.SpawnRoot("heir", () => new Scripted((_, message, effects) =>
        {
            heard.Add(message);
            if (message is Signal.Started) effects.Watch(writer);
            if (message is Signal.Terminated) effects.Persist(new Fact(2));
        }));
        system.Post(writer, new Note(1));
        await Until(() => store.Open == 1, "a commit");

        store.CommitOne(new StoreException(StoreFault.InputOutput, "the disk is gone"));

        await Until(() => system.ActorCount == 0, "both gone");
        Assert.Contains(heard.All, message => message is Signal.Terminated);
        Assert.Equal(0, store.Open);
    }

    [Fact]
    public async Task An_actor_that_is_stopped_while_its_facts_are_written_ends_also_when_they_are_refused()
    {
        var store = new HandStore();
        await using var system = NewSystem(events: store);
        var writer = system.SpawnRoot("writer", () => new Scripted((_, message, effects) =>
        {
            if (message is Note note) effects.Persist(new Fact(note.Number));
        }));
        system.Post(writer, new Note(1));
        await Until(() => store.Open == 1, "a commit");

        var stopping = system.StopAsync("the host stops");
        Assert.False(stopping.IsCompleted);
        store.CommitOne(new StaleTermException(new(2), new(1)));

        await stopping;
        Assert.Equal(0, system.ActorCount);
    }

    [Fact]
    public async Task A_job_answers_the_life_that_asked_and_its_exception_becomes_a_signal()
    {
        await using var system = NewSystem();
        var seen = new Seen<Message>();
        system.RegisterPort<Errand>(JobPort.Async<Errand>(async (errand, reply) =>
        {
            await Task.Yield();
            if (errand.Number < 0) throw new UserFitException("No such errand.");
            reply.Post(new Note(errand.Number));
            reply.Post(new Note(errand.Number + 1));
        }));
        system.SpawnRoot("asker", () => new Scripted((_, message, effects) =>
        {
            if (message is Signal.Started) effects.Run(new Errand(7));
            else seen.Add(message);
            if (message is Note { Number: 8 }) effects.Run(new Errand(-1));
        }));

        await Until(() => seen.All.Length == 3, "answers");
        Assert.Equal([new Note(7), new Note(8), new Signal.JobFailed(new Errand(-1), "No such errand.")], seen.All);
    }

    [Fact]
    public async Task A_full_mailbox_refuses_and_counts_but_lets_timers_and_signals_in()
    {
        await using var system = NewSystem(options: new() { MailboxCapacity = 4 });
        using var gate = new ManualResetEventSlim();
        var seen = new Seen<Message>();
        var actor = system.SpawnRoot("slow", () => new Scripted((_, message, effects) =>
        {
            if (message is Note { Number: 0 })
            {
                effects.Wake(TimeSpan.Zero, new Note(99));
                gate.Wait();
            }

            seen.Add(message);
        }));
        system.Post(actor, new Note(0));
        await Until(() => seen.All.Length == 1 && system.MailboxDepths()["slow"] == 0, "the slow message is taken");

        var taken = Enumerable.Range(1, 10).Count(i => system.Post(actor, new Note(i)));
        gate.Set();

        Assert.Equal(4, taken);
        Assert.Equal(6, system.MailboxRefusedTotal);
        Assert.Equal(6, system.DeadLettersTotal);
        await Until(() => seen.All.Contains(new Note(99)) && seen.All.Length == 7, "timer and mail");
    }

    [Fact]
    public async Task A_broken_invariant_leaves_a_report_with_ids_and_types_but_no_bodies()
    {
        var folder = Directory.CreateTempSubdirectory("vae-invariant-");
        try
        {
            var reported = new Seen<string>();
            await using var system = NewSystem(options: new() { ReportDirectory = folder.FullName, OnBrokenInvariant = (_, report) => reported.Add(report) });
            var actor = system.SpawnRoot("broken", () => new Scripted((_, message, _) => Verify.That(message is not Note { Number: 31337 })));
            system.Post(actor, new Note(31337));

            await Until(() => reported.All.Length == 1, "report");
            var text = await File.ReadAllTextAsync(reported.All[0]);
            Assert.Contains("here/host -> here/broken Note", text, StringComparison.Ordinal);
            Assert.DoesNotContain("31337\n", text, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task An_inbox_keeps_what_actors_say_for_code_outside()
    {
        await using var system = NewSystem();
        var inbox = system.OpenInbox("inbox.1");
        system.Post(inbox.Id, new Note(5));
        var mail = await inbox.Reader.ReadAsync();
        Assert.Equal(new Mail(ActorId.Host(Here), new Note(5)), mail);
    }
}
