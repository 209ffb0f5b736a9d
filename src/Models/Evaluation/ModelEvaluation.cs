using System.Globalization;
using Vae.Data;
using Vae.Data.Sprites;
using Vae.Shared.Datasets;
using Vae.Shared.Determinism;

namespace Vae.Models.Evaluation;

/// <summary>The rows that a model is judged by, and those that probes may be fitted on.</summary>
/// <param name="Train">Rows that the model was trained on; may be empty.</param>
/// <param name="HeldOut">Rows that figures are about, at least one.</param>
public readonly record struct EvaluationRanges(RowRange Train, RowRange HeldOut);

/// <summary>
/// All figures of one model on one data set, group by group. The command line, the end of a trial and C# programs come here, so that they cannot disagree. Nothing is computed before it is asked for; what several groups need is
/// computed once.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="data">The data.</param>
/// <param name="ranges">Which rows.</param>
/// <param name="factorImages">The source whose factors are known and can be drawn at will (sprites): the images of <paramref name="data"/> are then not used for measures of disentanglement.</param>
public sealed class ModelEvaluation(LatentModel model, EvaluationRows data, EvaluationRanges ranges, bool factorImages = false)
{
    /// <summary>Rows that measures of disentanglement look at (the setting of Locatello et al. 2019), or as many as there are.</summary>
    public const int FactorRows = 10_000;

    private const int AggregateRowsMax = 10_000; // Quadratic in the rows.
    private const double FitShare = 0.8; // Of the rows, where none but those judged are there.
    private const ulong FactorStream = 6;

    private HeldOutPass? _pass;
    private FactorSamples? _samples;
    private (LatentTable Train, int[] TrainLabels, LatentTable Test, int[] TestLabels)? _probe;

    /// <summary>The first pass over the held-out rows.</summary>
    public HeldOutPass Pass => _pass ??= HeldOutPass.Of(model, data, ranges.HeldOut);

    /// <summary>The importance-weighted estimate, once <see cref="MetricGroup.LogLikelihood"/> was computed.</summary>
    public ImportanceEstimate? Importance { get; private set; }

    /// <summary>Whether the group says something about models of this kind.</summary>
    public bool Concerns(MetricGroup group) => group != MetricGroup.ClassifierError || model.InfersLabels;

    /// <summary>What a group needs and the data has not: <c>labels</c> or <c>factors</c>; null when it can be computed. A model that takes labels needs them for everything.</summary>
    public string? Lacks(MetricGroup group) => group switch
    {
        _ when model.Classes > 0 && !model.InfersLabels && !data.Images.HasLabels => "labels",
        MetricGroup.ClassifierError => data.Images.HasLabels ? null : "labels",
        MetricGroup.LinearProbe or MetricGroup.Knn => data.Images.HasLabels && data.Images.Classes > 1 ? null : "labels",
        MetricGroup.Mig or MetricGroup.FactorVaeScore or MetricGroup.Dci or MetricGroup.Sap => factorImages || data.Images.Factors is not null ? null : "factors",
        _ => null,
    };

    /// <summary>Computes a group.</summary>
    /// <param name="group">Which.</param>
    /// <param name="samples">Draws per row of <see cref="MetricGroup.LogLikelihood"/>.</param>
    /// <param name="progress">Told the rows that are done, by what takes long.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="InvalidOperationException">The data lacks what the group needs, see <see cref="Lacks"/>.</exception>
    public IReadOnlyList<Measured> Compute(MetricGroup group, int samples = 100, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        if (Lacks(group) is { } missing) throw new InvalidOperationException($"{group} needs {missing}.");
        return group switch
        {
            MetricGroup.Bound => Bound(),
            MetricGroup.LogLikelihood => LogLikelihood(samples, progress, cancellation),
            MetricGroup.AggregatePosterior => Aggregate(),
            MetricGroup.ReconstructionError => [Of("reconstruction_error", Estimate.Of(Pass.SquaredError), "squared, per value", "image of the posterior mean against the values that the model was shown, 0 to 1")],
            MetricGroup.LinearProbe => [Accuracy("linear_probe", Probes.Linear, "logistic regression on posterior means")],
            MetricGroup.Knn => [Accuracy("knn", (a, b, c, d) => Probes.Nearest(a, b, c, d), $"vote of the {Probes.NeighboursDefault} nearest posterior means")],
            MetricGroup.Mig => [OfFactors("mig", MutualInformationGap.Of(Samples).Score, $"{MutualInformationGap.Bins} bins")],
            MetricGroup.FactorVaeScore => FactorScore(),
            MetricGroup.Dci => Disentangled(),
            MetricGroup.ClassifierError => [ClassifierError()],
            MetricGroup.Sap => [OfFactors("sap", Sap.Of(Samples).Score, "R^2, accuracy for shape")],
            _ => throw new ArgumentOutOfRangeException(nameof(group), group, "Unknown group."),
        };
    }

    /// <summary>How well strange images are told from the held-out rows by the parts of their bound. Higher is stranger in all three: a low bound, a bad reconstruction, a latent far from the prior.</summary>
    /// <param name="strange">Of the model's size.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    public IReadOnlyList<Measured> Anomalies(ImageSet strange, CancellationToken cancellation = default)
    {
        var found = HeldOutPass.Of(model, new EvaluationRows(strange, data.Binarize, data.Seed, model.Device), new RowRange(0, strange.Count), cancellation);
        return Auroc.OfBound(new(Pass.Distortion, Pass.Rate), new(found.Distortion, found.Rate));
    }

    /// <summary>Latents of rows whose factors are known, in random order: sprites are drawn anew, of other data the held-out rows are taken.</summary>
    public FactorSamples Samples => _samples ??= factorImages ? DrawSprites() : TakeRows();

    private IReadOnlyList<Measured> Bound()
    {
        var elbo = Estimate.Of(Pass.Bounds);
        var bits = 1 / (model.Image.Values * Math.Log(2));
        return
        [
            Of("elbo", elbo, "nats per row", "at beta = 1; one draw of z per row, the one that training's evaluations have"),
            Of("distortion", Estimate.Of(Pass.Distortion), "nats per row", ""),
            Of("rate", Estimate.Of(Pass.Rate), "nats per row", ""),
            new("bits_per_dimension", -elbo.Value * bits, "bits per value", elbo.StandardError * bits, Scale),
            new("active_units", Pass.ActiveUnits, $"of {model.Latent}", null, "variance of the posterior mean above 0.01"),
        ];
    }

    private string Scale => model.IsDensity ? "of the ELBO: a density over values of 0 to 1; add 8 to compare with models of bytes" : "of the ELBO";

    private IReadOnlyList<Measured> LogLikelihood(int samples, Action<int>? progress, CancellationToken cancellation)
    {
        Importance = ImportanceEstimate.Of(model, data, ranges.HeldOut, samples, progress: progress, cancellation: cancellation);
        var remark = string.Create(CultureInfo.InvariantCulture,
            $"k = {samples:N0} draws per row; error of the draws alone {Importance.DrawError:0.0000}; {Importance.EffectiveSamples:N1} draws count in the median row");
        return [Of("log_likelihood", Importance.Mean, "nats per row", remark)];
    }

    private IReadOnlyList<Measured> Aggregate()
    {
        var rows = Math.Min(Pass.Rows, AggregateRowsMax);
        var pass = rows == Pass.Rows ? Pass : HeldOutPass.Of(model, data, ranges.HeldOut with { Count = rows });
        var found = pass.Aggregate(model, data);
        var layers = model is LadderLatentModel ? ", all layers together," : "";
        return
        [
            Of("mutual_information", found.MutualInformation, "nats per row", string.Create(CultureInfo.InvariantCulture, $"between row and latent{layers} over {rows:N0} rows; at most {Math.Log(rows):0.00}")),
            Of("marginal_kl", found.MarginalKl, "nats per row", "KL of the aggregate posterior of these rows to the prior; the two add up to the rate"),
        ];
    }

    private Measured Accuracy(string name, ProbeFunction probe, string how)
    {
        var (train, trainLabels, test, testLabels) = _probe ??= MakeProbe();
        var value = probe(train, trainLabels, test, testLabels);
        return new(name, value, "accuracy", Math.Sqrt(value * (1 - value) / test.Rows), string.Create(CultureInfo.InvariantCulture, $"{how}; {train.Rows:N0} rows to fit on, {test.Rows:N0} to judge by"));
    }

    private Measured ClassifierError()
    {
        if (!model.InfersLabels) throw new InvalidOperationException("The model infers no labels.");
        var (inferred, labels) = (HeldOutPass.LabelsOf(model, data, ranges.HeldOut), data.Labels(ranges.HeldOut));
        var error = inferred.Zip(labels).Count(pair => pair.First != pair.Second) / (double)labels.Length;
        return new("classifier_error", error, "share of the rows", Math.Sqrt(error * (1 - error) / labels.Length), "the class of the largest q(y|x) against the label");
    }

    private delegate double ProbeFunction(LatentTable train, ReadOnlySpan<int> trainLabels, LatentTable test, ReadOnlySpan<int> testLabels);

    private (LatentTable, int[], LatentTable, int[]) MakeProbe()
    {
        if (ranges.Train.Count > 0) return (HeldOutPass.MeansOf(model, data, ranges.Train), data.Labels(ranges.Train), Pass.Means, data.Labels(ranges.HeldOut));
        var fit = Math.Clamp((int)(ranges.HeldOut.Count * FitShare), 1, Math.Max(1, ranges.HeldOut.Count - 1));
        var labels = data.Labels(ranges.HeldOut);
        return (Pass.Means.Slice(0, fit), labels[..fit], Pass.Means.Slice(fit, Pass.Rows - fit), labels[fit..]);
    }

    private Measured OfFactors(string name, double value, string how) =>
        new(name, value, "0 to 1", null, string.Create(CultureInfo.InvariantCulture, $"{how}; {Samples.Rows:N0} {(factorImages ? "sprites drawn for it" : "rows")}"));

    private IReadOnlyList<Measured> FactorScore()
    {
        var score = FactorVaeScore.Of(Samples, data.Seed);
        return
        [
            OfFactors("factor_vae_score", score.Score, string.Create(CultureInfo.InvariantCulture,
                $"chance {1.0 / Samples.Varying().Length:0.00}; {FactorVaeScore.TrainVotes:N0} and {FactorVaeScore.TestVotes:N0} votes over {score.ActiveDimensions} dimensions")),
        ];
    }

    private IReadOnlyList<Measured> Disentangled()
    {
        var dci = Dci.Of(Samples);
        const string how = "logistic regression with an L1 penalty of 0.01";
        return [OfFactors("dci", dci.Disentanglement, how), OfFactors("dci_completeness", dci.Completeness, how), OfFactors("dci_informativeness", dci.Informativeness, how)];
    }

    private FactorSamples DrawSprites()
    {
        var images = SpriteSource.Make(FactorRows, model.Image.Height, new Prng(data.Seed).Fork(FactorStream).Next());
        var drawn = new EvaluationRows(images, Binarize.None, data.Seed, model.Device);
        return new(HeldOutPass.MeansOf(model, drawn, new RowRange(0, images.Count)), images.Factors!);
    }

    private FactorSamples TakeRows()
    {
        var means = Pass.Means;
        var order = new int[Pass.Rows];
        EpochOrder.Fill(data.Seed, 0, order);
        var count = Math.Min(order.Length, FactorRows);
        var factors = data.Images.Factors!;
        var (values, taken) = (new byte[count * factors.Names.Count], new float[count * means.Dimensions]);
        for (var i = 0; i < count; i++)
        {
            factors.Row(ranges.HeldOut.First + order[i]).CopyTo(values.AsSpan(i * factors.Names.Count));
            means.Row(order[i]).CopyTo(taken.AsSpan(i * means.Dimensions));
        }

        return new(new(taken, means.Dimensions), new(factors.Names, values));
    }

    private static Measured Of(string name, Estimate estimate, string unit, string remark) => new(name, estimate.Value, unit, estimate.StandardError, remark);
}
