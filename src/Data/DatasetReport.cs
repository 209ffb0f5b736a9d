namespace Vae.Data;

/// <summary>What `vae data info` shows. Pixel figures are over all rows, held-out ones included.</summary>
public sealed record DatasetReport
{
    /// <summary>Name of the source.</summary>
    public required string Source { get; init; }

    /// <summary>SHA-256 over content and geometry, see <see cref="DatasetFingerprint"/>.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>Rows.</summary>
    public required int Count { get; init; }

    /// <summary>Rows that are trained on.</summary>
    public required int TrainRows { get; init; }

    /// <summary>Rows that are not.</summary>
    public required int HeldOut { get; init; }

    /// <summary>Channels of an image.</summary>
    public required int Channels { get; init; }

    /// <summary>Pixels from top to bottom.</summary>
    public required int Height { get; init; }

    /// <summary>Pixels from left to right.</summary>
    public required int Width { get; init; }

    /// <summary>Bytes of all pixels.</summary>
    public required long PixelBytes { get; init; }

    /// <summary>How many rows have each label, from 0 to the largest; empty without labels.</summary>
    public required IReadOnlyList<int> LabelCounts { get; init; }

    /// <summary>Names of the factors; empty for none.</summary>
    public required IReadOnlyList<string> FactorNames { get; init; }

    /// <summary>Mean pixel, 0 to 1.</summary>
    public required double PixelMean { get; init; }

    /// <summary>Standard deviation of the pixels, 0 to 0.5.</summary>
    public required double PixelDeviation { get; init; }

    /// <summary>Least and largest pixel, 0 to 255.</summary>
    public required (int Least, int Largest) PixelRange { get; init; }

    /// <summary>Fraction of pixels that are 0.</summary>
    public required double BlackFraction { get; init; }

    /// <summary>Fraction of pixels that are 255.</summary>
    public required double WhiteFraction { get; init; }

    /// <summary>What is odd about the data, as sentences.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>Computes the report in one pass. Sums are of whole numbers, so the figures are exact before the last division.</summary>
    public static DatasetReport Of(Dataset dataset)
    {
        var images = dataset.Images;
        var histogram = new long[256];
        foreach (var pixel in images.Pixels.Span) histogram[pixel]++;
        Int128 sum = 0, squares = 0;
        for (var value = 0; value < histogram.Length; value++) (sum, squares) = (sum + histogram[value] * value, squares + histogram[value] * value * value);
        Int128 pixels = images.Pixels.Length;
        var labels = new int[images.Classes];
        foreach (var label in images.Labels.Span) labels[label]++;
        return new()
        {
            Source = dataset.Source,
            Fingerprint = dataset.Fingerprint,
            Count = images.Count,
            TrainRows = dataset.TrainRows,
            HeldOut = dataset.HeldOut,
            Channels = images.Channels,
            Height = images.Height,
            Width = images.Width,
            PixelBytes = images.Pixels.Length,
            LabelCounts = labels,
            FactorNames = images.Factors?.Names ?? [],
            PixelMean = (double)sum / (double)pixels / 255,
            PixelDeviation = Math.Sqrt((double)(squares * pixels - sum * sum)) / (double)pixels / 255,
            PixelRange = (Array.FindIndex(histogram, count => count > 0), Array.FindLastIndex(histogram, count => count > 0)),
            BlackFraction = (double)histogram[0] / images.Pixels.Length,
            WhiteFraction = (double)histogram[255] / images.Pixels.Length,
            Warnings = dataset.Warnings,
        };
    }
}
