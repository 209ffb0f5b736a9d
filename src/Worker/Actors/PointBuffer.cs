using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Worker.Actors;

/// <summary>A batch that is not acknowledged yet. Its points may become fewer, its range of sequences stays; only gaps are joined and cut.</summary>
internal sealed class PendingBatch(long first, ValueList<MetricPoint> points)
{
    public long First { get; private set; } = first;

    public long Last { get; private set; } = first + points.Count - 1;

    public ValueList<MetricPoint> Points { get; private set; } = points;

    public int Thinned => (int)(Last - First + 1) - Points.Count;

    /// <summary>Drops all training steps but every eighth, so that the curve keeps its shape.</summary>
    /// <returns>How many points are gone.</returns>
    public int Thin()
    {
        var steps = 0;
        return Keep(point => point is not MetricPoint.TrainStep || steps++ % 8 == 0);
    }

    /// <summary>Drops everything; the range stays, as a declared gap.</summary>
    /// <returns>How many points are gone.</returns>
    public int Empty() => Keep(_ => false);

    /// <summary>Makes one gap of two neighbours, so that a coordinator away for days costs no memory.</summary>
    public void Absorb(PendingBatch next) => Last = next.Last;

    /// <summary>Cuts off what is durable of a gap; a batch with points is taken as a whole or not at all.</summary>
    public void Trim(long upTo)
    {
        if (Points.Count == 0 && upTo >= First) First = upTo + 1;
    }

    private int Keep(Func<MetricPoint, bool> isKept)
    {
        var before = Points.Count;
        Points = Points.Where(isKept).ToValueList();
        return before - Points.Count;
    }
}

/// <summary>
/// The points of one worker that are not known to be durable, in order, in batches. It holds a bounded number: when the coordinator is away for too long the
/// oldest training steps are thinned first, evaluations only when nothing else is left, and never silently.
/// </summary>
internal sealed class PointBuffer(int pointsMax)
{
    /// <summary>Points of one batch.</summary>
    public const int BatchMax = 512;

    private readonly LinkedList<PendingBatch> _batches = [];
    private readonly List<MetricPoint> _fresh = [];
    private LinkedListNode<PendingBatch>? _nextToThin; // Batches before it are thinned already; null: start at the oldest.
    private long _lastSequence;
    private int _count;

    /// <summary>Batches, oldest first.</summary>
    public IReadOnlyCollection<PendingBatch> Batches => _batches;

    /// <summary>True when every point that was ever added is durable.</summary>
    public bool IsEmpty => _batches.Count == 0 && _fresh.Count == 0;

    /// <summary>Number of the point that was added last.</summary>
    public long LastSequence => _lastSequence + _fresh.Count;

    /// <summary>Every point up to this one is durable.</summary>
    public long DurableUpTo => _batches.First is { } oldest ? oldest.Value.First - 1 : _lastSequence;

    /// <summary>Points held.</summary>
    public int Count => _count + _fresh.Count;

    /// <summary>Points dropped over the life of the worker.</summary>
    public long ThinnedTotal { get; private set; }

    public void Add(ValueList<MetricPoint> points)
    {
        foreach (var point in points)
        {
            _fresh.Add(point);
            if (_fresh.Count == BatchMax) Cut();
        }
    }

    /// <summary>Closes the batch that is being filled.</summary>
    public void Cut()
    {
        if (_fresh.Count == 0) return;
        _batches.AddLast(new PendingBatch(_lastSequence + 1, _fresh.ToValueList()));
        _lastSequence += _fresh.Count;
        _count += _fresh.Count;
        _fresh.Clear();
        while (_count > pointsMax) ThinOne();
    }

    /// <summary>Forgets what is durable.</summary>
    /// <returns>True when that was something.</returns>
    public bool Accept(long upTo)
    {
        var any = false;
        while (_batches.First is { } oldest && oldest.Value.Last <= upTo)
        {
            if (_nextToThin == oldest) _nextToThin = oldest.Next;
            _count -= oldest.Value.Points.Count;
            _batches.RemoveFirst();
            any = true;
        }

        _batches.First?.Value.Trim(upTo);
        if (_batches.Count == 0) _nextToThin = null;
        return any;
    }

    private void ThinOne()
    {
        var node = _nextToThin ?? _batches.First!;
        var dropped = node.Value.Thin();
        if (dropped == 0) dropped = node.Value.Empty();
        _count -= dropped;
        ThinnedTotal += dropped;
        _nextToThin = node.Next;
        if (node.Previous is not { Value.Points.Count: 0 } gap || node.Value.Points.Count > 0) return;
        gap.Value.Absorb(node.Value);
        _batches.Remove(node);
    }
}
