using Vae.Shared.Datasets;

namespace Vae.Shared.Sweeps;

/// <summary>
/// The one table of the sweep format. Parsing, ranges, defaults, search paths, JSON, the JSON Schema and the reference are all
/// read off these rows, so none of them can forget a field.
/// </summary>
public static class SweepFields
{
    internal static Section<DatasetSource> Dataset { get; } = new("dataset", "Where the images come from.", new DatasetSource { Source = DatasetSource.Sprites },
        new Field<DatasetSource, string>("source", new OneOf([DatasetSource.Idx, DatasetSource.Npz, DatasetSource.Sprites]), d => d.Source, (d, v) => d with { Source = v },
            "`idx` reads files of the MNIST family, gzip or not; `npz` archives of NumPy arrays, such as dSprites' file; `sprites` draws dSprites-like shapes, so nothing has to be downloaded.")
        { Required = true, Aliases = ["type", "name", "kind", "format"] },
        new Field<DatasetSource, string?>("images", OptionalPath, d => d.Images, (d, v) => d with { Images = v },
            "Image file of `idx`, or the archive of `npz` (required there), relative to the folder of the sweep file.")
        { Aliases = ["path", "file", "data"] },
        new Field<DatasetSource, string?>("labels", OptionalPath, d => d.Labels, (d, v) => d with { Labels = v },
            "Label file of `idx`, relative to the folder of the sweep file. `conditional` and `m2` need it; an archive has its own."),
        new Field<DatasetSource, int>("count", new WholeNumber<int>(2, 737_280), d => d.Count, (d, v) => d with { Count = v },
            "`sprites`: how many images are drawn. `npz`: rows at most.")
        { Aliases = ["rows", "n", "samples"] },
        new Field<DatasetSource, int>("size", new WholeNumber<int>(8, 256), d => d.Size, (d, v) => d with { Size = v },
            "`sprites`: side of the square images in pixels.")
        { Aliases = ["image_size", "width", "height"] },
        new Field<DatasetSource, ulong>("seed", new WholeNumber<ulong>(0, ulong.MaxValue), d => d.Seed, (d, v) => d with { Seed = v },
            "`sprites`: which combinations of shape, scale, rotation and place are drawn, and their order. `npz`: which rows."),
        new Field<DatasetSource, double>("holdout", new RealNumber(0, 0.9), d => d.HoldOut, (d, v) => d with { HoldOut = v },
            "Share of the rows, the last ones, that is never trained on and ranks the trials.")
        { Aliases = ["validation", "val_split", "test_split", "hold_out"] },
        new Field<DatasetSource, Binarize>("binarize", new Choice<Binarize>(), d => d.Binarize, (d, v) => d with { Binarize = v },
            "How grey pixels become bits: `none` keeps them in 0 to 1, `fixed` cuts at one half, `dynamic` takes them as probabilities and draws anew in every epoch."),
        new Field<DatasetSource, ValueList<int>>("exclude_labels", new WholeList(0, 256, 0, 255), d => d.ExcludeLabels, (d, v) => d with { ExcludeLabels = v },
            "Labels whose rows are neither trained on nor evaluated on, for example [3]: `vae model anomaly` then scores the held-out rows of all labels and tells how well these stand out. Which rows are held out does not depend on it.")
        { Aliases = ["exclude", "exclude_classes", "leave_out", "anomalies"] });

    internal static Section<ModelSpec> Model => ModelFields.Section;

    internal static Section<TrainingSpec> Training => TrainingFields.Section;

    internal static Section<ObjectiveSpec> Objective { get; } = new("objective", "What trials are ranked by.", new ObjectiveSpec(),
        new Field<ObjectiveSpec, ObjectiveMetric>("metric", new Choice<ObjectiveMetric>(), o => o.Metric, (o, v) => o with { Metric = v },
            "On held-out rows. `elbo`: evidence lower bound at beta = 1, in nats per row. `distortion`, `rate`, `active_units`, `bits_per_dimension`, `perplexity` and `classifier_error` come with every evaluation too; the others are computed "
            + "when a trial ends: `log_likelihood` with 100 draws per row, `linear_probe` and `knn` need labels, `mig`, `factor_vae_score`, `dci` and `sap` need sprites, `auroc_elbo` needs `dataset.exclude_labels`. See docs/evaluation.md."),
        new Field<ObjectiveSpec, ObjectiveGoal>("goal", new Choice<ObjectiveGoal>(), o => o.Goal, (o, v) => o with { Goal = v },
            "Which direction is better. `auto`: less of `distortion`, `rate`, `bits_per_dimension`, `reconstruction_error`, `classifier_error` and `marginal_kl`, more of the others."));

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
