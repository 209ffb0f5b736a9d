namespace Vae.Shared.Datasets;

/// <summary>
/// How an epoch is cut into steps and a step among workers. All ranges are positions in the epoch's order
/// (<see cref="EpochOrder"/>), not row numbers: step s uses the rows order[s*B .. (s+1)*B).
/// The last batch of an epoch may be short and is kept, so each row counts exactly once per epoch. The sum of a step's gradients is divided
/// by the rows which that step really has (<see cref="Divisor"/>), so a short batch is a mean over its own rows like any other.
/// </summary>
public readonly record struct BatchPlan
{
    /// <param name="rows">Rows of an epoch, at least 1.</param>
    /// <param name="batchSize">Rows of a step over all workers, at least 1. It may exceed the rows: then an epoch is one short step.</param>
    /// <exception cref="ArgumentOutOfRangeException">Either is below 1.</exception>
    public BatchPlan(int rows, int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        Rows = rows;
        BatchSize = batchSize;
    }

    /// <summary>Rows of an epoch.</summary>
    public int Rows { get; }

    /// <summary>Rows of a full step over all workers.</summary>
    public int BatchSize { get; }

    /// <summary>Steps of an epoch, the short last one included.</summary>
    public int StepsPerEpoch => (Rows - 1) / BatchSize + 1;

    /// <summary>The positions that step <paramref name="step"/> of an epoch uses, counted from 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The epoch has no such step.</exception>
    public RowRange RowsOf(int step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(step, StepsPerEpoch);
        var first = step * BatchSize;
        return new(first, Math.Min(BatchSize, Rows - first));
    }

    /// <summary>What the gradient sum of a step is divided by: its number of rows over all workers.</summary>
    public int Divisor(int step) => RowsOf(step).Count;

    /// <summary>The positions of part <paramref name="part"/> of <paramref name="parts"/> equal parts of a step; empty when there are more parts than rows.</summary>
    public RowRange PartOf(int step, int part, int parts)
    {
        var batch = RowsOf(step);
        var within = Split(batch.Count, part, parts);
        return new(batch.First + within.First, within.Count);
    }

    /// <summary>The positions of part <paramref name="part"/> of a step that is shared in the proportion of <paramref name="weights"/>.</summary>
    public RowRange PartOf(int step, int part, ReadOnlySpan<int> weights)
    {
        var batch = RowsOf(step);
        var within = Split(batch.Count, part, weights);
        return new(batch.First + within.First, within.Count);
    }

    /// <summary>Part <paramref name="part"/> when 0 .. <paramref name="count"/> is tiled by <paramref name="parts"/> runs whose sizes differ by at most one; the larger ones come first.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative count, no parts, or no such part.</exception>
    public static RowRange Split(int count, int part, int parts)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfLessThan(parts, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(part);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(part, parts);
        var (size, larger) = Math.DivRem(count, parts);
        return new(part * size + Math.Min(part, larger), size + (part < larger ? 1 : 0));
    }

    /// <summary>
    /// Part <paramref name="part"/> when 0 .. <paramref name="count"/> is tiled in the proportion of <paramref name="weights"/> (rows per second, say). A part ends at the
    /// rounded share of all weights up to it, so the parts tile by construction and each size is within one row of its exact share.
    /// </summary>
    /// <param name="count">Rows to share, 0 or more.</param>
    /// <param name="part">Which part, counted from 0.</param>
    /// <param name="weights">One per part, none negative, at least one above 0.</param>
    /// <exception cref="ArgumentException">A weight is negative, or all are 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A negative count, or no such part.</exception>
    public static RowRange Split(int count, int part, ReadOnlySpan<int> weights)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfNegative(part);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(part, weights.Length);
        long total = 0, before = 0;
        for (var i = 0; i < weights.Length; i++)
        {
            if (weights[i] < 0) throw new ArgumentException($"Weight {i} is {weights[i]}; weights are 0 or more.", nameof(weights));
            if (i < part) before += weights[i];
            total += weights[i];
        }

        if (total == 0) throw new ArgumentException("All weights are 0; at least one part must take rows.", nameof(weights));
        var first = RoundedShare(count, before, total);
        return new(first, RoundedShare(count, before + weights[part], total) - first);
    }

    private static int RoundedShare(int count, long weight, long total) => (int)(((Int128)count * weight * 2 + total) / ((Int128)total * 2));
}
