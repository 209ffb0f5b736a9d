using Vae.Data;
using Vae.Shared.Datasets;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>All figures of a VQ-VAE on one data set: what <see cref="ModelEvaluation"/> is for models with continuous latents. Nothing is drawn at random but bits of grey values.</summary>
/// <param name="model">The model.</param>
/// <param name="data">The data.</param>
/// <param name="ranges">Which rows.</param>
public sealed class CodeEvaluation(CodeModel model, EvaluationRows data, EvaluationRanges ranges)
{
    private const int RowsOfOnePass = 256;
    private const double FitShare = 0.8; // Of the rows, where none but those judged are there.

    private CodedRows? _pass;
    private (LatentTable Train, int[] TrainLabels, LatentTable Test, int[] TestLabels)? _probe;

    /// <summary>The held-out rows, judged once.</summary>
    public CodedRows Pass => _pass ??= Judge(ranges.HeldOut);

    /// <summary>How often each code is used by the held-out rows, [V].</summary>
    public double[] Counts()
    {
        var counts = new double[model.Codes];
        foreach (var code in Pass.Codes) counts[code]++;
        return counts;
    }

    /// <summary>Mean rate by position over the held-out rows, in nats.</summary>
    public double[] RatePerPosition()
    {
        var means = new double[model.Positions];
        for (var i = 0; i < Pass.Rate.Length; i++) means[i % means.Length] += Pass.Rate[i] / Pass.Distortion.Length;
        return means;
    }

    /// <summary>What a group needs and model or data have not: <c>latents</c> or <c>labels</c>; null when it can be computed.</summary>
    public string? Lacks(MetricGroup group) => group switch
    {
        MetricGroup.Bound or MetricGroup.ReconstructionError => null,
        MetricGroup.LinearProbe or MetricGroup.Knn => data.Images.HasLabels && data.Images.Classes > 1 ? null : "labels",
        _ => "latents",
    };

    /// <summary>Computes a group.</summary>
    /// <exception cref="InvalidOperationException">Something is missing, see <see cref="Lacks"/>.</exception>
    public IReadOnlyList<Measured> Compute(MetricGroup group)
    {
        if (Lacks(group) is { } missing) throw new InvalidOperationException($"{group} needs {missing}.");
        return group switch
        {
            MetricGroup.Bound => Bound(),
            MetricGroup.ReconstructionError => [Of("reconstruction_error", Estimate.Of(Pass.SquaredError), "squared, per value", "image of the codes against the values that the model was shown, 0 to 1")],
            MetricGroup.LinearProbe => [Accuracy("linear_probe", Probes.Linear, "logistic regression on the vectors of the codes")],
            _ => [Accuracy("knn", (a, b, c, d) => Probes.Nearest(a, b, c, d), $"vote of the {Probes.NeighboursDefault} nearest by the vectors of the codes")],
        };
    }

    /// <summary>How well strange images are told from the held-out rows. Higher is stranger in all three: an improbable image, a bad reconstruction, improbable codes.</summary>
    /// <param name="strange">Of the model's size.</param>
    public IReadOnlyList<Measured> Anomalies(ImageSet strange)
    {
        var others = new CodeEvaluation(model, new EvaluationRows(strange, data.Binarize, data.Seed, model.Device), new(default, new RowRange(0, strange.Count)));
        return Auroc.OfBound(Scores(Pass), Scores(others.Pass));

        static BoundScores Scores(CodedRows rows) => new(rows.Distortion, [.. Enumerable.Range(0, rows.Distortion.Length).Select(rows.RateOf)]);
    }

    private IReadOnlyList<Measured> Bound()
    {
        var rows = Pass.Distortion.Length;
        var rates = Enumerable.Range(0, rows).Select(Pass.RateOf).ToArray();
        var elbo = Estimate.Of(Enumerable.Range(0, rows).Select(row => -(Pass.Distortion[row] + rates[row])).ToArray());
        var bits = 1 / (model.Image.Values * Math.Log(2));
        var counts = Counts();
        return
        [
            Of("elbo", elbo, "nats per row", "the posterior is one sequence of codes, so nothing is drawn"),
            Of("distortion", Estimate.Of(Pass.Distortion), "nats per row", ""),
            Of("rate", Estimate.Of(rates), "nats per row", FormattableString.Invariant($"-ln p(codes) of the learned prior; a uniform one would pay {model.Positions * Math.Log(model.Codes):0.00}")),
            new("bits_per_dimension", -elbo.Value * bits, "bits per value", elbo.StandardError * bits, model.IsDensity ? "of the ELBO: a density over values of 0 to 1; add 8 to compare with models of bytes" : "of the ELBO"),
            new("perplexity", Perplexity.Of(counts), "codes", null, FormattableString.Invariant($"over all {rows:N0} rows and {model.Positions:N0} positions")),
            new("codes_in_use", counts.Count(count => count > 0), $"of {model.Codes}", null, "chosen by at least one row"),
        ];
    }

    private delegate double ProbeFunction(LatentTable train, ReadOnlySpan<int> trainLabels, LatentTable test, ReadOnlySpan<int> testLabels);

    private Measured Accuracy(string name, ProbeFunction probe, string how)
    {
        var (train, trainLabels, test, testLabels) = _probe ??= MakeProbe();
        var value = probe(train, trainLabels, test, testLabels);
        return new(name, value, "accuracy", Math.Sqrt(value * (1 - value) / test.Rows), FormattableString.Invariant($"{how}; {train.Rows:N0} rows to fit on, {test.Rows:N0} to judge by"));
    }

    private (LatentTable, int[], LatentTable, int[]) MakeProbe()
    {
        var test = Table(Pass);
        var labels = data.Labels(ranges.HeldOut);
        if (ranges.Train.Count > 0) return (Table(Judge(ranges.Train)), data.Labels(ranges.Train), test, labels);
        var fit = Math.Clamp((int)(ranges.HeldOut.Count * FitShare), 1, Math.Max(1, ranges.HeldOut.Count - 1));
        return (test.Slice(0, fit), labels[..fit], test.Slice(fit, test.Rows - fit), labels[fit..]);
    }

    private LatentTable Table(CodedRows rows) => new(model.VectorsOf(rows.Codes), model.Positions * model.CodeSize);

    private CodedRows Judge(RowRange range)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(range.Count, 1, nameof(range));
        var all = new CodedRows(new int[range.Count * model.Positions], new double[range.Count], new double[range.Count * model.Positions], new double[range.Count]);
        for (var first = 0; first < range.Count; first += RowsOfOnePass)
        {
            using var scope = torch.NewDisposeScope();
            var part = model.Judge(data.Load(range.First + first, Math.Min(RowsOfOnePass, range.Count - first)));
            part.Codes.CopyTo(all.Codes, first * model.Positions);
            part.Distortion.CopyTo(all.Distortion, first);
            part.Rate.CopyTo(all.Rate, first * model.Positions);
            part.SquaredError.CopyTo(all.SquaredError, first);
        }

        return all;
    }

    private static Measured Of(string name, Estimate estimate, string unit, string remark) => new(name, estimate.Value, unit, estimate.StandardError, remark);
}
