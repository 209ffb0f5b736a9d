using Vae.Shared.Datasets;

namespace Vae.Shared.Sweeps;

/// <summary>The rules that hold between fields. Rules of a trial are checked on the searched values, not only on the file's own.</summary>
internal static class SweepRules
{
    // Enough to see every pair of values of an ordinary grid; a worker checks each trial again before it trains.
    private const int SampleMax = 2_000;

    private const int SpriteShapes = 3;

    private sealed record Idle(string Path, Func<TrialSpec, bool> IsUsed, string Reason);

    private static readonly Idle[] MaybeIdle =
    [
        new("model.encoder", t => t.Model.Architecture == Architecture.Mlp, "only mlp has it; conv and resnet have channels and hidden"),
        new("model.decoder", t => t.Model.Architecture == Architecture.Mlp, "only mlp has it; conv and resnet mirror their channels"),
        new("model.channels", t => t.Model.Architecture != Architecture.Mlp, "only conv and resnet have it"),
        new("model.hidden", t => t.Model.Architecture != Architecture.Mlp && !IsCodeMap(t), "only conv and resnet have it, but not a vq model, whose codes are a map; mlp has encoder"),
        new("model.blocks", t => t.Model.Architecture == Architecture.Resnet, "only resnet has it"),
        new("model.groups", t => t.Model.Architecture == Architecture.Resnet, "only resnet has it"),
        new("model.latent", t => t.Model.Family != ModelFamily.Ladder && !IsCodeMap(t), "a ladder has `ladder`, and a vq model with convolutions one code for each place of its smallest map"),
        new("model.variance", t => t.Model.Likelihood == Likelihood.Gaussian, "only a gaussian likelihood has it"),
        new("model.pseudo_inputs", t => t.Model.Prior == Prior.Vamp, "only a vamp prior has it"),
        new("model.ladder", t => t.Model.Family == ModelFamily.Ladder, "only a ladder has it"),
        new("model.codes", t => t.Model.Family == ModelFamily.Vq, "only vq has it"),
        new("model.code_size", t => t.Model.Family == ModelFamily.Vq, "only vq has it"),
        new("model.code_prior_width", t => t.Model.Family == ModelFamily.Vq, "only vq has it"),
        new("model.classes", t => t.Model.Family is ModelFamily.Conditional or ModelFamily.M2, "only conditional and m2 have it"),
        new("training.momentum", t => t.Training.Optimizer == OptimizerKind.Sgd, "only sgd has it"),
        new("training.adam_beta1", t => t.Training.Optimizer != OptimizerKind.Sgd, "sgd does not have it"),
        new("training.adam_beta2", t => t.Training.Optimizer != OptimizerKind.Sgd, "sgd does not have it"),
        new("training.adam_epsilon", t => t.Training.Optimizer != OptimizerKind.Sgd, "sgd does not have it"),
        new("training.beta", HasKlWeight, "a vq model has no KL term to weigh, and with a capacity it is pulled to that instead"),
        new("training.kl_schedule", HasKlWeight, "there is no KL weight to move"),
        new("training.kl_warmup_epochs", t => HasKlWeight(t) && t.Training.KlSchedule == KlSchedule.Linear, "only a linear schedule of the KL weight has it"),
        new("training.kl_cycles", t => HasKlWeight(t) && t.Training.KlSchedule == KlSchedule.Cyclical, "only a cyclical schedule has it"),
        new("training.kl_cycle_rise", t => HasKlWeight(t) && t.Training.KlSchedule == KlSchedule.Cyclical, "only a cyclical schedule has it"),
        new("training.importance_samples", t => t.Training.Objective == TrainingObjective.Iwae, "only iwae has it"),
        new("training.capacity_weight", t => t.Training.Capacity is not null, "there is no capacity"),
        new("training.capacity_epochs", t => t.Training.Capacity is not null, "there is no capacity"),
        new("training.tc_alpha", t => t.Training.Objective == TrainingObjective.Tc, "only tc has it"),
        new("training.tc_gamma", t => t.Training.Objective == TrainingObjective.Tc, "only tc has it"),
        new("training.tc_estimator", t => t.Training.Objective == TrainingObjective.Tc, "only tc has it"),
        new("training.factor_gamma", t => t.Training.Objective == TrainingObjective.Factor, "only factor has it"),
        new("training.discriminator_width", t => t.Training.Objective == TrainingObjective.Factor, "only factor has it"),
        new("training.discriminator_layers", t => t.Training.Objective == TrainingObjective.Factor, "only factor has it"),
        new("training.discriminator_rate", t => t.Training.Objective == TrainingObjective.Factor, "only factor has it"),
        new("training.mmd_alpha", t => t.Training.Objective == TrainingObjective.Mmd, "only mmd has it"),
        new("training.mmd_lambda", t => t.Training.Objective == TrainingObjective.Mmd, "only mmd has it"),
        new("training.mmd_kernel", t => t.Training.Objective == TrainingObjective.Mmd, "only mmd has it"),
        new("training.commitment", t => t.Model.Family == ModelFamily.Vq, "only vq has it"),
        new("training.code_decay", t => t.Model.Family == ModelFamily.Vq, "only vq has it"),
        new("training.code_revival", t => t.Model.Family == ModelFamily.Vq, "only vq has it"),
        new("training.labelled", t => t.Model.Family == ModelFamily.M2, "only m2 has it"),
        new("training.classifier_weight", t => t.Model.Family == ModelFamily.M2, "only m2 has it"),
    ];

    private static bool IsCodeMap(TrialSpec t) => t.Model is { Family: ModelFamily.Vq, Architecture: not Architecture.Mlp };

    private static bool HasKlWeight(TrialSpec t) => t.Model.Family != ModelFamily.Vq && t.Training.Capacity is null;

    public static void Check(SweepDefinition sweep, ReadContext context)
    {
        CheckData(sweep.Dataset, context);
        if (context.HasErrors) return; // The rest would judge defaults that stand in for what could not be read.

        var count = SweepTrials.Count(sweep);
        if (count > SearchLimits.TrialsMax)
        {
            var number = count == long.MaxValue ? "more than 10^18" : $"{count:N0}";
            context.Add(At("search", context), Rules.TooManyTrials, $"the grid has {number} trials; at most {SearchLimits.TrialsMax:N0} are allowed",
                "list fewer values, or draw some with `method: random`");
            return;
        }
        if (sweep.Search is { Method: SearchMethod.Random, Trials: { } asked } && count < asked)
        {
            context.Add(At("search.trials", context), Rules.Unused, $"there are only {count:N0} combinations, so {count:N0} of {asked:N0} trials will run",
                "no trial runs twice; to repeat trials, search training.seed", Severity.Warning);
        }
        CheckResources(sweep.Resources, context);
        CheckSharing(sweep.Resources, context);
        CheckTrials(sweep, context);
    }

    // What only a CUDA device can do; with `device: auto` the worker decides, and says so if it cannot.
    private static void CheckResources(ResourceSpec resources, ReadContext context)
    {
        if (resources.Device != DeviceChoice.Cpu) return;
        if (resources.Precision == NumericPrecision.Bfloat16)
        {
            context.Add(At("resources.precision", context), Rules.Conflict, "bfloat16 needs a CUDA device, but resources.device is cpu", "use `precision: float32`, or `device: cuda`");
        }
        if (resources.AllReduce == AllReduceEngine.Nccl)
        {
            context.Add(At("resources.all_reduce", context), Rules.Conflict, "nccl needs CUDA devices, but resources.device is cpu", "use `all_reduce: auto`, or `device: cuda`");
        }
    }

    // What is between workers, where there are none to share with; and what the engine that is asked for does not do.
    private static void CheckSharing(ResourceSpec resources, ReadContext context)
    {
        if (resources.WorkersPerPackMax == 1)
        {
            Idle("resources.all_reduce", resources.AllReduce != AllReduceEngine.Auto);
            Idle("resources.compression", resources.Compression != GradientCompression.None);
            Idle("resources.overlap", resources.Overlap != OverlapMode.Auto);
            Idle("resources.balance", resources.Balance != BalanceMode.Auto);
        }
        else if (resources.Compression == GradientCompression.Bfloat16 && resources.AllReduce is not (AllReduceEngine.Auto or AllReduceEngine.Messagepack))
        {
            context.Add(At("resources.compression", context), Rules.Unused, $"resources.compression has no effect with all_reduce {Choice<AllReduceEngine>.Word(resources.AllReduce)}: only what travels over TCP is compressed",
                "use `all_reduce: messagepack`, or remove it", Severity.Warning);
        }

        void Idle(string path, bool isSaid)
        {
            if (isSaid) context.Add(At(path, context), Rules.Unused, $"{path} has no effect: each trial is trained by one worker", "remove it, or give trials more workers by `workers_per_pack`", Severity.Warning);
        }
    }

    private static void CheckData(DatasetSource data, ReadContext context)
    {
        var isFile = data.Source != DatasetSource.Sprites;
        if (isFile && data.Images is null && !context.HasErrors)
        {
            context.Add(At("dataset.source", context), Rules.MissingKey, "`dataset.images` is missing", $"add `images:` with the path of an {data.Source} file");
        }
        string[] idle = data.Source switch
        {
            DatasetSource.Idx => ["dataset.count", "dataset.size", "dataset.seed"],
            DatasetSource.Npz => ["dataset.labels", "dataset.size"],
            _ => ["dataset.images", "dataset.labels"],
        };
        foreach (var path in idle.Where(path => context.PlaceOf(path) is not null))
        {
            context.Add(At(path, context), Rules.Unused, $"{path} has no effect with source {data.Source}", "remove it", Severity.Warning);
        }
        if (data is { Source: DatasetSource.Idx, Labels: null, ExcludeLabels.Count: > 0 })
        {
            context.Add(At("dataset.exclude_labels", context), Rules.Conflict, "rows are left out by their labels, and the data set names none", "add `labels:` with the path of an idx file, or remove it");
        }
        if (data is { Source: DatasetSource.Sprites } && data.ExcludeLabels.Any(label => label >= SpriteShapes))
        {
            context.Add(At("dataset.exclude_labels", context), Rules.Conflict, $"the labels of sprites are their shapes, 0 to {SpriteShapes - 1}", "name labels of 0 to 2");
        }
        var heldOut = isFile ? (data.HoldOut > 0 ? 1 : 0) : data.HeldOutOf(data.Count);
        if (heldOut == 0)
        {
            context.Add(At("dataset.holdout", context), Rules.Conflict, "no rows are held out, but trials are ranked on held-out rows", "hold some out, for example `holdout: 0.2`");
        }
    }

    private static void CheckTrials(SweepDefinition sweep, ReadContext context)
    {
        var reported = new HashSet<string>(StringComparer.Ordinal);
        var used = new HashSet<string>(StringComparer.Ordinal);
        var (densities, conditions) = (new HashSet<bool>(), new HashSet<bool>());
        foreach (var trial in SweepTrials.Sample(sweep, SampleMax))
        {
            foreach (var idle in MaybeIdle.Where(idle => idle.IsUsed(trial))) used.Add(idle.Path);
            densities.Add(trial.Model.Likelihood is Likelihood.Gaussian or Likelihood.ContinuousBernoulli);
            conditions.Add(trial.Model.Family == ModelFamily.Conditional);
            if (MetricTable.Refusal(sweep.Objective.Metric, sweep.Dataset, trial.Model) is var (reason, remedy) && reported.Add("objective.metric" + reason))
            {
                context.Add(At("objective.metric", context), Rules.Conflict, reason, remedy);
            }

            CheckMix(sweep.Dataset, trial, (path, rule, message, hint) =>
            {
                // All reasons against one value, each once.
                if (reported.Add(path + rule + message)) context.Add(At(path, context), rule, message, hint);
            });
            CheckTrial(sweep, trial, (path, rule, message, hint, severity) =>
            {
                if (reported.Add(path + rule)) context.Add(At(path, context), rule, message, hint, severity);
            });
        }
        var isByBound = sweep.Objective.Metric is ObjectiveMetric.Elbo or ObjectiveMetric.Distortion or ObjectiveMetric.BitsPerDimension or ObjectiveMetric.LogLikelihood;
        if (conditions.Count > 1 && isByBound)
        {
            context.Add(At("model.family", context), Rules.Conflict, "trials are ranked by their bound, but that of a conditional model is a bound of log p(x|y): it is told each row's label, which the others have to say",
                "compare families that are told the same, or rank by another metric", Severity.Warning);
        }
        if (densities.Count > 1 && isByBound)
        {
            context.Add(At("model.likelihood", context), Rules.Conflict, "trials are ranked by their bound, but those of gaussian and continuous_bernoulli are densities and those of the others probabilities",
                "compare likelihoods of one kind", Severity.Warning);
        }
        foreach (var idle in MaybeIdle.Where(idle => !used.Contains(idle.Path) && Written(idle.Path, context) is not null))
        {
            context.Add(At(idle.Path, context), Rules.Unused, $"{idle.Path} has no effect: {idle.Reason}", "remove it", Severity.Warning);
        }
    }

    private static void CheckMix(DatasetSource data, TrialSpec trial, Action<string, string, string, string> report)
    {
        foreach (var row in TrialRules.All.Where(row => row.IsBroken(trial, data))) report(row.Path, Rules.Conflict, row.Reason, row.Hint);
        foreach (var (path, what, instead) in Supported.Missing(trial)) report(path, Rules.NotAvailable, $"this version does not train {what} yet", instead);
    }

    private static void CheckTrial(SweepDefinition sweep, TrialSpec trial, Action<string, string, string, string, Severity> report)
    {
        var training = trial.Training;
        if (sweep.Resources.WorkersPerPackMax > training.Batch)
        {
            report("resources.workers_per_pack", Rules.TooManyWorkers, $"{sweep.Resources.WorkersPerPackMax} workers cannot share a batch of {training.Batch} rows",
                "use fewer workers or a larger batch", Severity.Error);
        }
        if (DataShape.Known(sweep.Dataset) is { } data && ModelSize.Misfit(trial.Model, data) is { } misfit)
        {
            report(trial.Model.Channels is null ? "dataset.size" : "model.channels", Rules.Conflict, misfit, "use fewer channels, or another image size", Severity.Error);
        }
        if (training.KlWarmupEpochs > training.Epochs && training.KlSchedule == KlSchedule.Linear)
        {
            report("training.kl_warmup_epochs", Rules.Unused, $"the warm-up of {training.KlWarmupEpochs} epochs is longer than the training of {training.Epochs}, so beta is never reached",
                "train longer or warm up faster", Severity.Warning);
        }
        if (trial.Model.Likelihood == Likelihood.Gaussian && sweep.Dataset.Binarize != Binarize.None)
        {
            report("model.likelihood", Rules.Conflict, "a gaussian likelihood describes grey values, but the pixels are binarized", "use `likelihood: bernoulli` or `binarize: none`", Severity.Warning);
        }
    }

    private static TextSpan? Written(string path, ReadContext context) => context.PlaceOf("parameters:" + path) ?? context.PlaceOf(path);

    private static TextSpan At(string path, ReadContext context) => Written(path, context) ?? context.PlaceOf(path.Split('.')[0]) ?? TextSpan.None;
}
