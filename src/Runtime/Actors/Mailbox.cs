using System.Collections.Concurrent;
using Vae.Shared.Actors;

namespace Vae.Runtime.Actors;

/// <summary>What waits in a mailbox: a message for the actor. <see cref="Life"/> is 0 for mail that any life of the actor may get.</summary>
internal readonly record struct Letter(ActorId Sender, Message Message, int Life, bool Counted);

/// <summary>What the host tells a cell. Control overtakes mail, and never reaches the actor itself.</summary>
internal abstract record Control
{
    private Control() { }

    public sealed record Start : Control;

    public sealed record Restart(int Life) : Control;

    public sealed record StopRequest(string Reason) : Control;

    public sealed record ChildGone(ActorCell Child) : Control;

    public sealed record Watcher(ActorId Actor) : Control;

    public sealed record ForgetWatchersOf(Shared.NodeId Node) : Control;

    public sealed record Committed(Batch Batch, Exception? Error) : Control;
}

/// <summary>Two queues and one reader. A turn runs on the thread pool for at most <see cref="TurnLength"/> letters, so that no actor starves the others.</summary>
internal abstract class Mailbox(int capacity) : IThreadPoolWorkItem
{
    private const int TurnLength = 64;

    private readonly ConcurrentQueue<Control> _control = new();
    private readonly ConcurrentQueue<Letter> _mail = new();
    private int _scheduled;
    private int _counted;
    private TaskCompletionSource? _room;

    /// <summary>Letters that wait and count against the capacity.</summary>
    public int Depth => Volatile.Read(ref _counted);

    /// <summary>True when the actor may get its next letter; control is taken always. Read and changed on the cell's own turn only.</summary>
    protected abstract bool TakesMail { get; }

    protected abstract void Handle(Control control);

    protected abstract void Handle(in Letter letter);

    public void Post(Control control)
    {
        _control.Enqueue(control);
        Schedule();
    }

    /// <summary>Signals, timers and answers: never refused, their number is bounded by what the actor itself asked for.</summary>
    protected void PostUncounted(in Letter letter)
    {
        _mail.Enqueue(letter);
        Schedule();
    }

    /// <returns>False when the mailbox is full.</returns>
    public bool TryPost(ActorId sender, Message message)
    {
        if (Interlocked.Increment(ref _counted) > capacity)
        {
            Interlocked.Decrement(ref _counted);
            return false;
        }

        _mail.Enqueue(new(sender, message, 0, Counted: true));
        Schedule();
        return true;
    }

    /// <summary>Ends when a full mailbox has drained to half.</summary>
    public Task WhenRoomAsync()
    {
        var room = Volatile.Read(ref _room) ?? NewRoom();
        // The drain may have passed the mark before the waiter was in place; then nobody else would wake it.
        if (Depth <= capacity / 2) ReleaseRoom();
        return room.Task;

        TaskCompletionSource NewRoom()
        {
            var created = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return Interlocked.CompareExchange(ref _room, created, null) ?? created;
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        for (var taken = 0; taken < TurnLength; taken++)
        {
            if (_control.TryDequeue(out var control)) Handle(control);
            else if (TakesMail && _mail.TryDequeue(out var letter)) Take(letter);
            else break;
        }

        Volatile.Write(ref _scheduled, 0);
        Interlocked.MemoryBarrier(); // A post that saw the old flag must be seen by the two reads below.
        if (!_control.IsEmpty || (TakesMail && !_mail.IsEmpty)) Schedule();
    }

    private void Take(in Letter letter)
    {
        if (letter.Counted && Interlocked.Decrement(ref _counted) == capacity / 2) ReleaseRoom();
        Handle(letter);
    }

    private void ReleaseRoom() => Interlocked.Exchange(ref _room, null)?.TrySetResult();

    private void Schedule()
    {
        if (Volatile.Read(ref _scheduled) == 0 && Interlocked.CompareExchange(ref _scheduled, 1, 0) == 0) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }
}
