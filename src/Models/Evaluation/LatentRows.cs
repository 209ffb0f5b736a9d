using Vae.Models.Networks;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>The posteriors of some rows, in host memory: what the other applications start from.</summary>
/// <param name="Latent">Numbers of a latent, d.</param>
/// <param name="Means">[n, d].</param>
/// <param name="LogVariances">[n, d], natural logarithms.</param>
/// <param name="Rates">[n, d]: KL(q(z|x) || p(z)) by dimension, nats.</param>
public sealed record LatentRows(int Latent, float[] Means, float[] LogVariances, double[] Rates)
{
    /// <summary>The label under which each row was encoded, given or inferred; empty for a model that takes none.</summary>
    public IReadOnlyList<int> Labels { get; init; } = [];

    private const int RowsOfOnePass = 256; // Bounds memory; applications are not a hot path.

    /// <summary>Rows, n.</summary>
    public int Count => Means.Length / Latent;

    /// <summary>The posterior mean of one row, [d].</summary>
    public ReadOnlySpan<float> Mean(int row) => Means.AsSpan(row * Latent, Latent);

    /// <summary>Rate of one row, nats.</summary>
    public double Rate(int row)
    {
        double rate = 0;
        foreach (var value in Rates.AsSpan(row * Latent, Latent)) rate += value;
        return rate;
    }

    /// <summary>Rate by dimension, mean over the rows, nats: [d].</summary>
    public double[] MeanRates()
    {
        var means = new double[Latent];
        for (var i = 0; i < Rates.Length; i++) means[i % Latent] += Rates[i] / Count;
        return means;
    }

    /// <summary>The mean of the posterior means of some rows, [d].</summary>
    /// <param name="rows">Row numbers, at least one.</param>
    /// <exception cref="ArgumentException">No row.</exception>
    public float[] Centre(IReadOnlyCollection<int> rows)
    {
        if (rows.Count == 0) throw new ArgumentException("At least one row is needed.", nameof(rows));
        var sums = new double[Latent];
        foreach (var row in rows)
        {
            var mean = Mean(row);
            for (var j = 0; j < Latent; j++) sums[j] += mean[j];
        }

        return [.. sums.Select(sum => (float)(sum / rows.Count))];
    }

    /// <summary>One draw from each row's posterior, [n, d].</summary>
    /// <param name="seed">The same seed gives the same draws.</param>
    /// <param name="draw">Number of the draw, 0 or more; draws are independent of each other.</param>
    public float[] Draw(ulong seed, int draw = 0)
    {
        using var scope = torch.NewDisposeScope();
        var noise = torch.empty([Count, Latent]);
        Noise.FillNormal(noise, seed, NoiseStreams.Of(NoisePurpose.Application, draw), 0);
        var z = noise.ToArray<float>();
        for (var i = 0; i < z.Length; i++) z[i] = Means[i] + (MathF.Exp(0.5f * LogVariances[i]) * z[i]);
        return z;
    }

    /// <summary>Encodes images.</summary>
    /// <param name="model">The model.</param>
    /// <param name="images">[n, C, H, W], 0 to 1.</param>
    /// <param name="labels">[n]; empty where they are not known.</param>
    /// <exception cref="ArgumentException">The values are no whole number of images, or the model takes labels and there are none.</exception>
    public static LatentRows Encode(LatentModel model, ReadOnlySpan<float> images, ReadOnlySpan<int> labels = default)
    {
        var told = new List<int>();
        var count = Images(model.Image, images, nameof(images));
        var (means, logVariances) = (new float[count * model.Latent], new float[count * model.Latent]);
        using var mode = torch.no_grad();
        for (var first = 0; first < count; first += RowsOfOnePass)
        {
            using var scope = torch.NewDisposeScope();
            var rows = Math.Min(RowsOfOnePass, count - first);
            var x = torch.tensor(images.Slice(first * model.Image.Values, rows * model.Image.Values), [rows, model.Image.Values], model.Device);
            var own = model.OfRows(x, labels.IsEmpty ? [] : labels.Slice(first, rows));
            var posterior = own.Encode(x);
            told.AddRange(own.Labels.Count == 1 ? Enumerable.Repeat(own.Labels[0], rows) : own.Labels);
            posterior.Mean.contiguous().cpu().ToArray<float>().CopyTo(means, first * model.Latent);
            posterior.LogVariance.contiguous().cpu().ToArray<float>().CopyTo(logVariances, first * model.Latent);
        }

        return new LatentRows(model.Latent, means, logVariances, model.Rates(means, logVariances)) { Labels = told };
    }

    /// <summary>The images that latents stand for: probabilities or means, not sampled pixels.</summary>
    /// <param name="model">The model.</param>
    /// <param name="latents">[n, d].</param>
    /// <param name="labels">[n], for a model that takes labels and has no label chosen for all.</param>
    /// <returns>[n, C, H, W], cut to 0 to 1.</returns>
    /// <exception cref="ArgumentException">The numbers are no whole number of latents, or the model takes labels and there are none.</exception>
    public static float[] Decode(LatentModel model, ReadOnlySpan<float> latents, ReadOnlySpan<int> labels = default)
    {
        if (latents.Length % model.Latent != 0) throw new ArgumentException($"{latents.Length} numbers are no whole number of latents of {model.Latent}.", nameof(latents));
        var count = latents.Length / model.Latent;
        var images = new float[count * model.Image.Values];
        using var mode = torch.no_grad();
        for (var first = 0; first < count; first += RowsOfOnePass)
        {
            using var scope = torch.NewDisposeScope();
            var rows = Math.Min(RowsOfOnePass, count - first);
            var z = torch.tensor(latents.Slice(first * model.Latent, rows * model.Latent), [rows, model.Latent], model.Device);
            (labels.IsEmpty ? model : model.Under(labels.Slice(first, rows))).Decode(z).clamp(0, 1).contiguous().cpu().ToArray<float>().CopyTo(images, first * model.Image.Values);
        }

        return images;
    }

    internal static int Images(ImageShape image, ReadOnlySpan<float> values, string name) => values.Length % image.Values == 0
        ? values.Length / image.Values
        : throw new ArgumentException($"{values.Length} values are no whole number of images of {image.Values}.", name);
}
