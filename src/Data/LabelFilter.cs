using Vae.Shared;

namespace Vae.Data;

/// <summary>Rows chosen by their labels. Order is kept.</summary>
public static class LabelFilter
{
    /// <summary>
    /// The rows whose labels are not among <paramref name="labels"/>, and behind them the held-out rows whose labels are: what a model that never saw them may be tried on. Held-out rows stay held out, so the same rows are
    /// whatever is left out.
    /// </summary>
    /// <param name="images">Rows with labels; the last <paramref name="heldOut"/> are held out.</param>
    /// <param name="heldOut">0 or more.</param>
    /// <param name="labels">0 to 255 each.</param>
    /// <param name="shownAs">How messages call the data.</param>
    /// <returns>All these rows, how many of those that are left are held out, and how many rows stand behind them.</returns>
    /// <exception cref="DatasetException">There are no labels, a label is on no row, or no row to train on or to hold out is left.</exception>
    public static (ImageSet Images, int HeldOut, int Excluded) Without(ImageSet images, int heldOut, ValueList<int> labels, string shownAs)
    {
        if (labels.Count == 0) return (images, heldOut, 0);
        if (!images.HasLabels) throw new DatasetException($"{shownAs}: `exclude_labels` leaves out rows by their labels, and the data set has none. Give `labels`, or remove it.");
        foreach (var label in labels)
        {
            if (label is < 0 or > 255 || !images.Labels.Span.Contains((byte)label)) throw new DatasetException($"{shownAs}: `exclude_labels` names {label}, which is the label of no row. Labels go from 0 to {images.Classes - 1}.");
        }

        var trainRows = images.Count - heldOut;
        var kept = Rows(images, row => !labels.Contains(images.Labels.Span[row]));
        var keptHeldOut = kept.Count(row => row >= trainRows);
        if (kept.Length == keptHeldOut) throw new DatasetException($"{shownAs}: `exclude_labels` leaves no row to train on. Name fewer labels.");
        if (heldOut > 0 && keptHeldOut == 0) throw new DatasetException($"{shownAs}: `exclude_labels` leaves no held-out row. The file may be sorted by label: shuffle it, or hold out more.");
        var excluded = Rows(images, row => row >= trainRows && labels.Contains(images.Labels.Span[row]));
        return (Take(images, [.. kept, .. excluded]), keptHeldOut, excluded.Length);
    }

    /// <summary>The rows of some labels from row <paramref name="first"/> on; null when there are none.</summary>
    public static ImageSet? Only(ImageSet images, int first, ValueList<int> labels) =>
        Rows(images, row => row >= first && labels.Contains(images.Labels.Span[row])) is { Length: > 0 } rows ? Take(images, rows) : null;

    private static int[] Rows(ImageSet images, Func<int, bool> isWanted) => [.. Enumerable.Range(0, images.Count).Where(isWanted)];

    private static ImageSet Take(ImageSet images, int[] rows)
    {
        var (pixels, labels) = (new byte[(long)rows.Length * images.RowBytes], new byte[rows.Length]);
        var factors = images.Factors is { } table ? new byte[rows.Length * table.Names.Count] : [];
        for (var i = 0; i < rows.Length; i++)
        {
            images.Row(rows[i]).CopyTo(pixels.AsSpan(i * images.RowBytes));
            labels[i] = images.Labels.Span[rows[i]];
            images.Factors?.Row(rows[i]).CopyTo(factors.AsSpan(i * images.Factors.Names.Count));
        }

        return new(images.Channels, images.Height, images.Width, pixels, labels, images.Factors is { } own ? own with { Values = factors } : null);
    }
}
