namespace Vae.Models.Evaluation;

/// <summary>Separated attribute predictability (Kumar et al. 2018, section 3): how much better the best single latent dimension predicts a factor than the second best.</summary>
/// <param name="Score">Mean over factors, 0 to 1.</param>
/// <param name="Scores">[factors, d]: how well one dimension predicts one factor, 0 to 1.</param>
public sealed record Sap(double Score, double[] Scores)
{
    private const int ClassifierRows = 5_000; // Half to fit, half to judge.

    /// <summary>
    /// Ordered factors: the squared correlation, which is R^2 of linear regression. Others (shape): accuracy of logistic regression on the one dimension, which stands in for the paper's linear support
    /// vector machine; fitted on the first half of up to 5,000 rows and judged on the other.
    /// </summary>
    /// <param name="samples">Latents and factors; rows in random order.</param>
    public static Sap Of(FactorSamples samples)
    {
        var varying = samples.Varying();
        var size = samples.Latents.Dimensions;
        var scores = new double[varying.Length * size];
        double sum = 0;
        for (var f = 0; f < varying.Length; f++)
        {
            var values = samples.Column(varying[f]);
            var row = scores.AsSpan(f * size, size);
            for (var j = 0; j < size; j++)
            {
                var column = samples.Latents.Column(j);
                row[j] = samples.IsOrdered(varying[f]) ? SquaredCorrelation(column, values) : Accuracy(column, values);
            }

            var (best, second) = MutualInformationGap.TwoLargest(row);
            sum += best - second;
        }

        return new(sum / varying.Length, scores);
    }

    private static double SquaredCorrelation(ReadOnlySpan<double> a, ReadOnlySpan<int> b)
    {
        double meanA = 0, meanB = 0, aa = 0, bb = 0, ab = 0;
        for (var i = 0; i < a.Length; i++) (meanA, meanB) = (meanA + (a[i] / a.Length), meanB + ((double)b[i] / a.Length));
        for (var i = 0; i < a.Length; i++)
        {
            var (x, y) = (a[i] - meanA, b[i] - meanB);
            (aa, bb, ab) = (aa + (x * x), bb + (y * y), ab + (x * y));
        }

        return aa > 0 && bb > 0 ? ab * ab / (aa * bb) : 0;
    }

    private static double Accuracy(double[] column, int[] values)
    {
        var half = Math.Min(column.Length, ClassifierRows) / 2;
        var table = new LatentTable([.. column.Take(2 * half).Select(value => (float)value)], 1);
        var scale = Standardised.By(table.Slice(0, half));
        var model = SoftmaxModel.FitRidge(scale.Apply(table.Slice(0, half)), values.AsSpan(0, half), values.Max() + 1, 1.0 / half);
        return model.Accuracy(scale.Apply(table.Slice(half, half)), values.AsSpan(half, half));
    }
}
