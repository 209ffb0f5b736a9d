using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Tests.Simulation.Host;

/// <summary>One process of a simulated cluster.</summary>
public sealed partial class SimulatedNode
{
    private readonly Action<NodeBoot> _boot;
    private readonly Gate _gate;
    private readonly NodeClock _clock;
    private readonly Dictionary<string, SimulatedActor> _actors = [];
    private readonly Dictionary<NodeId, SimulatedLink> _open = []; // The connection of each peer's name, as this end believes.
    private int _slowings;

    internal SimulatedNode(SimulatedCluster cluster, NodeId id, NodeOptions options, ulong index, Action<NodeBoot> boot)
    {
        (Cluster, Id, Options, Index, _boot) = (cluster, id, options, index, boot);
        _gate = new(cluster.Timeline);
        _clock = new(cluster.Timeline) { Rate = options.ClockRate };
        Commits = new(this);
    }

    /// <summary>Its name in fault plans.</summary>
    public NodeId Id { get; }

    /// <summary>The name under which others know it: of two coordinators, or two processes of one worker, the same.</summary>
    public NodeId Role => Options.Role ?? Id;

    /// <summary>False between a crash and the restart.</summary>
    public bool IsAlive { get; private set; }

    /// <summary>Takes connections: alive and, where processes stand by for each other, the one that leads or believes so.</summary>
    public bool Listens { get; private set; }

    /// <summary>True while it handles nothing.</summary>
    public bool IsPaused => _gate.IsClosed;

    /// <summary>Times it was booted.</summary>
    public int Boots { get; private set; }

    /// <summary>Grows over all boots of processes of its name.</summary>
    public int Incarnation { get; private set; }

    /// <summary>The term that its boot was given; 0 where it has none yet.</summary>
    public Term Term { get; private set; }

    /// <summary>How many times slower than usual it computes.</summary>
    public double Slowness { get; private set; } = 1;

    /// <summary>Time since its last boot on its own clock: what its actors are told as now.</summary>
    public Instant Now => _clock.Now;

    /// <summary>Names of its actors, sorted.</summary>
    public IReadOnlyList<string> ActorNames => [.. _actors.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Its folder, which processes of its name share.</summary>
    public NodeDisk Disk => Cluster.DiskOf(Role);

    internal SimulatedCluster Cluster { get; }

    internal NodeOptions Options { get; }

    internal ulong Index { get; }

    internal int Life { get; private set; }

    internal NodeCommits Commits { get; }

    internal ISimulatedJobs? Jobs { get; set; }

    internal List<SimulatedLink> Links { get; } = [];

    /// <summary>True while a connection to <paramref name="peer"/> is open, as this node sees it.</summary>
    public bool IsConnectedTo(NodeId peer) => _open.ContainsKey(peer);

    /// <summary>The instance behind a name, to look at; null when it is not there or waits for its restart.</summary>
    public IActor? Actor(string name) => _actors.GetValueOrDefault(name)?.Instance;

    /// <summary>Starts an actor that has no parent.</summary>
    /// <exception cref="InvalidOperationException">The name is taken or not allowed.</exception>
    public ActorId SpawnRoot(string name, Func<IActor> factory, Supervision? supervision = null)
    {
        var actor = new SimulatedActor(this, new(Role, name), null, factory, supervision ?? Supervision.Default);
        if (!TryStart(actor, out var problem)) throw new InvalidOperationException(problem);
        return actor.Self;
    }

    /// <summary>Stops an actor and its children, as the host. Harmless when there is none.</summary>
    public void StopRoot(string name, string reason) => _actors.GetValueOrDefault(name)?.StopNow(reason);

    /// <summary>Sends a message as this process's own host.</summary>
    internal void Tell(ActorId target, Message message) => Pass(() => Send(ActorId.Host(Role), target, message));

    internal void Boot()
    {
        if (IsAlive) return;
        IsAlive = true;
        Boots++;
        _clock.Start();
        Jobs = null;
        Cluster.History.Note(Cluster.Now, "boot", null, Id);
        if (Options.StandsBy) Cluster.LeadershipOf(Role).Ask(this);
        else Lead();
    }

    /// <summary>Begins its work: at once, or when it has become the one that leads.</summary>
    internal void Lead()
    {
        if (Options.StandsBy && Cluster.Holder(Role) is not null) Cluster.TimesTwoLed++;
        Incarnation = Cluster.NextIncarnation(Role);
        Term = Cluster.Store.TakeTerm(Role);
        Listens = true;
        Cluster.History.Note(Cluster.Now, "leads", null, $"{Id} term {Term.Value}");
        _boot(new NodeBoot(this));
        ConnectLater();
    }

    internal void Crash(TimeSpan? restartAfter)
    {
        if (!IsAlive) return;
        (IsAlive, Listens) = (false, false);
        Life++;
        _actors.Clear();
        _open.Clear();
        _gate.Reset();
        Commits.Forget();
        foreach (var link in Links) link.Vanish(this);
        Cluster.OnGone?.Invoke(this);
        if (Options.StandsBy) Cluster.LeadershipOf(Role).End(this);
        if (restartAfter is { } wait) Cluster.Timeline.After(wait, Restart);
    }

    internal void Restart()
    {
        if (IsAlive || (Cluster.FaultsEnded && Options.OnlyByFault)) return;
        Cluster.Count(FaultKind.Restart, null, null, Id);
        Boot();
    }

    internal void Pause(TimeSpan? duration)
    {
        if (!IsAlive) return;
        _gate.Close();
        foreach (var link in Links) link.Weaken();
        var life = Life;
        if (duration is not { } wait) return;
        Cluster.Timeline.After(wait, () =>
        {
            if (life == Life) Resume(_gate.Open);
        });
    }

    internal void Slow(double factor, TimeSpan? duration)
    {
        Slowness = factor;
        var mine = ++_slowings;
        if (duration is { } wait) Cluster.Timeline.After(wait, () => Slowness = mine == _slowings ? 1 : Slowness);
    }

    internal void JumpClock(TimeSpan by) => _clock.Jump(by);

    internal void EndFaults()
    {
        Commits.EndFaults();
        Slowness = 1;
        if (Options.OnlyByFault) Crash(null);
        else if (IsAlive) Resume(_gate.OpenWide);
        else Cluster.Timeline.After(TimeSpan.Zero, Restart);
    }

    internal void Later(TimeSpan delay, Action action) => LaterAt(Cluster.Now + delay, action);

    /// <summary>After a time on its own clock.</summary>
    internal void LaterByClock(TimeSpan delay, Action action) => Later(_clock.Real(delay), action);

    /// <summary>At that moment, or when the pause is over; never in a later life of the process.</summary>
    internal void LaterAt(TimeSpan due, Action action)
    {
        var life = Life;
        Cluster.Timeline.At(due, () =>
        {
            if (life == Life) _gate.Pass(action);
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

    /// <summary>A connection is open from now on. An older one to a process of the same name is closed: the newer is the living one.</summary>
    internal void Connected(SimulatedLink link, NodeId peer)
    {
        if (_open.TryGetValue(peer, out var older) && older != link) older.Replace(this);
        _open[peer] = link;
        TellConnection(peer, true, "connected");
    }

    internal void Disconnected(SimulatedLink link, NodeId peer, string reason)
    {
        if (_open.GetValueOrDefault(peer) == link) _open.Remove(peer);
        TellConnection(peer, false, reason);
    }

    internal void ConnectLater()
    {
        foreach (var link in Links) link.ConnectLater();
    }

    internal void Run(JobContext context, Job job)
    {
        Cluster.OnJob?.Invoke(this, context.Owner, job);
        try
        {
            (Jobs ?? throw new InvalidOperationException($"{Id} has no port for {job.GetType().Name}.")).Start(job, context);
        }
        catch (Exception exception) when (exception is not (InvariantException or RuleBrokenException))
        {
            context.Fail(TimeSpan.Zero, exception.Message);
        }
    }

    private void TellConnection(NodeId peer, bool connected, string reason)
    {
        foreach (var name in (ReadOnlySpan<string>)["cluster", "agent"])
        {
            if (_actors.TryGetValue(name, out var actor)) actor.Post(ActorId.Host(Role), ActorId.Host(Role), new Signal.NodeChanged(peer, connected, reason), TimeSpan.Zero);
        }

        if (connected) return;
        foreach (var name in ActorNames) _actors[name].ForgetWatchersOf(peer);
    }

    private void Resume(Action open)
    {
        open();
        ConnectLater();
    }
}
