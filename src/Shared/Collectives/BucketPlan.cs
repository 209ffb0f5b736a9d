namespace Vae.Shared.Collectives;

/// <summary>A run of the gradient buffer that is reduced in one go.</summary>
/// <param name="Index">Place in the order of reduction, from 0; the bucket number on the wire.</param>
/// <param name="Start">First element.</param>
/// <param name="Length">Elements, at least 1.</param>
/// <param name="FirstParameter">Lowest parameter (in layer order) that lies in this bucket: once its gradient is there, the bucket may leave.</param>
public readonly record struct Bucket(int Index, int Start, int Length, int FirstParameter);

/// <summary>
/// Cuts the flat gradient buffer into buckets. Backward finishes the last layer first, so bucket 0 is the end of the buffer and
/// can travel while the earlier layers are still being computed. Parameters are never split: a bucket is full when it has reached
/// the target size.
/// </summary>
public static class BucketPlan
{
    /// <summary>Elements of a bucket by default: 1 MiB of float32. Large enough to hide latency, small enough that the first leaves early.</summary>
    public const int DefaultElements = 256 * 1024;

    /// <param name="parameterLengths">Elements of each parameter in layer order, which is also the order of the buffer; each at least 0.</param>
    /// <param name="targetElements">A bucket closes once it holds this many elements, at least 1. Default 262,144.</param>
    /// <returns>Buckets in order of reduction: together they cover the buffer exactly once.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A length is negative or the target is below 1.</exception>
    public static ValueList<Bucket> Cut(ReadOnlySpan<int> parameterLengths, int targetElements = DefaultElements)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(targetElements, 1);
        var end = 0;
        foreach (var length in parameterLengths)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(length, nameof(parameterLengths));
            end = checked(end + length);
        }

        var buckets = new List<Bucket>();
        var start = end;
        for (var parameter = parameterLengths.Length - 1; parameter >= 0; parameter--)
        {
            start -= parameterLengths[parameter];
            if (end - start < targetElements && parameter > 0) continue;
            if (end > start) buckets.Add(new(buckets.Count, start, end - start, parameter));
            end = start;
        }

        return buckets.ToValueList();
    }
}
