using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Vae.Shared;
using Vae.Shared.Collectives;
using Vae.Shared.Determinism;
using Vae.Torch;
using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

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
internal sealed class OverlappedExchange : IGradientExchange, IGradientListener
{
    private readonly object _gate = new();
    private readonly FlatParameters _flat;
    private readonly IAllReduce _allReduce;
    private readonly GradientExchange _plain;
    private readonly OverlapChoice _choice;
    private readonly Action<OverlapChoice> _chosen;
    private readonly ValueList<Bucket> _buckets;
    private readonly int[] _bucketOf;
    private readonly int[] _gradients;
    private readonly int[] _missing;
    private GradientHooks? _hooks;
    private Thread? _thread;
    private long _begun;
    private int _ready; // Buckets whose gradients are all there; known to the training thread alone.
    private int _released; // Buckets that the other thread may reduce. Guarded by the gate, as is all below.
    private int _reduced;
    private bool _open;
    private bool _overlapping;
    private bool _reportedTwice;
    private bool _ending;
    private Exception? _failure;
    private long _busyTicks;

    /// <param name="flat">Gradients on the host, with the step's statistics behind them.</param>
    /// <param name="allReduce">The ring of this generation. Not owned.</param>
    /// <param name="plain">Reduces single buckets, and whatever is not a step. Owned from here on.</param>
    /// <param name="choice">Whether to overlap, step by step; hears how long each step took.</param>
    /// <param name="chosen">Told once, on the training thread, when <paramref name="choice"/> is settled.</param>
    public OverlappedExchange(FlatParameters flat, IAllReduce allReduce, GradientExchange plain, OverlapChoice choice, Action<OverlapChoice> chosen)
    {
        (_flat, _allReduce, _plain, _choice, _chosen) = (flat, allReduce, plain, choice, chosen);
        _buckets = _plain.Buckets;
        _bucketOf = new int[flat.Segments.Count];
        _gradients = new int[_buckets.Count];
        _missing = new int[_buckets.Count];
        for (var segment = 0; segment < _bucketOf.Length; segment++)
        {
            _bucketOf[segment] = BucketAt(flat.Segments[segment].Offset);
            _gradients[_bucketOf[segment]]++;
        }
    }

    /// <inheritdoc/>
    public int FreeBucket => _plain.FreeBucket;

    /// <inheritdoc/>
    public double LastSeconds => (double)_busyTicks / Stopwatch.Frequency;

    /// <inheritdoc/>
    public void Begin(long step)
    {
        Verify.That(!_open);
        _plain.Begin(step);
        (_open, _ready, _busyTicks, _begun) = (true, 0, 0, Stopwatch.GetTimestamp());
        if (!_choice.Overlaps) return;
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

    /// <inheritdoc/>
    /// <exception cref="AllReduceException">Whatever an all-reduce threw, on either thread. The buffer is undefined then.</exception>
    public void Complete()
    {
        Verify.That(_open);
        try
        {
            var rest = _overlapping ? JoinThread() : 0;
            Verify.That(!_reportedTwice); // A second backward in the step: its additions came after some bucket had left.
            for (; rest < _buckets.Count; rest++) Reduce(rest);
        }
        finally
        {
            (_open, _overlapping) = (false, false);
        }

        if (_choice.Measured(Stopwatch.GetElapsedTime(_begun).TotalSeconds)) _chosen(_choice);
    }

    /// <inheritdoc/>
    public void ReduceStatistics(long step) => _plain.ReduceStatistics(step);

    /// <inheritdoc/>
    public bool Sum(Span<float> values, long step) => _plain.Sum(values, step);

    /// <inheritdoc/>
    public void Sum(Tensor values, long step, int index) => _plain.Sum(values, step, index);

    /// <inheritdoc/>
    public void ResetSlot(int slot) => ((IGradientExchange)_plain).ResetSlot(slot);

    /// <summary>
    /// Ends the thread. A step that was begun and not completed, because backward failed, is abandoned: peers and the thread are woken, and from here on nobody
    /// touches the gradients.
    /// </summary>
    public void Dispose()
    {
        if (_open && _overlapping) Abandon();
        lock (_gate)
        {
            _ending = true;
            Monitor.PulseAll(_gate);
        }

        _thread?.Join();
        _hooks?.Dispose();
        _hooks = null;
        _plain.Dispose();
    }

    private void Abandon()
    {
        _allReduce.Abort("a step was given up in the middle of its backward");
        lock (_gate)
        {
            while (_reduced < _released && _failure is null) Monitor.Wait(_gate);
        }

        (_open, _overlapping) = (false, false);
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
        _plain.Reduce(_buckets[index], _flat.GradientSpan);
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
