using Vae.Shared.Datasets;

namespace Vae.Data;

/// <summary>What makes data useless (an exception) or suspicious (a warning) before a step is trained on it.</summary>
public static class DatasetChecks
{
    /// <summary>Fewer rows than this and held-out figures are mostly noise.</summary>
    public const int FewRows = 100;

    /// <returns>Sentences for the user; empty when nothing is odd.</returns>
    /// <exception cref="DatasetException">All pixels of the training rows are equal, or nothing is left to train on.</exception>
    public static IReadOnlyList<string> Check(ImageSet images, int heldOut, Binarize binarize, string shownAs)
    {
        var trainRows = images.Count - heldOut;
        if (images.Count < 2) throw new DatasetException($"{shownAs}: the data set has 1 row; training needs at least 2. Give more data.");

        var constant = CountConstantRows(images, out var allEqual);
        if (allEqual)
            throw new DatasetException($"{shownAs}: every pixel of all {images.Count:N0} images is {images.Pixels.Span[0]}; there is nothing to learn. Check the file, and how it was converted.");

        var warnings = new List<string>();
        if (constant > 0) warnings.Add($"{constant:N0} of {images.Count:N0} images are of one even shade. They may be damaged or empty.");
        if (images.Count < FewRows) warnings.Add($"The data set has only {images.Count:N0} rows; figures on held-out rows will be mostly noise.");
        if (heldOut == 0) warnings.Add("No rows are held out: trials can only be compared on the rows they were trained on. Set `holdout` above 0.");
        if (images.HasLabels && images.Classes == 1) warnings.Add("All labels are 0.");
        if (images.HasLabels && heldOut > 0) WarnOfMissingClasses(images, trainRows, warnings);
        if (binarize != Binarize.None && IsBlackAndWhite(images)) warnings.Add("`binarize` has no effect: all pixels are already 0 or 255.");
        return warnings;
    }

    /// <summary>Training on several workers gives each at least one row of a batch.</summary>
    /// <exception cref="DatasetException">There are fewer training rows than workers.</exception>
    public static void RequireRowsForWorkers(int trainRows, int workers)
    {
        if (trainRows < workers)
            throw new DatasetException($"{trainRows:N0} training rows cannot be shared by {workers:N0} workers, which need one each. Give more data, hold out less, or use fewer workers.");
    }

    private static int CountConstantRows(ImageSet images, out bool allEqual)
    {
        var constant = 0;
        var first = images.Pixels.Span[0];
        allEqual = true;
        for (var row = 0; row < images.Count; row++)
        {
            var pixels = images.Row(row);
            if (pixels.IndexOfAnyExcept(pixels[0]) >= 0) allEqual = false;
            else
            {
                constant++;
                allEqual &= pixels[0] == first;
            }
        }

        return constant;
    }

    // A file sorted by class, split at its end, trains on some classes and judges on others.
    private static void WarnOfMissingClasses(ImageSet images, int trainRows, List<string> warnings)
    {
        Span<bool> trained = stackalloc bool[256];
        Span<bool> missing = stackalloc bool[256];
        foreach (var label in images.Labels.Span[..trainRows]) trained[label] = true;
        foreach (var label in images.Labels.Span[trainRows..]) missing[label] |= !trained[label];
        var names = new List<string>();
        for (var label = 0; label < missing.Length; label++) if (missing[label]) names.Add($"{label}");
        if (names.Count > 0) warnings.Add($"Held-out rows have labels that no training row has ({string.Join(", ", names)}). The file may be sorted by label: shuffle it.");
    }

    private static bool IsBlackAndWhite(ImageSet images) => !images.Pixels.Span.ContainsAnyExcept((byte)0, (byte)255);
}
