using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Runtime.Actors;

/// <summary>The real host of actors: one per process. It interprets the same effects as the simulator, on the thread pool and on real time.</summary>
public sealed partial class ActorSystem : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, ActorCell> _cells = new();
    private readonly ConcurrentDictionary<Type, IJobPort> _ports = new();
    private readonly RemoteWatches _remoteWatches = new();
    private readonly List<ActorCell> _roots = [];
    private readonly TaskCompletionSource _failure = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly IEventStore? _events;
    private readonly long _startedAt;
    private IRemoteTransport? _transport;
    private long _crashes;
    private long _refused;
    private int _stopping;

    /// <param name="node">This process's name in the cluster.</param>
    /// <param name="time">The clock of timers and of what actors are told as now.</param>
    /// <param name="logger">Where crashes and dead letters are written.</param>
    /// <param name="events">The store of <see cref="Effect.Persist"/>; without one, an actor that persists crashes.</param>
    /// <param name="options">Bounds and policies; null for the defaults.</param>
    public ActorSystem(NodeId node, TimeProvider time, ILogger logger, IEventStore? events = null, ActorSystemOptions? options = null)
    {
        Node = node;
        Options = options ?? new();
        _time = time;
        _logger = logger;
        _events = events;
        _startedAt = time.GetTimestamp();
        Timers = new(time);
        DeadLetters = new(logger, time);
        Remote = new RemoteSink(this, _remoteWatches, time);
    }

    /// <summary>This process's name in the cluster.</summary>
    public NodeId Node { get; }

    /// <summary>Time since the system was made.</summary>
    public Instant Now => new(_time.GetElapsedTime(_startedAt));

    /// <summary>Never ends while all is well; fails when the store failed or was taken over. The process should then end with the exception's text.</summary>
    public Task Failure => _failure.Task;

    /// <summary>Messages that reached nobody, since the start.</summary>
    public long DeadLettersTotal => DeadLetters.Count;

    /// <summary>Crashes of actors, since the start.</summary>
    public long CrashesTotal => Volatile.Read(ref _crashes);

    /// <summary>Messages refused by a full mailbox, since the start.</summary>
    public long MailboxRefusedTotal => Volatile.Read(ref _refused);

    /// <summary>Actors alive now.</summary>
    public int ActorCount => _cells.Count;

    /// <summary>The side of the system that its network talks to.</summary>
    public IRemoteSink Remote { get; }

    internal ActorSystemOptions Options { get; }

    internal TimerQueue Timers { get; }

    internal DeadLetters DeadLetters { get; }

    internal MessageTrace Trace { get; } = new();

    /// <summary>The port that does jobs of exactly this type. To be called before an actor asks for one.</summary>
    public void RegisterPort<TJob>(IJobPort port) where TJob : Job => _ports[typeof(TJob)] = port;

    /// <summary>Connects the system to other nodes. To be called once, before the first actor is started.</summary>
    public void Attach(IRemoteTransport transport) => _transport = transport;

    /// <summary>Starts an actor that has no parent.</summary>
    /// <exception cref="InvalidOperationException">The name is taken or not allowed.</exception>
    public ActorId SpawnRoot(string name, Func<IActor> factory, Supervision? supervision = null)
    {
        var cell = new ActorCell(this, new(Node, name), null, factory, supervision ?? Supervision.Default);
        if (!TryStart(cell, out var problem)) throw new InvalidOperationException(problem);
        lock (_roots) _roots.Add(cell);
        return cell.Self;
    }

    /// <summary>An actor that keeps what it is told for code outside the actors. Stop it with <see cref="StopRoot"/>.</summary>
    public Inbox OpenInbox(string name)
    {
        var inbox = new Inbox { Id = new(Node, name) };
        SpawnRoot(name, () => inbox, Supervision.Never);
        return inbox;
    }

    /// <summary>Stops one actor and its children; the task ends when all are gone. Harmless when there is none.</summary>
    public Task StopRoot(ActorId actor, string reason)
    {
        if (!_cells.TryGetValue(actor.Name, out var cell)) return Task.CompletedTask;
        lock (_roots) _roots.Remove(cell);
        cell.Post(new Control.StopRequest(reason));
        return cell.Stopped;
    }

    /// <summary>Sends a message as the host. False when the target is not there, not connected, or full.</summary>
    public bool Post(ActorId target, Message message) => Deliver(ActorId.Host(Node), target, message);

    /// <summary>Messages that wait, by kind of actor: the part of the name before the first dot, so that the number of kinds is bounded.</summary>
    public IReadOnlyDictionary<string, int> MailboxDepths()
    {
        var depths = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var (name, cell) in _cells)
        {
            var dot = name.IndexOf('.', StringComparison.Ordinal);
            var kind = dot < 0 ? name : name[..dot];
            depths[kind] = depths.GetValueOrDefault(kind) + cell.Depth;
        }

        return depths;
    }

    /// <summary>Stops all actors, the last started first, each with its children and after its facts are durable.</summary>
    /// <exception cref="TimeoutException">Actors named in the text had not stopped at the deadline.</exception>
    public async Task StopAsync(string reason)
    {
        if (Interlocked.Exchange(ref _stopping, 1) != 0) return;
        ActorCell[] roots;
        lock (_roots) roots = [.. _roots];
        var deadline = Task.Delay(Options.StopDeadline, _time);
        foreach (var root in roots.Reverse())
        {
            root.Post(new Control.StopRequest(reason));
            if (await Task.WhenAny(root.Stopped, deadline) == deadline && !root.Stopped.IsCompleted)
            {
                Timers.Dispose();
                throw new TimeoutException($"Not stopped after {Options.StopDeadline.TotalSeconds:0.#} s: {string.Join(", ", _cells.Keys.Order(StringComparer.Ordinal))}.");
            }
        }

        Timers.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync("the host stops");

    internal bool Deliver(ActorId sender, ActorId target, Message message)
    {
        var problem = target.Node == Node ? DeliverHere(sender, target, message) : DeliverThere(sender, target, message);
        if (problem is null) return true;
        DeadLetters.Add(sender, target, message, problem);
        return false;
    }

    internal void Watch(ActorId watcher, ActorId target)
    {
        if (target.Node == Node)
        {
            if (_cells.TryGetValue(target.Name, out var cell)) cell.Post(new Control.Watcher(watcher));
            else TellTerminated(watcher, target, "there is no such actor");
            return;
        }

        // Noted before it is asked for: a connection lost in between then still ends the watch.
        _remoteWatches.Add(watcher, target);
        if (_transport?.TryWatch(watcher, target) != true && _remoteWatches.Remove(watcher, target)) TellTerminated(watcher, target, $"no connection to {target.Node}");
    }

    internal void TellTerminated(ActorId watcher, ActorId gone, string reason)
    {
        if (watcher.Node != Node) _transport?.TryTellTerminated(watcher, gone, reason);
        else if (_cells.TryGetValue(watcher.Name, out var cell)) cell.PostSignal(new Signal.Terminated(gone, reason));
    }

    internal void Run(ActorCell cell, int life, Job job, CancellationToken abandoned)
    {
        var reply = new JobReply(cell, life, job, abandoned);
        if (!_ports.TryGetValue(job.GetType(), out var port))
        {
            LogNoPort(_logger, job.GetType().Name, cell.Self);
            reply.Fail($"This process has no port for {job.GetType().Name}; that is a defect of the program.");
            return;
        }

        try
        {
            port.Start(job, reply);
        }
        catch (Exception exception)
        {
            reply.Fail(JobPort.TextOf(exception));
        }
    }

    // After a failure nothing is written: what actors make of the end of those whose facts were refused (a sweep that "could not be carried on") must not become a fact, for the next process goes on.
    internal Task Append(IReadOnlyList<NewEvent> facts) =>
        _failure.Task.Exception?.InnerException is { } failure ? Task.FromException(failure)
        : _events?.AppendAsync(facts) ?? Task.FromException(new StoreException(StoreFault.Closed, "This process has no store, but an actor persists facts."));

    internal bool TryStart(ActorCell cell, [NotNullWhen(false)] out string? problem)
    {
        problem = null;
        var name = cell.Self.Name;
        if (!IsValidName(name)) problem = $"'{name}' cannot name an actor: 1 to 127 characters of a-z, 0-9, dot and hyphen.";
        else if (_cells.TryAdd(name, cell)) cell.Post(new Control.Start());
        else if (!_cells.TryGetValue(name, out var holder) || holder.Ending) StartWhenFree(cell, holder);
        else problem = $"An actor named '{name}' is alive on {Node}; names are unique.";
        return problem is null;
    }

    internal ActorCell? Find(string name) => _cells.GetValueOrDefault(name);

    internal void CountRefused() => Interlocked.Increment(ref _refused);

    internal void ForgetWatchersOf(NodeId node)
    {
        foreach (var (_, cell) in _cells) cell.Post(new Control.ForgetWatchersOf(node));
    }

    internal void Unregister(ActorCell cell) => _cells.TryRemove(new(cell.Self.Name, cell));

    internal void ReportCrash(ActorCell cell, Exception exception, Message? message)
    {
        Interlocked.Increment(ref _crashes);
        LogCrash(_logger, exception, cell.Self, message is null ? "(starting)" : MessageTrace.TypeName(message.GetType()));
        if (exception is InvariantException broken) Options.OnBrokenInvariant(broken, Trace.Write(Options.ReportDirectory, broken, cell.Self));
    }

    internal void FailStore(ActorId actor, Exception exception)
    {
        LogStoreFailed(_logger, actor, exception.Message);
        _failure.TrySetException(exception);
    }

    // The name's last holder is on its way out: its successor starts the moment the name is free.
    private void StartWhenFree(ActorCell cell, ActorCell? holder) =>
        (holder?.Stopped ?? Task.CompletedTask).ContinueWith(
            _ =>
            {
                if (!TryStart(cell, out var problem)) cell.Post(new Control.StopRequest(problem));
            },
            CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

    private string? DeliverHere(ActorId sender, ActorId target, Message message)
    {
        if (!_cells.TryGetValue(target.Name, out var cell)) return "there is no such actor";
        if (cell.TryPost(sender, message)) return null;
        CountRefused();
        return "its mailbox is full";
    }

    private string? DeliverThere(ActorId sender, ActorId target, Message message)
    {
        try
        {
            return _transport?.TrySend(sender, target, message) == true ? null : $"no connection to {target.Node}";
        }
        catch (Exception exception)
        {
            // A message without a place in the catalog, or too long for a frame: a defect, but of this one message and not of the connection.
            LogNotSendable(_logger, exception, MessageTrace.TypeName(message.GetType()), sender, target);
            return $"it cannot be sent: {exception.Message}";
        }
    }

    private static bool IsValidName(string name)
    {
        if (name.Length is 0 or > 127) return false;
        foreach (var c in name)
        {
            if (c is not ((>= 'a' and <= 'z') or (>= '0' and <= '9') or '.' or '-')) return false;
        }

        return true;
    }

    [LoggerMessage(EventId = 2001, Level = LogLevel.Error, Message = "{Actor} crashed on {Message}")]
    private static partial void LogCrash(ILogger logger, Exception exception, ActorId actor, string message);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Critical, Message = "The store refused facts of {Actor}: {Reason}")]
    private static partial void LogStoreFailed(ILogger logger, ActorId actor, string reason);

    [LoggerMessage(EventId = 2004, Level = LogLevel.Error, Message = "{Message} of {Sender} cannot be sent to {Target}")]
    private static partial void LogNotSendable(ILogger logger, Exception exception, string message, ActorId sender, ActorId target);

    [LoggerMessage(EventId = 2003, Level = LogLevel.Error, Message = "No port for job {Job} of {Actor}")]
    private static partial void LogNoPort(ILogger logger, string job, ActorId actor);
}
