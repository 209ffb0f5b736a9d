using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Vae.Runtime.Actors;
using Vae.Runtime.Blobs;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>
/// Makes the checkpoints of one replica. The training thread gives the time that copying takes, between two acts; digest and upload go on behind its back, one checkpoint at a time. Nothing that goes
/// wrong with one stops training: it is counted, logged and tried again, later and later, from the state that the pack has by then.
/// </summary>
internal sealed partial class CheckpointWriter : IAsyncDisposable
{
    private readonly ReplicaAssignment _assignment;
    private readonly EngineParts _parts;
    private readonly CancellationToken _stopping;
    private readonly Action _publishRest;
    private readonly CheckpointPace _pace;
    private readonly PackSnapshot _snapshot = new();
    private readonly Lock _gate = new();
    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private Task<CheckpointInfo> _writing = Task.FromResult<CheckpointInfo>(null!);
    private TaskCompletionSource<CheckpointInfo>? _wanted;
    private CheckpointInfo? _last;
    private bool _writes;

    /// <param name="assignment">The pack.</param>
    /// <param name="parts">What the worker has.</param>
    /// <param name="publishRest">Publishes all readings up to the act that a checkpoint is of.</param>
    /// <param name="stopping">The replica is to go.</param>
    public CheckpointWriter(ReplicaAssignment assignment, EngineParts parts, Action publishRest, CancellationToken stopping)
    {
        (_assignment, _parts, _publishRest, _stopping) = (assignment, parts, publishRest, stopping);
        _pace = new CheckpointPace(assignment.Resources.CheckpointBudget);
    }

    private TimeSpan Now => Stopwatch.GetElapsedTime(_startedAt);

    /// <summary>A generation begins; one rank of it writes, and that is rank 0.</summary>
    public void Join(int rank) => _writes = rank == 0;

    /// <summary>An act is over. On the training thread; costs a look at the clock unless a checkpoint is due.</summary>
    public void ActDone(PackTrainer trainer)
    {
        if (!_writing.IsCompleted) return;
        var wanted = Volatile.Read(ref _wanted) is not null;
        if (!wanted && (!_writes || trainer.IsEmpty || !_pace.IsDue(Now, trainer.StateBytes))) return;
        Begin(trainer);
    }

    /// <summary>Asks for a checkpoint now. It is begun by the next <see cref="ActDone"/>, or by <see cref="SaveHalted"/> when nothing trains.</summary>
    /// <exception cref="UserFitException">It cannot be stored.</exception>
    /// <exception cref="IOException">The coordinator is away; ask again.</exception>
    public Task<CheckpointInfo> WantAsync()
    {
        lock (_gate)
        {
            _wanted ??= new TaskCompletionSource<CheckpointInfo>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _wanted.Task.WaitAsync(_stopping);
        }
    }

    /// <summary>Begins one that is wanted while the pack stands still. On the lane. One that is under way is waited for: it is older.</summary>
    public void SaveHalted(PackTrainer trainer)
    {
        if (Volatile.Read(ref _wanted) is null) return;
        ((Task)_writing).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).Wait(_stopping);
        Begin(trainer);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await ((Task)_writing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private void Begin(PackTrainer trainer)
    {
        TaskCompletionSource<CheckpointInfo>? wanted;
        lock (_gate) (wanted, _wanted) = (_wanted, null);
        _publishRest();
        if (_last is { } last && last.Position == trainer.Progress.Position)
        {
            wanted?.TrySetResult(last); // Nothing has happened since.
            return;
        }

        var begun = Now;
        try
        {
            trainer.Save(_snapshot);
        }
        catch (OutOfMemoryException exception)
        {
            Fail($"there is no memory for a copy of {trainer.StateBytes} bytes");
            wanted?.TrySetException(new UserFitException("The worker has no memory for a copy of the pack.", exception));
            return;
        }

        var copied = Now - begun;
        _writing = WriteAsync(begun, copied);
        if (wanted is not null) _ = TellAsync(_writing, wanted);
    }

    private static async Task TellAsync(Task<CheckpointInfo> writing, TaskCompletionSource<CheckpointInfo> wanted)
    {
        try
        {
            wanted.TrySetResult(await writing);
        }
        catch (Exception exception)
        {
            wanted.TrySetException(exception);
        }
    }

    private async Task<CheckpointInfo> WriteAsync(TimeSpan begun, TimeSpan copied)
    {
        try
        {
            var (info, cost) = await Task.Run(UploadAsync, _stopping);
            _last = info;
            _pace.Stored(begun, copied + cost);
            var took = Now - begun - copied;
            _parts.Meter.CheckpointStored();
            LogStored(_parts.Logger, _assignment.Pack, info.Position, info.Bytes, copied.TotalMilliseconds, cost.TotalMilliseconds, took.TotalMilliseconds);
            _parts.Stored(_assignment, info);
            return info;
        }
        catch (Exception exception) when (exception is UserFitException or IOException or SocketException or TimeoutException)
        {
            Fail(exception.Message);
            throw;
        }
    }

    private void Fail(string reason)
    {
        _pace.Failed(Now);
        _parts.Meter.CheckpointFailed();
        LogFailed(_parts.Logger, _assignment.Pack, reason);
    }

    // The digest goes ahead of the content, so the file is made twice; a copy of it would need as much memory as the snapshot itself.
    private async Task<(CheckpointInfo Info, TimeSpan Cost)> UploadAsync()
    {
        var cost = TimeSpan.Zero;
        using var digest = new DigestStream();
        Timed(() => _snapshot.WriteTo(digest));
        var (length, sha256) = digest.Finish();
        var key = new CheckpointKey(_assignment.Pack, _assignment.Attempt, _snapshot.Progress.Position);
        await _parts.Blobs.PutCheckpointAsync(key, length, sha256, target => Timed(() => _snapshot.WriteTo(target)), _stopping);
        var trials = _snapshot.Trials.Select(trial => new CheckpointedTrial(trial.Trial.Index, trial.Step)).ToValueList();
        return (new CheckpointInfo(key.Pack, key.Attempt, key.Position, length, sha256, trials), cost);

        void Timed(Action work)
        {
            var before = ThreadClock.Now;
            work();
            cost += ThreadClock.Now - before;
        }
    }

    [LoggerMessage(EventId = 3031, Level = LogLevel.Information, Message = "Pack {Pack}: checkpoint at position {Position} stored, {Bytes} bytes; training stood still for {Copied:F1} ms, writing took {Cost:F1} ms of a processor and {Took:F0} ms in all")]
    private static partial void LogStored(ILogger logger, PackId pack, long position, long bytes, double copied, double cost, double took);

    [LoggerMessage(EventId = 3032, Level = LogLevel.Warning, Message = "Pack {Pack}: a checkpoint could not be stored; training goes on and it is tried again: {Reason}")]
    private static partial void LogFailed(ILogger logger, PackId pack, string reason);

    /// <summary>Takes everything, keeps its length and digest.</summary>
    private sealed class DigestStream : Stream
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private long _length;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => _length;

        public override long Position
        {
            get => _length;
            set => throw new NotSupportedException();
        }

        public (long Length, string Sha256) Finish() => (_length, Convert.ToHexStringLower(_hash.GetHashAndReset()));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            _hash.AppendData(buffer);
            _length += buffer.Length;
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing) _hash.Dispose();
            base.Dispose(disposing);
        }
    }
}
