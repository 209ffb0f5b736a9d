using Vae.Shared.Datasets;

namespace Vae.Shared.Sweeps;

/// <summary>A whole sweep file with every default filled in. The parser makes it; what it returns is valid.</summary>
public sealed record SweepDefinition
{
    /// <summary>The format's version; 1 is the only one.</summary>
    public int Version { get; init; } = 1;

    /// <summary>1 to 100 letters, digits, <c>.</c>, <c>_</c> and <c>-</c>, the first a letter or digit.</summary>
    public required string Name { get; init; }

    public required DatasetSource Dataset { get; init; }

    /// <summary>What a trial has where the search does not say otherwise.</summary>
    public ModelSpec Model { get; init; } = new();

    /// <inheritdoc cref="Model"/>
    public TrainingSpec Training { get; init; } = new();

    public SearchSpec Search { get; init; } = new();

    public ObjectiveSpec Objective { get; init; } = new();

    public ResourceSpec Resources { get; init; } = new();

    public BudgetSpec Budget { get; init; } = new();
}

/// <summary>
/// What trials are ranked by, on held-out rows. The first five are known at every evaluation; the others are computed once, when a trial ends. Units, directions and needs are in <see cref="MetricTable"/>.
/// </summary>
public enum ObjectiveMetric { Elbo, Distortion, Rate, ActiveUnits, BitsPerDimension, LogLikelihood, ReconstructionError, LinearProbe, Knn, Mig, FactorVaeScore, Dci, Sap, Perplexity, ClassifierError, MarginalKl, MutualInformation, AurocElbo }

/// <summary>Which direction is better. Auto: what is better of the metric, see <see cref="MetricTable"/>.</summary>
public enum ObjectiveGoal { Maximize, Minimize, Auto }

/// <summary>How trials are ranked.</summary>
public sealed record ObjectiveSpec
{
    public ObjectiveMetric Metric { get; init; } = ObjectiveMetric.Elbo;

    public ObjectiveGoal Goal { get; init; } = ObjectiveGoal.Auto;
}

/// <summary>When a sweep stops even if trials are left.</summary>
public sealed record BudgetSpec
{
    /// <summary>Time from the first trial's start, 1 second to 365 days. Default: no limit.</summary>
    public TimeSpan? Wall { get; init; }
}
