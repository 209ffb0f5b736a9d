namespace Vae.Models.Evaluation;

/// <summary>Disentanglement, completeness and informativeness (Eastwood and Williams 2018).</summary>
/// <param name="Disentanglement">Whether a latent dimension serves one factor only, 0 to 1: mean over dimensions, weighted by their importance, of 1 - entropy of their importances to base factors.</param>
/// <param name="Completeness">Whether a factor needs one dimension only, 0 to 1: mean over factors of 1 - entropy of its importances to base d.</param>
/// <param name="Informativeness">How well the factors can be predicted from all latents: accuracy on other rows, mean over factors, 0 to 1.</param>
/// <param name="Importance">[factors, d]: share of a dimension in the prediction of a factor; a factor's sum is 1, or 0 where nothing helps.</param>
public sealed record Dci(double Disentanglement, double Completeness, double Informativeness, double[] Importance)
{
    /// <summary>Weight of the L1 penalty beside the mean loss, on latents of mean 0 and variance 1.</summary>
    public const double Strength = 0.01;

    private const int RowsMax = 5_000; // For fitting, and as many to judge by. More change no second digit.

    /// <summary>
    /// The paper leaves the predictor open (lasso or random forest there, boosted trees in later studies). Here: one multinomial logistic regression with an L1 penalty for each factor; importance is the sum of a dimension's
    /// absolute weights. It is convex, so the result is the same everywhere, but it sees no factor that is a periodic function of a latent. Fitted on the first half of the rows and judged on the other.
    /// </summary>
    /// <param name="samples">Latents and factors, at least 4 rows in random order.</param>
    public static Dci Of(FactorSamples samples)
    {
        var varying = samples.Varying();
        var (size, half) = (samples.Latents.Dimensions, Math.Min(samples.Rows / 2, RowsMax));
        ArgumentOutOfRangeException.ThrowIfLessThan(half, 2, nameof(samples));
        var train = samples.Latents.Slice(0, half);
        var scale = Standardised.By(train);
        var (inputs, others) = (scale.Apply(train), scale.Apply(samples.Latents.Slice(half, half)));
        var importance = new double[varying.Length * size];
        double informativeness = 0;
        for (var f = 0; f < varying.Length; f++)
        {
            var values = samples.Column(varying[f]);
            var classes = values.Max() + 1;
            var model = SoftmaxModel.FitLasso(inputs, values.AsSpan(0, half), classes, Strength);
            informativeness += model.Accuracy(others, values.AsSpan(half, half)) / varying.Length;
            var row = importance.AsSpan(f * size, size);
            for (var i = 0; i < model.Weights.Length; i++) row[i % size] += Math.Abs(model.Weights[i]);
            var sum = 0.0;
            foreach (var value in row) sum += value;
            if (sum > 0) for (var j = 0; j < size; j++) row[j] /= sum;
        }

        return new(OfDimensions(importance, varying.Length, size), OfFactors(importance, varying.Length, size), informativeness, importance);
    }

    /// <summary>Disentanglement from a table of importances [factors, d]. With one factor there is nothing to be entangled with: 1.</summary>
    public static double OfDimensions(ReadOnlySpan<double> importance, int factors, int size)
    {
        double weighted = 0, total = 0;
        Span<double> column = new double[factors];
        for (var j = 0; j < size; j++)
        {
            for (var f = 0; f < factors; f++) column[f] = importance[(f * size) + j];
            var (weight, purity) = Purity(column);
            weighted += weight * purity;
            total += weight;
        }

        return total > 0 ? weighted / total : 0;
    }

    /// <summary>Completeness from a table of importances [factors, d].</summary>
    public static double OfFactors(ReadOnlySpan<double> importance, int factors, int size)
    {
        double sum = 0;
        for (var f = 0; f < factors; f++)
        {
            var (weight, purity) = Purity(importance.Slice(f * size, size));
            if (weight > 0) sum += purity;
        }

        return sum / factors;
    }

    // 1 - entropy of the shares, to the base of their number.
    private static (double Weight, double Purity) Purity(ReadOnlySpan<double> shares)
    {
        double sum = 0, entropy = 0;
        foreach (var share in shares) sum += share;
        if (sum == 0) return (0, 0);
        foreach (var share in shares) if (share > 0) entropy -= share / sum * Math.Log(share / sum);
        return (sum, shares.Length == 1 ? 1 : 1 - (entropy / Math.Log(shares.Length)));
    }
}
