namespace Vae.Models.Evaluation;

/// <summary>What can be asked for in one piece.</summary>
public enum MetricGroup
{
    /// <summary>ELBO, distortion, rate, bits per dimension and active units.</summary>
    Bound,

    /// <summary>The importance-weighted estimate of ln p(x).</summary>
    LogLikelihood,

    /// <summary>The rate in two parts: mutual information, and the mismatch between aggregate posterior and prior.</summary>
    AggregatePosterior,

    /// <summary>Squared error of reconstructions.</summary>
    ReconstructionError,

    /// <summary>Accuracy of logistic regression on latents; needs labels.</summary>
    LinearProbe,

    /// <summary>Accuracy of the nearest neighbours among latents; needs labels.</summary>
    Knn,

    /// <summary>Mutual information gap; needs factors.</summary>
    Mig,

    /// <summary>FactorVAE's measure; needs factors.</summary>
    FactorVaeScore,

    /// <summary>Disentanglement, completeness, informativeness; needs factors.</summary>
    Dci,

    /// <summary>Separated attribute predictability; needs factors.</summary>
    Sap,

    /// <summary>Share of the rows that the model's own classifier gets wrong; needs labels, and a model that infers them.</summary>
    ClassifierError,
}

/// <summary>One figure.</summary>
/// <param name="Name">As files and options call it, for example <c>log_likelihood</c>.</param>
/// <param name="Value">The figure.</param>
/// <param name="Unit">For example <c>nats per row</c>.</param>
/// <param name="StandardError">How sure it is, in the same unit; null where no estimate is made.</param>
/// <param name="Remark">How it was computed, for people.</param>
public sealed record Measured(string Name, double Value, string Unit, double? StandardError, string Remark);
