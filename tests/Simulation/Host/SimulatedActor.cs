using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Tests.Simulation.Host;

/// <summary>The home of one actor on a simulated node: the same rules as the real host's, on virtual time.</summary>
internal sealed class SimulatedActor(SimulatedNode node, ActorId self, SimulatedActor? parent, Func<IActor> factory, Supervision supervision)
{
    private readonly Effects _effects = new();
    private readonly Queue<TimeSpan> _restarts = new();
    private readonly Queue<Letter> _stash = new();
    private readonly Queue<Batch> _waiting = new();
    private readonly List<SimulatedActor> _children = [];
    private readonly List<ActorId> _watchers = [];
    private readonly HashSet<ActorId> _watching = [];
    private readonly Dictionary<ActorId, TimeSpan> _lastDue = [];
    private readonly List<SimulatedActor> _successors = [];
    private IActor? _actor;
    private Phase _phase = Phase.New;
    private string _reason = "";
    private int _restartPlannedFor;
    private int _letters; // On the way.

    private enum Phase
    {
        New,
        Running,
        Leaving, // Asked to stop; waits for its commits.
        Crashed, // Waits for its back-off; mail is kept.
        Stopped,
    }

    private readonly record struct Letter(ActorId Sender, Message Message, int Life);

    private sealed class Batch(List<Effect> effects, int life)
    {
        public List<Effect> Effects => effects;
        public int Life => life;
        public bool Durable { get; set; } = true;
    }

    public SimulatedNode Node => node;

    public ActorId Self => self;

    /// <summary>Counts instances; mail for any instance carries 0.</summary>
    public int Life { get; private set; } = 1;

    public IActor? Instance => _phase is Phase.Running or Phase.Leaving ? _actor : null;

    public bool IsEnding => _phase is Phase.Leaving or Phase.Stopped;

    public bool IsLife(int life) => node.Has(this) && life == Life && _phase == Phase.Running;

    /// <summary>Starts now, or when the name's last holder is gone.</summary>
    public void StartAfter(SimulatedActor? holder)
    {
        if (holder is null) node.Later(TimeSpan.Zero, Begin);
        else holder._successors.Add(this);
    }

    /// <summary>Mail from an actor or a host, in order per sender.</summary>
    public void Post(ActorId orderedWith, ActorId sender, Message message, TimeSpan delay)
    {
        var due = node.Cluster.Now + delay;
        if (_lastDue.TryGetValue(orderedWith, out var last) && last > due) due = last;
        _lastDue[orderedWith] = due;
        _letters++;
        node.LaterAt(due, () =>
        {
            _letters--;
            Deliver(new(sender, message, 0));
        });
    }

    /// <summary>Mail that has come over a connection, which keeps its own order.</summary>
    public void PostNow(ActorId sender, Message message) => Deliver(new(sender, message, 0));

    public void AnswerLater(TimeSpan after, int life, Message message) => node.Later(after, () => Deliver(new(self, message, life)));

    // A timer runs by the node's own clock.
    private void WakeLater(TimeSpan after, Message message)
    {
        var life = Life;
        node.LaterByClock(after, () => Deliver(new(self, message, life)));
    }

    public void AddWatcher(ActorId watcher)
    {
        if (_phase == Phase.Stopped) node.TellTerminated(watcher, self, _reason);
        else if (!_watchers.Contains(watcher)) _watchers.Add(watcher);
    }

    /// <summary>Watchers behind a lost connection have drawn their own conclusion.</summary>
    public void ForgetWatchersOf(NodeId lost) => _watchers.RemoveAll(w => w.Node == lost);

    public void StopNow(string reason)
    {
        if (_phase == Phase.Stopped) return;
        _reason = reason;
        _phase = Phase.Stopped;
        EndLife();
        _waiting.Clear();
        foreach (var child in _children.ToArray()) child.StopNow("its parent stopped");
        while (_stash.TryDequeue(out var letter)) Drop(letter);
        node.Cluster.History.Note(node.Cluster.Now, "stopped", self, reason);
        parent?._children.Remove(this);
        node.Remove(this);
        foreach (var watcher in _watchers) node.TellTerminated(watcher, self, _reason);
        foreach (var successor in _successors) node.TryStart(successor, out _);
    }

    private void Deliver(Letter letter)
    {
        if (_phase == Phase.Stopped) Drop(letter);
        else if (_phase == Phase.Running && _stash.Count == 0) Handle(letter);
        else _stash.Enqueue(letter); // Until the restart, or the end.
    }

    private void Drop(Letter letter)
    {
        if (letter.Life == 0 && letter.Message is not Signal) node.DeadLetter(letter.Sender, self, letter.Message, "the actor has stopped");
    }

    private void Drain()
    {
        if (_phase != Phase.Running || !_stash.TryDequeue(out var letter)) return;
        Handle(letter);
        if (_stash.Count > 0) node.Later(TimeSpan.Zero, Drain);
    }

    private void Handle(Letter letter)
    {
        if (letter.Life != 0 && letter.Life != Life) return; // A timer or answer of an earlier life.
        if (letter.Message is Signal.Terminated gone && !_watching.Remove(gone.Actor)) return;
        Receive(letter.Sender, letter.Message);
    }

    private void Begin()
    {
        if (_phase is not (Phase.New or Phase.Crashed)) return;
        try
        {
            _actor = factory();
        }
        catch (Exception exception) when (exception is not (InvariantException or RuleBrokenException))
        {
            Crash(exception);
            return;
        }

        _phase = Phase.Running;
        Receive(ActorId.Host(self.Node), new Signal.Started());
        if (_stash.Count > 0) node.Later(TimeSpan.Zero, Drain);
    }

    // A broken invariant is not caught: it ends a real process, and here the run, with the event that broke it.
    private void Receive(ActorId sender, Message message)
    {
        node.Cluster.OnReceived(node, sender, self, message, _letters + _stash.Count);
        try
        {
            _actor!.Receive(sender, message, node.Now, _effects);
        }
        catch (Exception exception) when (exception is not (InvariantException or RuleBrokenException))
        {
            Crash(exception);
            return;
        }

        if (_effects.Pending.Count > 0) Take();
    }

    private void Take()
    {
        var batch = new Batch([.. _effects.Pending], Life);
        _effects.Clear();
        var facts = batch.Effects.OfType<Effect.Persist>().Select(p => p.Event).ToList();
        if (batch.Effects.OfType<Effect.Stop>().FirstOrDefault() is { } stop)
        {
            _phase = Phase.Leaving;
            _reason = stop.Reason;
        }

        if (facts.Count == 0 && _waiting.Count == 0)
        {
            Apply(batch);
        }
        else
        {
            batch.Durable = facts.Count == 0;
            _waiting.Enqueue(batch);
            if (facts.Count > 0) node.Commits.Commit(self, facts, () => Committed(batch));
        }

        Settle();
    }

    private void Committed(Batch batch)
    {
        batch.Durable = true;
        while (_waiting.TryPeek(out var first) && first.Durable)
        {
            _waiting.Dequeue();
            Apply(first);
        }

        Settle();
    }

    private void Apply(Batch batch)
    {
        string? problem = null;
        foreach (var effect in batch.Effects)
        {
            var current = batch.Life == Life && _phase is Phase.Running or Phase.Leaving;
            switch (effect)
            {
                case Effect.Send send: node.Send(self, send.Target, send.Message); break;
                case Effect.Persist or Effect.Stop: break; // Both were seen to before.
                case var _ when !current: break; // The life that asked is over: no new children, timers, jobs or watches for it.
                case Effect.Wake wake: WakeLater(wake.After, wake.Message); break;
                case Effect.Spawn spawn when _phase == Phase.Running && problem is null: Spawn(spawn, out problem); break;
                case Effect.Spawn: break; // It would be stopped at once.
                case Effect.Watch watch when _watching.Add(watch.Actor): node.Watch(self, watch.Actor); break;
                case Effect.Watch: break;
                case Effect.Run run: node.Run(new JobContext(this, run.Job), run.Job); break;
                default: throw new InvalidOperationException($"No rule for {effect.GetType().Name}.");
            }
        }

        if (problem is not null) Crash(new InvalidOperationException(problem));
    }

    private void Spawn(Effect.Spawn spawn, out string? problem)
    {
        var child = new SimulatedActor(node, new(self.Node, spawn.Name), this, spawn.Factory, spawn.Supervision);
        if (node.TryStart(child, out problem)) _children.Add(child);
    }

    // Moves on once nothing is waited for: commits first, because what they release belongs to the life that asked.
    private void Settle()
    {
        if (_waiting.Count > 0) return;
        if (_phase == Phase.Leaving) StopNow(_reason);
        else if (_phase == Phase.Crashed && _restartPlannedFor != Life) PlanRestart();
    }

    private void Crash(Exception exception)
    {
        _reason = $"crashed: {exception.Message}";
        node.Cluster.Count(FaultKind.ActorCrash, self, self, exception.GetType().Name + ": " + exception.Message);
        EndLife();
        foreach (var child in _children.ToArray()) child.StopNow("its parent crashed");

        _phase = Phase.Crashed;
        Settle();
    }

    private void PlanRestart()
    {
        _restartPlannedFor = Life;
        var now = node.Cluster.Now;
        while (_restarts.TryPeek(out var oldest) && now - oldest > supervision.Window) _restarts.Dequeue();
        if (_restarts.Count >= supervision.RestartsMax)
        {
            node.Cluster.Count(FaultKind.ActorGivenUp, self, self, _reason);
            StopNow(_reason);
            return;
        }

        _restarts.Enqueue(now);
        var wait = supervision.BackoffMin * Math.Pow(2, Math.Min(_restarts.Count - 1, 30));
        node.Later(wait < supervision.BackoffMax ? wait : supervision.BackoffMax, Begin);
    }

    private void EndLife()
    {
        Life++;
        _actor = null;
        _effects.Clear();
        _watching.Clear();
    }
}
