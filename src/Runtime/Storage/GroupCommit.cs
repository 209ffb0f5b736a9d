using System.Threading.Channels;

namespace Vae.Runtime.Storage;

/// <summary>The one connection that writes. Used by the thread of <see cref="GroupCommit"/> only.</summary>
internal interface IGroupWriter : IDisposable
{
    /// <summary>Writes the group in one transaction, checks the term inside it, and returns when it is synced. A group that is empty checks the term alone.</summary>
    /// <param name="group">In order. The writer fills <see cref="PendingWrite.Fresh"/> anew, but for a group that is there already.</param>
    /// <param name="number">Grows with each group of this opening, and stays when a group is tried again. A group of a number that the store holds already is not written
    /// again: the connection may break after the server has committed and before it could say so.</param>
    /// <exception cref="StoreException">Nothing was written, or it is not known whether it was.</exception>
    /// <exception cref="StaleTermException">A newer coordinator has taken over; nothing was written.</exception>
    void Write(IReadOnlyList<PendingWrite> group, long number);
}

/// <summary>
/// One thread writes; whatever has queued up while the last transaction was synced goes into the next one, so the price of a sync is shared by all that wait for it. It exists for the bad hours too: when
/// the disk is full, the file locked or the server away, the group is tried again until it is written, and nobody is told anything meanwhile. So whoever waits for a write
/// never hears of a store that will be back, and whatever was acknowledged is there.
/// </summary>
internal sealed class GroupCommit : IAsyncDisposable
{
    // Bounds one transaction, and with it how long the first waiter waits for the last one's rows.
    private const int RowsPerCommitMax = 20_000;

    // Callers await their writes, so this many at once means that the disk has stopped; they then wait for a place.
    private const int QueueMax = 10_000;

    private static readonly TimeSpan RetryMin = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(2);

    private readonly Channel<PendingWrite> _queue = Channel.CreateBounded<PendingWrite>(new BoundedChannelOptions(QueueMax) { SingleReader = true });
    private readonly IGroupWriter _writer;
    private readonly string _place;
    private readonly TimeProvider _time;
    private readonly TimeSpan _beatEvery;
    private readonly ManualResetEventSlim _closing = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _failure = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile StoreException? _trouble;
    private long _number;

    /// <param name="writer">Owned.</param>
    /// <param name="place">Of the store, for texts.</param>
    /// <param name="time">Measures transactions.</param>
    /// <param name="beatEvery">An idle store writes an empty group so often, which shows others that it lives and shows it that it is not fenced; infinite for never.</param>
    public GroupCommit(IGroupWriter writer, string place, TimeProvider time, TimeSpan beatEvery)
    {
        (_writer, _place, _time, _beatEvery) = (writer, place, time, beatEvery);
        new Thread(Run) { Name = "store writer", IsBackground = true }.Start();
    }

    public StoreException? Trouble => _trouble;

    public Task Failure => _failure.Task;

    public Action<TimeSpan, int, bool>? OnCommit { get; set; }

    public Action<StoreException?>? OnTrouble { get; set; }

    /// <summary>Ends when the write is synced.</summary>
    public Task<IReadOnlyList<Shared.Messages.MetricPoint>> EnqueueAsync(PendingWrite write)
    {
        return _queue.Writer.TryWrite(write) ? write.Done.Task : WaitAsync();

        async Task<IReadOnlyList<Shared.Messages.MetricPoint>> WaitAsync()
        {
            try
            {
                await _queue.Writer.WriteAsync(write);
            }
            catch (ChannelClosedException exception)
            {
                throw new StoreException(StoreFault.Closed, $"{_place}: the store is closed.", exception);
            }

            return await write.Done.Task;
        }
    }

    /// <summary>Writes what is queued, each group once more if it must be, and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        _closing.Set();
        await _ended.Task;
    }

    private void Run()
    {
        var group = new List<PendingWrite>();
        var work = _queue.Reader.WaitToReadAsync().AsTask();
        while (true)
        {
            var beat = !work.Wait(_beatEvery);
            if (!beat && !work.Result) break;
            var rows = 0;
            while (rows < RowsPerCommitMax && _queue.Reader.TryRead(out var write))
            {
                group.Add(write);
                rows += write.Rows;
            }

            if (group.Count > 0 || (beat && !_failure.Task.IsCompleted)) Commit(group, rows);
            group.Clear();
            if (!beat) work = _queue.Reader.WaitToReadAsync().AsTask();
        }

        _writer.Dispose();
        _ended.SetResult();
    }

    private void Commit(List<PendingWrite> group, int rows)
    {
        _number++;
        Exception? failure;
        var pause = RetryMin;
        while (true)
        {
            var startedAt = _time.GetTimestamp();
            failure = Try(group);
            OnCommit?.Invoke(_time.GetElapsedTime(startedAt), rows, failure is null);
            if (failure is not StoreException { IsTransient: true } transient || _closing.IsSet) break;
            Tell(transient);
            _closing.Wait(pause);
            pause = pause + pause < RetryMax ? pause + pause : RetryMax;
        }

        Tell(null);
        if (failure is StaleTermException) _failure.TrySetException(failure);
        foreach (var write in group)
        {
            if (failure is null) write.Done.SetResult(write.Fresh.Count == write.Points.Count ? write.Points : write.Fresh);
            else write.Done.SetException(failure);
        }
    }

    private Exception? Try(List<PendingWrite> group)
    {
        try
        {
            _writer.Write(group, _number);
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    private void Tell(StoreException? trouble)
    {
        var before = _trouble;
        _trouble = trouble;
        if (before?.Fault != trouble?.Fault) OnTrouble?.Invoke(trouble);
    }
}
