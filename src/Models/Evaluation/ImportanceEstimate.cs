using Vae.Shared.Datasets;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>
/// The importance-weighted estimate of ln p(x) with exactly k draws per row, L_k = ln(1/k sum of w) (Burda et al. 2016, equation 8): a lower bound of ln p(x) in expectation that rises with k. In nats per row and
/// with the sign of a log-likelihood, so larger is better.
/// </summary>
/// <param name="PerRow">L_k of each row.</param>
/// <param name="Mean">Mean over rows; the standard error is that of a mean over rows like these.</param>
/// <param name="DrawError">Standard error from the draws alone, the rows being given (delta method); 0 for k = 1.</param>
/// <param name="EffectiveSamples">Median over rows of the draws of equal weight that say as much, 1 to k.</param>
/// <param name="Samples">k; of a model that infers labels, under each of them.</param>
public sealed record ImportanceEstimate(double[] PerRow, Estimate Mean, double DrawError, double EffectiveSamples, int Samples)
{
    /// <summary>Most draws of one row, as many as streams are kept apart for.</summary>
    public const int SamplesMax = 1_000_000;

    private const int RowsOfOnePass = 128;
    private const int ValuesOfOnePass = 4 * 1024 * 1024; // 16 MiB for each tensor of decoded images: bounds memory whatever k is, and small enough for caches to matter little.

    /// <summary>Computes the estimate. Draw s of a row is a function of (seed, row, s): neither the batch nor the chunk changes it, and the first draws are the same for every k.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">The data.</param>
    /// <param name="range">Which rows, at least one.</param>
    /// <param name="samples">k, 1 to <see cref="SamplesMax"/>.</param>
    /// <param name="rowsOfOnePass">Rows computed together; for tests.</param>
    /// <param name="progress">Told the rows that are done.</param>
    /// <param name="cancellation">Looked at between chunks.</param>
    public static ImportanceEstimate Of(
        LatentModel model, EvaluationRows data, RowRange range, int samples, int rowsOfOnePass = RowsOfOnePass, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(range.Count, 1, nameof(range));
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(samples, SamplesMax);
        var (perRow, effective) = (new double[range.Count], new double[range.Count]);
        double variance = 0;
        using var mode = torch.no_grad();
        for (var first = 0; first < range.Count; first += rowsOfOnePass)
        {
            var rows = Math.Min(rowsOfOnePass, range.Count - first);
            var weights = Weigh(model, data, range.First + first, rows, samples, cancellation);
            for (var row = 0; row < rows; row++)
            {
                perRow[first + row] = weights.LogMean(row);
                effective[first + row] = weights.EffectiveSamples(row);
                variance += weights.Variance(row);
            }

            progress?.Invoke(first + rows);
        }

        Array.Sort(effective);
        return new(perRow, Estimate.Of(perRow), Math.Sqrt(variance) / range.Count, effective[effective.Length / 2], samples);
    }

    // Of a model that infers labels, p(x) is the mean of p(x|y) over its classes: k draws under each.
    private static ImportanceWeights Weigh(LatentModel model, EvaluationRows data, int first, int rows, int samples, CancellationToken cancellation)
    {
        using var outer = torch.NewDisposeScope();
        var x = data.Load(first, rows);
        var weights = new ImportanceWeights(rows);
        if (!model.InfersLabels) Add(weights, model.OfRows(x, data.Labels(new RowRange(first, rows))), data, x, first, samples, cancellation);
        else for (var label = 0; label < model.Classes; label++) Add(weights, model.Under(label), data, x, first, samples, cancellation);
        return weights;
    }

    private static void Add(ImportanceWeights weights, LatentModel model, EvaluationRows data, Tensor x, int first, int samples, CancellationToken cancellation)
    {
        var (rows, posterior) = ((int)x.size(0), model.Encode(x));
        var chunk = Math.Clamp(ValuesOfOnePass / (rows * Math.Max(model.Image.Values, model.Latent)), 1, samples);
        for (var drawn = 0; drawn < samples; drawn += chunk)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            var draws = Math.Min(chunk, samples - drawn);
            var noise = torch.empty([draws, rows, model.Latent], device: model.Device);
            for (var s = 0; s < draws; s++) data.FillNoise(NoisePurpose.Importance, drawn + s, first, noise.select(0, s));
            var bound = model.Draw(x, posterior, noise);
            weights.Add((bound.LogLikelihood + bound.LogRatio).contiguous().cpu().data<float>());
        }
    }
}
