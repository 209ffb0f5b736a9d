using Vae.Shared.Messages;

namespace Vae.Shared.Sweeps;

/// <summary>What a metric needs beside images.</summary>
public enum MetricNeed
{
    /// <summary>Nothing.</summary>
    Images,

    /// <summary>One label for each image.</summary>
    Labels,

    /// <summary>Factors of variation: sprites.</summary>
    Factors,

    /// <summary>Held-out images of labels that are left out of training.</summary>
    Excluded,
}

/// <summary>What is known of a metric.</summary>
/// <param name="Metric">Which.</param>
/// <param name="Better">The direction of <see cref="ObjectiveGoal.Auto"/>.</param>
/// <param name="Unit">For people.</param>
/// <param name="AtEveryEvaluation">Known after every evaluation; else once, when the trial ends.</param>
/// <param name="Needs">What the data must have.</param>
public sealed record MetricFacts(ObjectiveMetric Metric, ObjectiveGoal Better, string Unit, bool AtEveryEvaluation, MetricNeed Needs)
{
    /// <summary>The word of sweep files and results, for example <c>log_likelihood</c>.</summary>
    public string Name => Choice<ObjectiveMetric>.Word(Metric);
}

/// <summary>The metrics that trials may be ranked by. What they mean is in docs/evaluation.md.</summary>
public static class MetricTable
{
    /// <summary>Draws per row of <see cref="ObjectiveMetric.LogLikelihood"/> as an objective: fixed, so that trials can be compared.</summary>
    public const int Draws = 100;

    private static readonly MetricFacts[] Rows =
    [
        new(ObjectiveMetric.Elbo, ObjectiveGoal.Maximize, "nats per row", true, MetricNeed.Images),
        new(ObjectiveMetric.Distortion, ObjectiveGoal.Minimize, "nats per row", true, MetricNeed.Images),
        new(ObjectiveMetric.Rate, ObjectiveGoal.Minimize, "nats per row", true, MetricNeed.Images),
        new(ObjectiveMetric.ActiveUnits, ObjectiveGoal.Maximize, "units", true, MetricNeed.Images),
        new(ObjectiveMetric.BitsPerDimension, ObjectiveGoal.Minimize, "bits per value", true, MetricNeed.Images),
        new(ObjectiveMetric.LogLikelihood, ObjectiveGoal.Maximize, "nats per row", false, MetricNeed.Images),
        new(ObjectiveMetric.ReconstructionError, ObjectiveGoal.Minimize, "squared, per value", false, MetricNeed.Images),
        new(ObjectiveMetric.LinearProbe, ObjectiveGoal.Maximize, "accuracy", false, MetricNeed.Labels),
        new(ObjectiveMetric.Knn, ObjectiveGoal.Maximize, "accuracy", false, MetricNeed.Labels),
        new(ObjectiveMetric.Mig, ObjectiveGoal.Maximize, "0 to 1", false, MetricNeed.Factors),
        new(ObjectiveMetric.FactorVaeScore, ObjectiveGoal.Maximize, "0 to 1", false, MetricNeed.Factors),
        new(ObjectiveMetric.Dci, ObjectiveGoal.Maximize, "0 to 1", false, MetricNeed.Factors),
        new(ObjectiveMetric.Sap, ObjectiveGoal.Maximize, "0 to 1", false, MetricNeed.Factors),
        new(ObjectiveMetric.Perplexity, ObjectiveGoal.Maximize, "codes", true, MetricNeed.Images),
        new(ObjectiveMetric.ClassifierError, ObjectiveGoal.Minimize, "share of the rows", true, MetricNeed.Labels),
        new(ObjectiveMetric.MarginalKl, ObjectiveGoal.Minimize, "nats per row", false, MetricNeed.Images),
        new(ObjectiveMetric.MutualInformation, ObjectiveGoal.Maximize, "nats per row", false, MetricNeed.Images),
        new(ObjectiveMetric.AurocElbo, ObjectiveGoal.Maximize, "0 to 1", false, MetricNeed.Excluded),
    ];

    /// <summary>What is known of a metric.</summary>
    public static MetricFacts Of(ObjectiveMetric metric) => Array.Find(Rows, row => row.Metric == metric) ?? throw new ArgumentOutOfRangeException(nameof(metric), metric, "Unknown metric.");

    /// <summary>The metric of a finished trial; NaN where its result does not tell.</summary>
    public static double ValueOf(ObjectiveMetric metric, TrialResult result) => metric switch
    {
        ObjectiveMetric.Elbo => result.Elbo,
        ObjectiveMetric.Distortion => result.Distortion,
        ObjectiveMetric.Rate => result.Rate,
        ObjectiveMetric.ActiveUnits => result.ActiveUnits,
        _ => result.Figures.FirstOrDefault(figure => figure.Name == Of(metric).Name)?.Value ?? double.NaN,
    };

    /// <summary>What trials are ranked by, the greatest first: the metric, or its negative where less is better.</summary>
    public static double ScoreOf(ObjectiveSpec objective, TrialResult result)
    {
        var goal = objective.Goal == ObjectiveGoal.Auto ? Of(objective.Metric).Better : objective.Goal;
        var value = ValueOf(objective.Metric, result);
        return goal == ObjectiveGoal.Minimize ? -value : value;
    }

    /// <summary>Why trials of this data and model cannot be ranked so: the reason and the remedy; null when they can.</summary>
    public static (string Reason, string Remedy)? Refusal(ObjectiveMetric metric, Datasets.DatasetSource data, ModelSpec model)
    {
        var facts = Of(metric);
        if (facts.Needs == MetricNeed.Labels && data is { Source: Datasets.DatasetSource.Idx, Labels: null })
        {
            return ($"{facts.Name} needs labels, and the data set names none", "add `dataset.labels` with the path of an idx file, or rank by another metric");
        }

        if (facts.Needs == MetricNeed.Factors && data.Source == Datasets.DatasetSource.Idx)
        {
            return ($"{facts.Name} needs images whose factors are known, which files of the MNIST family do not tell", "use `dataset.source: sprites`, or rank by another metric");
        }

        if (facts.Needs == MetricNeed.Excluded && data.ExcludeLabels.Count == 0)
        {
            return ($"{facts.Name} needs images of a kind that training never sees, and no label is left out", "add `dataset.exclude_labels`, for example [3], or rank by another metric");
        }

        if (facts.Needs == MetricNeed.Excluded && model.Family == ModelFamily.Conditional)
        {
            return ($"{facts.Name} judges images of a label that was left out, under which a conditional model has learned nothing", "use another family, or rank by another metric");
        }

        if (metric == ObjectiveMetric.ClassifierError)
            return model.Family == ModelFamily.M2 ? null : ($"{facts.Name} is the error of m2's own classifier, and other families have none", "use `family: m2`, or rank by linear_probe or knn");
        if (model.Family == ModelFamily.Vq) return RefusalOfCodes(facts);
        return metric == ObjectiveMetric.Perplexity ? ("only a vq model has codes whose use could be counted", "use `family: vq`, or rank by another metric") : null;
    }

    // Probes look at the vectors of a row's codes; there are no units, no draws and no latents that stand for one factor each.
    private static (string, string)? RefusalOfCodes(MetricFacts facts) => facts.Metric is ObjectiveMetric.ActiveUnits or ObjectiveMetric.LogLikelihood or ObjectiveMetric.MarginalKl or ObjectiveMetric.MutualInformation || facts.Needs == MetricNeed.Factors
        ? ($"{facts.Name} needs continuous latents, and a vq model has codes", "rank by elbo, perplexity or reconstruction_error")
        : null;
}
