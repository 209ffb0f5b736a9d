namespace Vae.Data.Idx;

/// <summary>The `idx` source: an image file and, if there is one, the label file that belongs to it.</summary>
public static class IdxSource
{
    /// <summary>Reads images [rows, height, width] or [rows, channels, height, width] and their labels [rows].</summary>
    /// <param name="images">Path of the image file.</param>
    /// <param name="imagesShownAs">How messages call it.</param>
    /// <param name="labels">Path of the label file, or null for none.</param>
    /// <param name="labelsShownAs">How messages call it.</param>
    /// <exception cref="DatasetException">A file is missing, damaged or of another kind, or the two do not belong together.</exception>
    public static ImageSet Read(string images, string imagesShownAs, string? labels, string? labelsShownAs)
    {
        var pixels = IdxReader.Read(images, imagesShownAs, 3, 4);
        var hasChannels = pixels.Dimensions.Count == 4;
        var channels = hasChannels ? pixels.Dimensions[1] : 1;
        if (channels is not (1 or 3))
            throw new DatasetException(imagesShownAs, 8, "1 or 3 channels as the second of four dimensions", $"{channels}", "Store the images as [rows, channels, height, width].");

        var classes = labels is null ? null : ReadLabels(labels, labelsShownAs ?? labels, pixels.Dimensions[0]);
        return new(channels, pixels.Dimensions[^2], pixels.Dimensions[^1], pixels.Values, classes);
    }

    private static byte[] ReadLabels(string path, string shownAs, int rows)
    {
        var labels = IdxReader.Read(path, shownAs, 1);
        return labels.Dimensions[0] == rows
            ? labels.Values
            : throw new DatasetException(shownAs, 4, $"{rows:N0} labels, one per image", $"{labels.Dimensions[0]:N0}", "Give the label file that belongs to these images.");
    }
}
