using Microsoft.Extensions.Logging.Abstractions;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Tests.Unit.Runtime;

internal sealed record Note(int Number) : Message;

internal sealed record Fact(int Number) : DomainEvent;

internal sealed record Errand(int Number) : Job;

/// <summary>An actor whose rule is a function.</summary>
internal sealed class Scripted(Action<ActorId, Message, Effects> rule) : IActor
{
    public void Receive(ActorId sender, Message message, Instant now, Effects effects) => rule(sender, message, effects);
}

/// <summary>What actors saw, in order; tests poll it.</summary>
internal sealed class Seen<T>
{
    private readonly List<T> _items = [];

    public void Add(T item)
    {
        lock (_items) _items.Add(item);
    }

    public T[] All
    {
        get { lock (_items) return [.. _items]; }
    }
}

/// <summary>A store whose commits end when the test says so.</summary>
internal sealed class HandStore : IEventStore
{
    private readonly Queue<(IReadOnlyList<NewEvent> Batch, TaskCompletionSource Done)> _open = new();

    public Term Term => new(1);

    public List<NewEvent> Durable { get; } = [];

    public int Open
    {
        get { lock (_open) return _open.Count; }
    }

    public Task AppendAsync(IReadOnlyList<NewEvent> batch)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_open) _open.Enqueue((batch, done));
        return done.Task;
    }

    public void CommitOne(Exception? error = null)
    {
        (IReadOnlyList<NewEvent> Batch, TaskCompletionSource Done) next;
        lock (_open) next = _open.Dequeue();
        if (error is not null)
        {
            next.Done.SetException(error);
            return;
        }

        Durable.AddRange(next.Batch);
        next.Done.SetResult();
    }

    public IEnumerable<StoredEvent> ReadStream(string stream, long afterSequence = 0) => [];

    public IEnumerable<StoredEvent> ReadAll(long afterSequence = 0, Action<DamagedEvent>? damaged = null) => [];
}

internal static class Kit
{
    public static readonly NodeId Here = new("here");

    public static ActorSystem NewSystem(TimeProvider? time = null, IEventStore? events = null, ActorSystemOptions? options = null) =>
        new(Here, time ?? TimeProvider.System, NullLogger.Instance, events, options);

    public static NodeIdentity Identity(string name, string cluster = "test", string token = "correct-horse-battery-staple") => new(new(name), cluster, ClusterToken.Parse(token));

    public static ActorId At(string name) => new(Here, name);

    /// <summary>Polls until <paramref name="condition"/> holds; the deadline only ends a hanging test.</summary>
    public static async Task Until(Func<bool> condition, string what)
    {
        var deadline = DateTime.UtcNow + TimeSpan.FromSeconds(20);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < deadline, $"Never happened: {what}");
            await Task.Delay(2);
        }
    }
}
