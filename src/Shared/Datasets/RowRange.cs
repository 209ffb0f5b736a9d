namespace Vae.Shared.Datasets;

/// <summary>A run of <paramref name="Count"/> rows that starts at <paramref name="First"/>. It may be empty.</summary>
public readonly record struct RowRange(int First, int Count)
{
    /// <summary>The row after the last one.</summary>
    public int End => First + Count;
}
