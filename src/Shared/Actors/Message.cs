namespace Vae.Shared.Actors;

/// <summary>Anything an actor can receive. Each actor takes one closed family of records, and the signals of its host.</summary>
public abstract record Message;

/// <summary>What the host itself tells an actor. Signals never cross the wire.</summary>
public abstract record Signal : Message
{
    private Signal() { }

    /// <summary>First message of every actor, sent once when it starts and again after each supervised restart.</summary>
    public sealed record Started : Signal;

    /// <summary>A watched actor is gone: it stopped, crashed for good, or its node's connection is lost.</summary>
    public sealed record Terminated(ActorId Actor, string Reason) : Signal;

    /// <summary>A connection to a node was opened (handshake done), or lost. Told to the actor named <c>cluster</c> or <c>agent</c>.</summary>
    public sealed record NodeChanged(NodeId Node, bool Connected, string Reason) : Signal;

    /// <summary>A job asked for by <see cref="Effects.Run"/> threw. <paramref name="Text"/> is fit for a user.</summary>
    public sealed record JobFailed(Job Job, string Text) : Signal;
}

/// <summary>Work that an actor may not do itself (disk, tensors, sockets): a named request to a port of the host, answered by a message.</summary>
public abstract record Job;

/// <summary>A durable fact. It is in the store before any effect of the same batch leaves the actor.</summary>
public abstract record DomainEvent;
