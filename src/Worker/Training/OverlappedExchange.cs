using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Vae.Shared;
using Vae.Shared.Collectives;
using Vae.Shared.Determinism;
using Vae.Torch;
using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

/// <summary>What the steps of an exchange spent on communication so far.</summary>
/// <param name="Busy">Time that all-reduces took.</param>
/// <param name="Exposed">The part of it that training stood still for, waking and waiting included.</param>
public readonly record struct ExchangeTimes(TimeSpan Busy, TimeSpan Exposed)
{
    /// <summary>Share of the communication that went on behind backward, 0 to 1.</summary>
    public double HiddenShare => Busy > TimeSpan.Zero ? Math.Clamp((Busy - Exposed) / Busy, 0, 1) : 0;
}

/// <summary>
/// Reduces the buckets of a step over all ranks, each as soon as its last gradient is there, on a thread of its own while backward goes on. Backward
/// finishes the last layer first, and bucket 0 is the end of the buffer, so the order of the buckets is the order in which they become ready; they leave in
/// this order in any case, which all ranks must have in common.
/// <para>
/// The last bucket holds the first layer, whose gradient ends backward: nothing is left to hide it behind. So the training thread does not wake the other one for
/// it. Whoever is free when backward has ended does what is left, and a step whose early buckets were quick costs no second switch of threads.
/// </para>
/// <para>
/// Without overlap the training thread reduces all buckets itself, in the same order: the sums have the same bits. Nothing is allocated per step.
/// </para>
/// </summary>
public sealed class OverlappedExchange : IGradientListener, IDisposable
{
    private readonly object _gate = new();
    private readonly FlatParameters _flat;
    private readonly IAllReduce _allReduce;
    private readonly ValueList<Bucket> _buckets;
    private readonly int[] _bucketOf;
    private readonly int[] _gradients;
    private readonly int[] _missing;
    private GradientHooks? _hooks;
    private Thread? _thread;
    private long _step;
    private int _ready; // Buckets whose gradients are all there; known to the training thread alone.
    private int _released; // Buckets that the other thread may reduce. Guarded by the gate, as is all below.
    private int _reduced;
    private bool _open;
    private bool _overlapping;
    private bool _reportedTwice;
    private bool _ending;
    private Exception? _failure;
    private long _busyTicks;
    private long _exposedTicks;

    /// <param name="flat">Gradients on the host, with the step's statistics behind them.</param>
    /// <param name="buckets">Together the whole gradient buffer, in reverse order of the parameters.</param>
    /// <param name="allReduce">The ring of this generation. Not owned.</param>
    public OverlappedExchange(FlatParameters flat, ValueList<Bucket> buckets, IAllReduce allReduce)
    {
        (_flat, _buckets, _allReduce) = (flat, buckets, allReduce);
        _bucketOf = new int[flat.Segments.Count];
        _gradients = new int[buckets.Count];
        _missing = new int[buckets.Count];
        for (var segment = 0; segment < _bucketOf.Length; segment++)
        {
            _bucketOf[segment] = BucketAt(flat.Segments[segment].Offset);
            _gradients[_bucketOf[segment]]++;
        }
    }

    /// <summary>Time spent so far. Read by the training thread between two steps.</summary>
    public ExchangeTimes Times => new(Stopwatch.GetElapsedTime(0, _busyTicks), Stopwatch.GetElapsedTime(0, _exposedTicks));

    /// <summary>
    /// Begins a step's exchange: from here on a bucket may leave as soon as its gradients are complete. Call it right before the step's last (or only)
    /// backward; the statistics must be in place, for they travel with the first bucket.
    /// </summary>
    /// <param name="step">The update that the gradients belong to.</param>
    /// <param name="overlap">Whether buckets leave before <see cref="Complete"/>.</param>
    public void Begin(long step, bool overlap)
    {
        Verify.That(!_open);
        (_open, _step, _ready) = (true, step, 0);
        if (!overlap) return;
        _gradients.CopyTo(_missing, 0);
        lock (_gate)
        {
            (_released, _reduced, _failure) = (0, 0, null);
            _overlapping = true;
        }

        _hooks ??= new GradientHooks(_flat, this);
        _thread ??= StartThread();
    }

    /// <inheritdoc/>
    public void GradientReady(int segment)
    {
        if (!_overlapping) return;
        if (--_missing[_bucketOf[segment]] < 0) _reportedTwice = true; // Nothing may be thrown from here; Complete does.
        var ready = _ready;
        while (ready < _buckets.Count - 1 && _missing[ready] <= 0) ready++;
        if (ready == _ready) return;
        _ready = ready;
        lock (_gate)
        {
            _released = ready;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Returns when the whole buffer holds the sums over all ranks. A parameter without a gradient in this step counts as it stands in the buffer.</summary>
    /// <exception cref="AllReduceException">Whatever an all-reduce threw, on either thread. The buffer is undefined then.</exception>
    public void Complete()
    {
        Verify.That(_open);
        var started = Stopwatch.GetTimestamp();
        try
        {
            var rest = _overlapping ? JoinThread() : 0;
            Verify.That(!_reportedTwice); // A second backward in the step: its additions came after some bucket had left.
            for (; rest < _buckets.Count; rest++) Reduce(rest);
        }
        finally
        {
            (_open, _overlapping) = (false, false);
            _exposedTicks += Stopwatch.GetTimestamp() - started;
        }
    }

    /// <summary>Ends a step that was begun and cannot be completed, because backward failed: wakes peers and the thread, and waits until it touches the gradients no more.</summary>
    public void Abandon(string reason)
    {
        if (!_open) return;
        _allReduce.Abort(reason);
        lock (_gate)
        {
            while (_overlapping && _reduced < _released && _failure is null) Monitor.Wait(_gate);
        }

        (_open, _overlapping) = (false, false);
    }

    /// <summary>Ends the thread. An exchange that is open is abandoned.</summary>
    public void Dispose()
    {
        Abandon("the exchange was closed in the middle of a step");
        lock (_gate)
        {
            _ending = true;
            Monitor.PulseAll(_gate);
        }

        _thread?.Join();
        _hooks?.Dispose();
        _hooks = null;
    }

    // Either the thread is at work and takes what is left too, or it sleeps and the caller takes it from the bucket that is returned.
    private int JoinThread()
    {
        lock (_gate)
        {
            if (_reduced == _released && _failure is null) return _reduced;
            _released = _buckets.Count;
            while (_reduced < _buckets.Count && _failure is null) Monitor.Wait(_gate);
            if (_failure is not null) ExceptionDispatchInfo.Throw(_failure);
            return _buckets.Count;
        }
    }

    private Thread StartThread()
    {
        var thread = new Thread(Run) { Name = "all-reduce", IsBackground = true };
        thread.Start();
        return thread;
    }

    private void Run()
    {
        while (NextBucket() is { } bucket)
        {
            Exception? failure = null;
            try
            {
                Reduce(bucket);
            }
            catch (Exception exception)
            {
                failure = exception; // The training thread throws it where it waits for the sums.
            }

            lock (_gate)
            {
                _reduced++;
                _failure = failure;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private int? NextBucket()
    {
        lock (_gate)
        {
            while (!_ending && (_failure is not null || _reduced >= _released)) Monitor.Wait(_gate);
            return _ending ? null : _reduced;
        }
    }

    private void Reduce(int index)
    {
        var started = Stopwatch.GetTimestamp();
        var bucket = _buckets[index];
        _allReduce.AllReduce(_flat.GradientSpan.Slice(bucket.Start, bucket.Length), _step, bucket.Index);
        _busyTicks += Stopwatch.GetTimestamp() - started;
    }

    private int BucketAt(long offset)
    {
        for (var i = 0; i < _buckets.Count; i++)
        {
            if (offset >= _buckets[i].Start) return i;
        }

        throw new ArgumentException("The buckets do not cover the gradient buffer.");
    }
}
