using Vae.Data.Png;
using Vae.Models.Evaluation;

namespace Vae.Models.Applications;

/// <summary>What a model shows: draws from the prior, and inputs beside what it makes of them.</summary>
public sealed class Pictures(GenerativeModel model)
{
    /// <summary>Prior samples as a square picture; of a model with classes a column for each, where there are enough.</summary>
    /// <param name="count">Images, 1 or more.</param>
    /// <param name="seed">The same seed gives the same picture.</param>
    public PngImage Samples(int count, ulong seed)
    {
        var isByClass = model.Classes > 0 && model.Classes <= count;
        if (isByClass) count -= count % model.Classes;
        var grid = isByClass ? new ImageGrid { Rows = count / model.Classes, Columns = model.Classes } : ImageGrid.Squarish(count);
        return grid.Compose(model.Generate(count, seed), model.Image.Channels, model.Image.Height, model.Image.Width);
    }

    /// <summary>Inputs, each above its reconstruction.</summary>
    /// <param name="inputs">[n, C, H, W], 0 to 1.</param>
    /// <param name="labels">[n]; empty where there are none.</param>
    public PngImage Reconstructions(ReadOnlySpan<float> inputs, ReadOnlySpan<int> labels = default) =>
        ImageGrid.Reconstructions(inputs, model.Reconstruct(inputs, labels), model.Image.Channels, model.Image.Height, model.Image.Width);

    /// <summary>The first rows of a run of bytes as floats, 0 to 1.</summary>
    public static float[] ToFloats(ReadOnlySpan<byte> pixels)
    {
        var values = new float[pixels.Length];
        for (var i = 0; i < pixels.Length; i++) values[i] = pixels[i] / 255f;
        return values;
    }
}
