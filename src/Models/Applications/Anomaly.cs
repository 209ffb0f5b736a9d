using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Torch;

namespace Vae.Models.Applications;

/// <summary>How strange each row is to a model, in nats: the negative evidence lower bound at beta = 1 and its two parts.</summary>
/// <param name="Distortion">[n]: -ln p(x | z), mean over the draws of z: what the model cannot paint.</param>
/// <param name="Rate">[n]: KL(q(z | x) || p(z)), or -ln p(codes): how unusual the latent is.</param>
public sealed record AnomalyScores(double[] Distortion, double[] Rate)
{
    /// <summary>[n]: distortion + rate, an estimate of -ELBO; higher is stranger.</summary>
    public double[] Total { get; } = [.. Distortion.Zip(Rate, (distortion, rate) => distortion + rate)];
}

/// <summary>Finds rows that a model has not learnt.</summary>
public static class Anomaly
{
    private const int RowsOfOnePass = 128;

    /// <summary>Draws of z for each row, at most.</summary>
    public const int SamplesMax = 10_000;

    /// <summary>Scores rows. Grey values of a Bernoulli model are scored as what they are: the mean of the score over the bits they stand for, given the latent.</summary>
    /// <param name="model">The model.</param>
    /// <param name="images">[n, C, H, W], 0 to 1.</param>
    /// <param name="samples">Draws of z for each row, 1 to <see cref="SamplesMax"/>.</param>
    /// <param name="seed">The same seed gives the same scores, to the bit on one machine.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="ArgumentException">The values are no whole number of images, or the model takes labels.</exception>
    public static AnomalyScores Score(LatentModel model, ReadOnlySpan<float> images, int samples, ulong seed, CancellationToken cancellation = default) =>
        Score(model, images, [], samples, seed, cancellation);

    /// <inheritdoc cref="Score(LatentModel, ReadOnlySpan{float}, int, ulong, CancellationToken)"/>
    /// <param name="model">The model.</param>
    /// <param name="images">[n, C, H, W], 0 to 1.</param>
    /// <param name="labels">[n], for a model that takes labels; one that infers them is asked without.</param>
    /// <param name="samples">Draws of z for each row, 1 to <see cref="SamplesMax"/>.</param>
    /// <param name="seed">The same seed gives the same scores, to the bit on one machine.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    public static AnomalyScores Score(LatentModel model, ReadOnlySpan<float> images, ReadOnlySpan<int> labels, int samples, ulong seed, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(samples, SamplesMax);
        var count = LatentRows.Images(model.Image, images, nameof(images));
        var (distortions, rates) = (new double[count], new double[count]);
        using var mode = torch.no_grad();
        for (var first = 0; first < count; first += RowsOfOnePass)
        {
            using var scope = torch.NewDisposeScope();
            var rows = Math.Min(RowsOfOnePass, count - first);
            var x = torch.tensor(images.Slice(first * model.Image.Values, rows * model.Image.Values), [rows, model.Image.Values], model.Device);
            var given = model.InfersLabels ? null : model.OfRows(x, labels.IsEmpty ? [] : labels.Slice(first, rows));
            var posterior = given?.Encode(x);
            var known = false;
            for (var sample = 0; sample < samples; sample++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var inner = torch.NewDisposeScope();
                var noise = torch.empty([1, rows, model.Latent], device: model.Device);
                Noise.FillNormal(noise.select(0, 0), seed, NoiseStreams.Of(NoisePurpose.Application, sample), first);
                if (given is null)
                {
                    // The bound of a row whose label nobody tells.
                    var bounds = model.BoundsOf(x, noise.select(0, 0))!.Value;
                    Add(bounds.Distortion, 1.0 / samples, distortions.AsSpan(first, rows));
                    Add(bounds.Rates.sum(1) + bounds.LabelRate, 1.0 / samples, rates.AsSpan(first, rows));
                    continue;
                }

                var drawn = given.Draw(x, posterior!.Value, noise);
                Add(drawn.LogLikelihood, -1.0 / samples, distortions.AsSpan(first, rows));
                if (drawn.Rates is { } own) Add(own.sum(2), 1.0 / samples, rates.AsSpan(first, rows));
                else if (!known) AddRates(model, posterior.Value, rates.AsSpan(first, rows));
                known = true;
            }
        }

        return new AnomalyScores(distortions, rates);
    }

    private static void Add(Tensor values, double factor, Span<double> sums)
    {
        var numbers = values.reshape(-1).cpu().data<float>();
        for (var row = 0; row < sums.Length; row++) sums[row] += factor * numbers[row];
    }

    // In closed form, which no draw changes.
    private static void AddRates(LatentModel model, DiagonalPosterior posterior, Span<double> sums)
    {
        var byDimension = model.Rates(posterior.Mean.contiguous().cpu().ToArray<float>(), posterior.LogVariance.contiguous().cpu().ToArray<float>());
        for (var i = 0; i < byDimension.Length; i++) sums[i / model.Latent] += byDimension[i];
    }

    /// <summary>Scores rows of a model with codes: distortion given the nearest codes, and -ln of what its prior says of them. Nothing is drawn.</summary>
    /// <param name="model">The model.</param>
    /// <param name="images">[n, C, H, W], 0 to 1.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="ArgumentException">The values are no whole number of images.</exception>
    public static AnomalyScores Score(CodeModel model, ReadOnlySpan<float> images, CancellationToken cancellation = default)
    {
        var count = LatentRows.Images(model.Image, images, nameof(images));
        var (distortions, rates) = (new double[count], new double[count]);
        for (var first = 0; first < count; first += RowsOfOnePass)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            var judged = model.Judge(model.Rows(images, first, Math.Min(RowsOfOnePass, count - first)));
            judged.Distortion.CopyTo(distortions, first);
            for (var row = 0; row < judged.Distortion.Length; row++) rates[first + row] = judged.RateOf(row);
        }

        return new AnomalyScores(distortions, rates);
    }

    /// <summary>The score that a share of ordinary rows stays at or below (the nearest rank, so it is one of the scores).</summary>
    /// <param name="reference">Scores of ordinary rows, at least one.</param>
    /// <param name="quantile">0 to 1.</param>
    /// <exception cref="ArgumentException">No scores.</exception>
    public static double Threshold(IReadOnlyCollection<double> reference, double quantile)
    {
        if (reference.Count == 0) throw new ArgumentException("At least one score is needed.", nameof(reference));
        if (!(quantile is >= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(quantile), quantile, "0 to 1.");
        var sorted = reference.Order().ToArray();
        return sorted[Math.Clamp((int)Math.Ceiling(quantile * sorted.Length) - 1, 0, sorted.Length - 1)];
    }

    /// <summary>Where in an image the model is wrong: the excess of each pixel in nats, see <see cref="PixelExcess"/>.</summary>
    /// <param name="images">[n, C, H, W], 0 to 1.</param>
    /// <param name="painted">[n, C, H, W]: their reconstructions.</param>
    /// <param name="image">C, H and W; the values of a pixel's channels are added.</param>
    /// <param name="excess">Of the model's likelihood.</param>
    /// <returns>[n, H, W], 0 or more.</returns>
    /// <exception cref="ArgumentException">The two differ in length.</exception>
    public static float[] HeatMaps(ReadOnlySpan<float> images, ReadOnlySpan<float> painted, ImageShape image, PixelExcess excess)
    {
        if (images.Length != painted.Length) throw new ArgumentException($"{images.Length} values and {painted.Length} are no images with their reconstructions.", nameof(painted));
        var plane = image.Values / image.Channels;
        var heat = new float[images.Length / image.Channels];
        for (var i = 0; i < images.Length; i++) heat[(i / image.Values * plane) + (i % plane)] += (float)excess.Of(images[i], painted[i]);
        return heat;
    }
}
