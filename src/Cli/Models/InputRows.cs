using Vae.Data;
using Vae.Models.Applications;
using Vae.Models.Evaluation;

namespace Vae.Cli.Models;

/// <summary>The rows that a command on a model works on: a run of a set of images of the model's size.</summary>
/// <param name="Images">All rows.</param>
/// <param name="First">The first row that is meant.</param>
/// <param name="Count">How many are meant.</param>
/// <param name="ShownAs">How messages call them.</param>
internal sealed record InputRows(ImageSet Images, int First, int Count, string ShownAs)
{
    public bool HasLabels => Images.HasLabels;

    /// <summary>The label of rows that have none of their own; null: nobody tells.</summary>
    public int? CommonLabel { get; init; }

    /// <summary>The rows, or the first of them, as values of 0 to 1.</summary>
    public float[] Values(int most = int.MaxValue) => Pictures.ToFloats(Images.Pixels.Span.Slice(First * Images.RowBytes, Math.Min(most, Count) * Images.RowBytes));

    /// <summary>One row as values of 0 to 1.</summary>
    /// <param name="row">Counted from 0.</param>
    public float[] Row(int row) => Pictures.ToFloats(Images.Row(First + row));

    /// <summary>Some rows as values of 0 to 1.</summary>
    public float[] Some(IReadOnlyList<int> rows) => [.. rows.SelectMany(Row)];

    /// <summary>The label of one row; null where there are none.</summary>
    public int? Label(int row) => HasLabels ? Images.Labels.Span[First + row] : null;

    /// <summary>The labels of the first rows as a model takes them: none for a model that takes none, or that infers those that nobody tells.</summary>
    /// <exception cref="CliException">The model needs labels, and there are none; or there is one that it does not know.</exception>
    public int[] LabelsFor(LatentModel model, int most = int.MaxValue) => LabelsFor(model, [.. Enumerable.Range(0, Math.Min(most, Count))]);

    /// <summary>The labels of some rows as a model takes them.</summary>
    /// <inheritdoc cref="LabelsFor(LatentModel, int)"/>
    public int[] LabelsFor(LatentModel model, IReadOnlyList<int> rows)
    {
        if (model.Classes == 0) return [];
        if (!HasLabels && CommonLabel is null)
        {
            return model.InfersLabels ? [] : throw new CliException(ExitCode.InvalidInput, $"The model takes the label of each image, and {ShownAs} has none.",
                "Give --labels FILE (IDX, one label for each image), or --label N where all images have the same one.");
        }

        int[] labels = [.. rows.Select(row => Label(row) ?? CommonLabel!.Value)];
        if (labels.FirstOrDefault(label => label < 0 || label >= model.Classes, -1) is >= 0 and var strange)
            throw new CliException(ExitCode.InvalidInput, $"{ShownAs} has the label {strange}; the model was trained on labels from 0 to {model.Classes - 1}.");
        return labels;
    }

    /// <summary>Whether any of the rows has this label.</summary>
    public bool HasLabel(int label) => Enumerable.Range(0, Count).Any(row => Label(row) == label);

    /// <summary>The rows of one label, at most so many.</summary>
    public int[] WithLabel(int label, int most) => [.. Enumerable.Range(0, Count).Where(row => Label(row) == label).Take(most)];
}
