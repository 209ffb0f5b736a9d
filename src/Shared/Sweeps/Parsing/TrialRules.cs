using Vae.Shared.Datasets;

namespace Vae.Shared.Sweeps;

/// <summary>
/// The rules that hold between the fields of one trial and its data: which families, objectives, priors and likelihoods make sense together. Each row says where to
/// point, when it is broken and why that makes no sense.
/// </summary>
internal static class TrialRules
{
    /// <summary>One combination that makes no sense.</summary>
    /// <param name="Path">The field to point at.</param>
    /// <param name="IsBroken">When.</param>
    /// <param name="Reason">Why, as a sentence without a full stop.</param>
    /// <param name="Hint">What to do.</param>
    public sealed record Row(string Path, Func<TrialSpec, DatasetSource, bool> IsBroken, string Reason, string Hint);

    private static bool IsGathered(TrialSpec t) => t.Training.Objective is TrainingObjective.Tc or TrainingObjective.Factor or TrainingObjective.Mmd;

    private static bool IsLabelled(TrialSpec t) => t.Model.Family is ModelFamily.Conditional or ModelFamily.M2;

    public static IReadOnlyList<Row> All { get; } =
    [
        // Families and objectives.
        new("training.objective", (t, _) => t.Model.Family == ModelFamily.Vq && t.Training.Objective != TrainingObjective.Elbo,
            "a vq model picks one code for each position and has no posterior to sample or compare, so it has no objective but its own", "use `objective: elbo`, or another family"),
        new("training.objective", (t, _) => t.Model.Family == ModelFamily.Ladder && IsGathered(t),
            "tc, factor and mmd look at one aggregate posterior, but a ladder has one for each layer, conditional on the layers above", "use `objective: elbo` or `iwae`, or `family: vae`"),
        new("training.objective", (t, _) => t.Model.Family == ModelFamily.M2 && t.Training.Objective != TrainingObjective.Elbo,
            "the bound of m2 is a sum over the classes, which only elbo has", "use `objective: elbo`, or `family: conditional`"),
        new("training.mmd_lambda", (t, _) => t.Training.Objective == TrainingObjective.Mmd && t.Training.MmdAlpha + t.Training.MmdLambda - 1 < 0,
            "the discrepancy's weight mmd_alpha + mmd_lambda - 1 is negative, so training would push the latents away from the prior", "raise mmd_lambda, for example to 1000"),
        new("training.optimizer", (t, _) => t.Training is { Objective: TrainingObjective.Factor, Optimizer: OptimizerKind.Sgd },
            "factor trains its discriminator by Adam, in the same update as the model", "use `optimizer: adam` or `adamw`"),
        new("training.batch", (t, _) => IsGathered(t) && t.Training.Batch < 2,
            "tc, factor and mmd compare the rows of a batch with each other, but it has one row", "use a larger batch"),

        // Priors.
        new("model.prior", (t, _) => t.Model is { Family: ModelFamily.Vq, Prior: Prior.Vamp },
            "a vq model has a prior over codes, not over latent numbers", "use `prior: normal`"),
        new("model.prior", (t, _) => t.Model is { Family: ModelFamily.Ladder, Prior: Prior.Vamp },
            "a ladder's layers are each other's priors, and pseudo-inputs reach its top layer only", "use `prior: normal`"),
        new("model.prior", (t, _) => IsLabelled(t) && t.Model.Prior == Prior.Vamp,
            "the encoder of a conditional or m2 model needs a label, and pseudo-inputs have none", "use `prior: normal`"),
        new("model.prior", (t, _) => IsGathered(t) && t.Model.Prior == Prior.Vamp,
            "tc, factor and mmd pull the latents to independent or standard normal ones, but a vamp prior is their own aggregate", "use `prior: normal`, or `objective: elbo`"),

        // Targets of the KL term.
        new("training.free_bits", (t, _) => t.Model.Family == ModelFamily.Vq && t.Training.FreeBits > 0,
            "the rate of a vq model is what its prior pays for the codes and never reaches the encoder, so there is nothing to free", "remove it"),
        new("training.capacity", (t, _) => t.Model.Family == ModelFamily.Vq && t.Training.Capacity is not null,
            "the rate of a vq model is what its prior pays for the codes and never reaches the encoder, so it cannot be pulled anywhere", "remove it, and choose `codes`"),
        new("training.free_bits", (t, _) => t.Model.Family != ModelFamily.Vq && t.Training is { Objective: not TrainingObjective.Elbo, FreeBits: > 0 },
            "only the elbo objective has a KL term of each latent dimension that could be free", "use `objective: elbo`, or remove it"),
        new("training.capacity", (t, _) => t.Model.Family != ModelFamily.Vq && t.Training is { Objective: not TrainingObjective.Elbo, Capacity: not null },
            "only the elbo objective has a KL term that could be pulled to a capacity", "use `objective: elbo`, or remove it"),
        new("training.free_bits", (t, _) => t.Model.Prior == Prior.Vamp && t.Training.FreeBits > 0,
            "the KL to a vamp prior does not come apart into latent dimensions", "use `prior: normal`, or remove it"),
        new("training.free_bits", (t, _) => t.Model.Family == ModelFamily.M2 && t.Training.FreeBits > 0,
            "m2 has a KL for each class that an image might have, so no KL of the batch", "remove it"),
        new("training.capacity", (t, _) => t.Model.Family == ModelFamily.M2 && t.Training.Capacity is not null,
            "m2 has a KL for each class that an image might have, so no KL of the batch", "remove it"),
        new("training.capacity", (t, _) => t.Training is { FreeBits: > 0, Capacity: not null },
            "free_bits and capacity both say how large the KL should be", "keep one of them"),

        // Likelihoods and data.
        new("model.likelihood", (t, d) => t.Model.Likelihood == Likelihood.DiscretisedLogistic && d.Binarize != Binarize.None,
            "discretised_logistic describes 256 grey levels, but the pixels are binarized", "use `likelihood: bernoulli`, or `binarize: none`"),
        new("model.likelihood", (t, d) => t.Model.Likelihood == Likelihood.ContinuousBernoulli && d.Binarize != Binarize.None,
            "continuous_bernoulli is a density over grey values and has no bound on pixels that are only 0 and 1", "use `likelihood: bernoulli`, or `binarize: none`"),
        new("dataset.labels", (t, d) => IsLabelled(t) && d.Source == DatasetSource.Idx && d.Labels is null,
            "conditional and m2 need the label of each row", "add `labels:` with the path of an idx file"),
        new("model.classes", (t, d) => IsLabelled(t) && d.Source == DatasetSource.Sprites && t.Model.Classes is < 3,
            "sprites have 3 shapes as labels", "use `classes: auto`"),
        new("training.labelled", (t, d) => t.Model.Family == ModelFamily.M2 && t.Training.Labelled < t.Model.ClassesFor(d.Source),
            "fewer rows are labelled than there are classes, so one would never be seen", "label at least one row of each class"),
        new("training.labelled", (t, d) => t.Model.Family == ModelFamily.M2 && DataShape.Known(d) is { } data && t.Training.Labelled > data.TrainRows,
            "more rows are labelled than are trained on", "label fewer rows, or draw more"),

        // Shapes.
        new("model.architecture", (t, _) => t.Model is { Family: ModelFamily.Ladder, Architecture: not Architecture.Mlp },
            "a ladder is built of dense layers, one for each layer of latents", "use `architecture: mlp`"),
        new("model.encoder", (t, _) => t.Model is { Family: ModelFamily.Ladder, Architecture: Architecture.Mlp } && t.Model.EncoderWidths.Count != t.Model.Ladder.Count,
            "a ladder has one encoder width for each layer of latents", "give encoder and ladder equally many numbers, or remove encoder"),
        new("model.decoder", (t, _) => t.Model is { Family: ModelFamily.Ladder, Architecture: Architecture.Mlp, Decoder: { } decoder } && decoder.Count != t.Model.Ladder.Count,
            "a ladder has one decoder width for each layer of latents", "give decoder and ladder equally many numbers, or remove decoder"),
        new("model.groups", (t, d) => t.Model.Architecture == Architecture.Resnet && ResnetChannels(t.Model, d).Any(channels => channels % t.Model.Groups != 0),
            "group normalisation needs groups that divide every number of channels", "use fewer groups, or channels that they divide"),
    ];

    // Where the image size is not known before the data is read, the smaller default stands in: both are multiples of 32.
    private static ValueList<int> ResnetChannels(ModelSpec model, DatasetSource data) => model.ChannelsFor(DataShape.Known(data)?.Height ?? 28);
}
