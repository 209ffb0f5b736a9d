using Vae.Shared.Datasets;

namespace Vae.Shared.Sweeps;

/// <summary>
/// The one table of the sweep format. Parsing, ranges, defaults, search paths, JSON, the JSON Schema and the reference are all
/// read off these rows, so none of them can forget a field.
/// </summary>
public static class SweepFields
{
    internal static Section<DatasetSource> Dataset { get; } = new("dataset", "Where the images come from.", new DatasetSource { Source = DatasetSource.Sprites },
        new Field<DatasetSource, string>("source", new OneOf([DatasetSource.Idx, DatasetSource.Sprites]), d => d.Source, (d, v) => d with { Source = v },
            "`idx` reads files of the MNIST family, gzip or not; `sprites` draws dSprites-like shapes, so nothing has to be downloaded.")
        { Required = true, Aliases = ["type", "name", "kind", "format"] },
        new Field<DatasetSource, string?>("images", OptionalPath, d => d.Images, (d, v) => d with { Images = v },
            "Image file of `idx` (required there), relative to the folder of the sweep file.")
        { Aliases = ["path", "file", "data"] },
        new Field<DatasetSource, string?>("labels", OptionalPath, d => d.Labels, (d, v) => d with { Labels = v },
            "Label file of `idx`, relative to the folder of the sweep file. Training does not need it."),
        new Field<DatasetSource, int>("count", new WholeNumber<int>(2, 737_280), d => d.Count, (d, v) => d with { Count = v },
            "`sprites`: how many images are drawn.")
        { Aliases = ["rows", "n", "samples"] },
        new Field<DatasetSource, int>("size", new WholeNumber<int>(8, 256), d => d.Size, (d, v) => d with { Size = v },
            "`sprites`: side of the square images in pixels.")
        { Aliases = ["image_size", "width", "height"] },
        new Field<DatasetSource, ulong>("seed", new WholeNumber<ulong>(0, ulong.MaxValue), d => d.Seed, (d, v) => d with { Seed = v },
            "`sprites`: which combinations of shape, scale, rotation and place are drawn, and their order."),
        new Field<DatasetSource, double>("holdout", new RealNumber(0, 0.9), d => d.HoldOut, (d, v) => d with { HoldOut = v },
            "Share of the rows, the last ones, that is never trained on and ranks the trials.")
        { Aliases = ["validation", "val_split", "test_split", "hold_out"] },
        new Field<DatasetSource, Binarize>("binarize", new Choice<Binarize>(), d => d.Binarize, (d, v) => d with { Binarize = v },
            "How grey pixels become bits: `none` keeps them in 0 to 1, `fixed` cuts at one half, `dynamic` takes them as probabilities and draws anew in every epoch."));

    internal static Section<ModelSpec> Model { get; } = new("model", "The model of a trial.", new ModelSpec(),
        new Field<ModelSpec, ModelFamily>("family", new Choice<ModelFamily>(), m => m.Family, (m, v) => m with { Family = v }, "The kind of model."),
        new Field<ModelSpec, Architecture>("architecture", new Choice<Architecture>(), m => m.Architecture, (m, v) => m with { Architecture = v },
            "`mlp`: fully connected layers. `conv`: convolutions of kernel 4 and stride 2, and their mirror image as decoder.")
        { Aliases = ["type", "arch"] },
        new Field<ModelSpec, ValueList<int>>("encoder", new WholeList(1, 16, 1, 65_536), m => m.Encoder, (m, v) => m with { Encoder = v },
            "`mlp`: hidden widths, input side first.")
        { Aliases = ["hidden_dims", "layers", "widths"] },
        new Field<ModelSpec, ValueList<int>?>("decoder", new OptionalObject<ValueList<int>>(new WholeList(1, 16, 1, 65_536), "mirror"), m => m.Decoder, (m, v) => m with { Decoder = v },
            "`mlp`: hidden widths, latent side first. `mirror`: the encoder's, reversed."),
        new Field<ModelSpec, ValueList<int>?>("channels", new OptionalObject<ValueList<int>>(new WholeList(1, 8, 1, 4_096), "auto"), m => m.Channels, (m, v) => m with { Channels = v },
            "`conv`: output channels of the convolutions, each of which halves the image. `auto`: [32, 32, 64, 64] from 64 pixels, else [32, 64]."),
        new Field<ModelSpec, int>("hidden", new WholeNumber<int>(1, 65_536), m => m.Hidden, (m, v) => m with { Hidden = v },
            "`conv`: width of the dense layer between convolutions and latent."),
        new Field<ModelSpec, int>("latent", new WholeNumber<int>(1, 4_096), m => m.Latent, (m, v) => m with { Latent = v },
            "Latent dimensions.")
        { Aliases = ["latent_dim", "latent_size", "latent_dims", "z_dim", "latents"] },
        new Field<ModelSpec, Likelihood>("likelihood", new Choice<Likelihood>(), m => m.Likelihood, (m, v) => m with { Likelihood = v },
            "What the decoder's output means: logits of bits, or means of a Gaussian.")
        { Aliases = ["loss", "reconstruction"] },
        new Field<ModelSpec, double?>("variance", new OptionalValue<double>(new RealNumber(0, 1e6, minOpen: true), "learned"), m => m.Variance, (m, v) => m with { Variance = v },
            "`gaussian`: a fixed variance. `learned`: one variance for all pixels, trained with the weights."),
        new Field<ModelSpec, Activation>("activation", new Choice<Activation>(), m => m.Activation, (m, v) => m with { Activation = v },
            "The nonlinearity after every hidden layer."));

    internal static Section<TrainingSpec> Training { get; } = new("training", "How a trial is trained.", new TrainingSpec(),
        new Field<TrainingSpec, int>("epochs", new WholeNumber<int>(1, 1_000_000), t => t.Epochs, (t, v) => t with { Epochs = v },
            "Passes over the training rows.")
        { Aliases = ["max_epochs", "num_epochs"] },
        new Field<TrainingSpec, long?>("max_steps", new OptionalValue<long>(new WholeNumber<long>(1, long.MaxValue), "none"), t => t.MaxSteps, (t, v) => t with { MaxSteps = v },
            "Optimizer updates after which training ends even within an epoch.")
        { Aliases = ["steps"] },
        new Field<TrainingSpec, int>("batch", new WholeNumber<int>(1, 65_536), t => t.Batch, (t, v) => t with { Batch = v },
            "Rows per optimizer update over all workers together; more workers do not change the training.")
        { Aliases = ["batch_size", "minibatch"] },
        new Field<TrainingSpec, OptimizerKind>("optimizer", new Choice<OptimizerKind>(), t => t.Optimizer, (t, v) => t with { Optimizer = v },
            "The update rule.")
        { Aliases = ["optim"] },
        new Field<TrainingSpec, double>("learning_rate", new RealNumber(0, 100, minOpen: true), t => t.LearningRate, (t, v) => t with { LearningRate = v },
            "Step size of the optimizer.")
        { Aliases = ["lr", "step_size"] },
        new Field<TrainingSpec, double>("weight_decay", new RealNumber(0, 10), t => t.WeightDecay, (t, v) => t with { WeightDecay = v },
            "Pulls weights to 0: added to the gradient by `adam` and `sgd`, decoupled from it by `adamw`.")
        { Aliases = ["l2", "wd"] },
        new Field<TrainingSpec, double>("momentum", new RealNumber(0, 0.9999), t => t.Momentum, (t, v) => t with { Momentum = v }, "`sgd`: momentum."),
        new Field<TrainingSpec, double>("adam_beta1", new RealNumber(0, 1, maxOpen: true), t => t.AdamBeta1, (t, v) => t with { AdamBeta1 = v },
            "`adam`, `adamw`: decay of the mean of gradients.")
        { Aliases = ["beta1"] },
        new Field<TrainingSpec, double>("adam_beta2", new RealNumber(0, 1, maxOpen: true), t => t.AdamBeta2, (t, v) => t with { AdamBeta2 = v },
            "`adam`, `adamw`: decay of the mean of squared gradients.")
        { Aliases = ["beta2"] },
        new Field<TrainingSpec, double>("adam_epsilon", new RealNumber(0, 1, minOpen: true), t => t.AdamEpsilon, (t, v) => t with { AdamEpsilon = v },
            "`adam`, `adamw`: added to the denominator.")
        { Aliases = ["eps", "epsilon", "adam_eps"] },
        new Field<TrainingSpec, double>("beta", new RealNumber(0, 10_000), t => t.Beta, (t, v) => t with { Beta = v },
            "Weight of the KL term; 1 is the evidence lower bound. Trials are compared at beta = 1 whatever this is.")
        { Aliases = ["kl_weight", "kld_weight"] },
        new Field<TrainingSpec, double>("kl_warmup_epochs", new RealNumber(0, 1_000_000), t => t.KlWarmupEpochs, (t, v) => t with { KlWarmupEpochs = v },
            "Epochs over which the KL weight grows linearly from 0 to `beta`; fractions are allowed.")
        { Aliases = ["warmup", "kl_warmup", "warmup_epochs", "annealing"] },
        new Field<TrainingSpec, ulong>("seed", new WholeNumber<ulong>(0, ulong.MaxValue), t => t.Seed, (t, v) => t with { Seed = v },
            "Seed of initial weights, row order and noise.")
        { Aliases = ["random_seed"] },
        new Field<TrainingSpec, double?>("gradient_clip", new OptionalValue<double>(new RealNumber(0, 1e9, minOpen: true), "off"), t => t.GradientClip, (t, v) => t with { GradientClip = v },
            "Largest Euclidean norm of the gradient.")
        { Aliases = ["clip", "grad_clip", "max_grad_norm", "clip_norm"] },
        new Field<TrainingSpec, int>("evaluate_every", new WholeNumber<int>(1, 1_000_000), t => t.EvaluateEvery, (t, v) => t with { EvaluateEvery = v },
            "Epochs between evaluations on held-out rows; the last epoch is always evaluated.")
        { Aliases = ["eval_every", "validate_every"] });

    internal static Section<ObjectiveSpec> Objective { get; } = new("objective", "What trials are ranked by.", new ObjectiveSpec(),
        new Field<ObjectiveSpec, ObjectiveMetric>("metric", new Choice<ObjectiveMetric>(), o => o.Metric, (o, v) => o with { Metric = v },
            "`elbo`: evidence lower bound at beta = 1 on held-out rows, in nats per row."),
        new Field<ObjectiveSpec, ObjectiveGoal>("goal", new Choice<ObjectiveGoal>(), o => o.Goal, (o, v) => o with { Goal = v }, "Which direction is better."));

    internal static Section<ResourceSpec> Resources { get; } = new("resources", "What a pack of trials may use.", new ResourceSpec(),
        new Field<ResourceSpec, WorkerRange>("workers_per_pack", new WorkerRangeType(1_024), r => new(r.WorkersPerPackMin, r.WorkersPerPackMax),
            (r, v) => r with { WorkersPerPackMin = v.Min, WorkersPerPackMax = v.Max },
            "Workers that train one pack data-parallel. [least, most]: a pack waits for the least and takes up to the most that are free when it starts.")
        { Aliases = ["workers", "workers_per_trial", "num_workers"] },
        new Field<ResourceSpec, int?>("max_pack", new OptionalValue<int>(new WholeNumber<int>(1, 1_024), "auto"), r => r.MaxPack, (r, v) => r with { MaxPack = v },
            "Most trials fused into one model: 1 never fuses, `auto` leaves it to the planner, which measures. Only trials that differ in nothing but numbers such as beta, learning rate, seed and latent size fit together.")
        { Aliases = ["pack", "pack_size", "trials_per_pack"] },
        new Field<ResourceSpec, int?>("lanes", new OptionalValue<int>(new WholeNumber<int>(1, 1_024), "auto"), r => r.Lanes, (r, v) => r with { Lanes = v },
            "Packs that a worker trains side by side. `auto`: the planner decides.")
        { Aliases = ["trials_per_worker", "concurrency", "parallel"] },
        new Field<ResourceSpec, DeviceChoice>("device", new Choice<DeviceChoice>(), r => r.Device, (r, v) => r with { Device = v },
            "`auto`: the first CUDA device where there is one, else the processor.")
        { Aliases = ["gpu", "accelerator"] },
        new Field<ResourceSpec, int?>("threads", new OptionalValue<int>(new WholeNumber<int>(1, 1_024), "auto"), r => r.Threads, (r, v) => r with { Threads = v },
            "Compute threads of each lane. `auto`: the planner decides.")
        { Aliases = ["cpus", "num_threads"] },
        new Field<ResourceSpec, BalanceMode>("balance", new Choice<BalanceMode>(), r => r.Balance, (r, v) => r with { Balance = v },
            "How a batch is cut between the workers of a pack: `auto` by their measured speed, `even` in equal parts. Results are the same beyond rounding."),
        new Field<ResourceSpec, AllReduceEngine>("all_reduce", new Choice<AllReduceEngine>(), r => r.AllReduce, (r, v) => r with { AllReduce = v },
            "What sums gradients between workers. `auto`: shared memory on one host, else MessagePack over TCP. `gloo` and `nccl` need a libtorch that has them.")
        { Aliases = ["backend", "allreduce"] },
        new Field<ResourceSpec, GradientCompression>("compression", new Choice<GradientCompression>(), r => r.Compression, (r, v) => r with { Compression = v },
            "How gradients travel between workers over TCP: `bfloat16` halves the bytes and carries the rounding error into the next step. Other engines send float32."),
        new Field<ResourceSpec, OverlapMode>("overlap", new Choice<OverlapMode>(), r => r.Overlap, (r, v) => r with { Overlap = v },
            "Whether gradients are summed while backward goes on. `auto`: where a measurement says that it pays."),
        new Field<ResourceSpec, NumericPrecision>("precision", new Choice<NumericPrecision>(), r => r.Precision, (r, v) => r with { Precision = v },
            "What matrix products compute in. `bfloat16`: mixed precision with float32 weights, on CUDA only.")
        { Aliases = ["dtype", "amp", "autocast"] },
        new Field<ResourceSpec, double>("checkpoint_budget", new RealNumber(0, 0.5), r => r.CheckpointBudget, (r, v) => r with { CheckpointBudget = v },
            "Share of the training time that checkpoints may cost; how often they are made follows from what they are measured to cost, at least 10 s apart. 0: none but those that hand work over when a worker leaves.")
        { Aliases = ["checkpoints", "checkpoint_interval", "checkpoint_every", "save_every"] });

    internal static Section<BudgetSpec> Budget { get; } = new("budget", "When a sweep stops even if trials are left.", new BudgetSpec(),
        new Field<BudgetSpec, TimeSpan?>("wall", new OptionalValue<TimeSpan>(new Duration(TimeSpan.FromSeconds(1), TimeSpan.FromDays(365)), "none"), b => b.Wall, (b, v) => b with { Wall = v },
            "Time from the start of the first trial.")
        { Aliases = ["time", "wall_time", "max_time"] });

    internal static Section<SearchSpec> Search { get; } = new("search", "Which trials the sweep has. Without this block: one trial.", new SearchSpec(),
        new Field<SearchSpec, SearchMethod>("method", new Choice<SearchMethod>("tpe", "pbt", "bayes", "hyperband", "asha"), s => s.Method, (s, v) => s with { Method = v },
            "`grid`: all combinations, the last parameter varying fastest. `random`: `trials` draws, none twice."),
        new Field<SearchSpec, int?>("trials", new OptionalValue<int>(new WholeNumber<int>(1, SearchLimits.TrialsMax), "all"), s => s.Trials, (s, v) => s with { Trials = v },
            "`random`: how many trials are drawn (required there)."),
        new Field<SearchSpec, ulong>("seed", new WholeNumber<ulong>(0, ulong.MaxValue), s => s.Seed, (s, v) => s with { Seed = v }, "`random`: seed of the draws."));

    internal static Section<SweepHead> Head { get; } = new("", "", new SweepHead(1, ""),
        new Field<SweepHead, int>("version", new WholeNumber<int>(1, 1), h => h.Version, (h, v) => h with { Version = v }, "Version of this format; 1 is the only one.") { Required = true },
        new Field<SweepHead, string>("name", SweepName, h => h.Name, (h, v) => h with { Name = v }, "Names the sweep in lists and folders.") { Required = true, Aliases = ["title", "id"] });

    /// <summary>Every field of the format, in the order of the reference.</summary>
    public static IReadOnlyList<FieldInfo> All { get; } =
    [
        .. Head.Describe(false), .. Dataset.Describe(false), .. Model.Describe(true), .. Training.Describe(true),
        .. Search.Describe(false), .. Objective.Describe(false), .. Resources.Describe(false), .. Budget.Describe(false),
    ];

    /// <summary>The first field with this key or alias in any section, to tell a user where a key belongs.</summary>
    internal static FieldInfo? FindByKey(string key) => All.FirstOrDefault(field => field.Key == key);

    /// <returns>The path of the hyperparameter that other systems call by this name; null for none.</returns>
    internal static string? FindSearchableByAlias(string alias) =>
        Model.Fields.Where(field => field.Aliases.Contains(alias)).Select(Model.PathOf)
            .Concat(Training.Fields.Where(field => field.Aliases.Contains(alias)).Select(Training.PathOf)).FirstOrDefault();

    private static FieldType<string?> OptionalPath => new OptionalObject<string>(new TextValue("path", "any path", "a path", 4_096, _ => true), "none");

    private static TextValue SweepName => new("text", "1 to 100 letters, digits, `.`, `_`, `-`; starts with a letter or digit",
        "1 to 100 letters, digits, `.`, `_` or `-`, starting with a letter or digit", 100,
        text => char.IsAsciiLetterOrDigit(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'), "^[A-Za-z0-9][A-Za-z0-9._-]*$");
}

/// <summary>The keys at the top of a sweep file that are no blocks.</summary>
internal sealed record SweepHead(int Version, string Name);
