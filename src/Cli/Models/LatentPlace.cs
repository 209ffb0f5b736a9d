using System.Globalization;
using Vae.Data.Png;
using Vae.Models.Applications;
using Vae.Models.Evaluation;
using Vae.Shared.Datasets;

namespace Vae.Cli.Models;

/// <summary>A latent that a user names: by a row, by a label, or by a picture.</summary>
/// <param name="Name">As it was typed.</param>
/// <param name="Latent">[d].</param>
/// <param name="Original">The image, [C, H, W]; null for a label, which is the mean of many.</param>
/// <param name="Label">Under which a model that takes labels paints it, given or inferred; null for a model that takes none.</param>
internal sealed record LatentPlace(string Name, float[] Latent, float[]? Original, int? Label)
{
    public const string Help = "A row, counted from 0, such as 12; the mean of a label, such as label:7; or a PNG file";

    private const string LabelPrefix = "label:";
    private const int RowsOfLabel = 1_000; // The mean of more is the same mean.

    /// <param name="typed">What the user typed.</param>
    /// <param name="model">The model.</param>
    /// <param name="rows">Gives the rows; asked only where they are needed.</param>
    /// <param name="label">Of a picture, for a model that takes labels; null: nobody tells.</param>
    /// <exception cref="CliException">There is no such row or label.</exception>
    public static LatentPlace Find(string typed, OpenModel model, Func<InputRows> rows, int? label = null)
    {
        if (typed.StartsWith(LabelPrefix, StringComparison.Ordinal)) return OfLabel(typed, model, rows());
        if (int.TryParse(typed, NumberStyles.None, CultureInfo.InvariantCulture, out var row)) return OfRow(typed, row, model, rows());
        if (!File.Exists(typed)) throw new CliException(ExitCode.InvalidInput, $"{typed} is no row, no label and no file.", $"{Help}.");
        var given = InputFiles.Read(model.Image, model.Dataset?.Binarize ?? Binarize.None, [PngRows.IsPng(typed) ? typed : throw new CliException(ExitCode.InvalidInput, $"{typed} is no PNG file.", $"{Help}.")], null);
        return OfRow(typed, 0, model, given with { CommonLabel = label });
    }

    private static LatentPlace OfRow(string typed, int row, OpenModel model, InputRows rows)
    {
        if (row >= rows.Count) throw new CliException(ExitCode.InvalidInput, $"There is no row {row:N0}: {rows.ShownAs} has {rows.Count:N0} such rows, counted from 0.");
        var image = rows.Row(row);
        var encoded = LatentRows.Encode(model.Latents, image, rows.LabelsFor(model.Latents, [row]));
        return new LatentPlace(typed, encoded.Means, image, encoded.Labels.Count > 0 ? encoded.Labels[0] : null);
    }

    private static LatentPlace OfLabel(string typed, OpenModel model, InputRows rows)
    {
        if (!int.TryParse(typed.AsSpan(LabelPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var label)) throw new CliException(ExitCode.Usage, $"{typed} names no label.", $"{Help}.");
        if (!rows.HasLabels) throw new CliException(ExitCode.InvalidInput, $"{rows.ShownAs} has no labels.", "Give them with --labels FILE.");
        var found = rows.WithLabel(label, RowsOfLabel);
        if (found.Length == 0) throw new CliException(ExitCode.InvalidInput, $"No row of {rows.ShownAs} has the label {label}.");
        var latents = LatentRows.Encode(model.Latents, rows.Some(found), rows.LabelsFor(model.Latents, found));
        return new LatentPlace(typed, latents.Centre([.. Enumerable.Range(0, found.Length)]), null, model.Latents.Classes > 0 ? label : null);
    }
}
