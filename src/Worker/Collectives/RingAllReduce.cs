using System.Diagnostics;
using System.Net.Sockets;
using Vae.Shared.Collectives;
using Vae.Shared.Determinism;

namespace Vae.Worker.Collectives;

/// <summary>
/// All-reduce over two connected sockets: one to the right neighbour, one from the left. One thread drives both: it sends what is ready,
/// takes what has come, and sleeps in poll(2) when neither moves. Nothing is copied on the way but what the kernel copies: chunks leave
/// from the gradient buffer itself, finished sums arrive in it, and partial sums pass through a scratch that stays in cache.
/// <para>
/// The streams run to the right. The opposite direction of each connection is silent but for one thing: a rank that gives up
/// says <see cref="RingPhase.Farewell"/> to its left neighbour and names the rank that was lost, and so on round the circle. Without it,
/// a rank far from the loss would blame the neighbour that merely gave up first.
/// </para>
/// </summary>
public sealed unsafe class RingAllReduce : ICompressingAllReduce, ILinkProbe
{
    private const int BytesMax = int.MaxValue;

    private readonly RingOptions _options;
    private readonly RingCourse _course;
    private readonly RingReceiver _receiver;
    private readonly RingSender _sender;
    private readonly RingWatch _watch;
    private readonly LinkProbe _probe;
    private readonly NativeSocket _left, _right;
    private readonly Lock _closing = new();
    private readonly int _generation;
    private volatile string? _abortReason;
    private AllReduceException? _failure;
    private long _calls, _totalTicks, _firstRoundTicks, _secondRoundTicks;
    private bool _disposed;

    /// <param name="rank">This process's place in the gang, 0 to <paramref name="worldSize"/> - 1.</param>
    /// <param name="worldSize">Ranks in the gang, at least 2.</param>
    /// <param name="generation">Membership that the sockets were connected for, from 1.</param>
    /// <param name="right">Connected to rank + 1. Owned from here on.</param>
    /// <param name="left">Connected from rank - 1. Owned from here on.</param>
    /// <param name="options">Default: a new <see cref="RingOptions"/>.</param>
    public RingAllReduce(int rank, int worldSize, int generation, Socket right, Socket left, RingOptions? options = null)
        : this(rank, worldSize, generation, right, left, options, owned: true)
    {
    }

    private RingAllReduce(int rank, int worldSize, int generation, Socket right, Socket left, RingOptions? options, bool owned)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(generation, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, worldSize);
        _options = options ?? new();
        (Rank, WorldSize, _generation) = (rank, worldSize, generation);
        var (leftRank, rightRank) = (RingSchedule.LeftOf(rank, worldSize), RingSchedule.RightOf(rank, worldSize));
        SocketTuning.Apply(right, _options);
        SocketTuning.Apply(left, _options);
        (_right, _left) = (new(right, owned), new(left, owned));
        _course = new(rank, worldSize, generation, _options);
        _receiver = new(_course, _left, leftRank, _options.PieceBytes);
        _sender = new(_course, _receiver, _right, _options.PieceBytes);
        _watch = new(rank, worldSize, generation, _right, _left);
        _probe = new(rank, worldSize, generation, _right, _left, _watch);
    }

    /// <summary>A ring to try settings with: the links stay open when it is disposed.</summary>
    internal static RingAllReduce OnTrial(RingLinks links, RingOptions options) =>
        new(links.Rank, links.WorldSize, links.Generation, links.Right, links.Left, options, owned: false);

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int WorldSize { get; }

    /// <inheritdoc/>
    public string Engine => "messagepack";

    /// <inheritdoc/>
    public AllReduceStatistics Statistics => new(
        _calls, _sender.BytesSent, _receiver.BytesReceived, Span(_totalTicks), Span(_firstRoundTicks), Span(_secondRoundTicks));

    /// <inheritdoc/>
    public void AllReduce(Span<float> buffer, long step, int bucket) => Sum(buffer, [], step, bucket);

    /// <inheritdoc/>
    public void AllReduce(Span<float> buffer, Span<float> residual, long step, int bucket)
    {
        if (residual.Length != buffer.Length) throw new ArgumentException($"{residual.Length} remainders for {buffer.Length} elements.", nameof(residual));
        Sum(buffer, residual, step, bucket);
    }

    /// <inheritdoc/>
    public LinkReading Probe(long step)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_abortReason is { } reason) throw new AllReduceAbortedException(step, reason);
        if (_failure is { } first) throw new RingBrokenException(step, first);
        try
        {
            return _probe.Run(step, _options.Deadline);
        }
        catch (AllReduceException e)
        {
            var told = Fail(e, step);
            if (ReferenceEquals(told, e)) throw;
            throw told;
        }
    }

    /// <inheritdoc/>
    public void Abort(string reason)
    {
        lock (_closing)
        {
            if (_abortReason is not null || _disposed) return;
            _abortReason = reason;
            _watch.SayFarewell(Rank);
            _left.Shutdown();
            _right.Shutdown();
        }
    }

    /// <summary>Closes both sockets. Call it when no all-reduce runs; to end one that does, <see cref="Abort"/> first.</summary>
    public void Dispose()
    {
        lock (_closing)
        {
            if (_disposed) return;
            _disposed = true;
            _left.Dispose();
            _right.Dispose();
        }
    }

    private void Sum(Span<float> buffer, Span<float> residual, long step, int bucket)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNegative(bucket);
        if (buffer.Length > BytesMax / sizeof(float)) throw new ArgumentException($"A bucket holds at most {BytesMax / sizeof(float)} elements, not {buffer.Length}.", nameof(buffer));
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_abortReason is { } reason) throw new AllReduceAbortedException(step, reason);
        if (_failure is { } first) throw new RingBrokenException(step, first);

        var started = Stopwatch.GetTimestamp();
        try
        {
            fixed (float* start = buffer, kept = residual)
            {
                _course.Begin(start, kept, buffer.Length, step, bucket);
                _receiver.Begin();
                _sender.Begin();
                Run(step, bucket, started);
                _course.Finish();
            }
        }
        catch (AllReduceException e)
        {
            var told = Fail(e, step);
            if (ReferenceEquals(told, e)) throw;
            throw told;
        }
        finally
        {
            _course.End();
            _totalTicks += Stopwatch.GetTimestamp() - started;
        }

        _calls++;
    }

    // An order to stop shows as a lost neighbour first: both sockets are shut down.
    private AllReduceException Fail(AllReduceException failure, long step)
    {
        var told = _abortReason is { } why ? new AllReduceAbortedException(step, why) : failure;
        _failure = told;
        SayFarewell(told);
        return told;
    }

    private void Run(long step, int bucket, long started)
    {
        var deadline = started + (long)(_options.Deadline.TotalSeconds * Stopwatch.Frequency);
        while (!_receiver.Done || !_sender.Done)
        {
            var moved = false;
            if (!_sender.Done)
            {
                var transfer = _sender.Advance();
                if (transfer == Transfer.Lost) throw _watch.RightLost(step);
                moved = transfer == Transfer.Moved;
            }

            if (!_receiver.Done)
            {
                var transfer = _receiver.Advance();
                if (transfer == Transfer.Lost) throw _watch.LeftLost(step);
                moved |= transfer == Transfer.Moved;
            }

            if (!moved) Wait(step, bucket, deadline);
        }
    }

    private void Wait(long step, int bucket, long deadline)
    {
        var asleepAt = Stopwatch.GetTimestamp();
        if (asleepAt >= deadline) throw TimedOut(step, bucket);
        var waitsForSums = !_receiver.Done && _receiver.Phase == RingPhase.AllGather;
        var milliseconds = (int)long.Min(((deadline - asleepAt) * 1000 / Stopwatch.Frequency) + 1, int.MaxValue);
        _watch.Sleep(step, !_receiver.Done, !_sender.Done, _sender.Blocked, milliseconds, _options.Spin);

        var slept = Stopwatch.GetTimestamp() - asleepAt;
        if (waitsForSums) _secondRoundTicks += slept;
        else _firstRoundTicks += slept;
    }

    private AllReduceTimeoutException TimedOut(long step, int bucket)
    {
        var awaited = new List<AwaitedRank>(2);
        if (!_receiver.Done) awaited.Add(new(RingSchedule.LeftOf(Rank, WorldSize), AwaitedRank.Left, _receiver.MissingBytes()));
        if (_sender.Blocked || _receiver.Done) awaited.Add(new(RingSchedule.RightOf(Rank, WorldSize), AwaitedRank.Right, _sender.MissingBytes()));
        var phase = _receiver.Done ? _sender.Phase : _receiver.Phase;
        return new(Rank, _generation, step, bucket, phase, _options.Deadline, awaited);
    }

    // A timeout is passed on as this rank's own leaving: who was slow, the coordinator finds out from all complaints together.
    private void SayFarewell(AllReduceException failure)
    {
        lock (_closing)
        {
            if (!_disposed) _watch.SayFarewell(failure switch { PeerLostException lost => lost.Rank, FrameRefusedException refused => refused.Rank, _ => Rank });
        }
    }

    private static TimeSpan Span(long ticks)
    {
        Verify.That(ticks >= 0);
        return Stopwatch.GetElapsedTime(0, ticks);
    }
}
