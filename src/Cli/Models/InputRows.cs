using Vae.Data;
using Vae.Models.Applications;

namespace Vae.Cli.Models;

/// <summary>The rows that a command on a model works on: a run of a set of images of the model's size.</summary>
/// <param name="Images">All rows.</param>
/// <param name="First">The first row that is meant.</param>
/// <param name="Count">How many are meant.</param>
/// <param name="ShownAs">How messages call them.</param>
internal sealed record InputRows(ImageSet Images, int First, int Count, string ShownAs)
{
    public bool HasLabels => Images.HasLabels;

    /// <summary>The rows, or the first of them, as values of 0 to 1.</summary>
    public float[] Values(int most = int.MaxValue) => Pictures.ToFloats(Images.Pixels.Span.Slice(First * Images.RowBytes, Math.Min(most, Count) * Images.RowBytes));

    /// <summary>One row as values of 0 to 1.</summary>
    /// <param name="row">Counted from 0.</param>
    public float[] Row(int row) => Pictures.ToFloats(Images.Row(First + row));

    /// <summary>Some rows as values of 0 to 1.</summary>
    public float[] Some(IReadOnlyList<int> rows) => [.. rows.SelectMany(Row)];

    /// <summary>The label of one row; null where there are none.</summary>
    public int? Label(int row) => HasLabels ? Images.Labels.Span[First + row] : null;

    /// <summary>The rows of one label, at most so many.</summary>
    public int[] WithLabel(int label, int most) => [.. Enumerable.Range(0, Count).Where(row => Label(row) == label).Take(most)];
}
