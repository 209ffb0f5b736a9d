namespace Vae.Shared.Actors;

/// <summary>All a host can be asked for. The simulator and the runtime interpret this same list.</summary>
public abstract record Effect
{
    private Effect() { }

    /// <summary>At most once, ordered per sender and receiver while one connection lives.</summary>
    public sealed record Send(ActorId Target, Message Message) : Effect;

    /// <summary>A message to the actor itself, later. Nothing can be cancelled: a timer carries what it was set for, and a stale one is ignored.</summary>
    public sealed record Wake(TimeSpan After, Message Message) : Effect;

    /// <summary>A child on the same node. The factory makes a fresh instance at start and at each restart.</summary>
    public sealed record Spawn(string Name, Func<IActor> Factory, Supervision Supervision) : Effect;

    /// <summary>Ask for <see cref="Signal.Terminated"/> when the actor is gone; sent at once when it is not there now.</summary>
    public sealed record Watch(ActorId Actor) : Effect;

    /// <summary>Stop this actor after this message. Its children are stopped with it.</summary>
    public sealed record Stop(string Reason) : Effect;

    /// <summary>Hand a job to the port of its type. The answer, or <see cref="Signal.JobFailed"/>, comes to this actor.</summary>
    public sealed record Run(Job Job) : Effect;

    /// <summary>Append a fact to the store before any other effect of this batch leaves.</summary>
    public sealed record Persist(DomainEvent Event) : Effect;
}

/// <summary>How often a crashed actor is restarted. Default: 5 times within a minute, back-off 100 ms doubling to 10 s.</summary>
public sealed record Supervision(int RestartsMax, TimeSpan Window, TimeSpan BackoffMin, TimeSpan BackoffMax)
{
    /// <summary>Five restarts within a minute, then the actor is stopped for good and its watchers are told.</summary>
    public static readonly Supervision Default = new(5, TimeSpan.FromMinutes(1), TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(10));

    /// <summary>The first crash ends the actor.</summary>
    public static readonly Supervision Never = new(0, TimeSpan.FromMinutes(1), TimeSpan.Zero, TimeSpan.Zero);
}

/// <summary>Collects what one message asks for. Owned and cleared by the host; an actor must not keep it.</summary>
public sealed class Effects
{
    private readonly List<Effect> _pending = [];

    /// <summary>What was asked for, in order.</summary>
    public IReadOnlyList<Effect> Pending => _pending;

    /// <summary>Send <paramref name="message"/> to <paramref name="target"/>.</summary>
    public void Send(ActorId target, Message message) => _pending.Add(new Effect.Send(target, message));

    /// <summary>Send <paramref name="message"/> to this actor after <paramref name="after"/>.</summary>
    public void Wake(TimeSpan after, Message message) => _pending.Add(new Effect.Wake(after, message));

    /// <summary>Start a child named <paramref name="name"/>.</summary>
    public void Spawn(string name, Func<IActor> factory, Supervision? supervision = null) =>
        _pending.Add(new Effect.Spawn(name, factory, supervision ?? Supervision.Default));

    /// <summary>Watch <paramref name="actor"/>.</summary>
    public void Watch(ActorId actor) => _pending.Add(new Effect.Watch(actor));

    /// <summary>Stop this actor.</summary>
    public void Stop(string reason) => _pending.Add(new Effect.Stop(reason));

    /// <summary>Run <paramref name="job"/>.</summary>
    public void Run(Job job) => _pending.Add(new Effect.Run(job));

    /// <summary>Make <paramref name="fact"/> durable before the rest of this batch leaves.</summary>
    public void Persist(DomainEvent fact) => _pending.Add(new Effect.Persist(fact));

    /// <summary>Forget everything; called by the host between messages.</summary>
    public void Clear() => _pending.Clear();
}
