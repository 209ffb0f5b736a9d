using Vae.Runtime.Storage;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Runtime.Actors;

/// <summary>The home of one actor: gives it one message at a time, applies what it asks for, restarts it when it crashes and ends it with its
/// children. All fields belong to the cell's own turn, which the mailbox keeps to one thread at a time.</summary>
/// <remarks>A message whose batch holds facts is applied only when the store has synced them. Until then the actor goes on, but what it
/// asks for waits in line behind the commit: outside, nothing is ever seen that a crash could take back.</remarks>
internal sealed class ActorCell(ActorSystem system, ActorId self, ActorCell? parent, Func<IActor> factory, Supervision supervision)
    : Mailbox(system.Options.MailboxCapacity)
{
    // An actor that outruns the store this far is held back; it bounds the memory of waiting batches.
    private const int WaitingBatchesMax = 1_024;

    private readonly RestartBudget _budget = new(supervision);
    private readonly Queue<Batch> _waiting = new();
    private readonly List<ActorCell> _children = [];
    private readonly HashSet<ActorId> _watchers = [];
    private readonly HashSet<ActorId> _watching = [];
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Effects _effects = new();
    private IActor? _actor;
    private CancellationTokenSource? _jobs;
    private Phase _phase = Phase.New;
    private string _reason = "";
    private int _life = 1; // Counts instances; mail for any instance carries 0.
    private int _restartPlannedFor;
    private bool _ending;

    private enum Phase
    {
        New,
        Running,
        Leaving, // Asked to stop; waits for its commits.
        Crashed, // Waits for commits and children, then for its back-off.
        Stopping, // Waits for commits and children.
        Stopped,
    }

    public ActorId Self => self;

    /// <summary>Ends when the actor is gone and its name is free.</summary>
    public Task Stopped => _stopped.Task;

    /// <summary>True once the actor takes no more mail; its name becomes free when <see cref="Stopped"/> ends.</summary>
    public bool Ending => Volatile.Read(ref _ending);

    protected override bool TakesMail => _phase switch
    {
        Phase.Running => _waiting.Count < WaitingBatchesMax,
        Phase.Stopped => true, // To hand late mail to the dead letters.
        _ => false,
    };

    public void PostTimer(Message? message, int life)
    {
        if (message is null) Post(new Control.Restart(life));
        else PostUncounted(new(self, message, life, Counted: false));
    }

    public void PostAnswer(Message message, int life) => PostUncounted(new(self, message, life, Counted: false));

    public void PostSignal(Signal signal) => PostUncounted(new(ActorId.Host(self.Node), signal, 0, Counted: false));

    protected override void Handle(Control control)
    {
        switch (control)
        {
            case Control.Start: Begin(); break;
            case Control.Restart restart: Restart(restart.Life); break;
            case Control.StopRequest stop: BeginStop(stop.Reason); break;
            case Control.ChildGone gone: _children.Remove(gone.Child); Settle(); break;
            case Control.Watcher watcher: AddWatcher(watcher.Actor); break;
            case Control.ForgetWatchersOf lost: _watchers.RemoveWhere(watcher => watcher.Node == lost.Node); break;
            case Control.Committed committed: Continue(committed); break;
            default: throw new InvalidOperationException($"No rule for {control.GetType().Name}.");
        }
    }

    protected override void Handle(in Letter letter)
    {
        if (_phase == Phase.Stopped)
        {
            if (letter.Message is not Signal && letter.Life == 0) system.DeadLetters.Add(letter.Sender, self, letter.Message, "the actor has stopped");
            return;
        }

        // Timers and answers of an earlier life mean nothing to this one.
        if (letter.Life != 0 && letter.Life != _life) return;
        if (letter.Message is Signal.Terminated gone && !_watching.Remove(gone.Actor)) return;
        Receive(letter.Sender, letter.Message);
    }

    private void Begin()
    {
        if (_phase == Phase.Stopped) system.Unregister(this); // Stopped while it waited for its name.
        if (_phase is not (Phase.New or Phase.Crashed)) return;
        try
        {
            _actor = factory();
        }
        catch (Exception exception)
        {
            Crash(exception, null);
            return;
        }

        _phase = Phase.Running;
        Receive(ActorId.Host(self.Node), new Signal.Started());
    }

    private void Receive(ActorId sender, Message message)
    {
        var now = system.Now;
        system.Trace.Add(now, sender, self, message);
        try
        {
            _actor!.Receive(sender, message, now, _effects);
        }
        catch (Exception exception)
        {
            Crash(exception, message);
            return;
        }

        if (_effects.Pending.Count > 0) Take();
    }

    private void Take()
    {
        List<NewEvent>? facts = null;
        foreach (var effect in _effects.Pending)
        {
            if (effect is Effect.Persist persist) (facts ??= []).Add(new(system.Options.StreamOf(self, persist.Event), persist.Event));
            else if (effect is Effect.Stop stop) Leave(stop.Reason);
        }

        if (facts is null && _waiting.Count == 0)
        {
            Apply(_effects, _life); // The fast path: the list is used again for the next message.
            _effects.Clear();
        }
        else
        {
            var batch = new Batch(_effects, _life);
            _effects = new();
            _waiting.Enqueue(batch);
            if (facts is not null) Commit(batch, facts);
        }

        Settle();
    }

    private void Commit(Batch batch, List<NewEvent> facts)
    {
        batch.Durable = false;
        system.Append(facts).ContinueWith(
            static (task, state) =>
            {
                var (cell, done) = ((ActorCell, Batch))state!;
                cell.Post(new Control.Committed(done, task.Exception?.InnerException));
            },
            (this, batch), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private void Continue(Control.Committed committed)
    {
        if (committed.Error is { } error)
        {
            // What this actor believes is not in the store: neither it nor any later batch may be seen outside.
            _waiting.Clear();
            system.FailStore(self, error);
            BeginStop($"the store failed: {error.Message}");
            Settle(); // It may have been stopping already, and waited for this batch alone.
            return;
        }

        committed.Batch.Durable = true;
        while (_waiting.TryPeek(out var batch) && batch.Durable)
        {
            _waiting.Dequeue();
            Apply(batch.Effects, batch.Life);
        }

        Settle();
    }

    private void Apply(Effects effects, int life)
    {
        var current = life == _life && _phase is Phase.Running or Phase.Leaving;
        string? problem = null;
        foreach (var effect in effects.Pending)
        {
            switch (effect)
            {
                case Effect.Send send: system.Deliver(self, send.Target, send.Message); break;
                case Effect.Persist or Effect.Stop: break; // Both were seen to before.
                case var _ when !current: break; // The life that asked is over: no new children, timers, jobs or watches for it.
                case Effect.Wake wake: system.Timers.Add(this, _life, wake.After, wake.Message); break;
                case Effect.Spawn spawn when _phase == Phase.Running && problem is null: Spawn(spawn, out problem); break;
                case Effect.Spawn: break; // It would be stopped at once.
                case Effect.Watch watch when _watching.Add(watch.Actor): system.Watch(self, watch.Actor); break;
                case Effect.Watch: break;
                case Effect.Run run: system.Run(this, _life, run.Job, (_jobs ??= new()).Token); break;
                default: throw new InvalidOperationException($"No rule for {effect.GetType().Name}.");
            }
        }

        if (problem is not null) Crash(new InvalidOperationException(problem), null);
    }

    private void Spawn(Effect.Spawn spawn, out string? problem)
    {
        var child = new ActorCell(system, new(self.Node, spawn.Name), this, spawn.Factory, spawn.Supervision);
        if (system.TryStart(child, out problem)) _children.Add(child);
    }

    private void AddWatcher(ActorId watcher)
    {
        if (_phase == Phase.Stopped) system.TellTerminated(watcher, self, _reason);
        else _watchers.Add(watcher);
    }

    private void Crash(Exception exception, Message? message)
    {
        system.ReportCrash(this, exception, message);
        EndLife();
        _phase = Phase.Crashed;
        _reason = $"crashed: {exception.Message}";
        StopChildren("its parent crashed");
        Settle();
    }

    private void EndLife()
    {
        _life++;
        _actor = null;
        _effects.Clear();
        _watching.Clear();
        _jobs?.Cancel();
        _jobs = null;
    }

    private void Leave(string reason)
    {
        _phase = Phase.Leaving;
        Volatile.Write(ref _ending, true);
        _reason = reason;
    }

    private void BeginStop(string reason)
    {
        if (_phase is Phase.Stopping or Phase.Stopped) return;
        _phase = Phase.Stopping;
        Volatile.Write(ref _ending, true);
        _reason = reason;
        EndLife();
        StopChildren("its parent stopped");
        Settle();
    }

    private void StopChildren(string reason)
    {
        foreach (var child in _children) child.Post(new Control.StopRequest(reason));
    }

    // Moves on once nothing is waited for: commits first, because what they release belongs to the life that asked.
    private void Settle()
    {
        if (_waiting.Count > 0) return;
        if (_phase == Phase.Leaving) BeginStop(_reason);
        else if (_phase == Phase.Stopping && _children.Count == 0) Finish();
        else if (_phase == Phase.Crashed && _children.Count == 0 && _restartPlannedFor != _life) PlanRestart();
    }

    private void PlanRestart()
    {
        _restartPlannedFor = _life;
        if (_budget.Next(system.Now) is { } wait) system.Timers.Add(this, _life, wait, null);
        else BeginStop(_reason);
    }

    private void Restart(int life)
    {
        if (_phase == Phase.Crashed && life == _life) Begin();
    }

    private void Finish()
    {
        _phase = Phase.Stopped;
        system.Unregister(this);
        foreach (var watcher in _watchers) system.TellTerminated(watcher, self, _reason);
        _watchers.Clear();
        parent?.Post(new Control.ChildGone(this));
        _stopped.TrySetResult();
    }
}
