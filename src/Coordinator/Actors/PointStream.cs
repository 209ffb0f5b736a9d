using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>
/// The points of one life of one worker, put back into order. A batch is taken once: when it continues what was taken before. One that is early waits,
/// up to <see cref="EarlyMax"/> of them; one that is late or doubled is dropped.
/// </summary>
internal sealed class PointStream(NodeId worker, ulong incarnation, long storedUpTo)
{
    /// <summary>Early batches that are kept. A worker has no more than this many on the way.</summary>
    public const int EarlyMax = 16;

    private readonly SortedDictionary<long, MetricsMessage.PointBatch> _early = [];

    public NodeId Worker => worker;

    public ulong Incarnation => incarnation;

    /// <summary>All sequences up to here are durable.</summary>
    public long StoredUpTo { get; set; } = storedUpTo;

    /// <summary>All sequences up to here were taken; never below <see cref="StoredUpTo"/>.</summary>
    public long TakenUpTo { get; private set; } = storedUpTo;

    /// <summary>Grows with each batch over all streams.</summary>
    public long LastUse { get; set; }

    /// <summary>The process was told that all up to here is durable, perhaps by a coordinator that was here before: it will not come again.</summary>
    public void SkipTo(long durableUpTo)
    {
        StoredUpTo = Math.Max(StoredUpTo, durableUpTo);
        TakenUpTo = Math.Max(TakenUpTo, durableUpTo);
    }

    public PointMark Mark => new(worker, incarnation, TakenUpTo);

    /// <returns>The batches that are in order now; none when the batch is late, or too early.</returns>
    public IReadOnlyList<MetricsMessage.PointBatch> Take(MetricsMessage.PointBatch batch)
    {
        if (batch.FirstSequence <= TakenUpTo) return [];
        if (_early.Count < EarlyMax) _early.TryAdd(batch.FirstSequence, batch);
        else if (batch.FirstSequence != TakenUpTo + 1) return [];
        else _early[batch.FirstSequence] = batch; // The one the others wait for is never turned away.

        List<MetricsMessage.PointBatch> inOrder = [];
        while (_early.Remove(TakenUpTo + 1, out var next))
        {
            inOrder.Add(next);
            TakenUpTo += next.Points.Count + next.Thinned;
        }

        while (_early.Count > 0 && _early.First() is var (first, _) && first <= TakenUpTo) _early.Remove(first); // Covered by gaps that were joined.
        return inOrder;
    }
}
