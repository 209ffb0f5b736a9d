using Vae.Data;
using Vae.Shared.Datasets;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>
/// Rows of a data set as a model sees them. Bytes become numbers as in training; where a trial draws bits from grey values anew in every epoch, here they are drawn once, with the bits that its held-out evaluations had.
/// Whatever is random about a row depends on the seed and the row's number alone, never on which rows are computed together.
/// </summary>
/// <param name="images">All rows.</param>
/// <param name="binarize">How grey values become bits.</param>
/// <param name="seed">Of binarisation and draws; the trial's own seed gives its own figures.</param>
/// <param name="device">Where rows are wanted.</param>
public sealed class EvaluationRows(ImageSet images, Binarize binarize, ulong seed, torch.Device device)
{
    /// <summary>All rows.</summary>
    public ImageSet Images => images;

    /// <summary>Of binarisation and draws.</summary>
    public ulong Seed => seed;

    /// <summary>How grey values become bits.</summary>
    public Binarize Binarize => binarize;

    /// <summary>Values of some rows, [n, D]. The current scope owns them.</summary>
    public Tensor Load(int first, int count)
    {
        var x = torch.empty([count, images.RowBytes], device: device);
        var bytes = torch.tensor(images.Pixels.Span.Slice(first * images.RowBytes, count * images.RowBytes), [count, images.RowBytes], device);
        var rows = new long[count];
        for (var i = 0; i < count; i++) rows[i] = i;
        var conversion = binarize switch
        {
            Binarize.None => ByteConversion.Scale,
            Binarize.Fixed => ByteConversion.FixedBits,
            Binarize.Dynamic => ByteConversion.RandomBits,
            _ => throw new InvalidOperationException($"Unknown mode {binarize}."),
        };
        Fused.gather_rows(bytes, rows, x, conversion, seed, NoiseStreams.Of(NoisePurpose.HeldOutBinarize), first);
        return x;
    }

    /// <summary>Standard normal numbers of one draw for some rows, [n, width].</summary>
    /// <param name="purpose">What they are for.</param>
    /// <param name="draw">Number of the draw; draws are independent.</param>
    /// <param name="first">Number of the first row.</param>
    /// <param name="target">[n, width]; overwritten.</param>
    public void FillNoise(NoisePurpose purpose, int draw, int first, Tensor target) => Noise.FillNormal(target, seed, NoiseStreams.Of(purpose, draw), first);

    /// <summary>Labels of some rows as numbers; empty where there are none.</summary>
    public int[] Labels(RowRange range) => images.HasLabels ? [.. images.Labels.Slice(range.First, range.Count).ToArray().Select(label => (int)label)] : [];
}
