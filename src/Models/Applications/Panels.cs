using System.Globalization;
using Vae.Data.Png;
using Vae.Models.Networks;

namespace Vae.Models.Applications;

/// <summary>Pictures of what applications compute: grids of images with numbers in the margin where the order means something.</summary>
public static class Panels
{
    private const float Blank = 96f / 255; // The grey of the lines of a grid.

    /// <summary>Rows of images of equal number, one below the other.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="rows">[n, C, H, W] each, 0 to 1, the same n.</param>
    public static PngImage Rows(ImageShape image, params ReadOnlySpan<float[]> rows)
    {
        var all = new List<float>();
        foreach (var row in rows) all.AddRange(row);
        return new ImageGrid { Rows = rows.Length, Columns = rows[0].Length / image.Values }.Compose(all.ToArray(), image.Channels, image.Height, image.Width);
    }

    /// <summary>An even grey in the shape of an image: the place of one that there is not.</summary>
    public static float[] Empty(ImageShape image)
    {
        var values = new float[image.Values];
        Array.Fill(values, Blank);
        return values;
    }

    /// <summary>A row for each label, with the label on the left.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="images">[labels, n, C, H, W], 0 to 1.</param>
    /// <param name="labels">Rows.</param>
    public static PngImage ByLabel(ImageShape image, ReadOnlySpan<float> images, int labels)
    {
        var grid = new ImageGrid { Rows = labels, Columns = images.Length / image.Values / labels }.Compose(images, image.Channels, image.Height, image.Width);
        var width = (labels - 1).ToString(CultureInfo.InvariantCulture).Length;
        return PixelText.WithMargins(grid, [.. Enumerable.Range(0, labels).Select(label => label.ToString(CultureInfo.InvariantCulture).PadLeft(width))], []);
    }

    /// <summary>A traversal: a row for each dimension with its number and rate on the left, the values above.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="traversal">What to show.</param>
    /// <param name="rates">[d]: mean rate by dimension, nats; none where they are not known.</param>
    public static PngImage Traversed(ImageShape image, Traversal traversal, IReadOnlyList<double> rates)
    {
        var grid = new ImageGrid { Rows = traversal.Dimensions.Count, Columns = traversal.Values.Count }.Compose(traversal.Images, image.Channels, image.Height, image.Width);
        var width = traversal.Dimensions.Max().ToString(CultureInfo.InvariantCulture).Length;
        string[] rows = [.. traversal.Dimensions.Select(j => "z" + j.ToString(CultureInfo.InvariantCulture).PadLeft(width) + (rates.Count == 0 ? "" : "  " + rates[j].ToString("F2", CultureInfo.InvariantCulture).PadLeft(5)))];
        return PixelText.WithMargins(grid, rows, [.. traversal.Values.Select(value => value.ToString("+0.0;-0.0;0", CultureInfo.InvariantCulture))]);
    }

    /// <summary>Anomalies: inputs, below them what the model paints, below that where it is wrong; the score above each column. All heat maps share one scale.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="inputs">[n, C, H, W], 0 to 1.</param>
    /// <param name="painted">[n, C, H, W], 0 to 1.</param>
    /// <param name="heat">[n, H, W], see <see cref="Anomaly.HeatMaps"/>.</param>
    /// <param name="scores">[n].</param>
    public static PngImage Anomalies(ImageShape image, ReadOnlySpan<float> inputs, ReadOnlySpan<float> painted, ReadOnlySpan<float> heat, IReadOnlyList<double> scores)
    {
        var plane = image.Height * image.Width;
        float[] all = [.. InColour(inputs, image, plane), .. InColour(painted, image, plane), .. HeatColours.Paint(heat, plane, Scale(heat))];
        var grid = new ImageGrid { Rows = 3, Columns = scores.Count }.Compose(all, 3, image.Height, image.Width);
        return PixelText.WithMargins(grid, [], [.. scores.Select(score => score.ToString("F1", CultureInfo.InvariantCulture))]);
    }

    // Nearly the largest: a single pixel that is very wrong must not darken all others.
    private static float Scale(ReadOnlySpan<float> heat)
    {
        var sorted = heat.ToArray();
        Array.Sort(sorted);
        return Math.Max(sorted[(int)((sorted.Length - 1) * 0.995)], 1e-6f);
    }

    private static float[] InColour(ReadOnlySpan<float> images, ImageShape image, int plane)
    {
        if (image.Channels == 3) return images.ToArray();
        var colours = new float[images.Length * 3];
        for (var i = 0; i < images.Length; i++)
            for (var channel = 0; channel < 3; channel++) colours[(i / plane * 3 * plane) + (channel * plane) + (i % plane)] = images[i];
        return colours;
    }
}
