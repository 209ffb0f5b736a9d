using System.Collections.Concurrent;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Tests.Conformance.Hosts;

/// <summary>One node of a host, as the conformance suite drives it. A subclass of <see cref="HostConformance"/> brings one.</summary>
public interface IHostHarness : IAsyncDisposable
{
    /// <summary>The node.</summary>
    NodeId Node { get; }

    /// <summary>Messages that reached nobody.</summary>
    long DeadLetters { get; }

    /// <summary>Facts that the store holds for certain, now.</summary>
    int DurableFacts { get; }

    /// <summary>Starts an actor without parent.</summary>
    void Spawn(string name, Func<IActor> factory, Supervision? supervision = null);

    /// <summary>Sends a message as the host.</summary>
    void Post(string name, Message message);

    /// <summary>Stops an actor as the host.</summary>
    void Stop(string name);

    /// <summary>Lets the host work until the condition holds; fails after a deadline with <paramref name="what"/> in its text.</summary>
    Task UntilAsync(Func<bool> condition, string what);
}

/// <summary>A message of the suite. Numbers tell one from the other.</summary>
public sealed record Probe(string Text, int Number = 0) : Message;

/// <summary>A job of the suite.</summary>
public sealed record ProbeJob(string Text) : Job;

/// <summary>An actor given as a function.</summary>
public sealed class Scripted(Action<ActorId, Message, Effects> receive) : IActor
{
    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects) => receive(sender, message, effects);
}

/// <summary>What actors of a test saw, in order; safe for hosts with many threads.</summary>
public sealed class Log
{
    private readonly ConcurrentQueue<string> _lines = new();

    /// <summary>All lines so far.</summary>
    public string[] Lines => [.. _lines];

    /// <summary>Adds a line.</summary>
    public void Add(string line) => _lines.Enqueue(line);

    /// <summary>How often a line was added.</summary>
    public int Count(string line) => _lines.Count(l => l == line);

    /// <summary>An actor that writes down what it gets: <c>started</c>, <c>gone NODE/NAME</c>, or the probe's text and number.</summary>
    public Scripted Listener() => new((_, message, _) => Add(Describe(message)));

    /// <summary>A message as a line.</summary>
    public static string Describe(Message message) => message switch
    {
        Signal.Started => "started",
        Signal.Terminated gone => $"gone {gone.Actor.Name}",
        Signal.JobFailed failed => $"failed {((ProbeJob)failed.Job).Text}: {failed.Text}",
        Probe probe => $"{probe.Text} {probe.Number}",
        _ => message.ToString(),
    };
}

/// <summary>Facts of the suite, from the product's own catalog so that every store can hold them.</summary>
public static class Facts
{
    /// <summary>A fact that differs by its number.</summary>
    public static DomainEvent Number(int number) => new SweepEvent.Ended(SweepState.Done, $"fact {number}") { Sweep = new("s-conformance") };
}
