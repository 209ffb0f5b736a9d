using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Tests.Simulation.Host;

/// <summary>What a booting process is given. The boot function starts the root actors, from what is durable.</summary>
public sealed class NodeBoot
{
    private readonly SimulatedNode _node;

    internal NodeBoot(SimulatedNode node) => (_node, Number) = (node, node.Boots);

    /// <summary>The process's name.</summary>
    public NodeId Node => _node.Id;

    /// <summary>Which boot this is, from 1: a coordinator's term, a worker's incarnation.</summary>
    public int Number { get; }

    /// <summary>Draws for this boot.</summary>
    public Prng Prng => _node.Cluster.Prng.Fork(((ulong)Number << 32) ^ _node.Index);

    /// <summary>The node's facts in commit order, decoded from their bytes. Reads the store anew at each call, so a factory sees all at each restart.</summary>
    public IReadOnlyList<DomainEvent> Facts() => _node.Cluster.Store.Of(_node.Id);

    /// <summary>Starts an actor that has no parent.</summary>
    public void SpawnRoot(string name, Func<IActor> factory, Supervision? supervision = null) => _node.SpawnRoot(name, factory, supervision);

    /// <summary>Says what does the jobs of this boot. Without it every job fails.</summary>
    public void UseJobs(ISimulatedJobs jobs) => _node.Jobs = jobs;
}

/// <summary>One process of a simulated cluster.</summary>
public sealed class SimulatedNode
{
    private readonly Action<NodeBoot> _boot;
    private readonly Gate _gate;
    private readonly Dictionary<string, SimulatedActor> _actors = [];
    private readonly Queue<TimeSpan?> _storeErrors = new();
    private readonly Queue<TimeSpan?> _crashesAfterCommit = new();
    private TimeSpan _bootedAt;
    private TimeSpan _lastCommit;
    private int _life;

    internal SimulatedNode(SimulatedCluster cluster, NodeId id, ulong index, Action<NodeBoot> boot)
    {
        (Cluster, Id, Index, _boot) = (cluster, id, index, boot);
        _gate = new(cluster.Timeline);
    }

    /// <summary>Its name.</summary>
    public NodeId Id { get; }

    /// <summary>False between a crash and the restart.</summary>
    public bool IsAlive { get; private set; }

    /// <summary>True while it handles nothing.</summary>
    public bool IsPaused => _gate.IsClosed;

    /// <summary>Times it was booted.</summary>
    public int Boots { get; private set; }

    /// <summary>Time since its last boot: what its actors are told as now.</summary>
    public Instant Now => new(Cluster.Now - _bootedAt);

    /// <summary>Names of its actors, sorted.</summary>
    public IReadOnlyList<string> ActorNames => [.. _actors.Keys.Order(StringComparer.Ordinal)];

    internal SimulatedCluster Cluster { get; }

    internal ulong Index { get; }

    internal ISimulatedJobs? Jobs { get; set; }

    internal List<SimulatedLink> Links { get; } = [];

    /// <summary>True while a connection to <paramref name="peer"/> is open, as this node sees it.</summary>
    public bool IsConnectedTo(NodeId peer) => LinkTo(peer)?.IsOpenFor(this) == true;

    /// <summary>The instance behind a name, to look at; null when it is not there or waits for its restart.</summary>
    public IActor? Actor(string name) => _actors.GetValueOrDefault(name)?.Instance;

    /// <summary>Starts an actor that has no parent.</summary>
    /// <exception cref="InvalidOperationException">The name is taken or not allowed.</exception>
    public ActorId SpawnRoot(string name, Func<IActor> factory, Supervision? supervision = null)
    {
        var actor = new SimulatedActor(this, new(Id, name), null, factory, supervision ?? Supervision.Default);
        if (!TryStart(actor, out var problem)) throw new InvalidOperationException(problem);
        return actor.Self;
    }

    /// <summary>Stops an actor and its children, as the host. Harmless when there is none.</summary>
    public void StopRoot(string name, string reason) => _actors.GetValueOrDefault(name)?.StopNow(reason);

    internal void Boot()
    {
        if (IsAlive) return;
        IsAlive = true;
        Boots++;
        _bootedAt = Cluster.Now;
        Jobs = null;
        Cluster.History.Note(Cluster.Now, "boot", null, Id);
        _boot(new NodeBoot(this));
        foreach (var link in Links) link.ConnectLater();
    }

    internal void Crash(TimeSpan? restartAfter)
    {
        if (!IsAlive) return;
        IsAlive = false;
        _life++;
        _actors.Clear();
        _gate.Reset();
        _lastCommit = TimeSpan.Zero;
        foreach (var link in Links) link.Vanish(this);
        if (restartAfter is { } wait) Cluster.Timeline.After(wait, Restart);
    }

    internal void Restart()
    {
        if (IsAlive) return;
        Cluster.Count(FaultKind.Restart, null, null, Id);
        Boot();
    }

    internal void Pause(TimeSpan? duration)
    {
        if (!IsAlive) return;
        _gate.Close();
        foreach (var link in Links) link.Weaken();
        var life = _life;
        if (duration is not { } wait) return;
        Cluster.Timeline.After(wait, () =>
        {
            if (life == _life) Resume(_gate.Open);
        });
    }

    internal void EndFaults()
    {
        _storeErrors.Clear();
        _crashesAfterCommit.Clear();
        if (IsAlive) Resume(_gate.OpenWide);
        else Cluster.Timeline.After(TimeSpan.Zero, Restart);
    }

    internal void FailNextCommit(TimeSpan? restartAfter) => _storeErrors.Enqueue(restartAfter);

    internal void CrashAfterNextCommit(TimeSpan? restartAfter) => _crashesAfterCommit.Enqueue(restartAfter);

    internal void Later(TimeSpan delay, Action action) => LaterAt(Cluster.Now + delay, action);

    /// <summary>At that moment, or when the pause is over; never in a later life of the process.</summary>
    internal void LaterAt(TimeSpan due, Action action)
    {
        var life = _life;
        Cluster.Timeline.At(due, () =>
        {
            if (life == _life) _gate.Pass(action);
        });
    }

    /// <summary>Now, or when the pause is over.</summary>
    internal void Pass(Action action) => _gate.Pass(action);

    internal bool Has(SimulatedActor actor) => _actors.TryGetValue(actor.Self.Name, out var found) && ReferenceEquals(found, actor);

    internal bool TryStart(SimulatedActor actor, out string? problem)
    {
        problem = null;
        var name = actor.Self.Name;
        if (name.Length is 0 or > 127 || !name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '-')) problem = $"'{name}' cannot name an actor.";
        else if (!_actors.TryGetValue(name, out var holder)) _actors.Add(name, actor);
        else if (!holder.IsEnding) problem = $"An actor named '{name}' is alive on {Id}; names are unique.";
        else
        {
            actor.StartAfter(holder);
            return true;
        }

        if (problem is null) actor.StartAfter(null);
        return problem is null;
    }

    internal void Remove(SimulatedActor actor)
    {
        if (Has(actor)) _actors.Remove(actor.Self.Name);
    }

    internal void Send(ActorId sender, ActorId target, Message message)
    {
        if (target.Node != Id)
        {
            if (LinkTo(target.Node) is { } link && link.IsOpenFor(this)) link.Send(this, sender, target, message);
            else DeadLetter(sender, target, message, $"no connection to {target.Node}");
        }
        else if (_actors.TryGetValue(target.Name, out var actor))
        {
            actor.Post(sender, sender, message, Cluster.LocalDelay());
        }
        else
        {
            DeadLetter(sender, target, message, "there is no such actor");
        }
    }

    internal void DeliverFromPeer(ActorId sender, string target, Message message)
    {
        if (_actors.TryGetValue(target, out var actor)) actor.PostNow(sender, message);
        else DeadLetter(sender, new(Id, target), message, "there is no such actor");
    }

    internal void DeadLetter(ActorId sender, ActorId target, Message message, string reason) =>
        Cluster.Count(FaultKind.DeadLetter, sender, target, $"{message} ({reason})");

    internal void Watch(ActorId watcher, ActorId target)
    {
        if (target.Node != Id)
        {
            if (LinkTo(target.Node) is { } link && link.IsOpenFor(this)) link.Watch(this, watcher, target);
            else TellTerminated(watcher, target, $"no connection to {target.Node}");
        }
        else if (_actors.TryGetValue(target.Name, out var actor))
        {
            actor.AddWatcher(watcher);
        }
        else
        {
            TellTerminated(watcher, target, "there is no such actor");
        }
    }

    internal void TellTerminated(ActorId watcher, ActorId gone, string reason)
    {
        if (watcher.Node != Id) LinkTo(watcher.Node)?.TellTerminated(this, watcher, gone, reason);
        else if (_actors.TryGetValue(watcher.Name, out var actor)) actor.Post(gone, ActorId.Host(Id), new Signal.Terminated(gone, reason), TimeSpan.Zero);
    }

    internal void TellConnection(NodeId peer, bool connected, string reason)
    {
        foreach (var name in (string[])["cluster", "agent"])
        {
            if (_actors.TryGetValue(name, out var actor)) actor.Post(ActorId.Host(Id), ActorId.Host(Id), new Signal.NodeChanged(peer, connected, reason), TimeSpan.Zero);
        }

        if (connected) return;
        foreach (var name in ActorNames) _actors[name].ForgetWatchersOf(peer);
    }

    internal void Run(JobContext context, Job job)
    {
        try
        {
            (Jobs ?? throw new InvalidOperationException($"{Id} has no port for {job.GetType().Name}.")).Start(job, context);
        }
        catch (Exception exception) when (exception is not InvariantException)
        {
            context.Fail(TimeSpan.Zero, exception.Message);
        }
    }

    /// <summary>The point between "durable" and "known": where a process that dies leaves its facts without their effects.</summary>
    internal void Commit(ActorId author, IReadOnlyList<DomainEvent> facts, Action done)
    {
        var due = Cluster.Now + Cluster.CommitDelay();
        _lastCommit = due > _lastCommit ? due : _lastCommit; // One writer: commits end in the order in which they were asked for.
        LaterAt(_lastCommit, () =>
        {
            if (TakeArmed(_storeErrors, Cluster.StoreErrorChance(), out var restart)) FailCommit(author, facts, restart);
            else
            {
                Append(author, facts);
                if (TakeArmed(_crashesAfterCommit, Cluster.CrashAfterCommitChance(), out restart)) CrashBetween(author, restart);
                else done();
            }
        });
    }

    private void FailCommit(ActorId author, IReadOnlyList<DomainEvent> facts, TimeSpan? restart)
    {
        var durable = Cluster.Coin();
        Cluster.Count(durable ? FaultKind.StoreErrorYetDurable : FaultKind.StoreError, author, null, $"{facts.Count} facts");
        if (durable) Append(author, facts);
        Crash(restart);
    }

    private void CrashBetween(ActorId author, TimeSpan? restart)
    {
        Cluster.Count(FaultKind.CrashAfterCommit, author, null, Id);
        Crash(restart);
    }

    private void Append(ActorId author, IReadOnlyList<DomainEvent> facts)
    {
        foreach (var fact in facts)
        {
            Cluster.Store.Append(author, fact);
            Cluster.History.Note(Cluster.Now, "durable", author, fact);
        }
    }

    private bool TakeArmed(Queue<TimeSpan?> armed, bool chance, out TimeSpan? restart)
    {
        if (armed.TryDequeue(out restart)) return true;
        restart = Cluster.Plan.RestartAfter;
        return chance;
    }

    private void Resume(Action open)
    {
        open();
        foreach (var link in Links) link.ConnectLater();
    }

    private SimulatedLink? LinkTo(NodeId peer) => Links.Find(link => link.Joins(Id, peer));
}
