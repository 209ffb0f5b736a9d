using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>The mean of training images. Bytes are added as whole numbers, so every device and every rank has the same bits.</summary>
internal static class MeanImage
{
    // Enough for a thousandth of a grey level, and a moment's work however large the data set.
    private const int RowsMax = 10_000;

    // 256 bytes at most 255 each: far below 2^24, up to where float32 counts exactly.
    private const int RowsAtOnce = 256;

    /// <summary>Of at most 10,000 rows, evenly spread over the first <paramref name="rows"/>: [D], 0 to 1.</summary>
    /// <param name="pixels">Bytes [N, D].</param>
    /// <param name="rows">1 to N.</param>
    /// <param name="mode">Fixed bits have a mean of their own; that of random bits is that of the grey values.</param>
    public static float[] Of(Tensor pixels, int rows, ByteConversion mode)
    {
        using var scope = torch.NewDisposeScope();
        using var quiet = torch.no_grad();
        var count = Math.Min(rows, RowsMax);
        var sums = new double[pixels.size(1)];
        for (var first = 0; first < count; first += RowsAtOnce)
        {
            using var chunk = torch.NewDisposeScope();
            var chosen = new long[Math.Min(RowsAtOnce, count - first)];
            for (var i = 0; i < chosen.Length; i++) chosen[i] = (long)(first + i) * rows / count;
            var bytes = pixels.index_select(0, torch.tensor(chosen, [chosen.Length], pixels.device)).to(ScalarType.Float32);
            var sum = (mode == ByteConversion.FixedBits ? bytes.ge(128).to(ScalarType.Float32) : bytes).sum(0).ToArray<float>();
            for (var j = 0; j < sums.Length; j++) sums[j] += sum[j];
        }

        var whole = mode == ByteConversion.FixedBits ? count : count * 255.0;
        return Array.ConvertAll(sums, sum => (float)(sum / whole));
    }
}
