namespace Vae.Shared.Sweeps;

/// <summary>
/// What the training engine of this version trains. The sweep file has names for more; a trial that asks for one of those is refused by name where it is read, so
/// that nothing starts and then fails, or, worse, trains something else.
/// </summary>
public static class Supported
{
    private static readonly ModelFamily[] Families =
    [
        ModelFamily.Vae,
        ModelFamily.Conditional,
        ModelFamily.M2,
        ModelFamily.Ladder,
        ModelFamily.Vq,
    ];

    private static readonly Architecture[] Architectures =
    [
        Architecture.Mlp,
        Architecture.Conv,
        Architecture.Resnet,
    ];

    private static readonly Likelihood[] Likelihoods =
    [
        Likelihood.Bernoulli,
        Likelihood.Gaussian,
        Likelihood.ContinuousBernoulli,
        Likelihood.DiscretisedLogistic,
    ];

    private static readonly Prior[] Priors =
    [
        Prior.Normal,
        Prior.Vamp,
    ];

    private static readonly TrainingObjective[] Objectives =
    [
        TrainingObjective.Elbo,
        TrainingObjective.Iwae,
        TrainingObjective.Tc,
        TrainingObjective.Factor,
        TrainingObjective.Mmd,
    ];

    private static readonly KlSchedule[] Schedules =
    [
        KlSchedule.Constant,
        KlSchedule.Linear,
        KlSchedule.Cyclical,
    ];

    /// <summary>What of a trial is not trained yet: the path of the field, its value, and what is trained instead; nothing when all is.</summary>
    public static IEnumerable<(string Path, string What, string Instead)> Missing(TrialSpec trial)
    {
        var (model, training) = (trial.Model, trial.Training);
        if (Lacks("model.family", model.Family, Families) is { } family) yield return family;
        if (Lacks("model.architecture", model.Architecture, Architectures) is { } architecture) yield return architecture;
        if (Lacks("model.likelihood", model.Likelihood, Likelihoods) is { } likelihood) yield return likelihood;
        if (Lacks("model.prior", model.Prior, Priors) is { } prior) yield return prior;
        if (Lacks("training.objective", training.Objective, Objectives) is { } objective) yield return objective;
        if (Lacks("training.kl_schedule", training.KlSchedule, Schedules) is { } schedule) yield return schedule;
    }

    /// <returns>One sentence without a full stop that names all that is missing; null when this version trains the trial.</returns>
    public static string? Refusal(TrialSpec trial)
    {
        var missing = Missing(trial).Select(one => one.What).ToArray();
        return missing.Length == 0 ? null : $"this version does not train {string.Join(", ", missing)} yet";
    }

    /// <summary>The check of whoever is handed a trial, for it need not come from a sweep file that this version has read.</summary>
    /// <returns>One sentence without a full stop; null when this version trains the trial on this data.</returns>
    public static string? Refusal(TrialSpec trial, Datasets.DatasetSource data) =>
        Refusal(trial) ?? (TrialRules.All.FirstOrDefault(row => row.IsBroken(trial, data)) is { } row ? $"{row.Path}: {row.Reason}; {row.Hint}" : null);

    /// <summary>What a sweep asks for that the device at hand cannot do, for <c>device: auto</c> leaves that open until a worker is there.</summary>
    /// <param name="resources">What the sweep file asks for.</param>
    /// <param name="cuda">Whether trials are computed on a CUDA device.</param>
    /// <returns>One sentence without a full stop; null when it can.</returns>
    public static string? Refusal(ResourceSpec resources, bool cuda)
    {
        if (cuda) return null;
        if (resources.Precision == NumericPrecision.Bfloat16) return "resources.precision: bfloat16 needs a CUDA device, and this is a processor; use `precision: float32`, or `device: cuda` and a machine that has one";
        return resources is { AllReduce: AllReduceEngine.Nccl, WorkersPerPackMax: > 1 } ? "resources.all_reduce: nccl needs CUDA devices, and this is a processor; use `all_reduce: auto`, or `device: cuda` and machines that have one" : null;
    }

    private static (string Path, string What, string Instead)? Lacks<T>(string path, T value, T[] trained) where T : struct, Enum =>
        trained.Contains(value) ? null : (path, $"{path[(path.IndexOf('.') + 1)..]} {Choice<T>.Word(value)}", $"use {string.Join(" or ", trained.Select(Choice<T>.Word))}");
}
