using Vae.Shared.Datasets;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>What one pass over some rows gives: the bound of each row split in two, the posteriors, and how well images are reconstructed.</summary>
/// <param name="First">Number of the first row.</param>
/// <param name="Means">Posterior means.</param>
/// <param name="LogVariances">Log variances of the posteriors.</param>
/// <param name="Distortion">-ln p(x | z) of one draw by row, in nats.</param>
/// <param name="Rate">KL(q(z|x) || p(z)) by row, in nats; of a model that infers labels with that of the label.</param>
/// <param name="RatePerDimension">Mean over rows by latent dimension, in nats; one number where the prior does not come apart (<see cref="LatentModel.RateColumns"/>).</param>
/// <param name="SquaredError">Mean over the values of a row of (x - image of the posterior mean)^2, by row; values are 0 to 1.</param>
public sealed record HeldOutPass(int First, LatentTable Means, LatentTable LogVariances, double[] Distortion, double[] Rate, double[] RatePerDimension, double[] SquaredError)
{
    private const int RowsOfOnePass = 512;

    /// <summary>Rows.</summary>
    public int Rows => Means.Rows;

    /// <summary>Evidence lower bound at beta = 1 by row, in nats: Kingma and Welling 2014, equation 10.</summary>
    public double[] Bounds => [.. Distortion.Zip(Rate, (distortion, rate) => -(distortion + rate))];

    /// <summary>Latent dimensions whose posterior mean has a variance above <see cref="HeldOutReport.ActiveVariance"/> over the rows (Burda et al. 2016, section 5.2).</summary>
    public int ActiveUnits => Means.Variances().Count(variance => variance > HeldOutReport.ActiveVariance);

    /// <summary>Computes the pass. With the seed of a trial and its held-out rows the bound is the one that training reported.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">The data.</param>
    /// <param name="range">Which rows, at least one.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    public static HeldOutPass Of(LatentModel model, EvaluationRows data, RowRange range, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(range.Count, 1, nameof(range));
        var (n, d, columns) = (range.Count, model.Latent, model.RateColumns);
        var (means, logs) = (new float[n * d], new float[n * d]);
        var (distortion, rate, squares, perDimension) = (new double[n], new double[n], new double[n], new double[columns]);
        double[]? drawnRates = null;
        using var mode = torch.no_grad();
        for (var first = 0; first < n; first += RowsOfOnePass)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            var rows = Math.Min(RowsOfOnePass, n - first);
            var x = data.Load(range.First + first, rows);
            var own = Own(model, data, x, range.First + first);
            var posterior = own.Encode(x);
            var noise = torch.empty([1, rows, d], device: model.Device);
            data.FillNoise(NoisePurpose.HeldOutPosterior, 0, range.First + first, noise.select(0, 0));
            if (model.BoundsOf(x, noise.select(0, 0)) is { } bounds)
            {
                Store(bounds.Distortion, distortion.AsSpan(first, rows), 1);
                Store(bounds.LabelRate, rate.AsSpan(first, rows), 1);
                Store(bounds.Rates, (drawnRates ??= new double[n * columns]).AsSpan(first * columns, rows * columns), 1);
            }
            else
            {
                var drawn = own.Draw(x, posterior, noise);
                Store(drawn.LogLikelihood, distortion.AsSpan(first, rows), -1);
                if (drawn.Rates is { } given) Store(given, (drawnRates ??= new double[n * columns]).AsSpan(first * columns, rows * columns), 1);
            }

            Store((own.Decode(posterior.Mean) - x).square().mean(1), squares.AsSpan(first, rows), 1);
            Copy(posterior.Mean, means.AsSpan(first * d));
            Copy(posterior.LogVariance, logs.AsSpan(first * d));
        }

        var rates = drawnRates ?? model.Rates(means, logs);
        for (var i = 0; i < rates.Length; i++)
        {
            rate[i / columns] += rates[i];
            perDimension[i % columns] += rates[i] / n;
        }

        return new(range.First, new(means, d), new(logs, d), distortion, rate, perDimension, squares);
    }

    /// <summary>Posterior means alone: all that probes and measures of disentanglement need.</summary>
    /// <inheritdoc cref="Of"/>
    public static LatentTable MeansOf(LatentModel model, EvaluationRows data, RowRange range, CancellationToken cancellation = default)
    {
        var means = new float[range.Count * model.Latent];
        using var mode = torch.no_grad();
        for (var first = 0; first < range.Count; first += RowsOfOnePass)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            var rows = Math.Min(RowsOfOnePass, range.Count - first);
            var x = data.Load(range.First + first, rows);
            Copy(Own(model, data, x, range.First + first).Encode(x).Mean, means.AsSpan(first * model.Latent));
        }

        return new(means, model.Latent);
    }

    /// <summary>The label that a model infers of each row.</summary>
    /// <inheritdoc cref="Of"/>
    public static int[] LabelsOf(LatentModel model, EvaluationRows data, RowRange range, CancellationToken cancellation = default)
    {
        var labels = new int[range.Count];
        using var mode = torch.no_grad();
        for (var first = 0; first < range.Count; first += RowsOfOnePass)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            model.Infer(data.Load(range.First + first, Math.Min(RowsOfOnePass, range.Count - first))).CopyTo(labels, first);
        }

        return labels;
    }

    /// <summary>A draw of each row's posterior with ln p(z), for the mismatch between aggregate posterior and prior.</summary>
    public AggregatePosterior Aggregate(LatentModel model, EvaluationRows data)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var noise = torch.empty([Rows, Means.Dimensions]);
        data.FillNoise(NoisePurpose.AggregatePosterior, 0, First, noise);
        if (model.AggregateOf((first, rows) => data.Load(First + first, rows), noise.to(model.Device)) is { } own) return own;
        var posterior = new DiagonalPosterior(torch.tensor(Means.Values, [Rows, Means.Dimensions]), torch.tensor(LogVariances.Values, [Rows, Means.Dimensions]));
        var z = LatentModel.Sample(posterior, noise);
        var prior = new double[Rows];
        Store(model.LogPrior(z.to(model.Device)), prior, 1);
        return AggregatePosterior.Of(Means, LogVariances, new(z.ToArray<float>(), Means.Dimensions), prior);
    }

    // A model that infers labels is judged as one that is told none.
    private static LatentModel Own(LatentModel model, EvaluationRows data, Tensor x, int first) =>
        model.OfRows(x, model.Classes == 0 || model.InfersLabels ? [] : data.Labels(new RowRange(first, (int)x.size(0))));

    private static void Store(Tensor values, Span<double> target, double factor)
    {
        var numbers = values.reshape(-1).cpu().data<float>();
        for (var i = 0; i < numbers.Length; i++) target[i] = factor * numbers[i];
    }

    private static void Copy(Tensor values, Span<float> target) => values.contiguous().cpu().data<float>().CopyTo(target);
}
