namespace Vae.Shared.Datasets;

/// <summary>How the rows of a data set are cut into shards: equal runs in row order, the last one may be shorter.</summary>
public readonly record struct ShardPlan
{
    /// <summary>
    /// What a shard should weigh, in bytes. Below it, requests outweigh bytes; above it, a worker that needs few rows waits for many, and
    /// a shard must fit one frame of the wire.
    /// </summary>
    public const int TargetBytes = 4 * 1024 * 1024;

    /// <param name="count">Rows of the data set, at least 1.</param>
    /// <param name="shardRows">Rows of a full shard, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">Either is below 1.</exception>
    public ShardPlan(int count, int shardRows)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(shardRows, 1);
        Count = count;
        ShardRows = shardRows;
    }

    /// <summary>Rows of the data set.</summary>
    public int Count { get; }

    /// <summary>Rows of a full shard.</summary>
    public int ShardRows { get; }

    /// <summary>Number of shards.</summary>
    public int Shards => (Count - 1) / ShardRows + 1;

    /// <summary>The plan whose shards weigh at most <paramref name="targetBytes"/>, or hold one row where a row alone weighs more.</summary>
    /// <param name="count">Rows, at least 1.</param>
    /// <param name="rowBytes">Bytes of one row with its label and factors, at least 1.</param>
    /// <param name="targetBytes">Default <see cref="TargetBytes"/>.</param>
    public static ShardPlan For(int count, int rowBytes, int targetBytes = TargetBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rowBytes, 1);
        return new(count, Math.Max(1, targetBytes / rowBytes));
    }

    /// <summary>The rows that a shard holds.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such shard.</exception>
    public RowRange RowsOf(int shard)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(shard);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(shard, Shards);
        var first = shard * ShardRows;
        return new(first, Math.Min(ShardRows, Count - first));
    }

    /// <summary>The shard that holds a row.</summary>
    public int ShardOf(int row)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Count);
        return row / ShardRows;
    }

    /// <summary>The run of shards (their numbers) that together hold <paramref name="rows"/>; empty for no rows.</summary>
    public RowRange ShardsOf(RowRange rows)
    {
        if (rows.Count == 0) return new(0, 0);
        var first = ShardOf(rows.First);
        return new(first, ShardOf(rows.End - 1) - first + 1);
    }
}
