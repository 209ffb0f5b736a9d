using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using static Vae.Shared.Wire.Codecs;
using static Vae.Shared.Wire.IdCodecs;

namespace Vae.Shared.Wire;

/// <summary>Sweep definitions, trials and data sets on the wire. Ranges are checked where files are read, not here.</summary>
internal static class SpecCodecs
{
    private static readonly Codec<ValueList<int>> Widths = List(I32);
    private static readonly Codec<ValueList<int>?> OptionalWidths = Optional(Widths);
    private static readonly Codec<string?> OptionalText = Optional(Text);
    private static readonly Codec<double?> OptionalF64 = OptionalValue(F64);
    private static readonly Codec<long?> OptionalI64 = OptionalValue(I64);

    public static readonly Codec<Binarize> BinarizeMode = Enum<Binarize>();
    private static readonly Codec<ModelFamily> ModelFamilyName = Enum<ModelFamily>();
    private static readonly Codec<Architecture> ArchitectureName = Enum<Architecture>();
    private static readonly Codec<Likelihood> LikelihoodName = Enum<Likelihood>();
    private static readonly Codec<Activation> ActivationName = Enum<Activation>();
    private static readonly Codec<OptimizerKind> OptimizerKindName = Enum<OptimizerKind>();
    private static readonly Codec<Prior> PriorName = Enum<Prior>();
    private static readonly Codec<int?> OptionalI32 = OptionalValue(I32);
    private static readonly Codec<OutputBias?> OptionalOutputBias = OptionalValue(Enum<OutputBias>());
    private static readonly Codec<TrainingObjective> TrainingObjectiveName = Enum<TrainingObjective>();
    private static readonly Codec<KlSchedule> KlScheduleName = Enum<KlSchedule>();
    private static readonly Codec<TcEstimator> TcEstimatorName = Enum<TcEstimator>();
    private static readonly Codec<MmdKernel> MmdKernelName = Enum<MmdKernel>();

    public static readonly RecordCodec<DatasetSource> Source = Record<DatasetSource>()
        .Field("Source", Text, x => x.Source)
        .Field("Images", OptionalText, x => x.Images)
        .Field("Labels", OptionalText, x => x.Labels)
        .Field("Count", I32, x => x.Count)
        .Field("Size", I32, x => x.Size)
        .Field("Seed", U64, x => x.Seed)
        .Field("HoldOut", F64, x => x.HoldOut)
        .Field("Binarize", BinarizeMode, x => x.Binarize)
        .Field("ExcludeLabels", Widths, x => x.ExcludeLabels)
        .ReadBy((ref r) => new()
        {
            Source = Text.Read(ref r),
            Images = OptionalText.Read(ref r),
            Labels = OptionalText.Read(ref r),
            Count = I32.Read(ref r),
            Size = I32.Read(ref r),
            Seed = U64.Read(ref r),
            HoldOut = F64.Read(ref r),
            Binarize = BinarizeMode.Read(ref r),
            ExcludeLabels = Widths.Read(ref r),
        });

    public static readonly RecordCodec<ShardInfo> Shard = Record<ShardInfo>()
        .Field("Index", I32, x => x.Index)
        .Field("FirstRow", I32, x => x.FirstRow)
        .Field("Rows", I32, x => x.Rows)
        .Field("Bytes", I32, x => x.Bytes)
        .Field("Sha256", Text, x => x.Sha256)
        .ReadBy((ref r) => new(I32.Read(ref r), I32.Read(ref r), I32.Read(ref r), I32.Read(ref r), Text.Read(ref r)));

    private static readonly Codec<ValueList<ShardInfo>> Shards = List(Shard);

    public static readonly RecordCodec<DatasetManifest> Manifest = Record<DatasetManifest>()
        .Field("Fingerprint", Text, x => x.Fingerprint)
        .Field("Source", Text, x => x.Source)
        .Field("Count", I32, x => x.Count)
        .Field("Channels", I32, x => x.Channels)
        .Field("Height", I32, x => x.Height)
        .Field("Width", I32, x => x.Width)
        .Field("HasLabels", Bool, x => x.HasLabels)
        .Field("Classes", I32, x => x.Classes)
        .Field("HeldOut", I32, x => x.HeldOut)
        .Field("ShardRows", I32, x => x.ShardRows)
        .Field("Shards", Shards, x => x.Shards)
        .Field("Excluded", I32, x => x.Excluded)
        .ReadBy((ref r) => new()
        {
            Fingerprint = Text.Read(ref r),
            Source = Text.Read(ref r),
            Count = I32.Read(ref r),
            Channels = I32.Read(ref r),
            Height = I32.Read(ref r),
            Width = I32.Read(ref r),
            HasLabels = Bool.Read(ref r),
            Classes = I32.Read(ref r),
            HeldOut = I32.Read(ref r),
            ShardRows = I32.Read(ref r),
            Shards = Shards.Read(ref r),
            Excluded = I32.Read(ref r),
        });

    public static readonly RecordCodec<ModelSpec> Model = Record<ModelSpec>()
        .Field("Family", ModelFamilyName, x => x.Family)
        .Field("Architecture", ArchitectureName, x => x.Architecture)
        .Field("Encoder", Widths, x => x.Encoder)
        .Field("Decoder", OptionalWidths, x => x.Decoder)
        .Field("Channels", OptionalWidths, x => x.Channels)
        .Field("Hidden", I32, x => x.Hidden)
        .Field("Latent", I32, x => x.Latent)
        .Field("Likelihood", LikelihoodName, x => x.Likelihood)
        .Field("Variance", OptionalF64, x => x.Variance)
        .Field("Activation", ActivationName, x => x.Activation)
        .Field("Blocks", I32, x => x.Blocks)
        .Field("Groups", I32, x => x.Groups)
        .Field("Prior", PriorName, x => x.Prior)
        .Field("PseudoInputs", I32, x => x.PseudoInputs)
        .Field("Ladder", Widths, x => x.Ladder)
        .Field("Codes", I32, x => x.Codes)
        .Field("CodeSize", I32, x => x.CodeSize)
        .Field("CodePriorWidth", I32, x => x.CodePriorWidth)
        .Field("Classes", OptionalI32, x => x.Classes)
        .Field("OutputBias", OptionalOutputBias, x => x.OutputBias)
        .ReadBy((ref r) => new()
        {
            Family = ModelFamilyName.Read(ref r),
            Architecture = ArchitectureName.Read(ref r),
            Encoder = Widths.Read(ref r),
            Decoder = OptionalWidths.Read(ref r),
            Channels = OptionalWidths.Read(ref r),
            Hidden = I32.Read(ref r),
            Latent = I32.Read(ref r),
            Likelihood = LikelihoodName.Read(ref r),
            Variance = OptionalF64.Read(ref r),
            Activation = ActivationName.Read(ref r),
            Blocks = I32.Read(ref r),
            Groups = I32.Read(ref r),
            Prior = PriorName.Read(ref r),
            PseudoInputs = I32.Read(ref r),
            Ladder = Widths.Read(ref r),
            Codes = I32.Read(ref r),
            CodeSize = I32.Read(ref r),
            CodePriorWidth = I32.Read(ref r),
            Classes = OptionalI32.Read(ref r),
            OutputBias = OptionalOutputBias.Read(ref r),
        });

    public static readonly RecordCodec<TrainingSpec> Training = Record<TrainingSpec>()
        .Field("Epochs", I32, x => x.Epochs)
        .Field("MaxSteps", OptionalI64, x => x.MaxSteps)
        .Field("Batch", I32, x => x.Batch)
        .Field("Optimizer", OptimizerKindName, x => x.Optimizer)
        .Field("LearningRate", F64, x => x.LearningRate)
        .Field("WeightDecay", F64, x => x.WeightDecay)
        .Field("Momentum", F64, x => x.Momentum)
        .Field("AdamBeta1", F64, x => x.AdamBeta1)
        .Field("AdamBeta2", F64, x => x.AdamBeta2)
        .Field("AdamEpsilon", F64, x => x.AdamEpsilon)
        .Field("Beta", F64, x => x.Beta)
        .Field("KlWarmupEpochs", F64, x => x.KlWarmupEpochs)
        .Field("Seed", U64, x => x.Seed)
        .Field("GradientClip", OptionalF64, x => x.GradientClip)
        .Field("EvaluateEvery", I32, x => x.EvaluateEvery)
        .Field("Objective", TrainingObjectiveName, x => x.Objective)
        .Field("ImportanceSamples", I32, x => x.ImportanceSamples)
        .Field("KlSchedule", KlScheduleName, x => x.KlSchedule)
        .Field("KlCycles", I32, x => x.KlCycles)
        .Field("KlCycleRise", F64, x => x.KlCycleRise)
        .Field("FreeBits", F64, x => x.FreeBits)
        .Field("Capacity", OptionalF64, x => x.Capacity)
        .Field("CapacityWeight", F64, x => x.CapacityWeight)
        .Field("CapacityEpochs", F64, x => x.CapacityEpochs)
        .Field("TcAlpha", F64, x => x.TcAlpha)
        .Field("TcGamma", F64, x => x.TcGamma)
        .Field("TcEstimator", TcEstimatorName, x => x.TcEstimator)
        .Field("FactorGamma", F64, x => x.FactorGamma)
        .Field("DiscriminatorWidth", I32, x => x.DiscriminatorWidth)
        .Field("DiscriminatorLayers", I32, x => x.DiscriminatorLayers)
        .Field("DiscriminatorRate", F64, x => x.DiscriminatorRate)
        .Field("MmdAlpha", F64, x => x.MmdAlpha)
        .Field("MmdLambda", F64, x => x.MmdLambda)
        .Field("MmdKernel", MmdKernelName, x => x.MmdKernel)
        .Field("Commitment", F64, x => x.Commitment)
        .Field("CodeDecay", F64, x => x.CodeDecay)
        .Field("CodeRevival", F64, x => x.CodeRevival)
        .Field("Labelled", I32, x => x.Labelled)
        .Field("ClassifierWeight", F64, x => x.ClassifierWeight)
        .ReadBy((ref r) => new()
        {
            Epochs = I32.Read(ref r),
            MaxSteps = OptionalI64.Read(ref r),
            Batch = I32.Read(ref r),
            Optimizer = OptimizerKindName.Read(ref r),
            LearningRate = F64.Read(ref r),
            WeightDecay = F64.Read(ref r),
            Momentum = F64.Read(ref r),
            AdamBeta1 = F64.Read(ref r),
            AdamBeta2 = F64.Read(ref r),
            AdamEpsilon = F64.Read(ref r),
            Beta = F64.Read(ref r),
            KlWarmupEpochs = F64.Read(ref r),
            Seed = U64.Read(ref r),
            GradientClip = OptionalF64.Read(ref r),
            EvaluateEvery = I32.Read(ref r),
            Objective = TrainingObjectiveName.Read(ref r),
            ImportanceSamples = I32.Read(ref r),
            KlSchedule = KlScheduleName.Read(ref r),
            KlCycles = I32.Read(ref r),
            KlCycleRise = F64.Read(ref r),
            FreeBits = F64.Read(ref r),
            Capacity = OptionalF64.Read(ref r),
            CapacityWeight = F64.Read(ref r),
            CapacityEpochs = F64.Read(ref r),
            TcAlpha = F64.Read(ref r),
            TcGamma = F64.Read(ref r),
            TcEstimator = TcEstimatorName.Read(ref r),
            FactorGamma = F64.Read(ref r),
            DiscriminatorWidth = I32.Read(ref r),
            DiscriminatorLayers = I32.Read(ref r),
            DiscriminatorRate = F64.Read(ref r),
            MmdAlpha = F64.Read(ref r),
            MmdLambda = F64.Read(ref r),
            MmdKernel = MmdKernelName.Read(ref r),
            Commitment = F64.Read(ref r),
            CodeDecay = F64.Read(ref r),
            CodeRevival = F64.Read(ref r),
            Labelled = I32.Read(ref r),
            ClassifierWeight = F64.Read(ref r),
        });

    public static readonly RecordCodec<Assignment> Assignment = Record<Assignment>()
        .Field("Path", Text, x => x.Path)
        .Field("Value", Text, x => x.Value)
        .ReadBy((ref r) => new(Text.Read(ref r), Text.Read(ref r)));

    private static readonly Codec<ValueList<Assignment>> Assignments = List(Assignment);

    public static readonly RecordCodec<TrialSpec> Trial = Record<TrialSpec>()
        .Field("Index", I32, x => x.Index)
        .Field("Assignments", Assignments, x => x.Assignments)
        .Field("Model", Model, x => x.Model)
        .Field("Training", Training, x => x.Training)
        .ReadBy((ref r) => new()
        {
            Index = I32.Read(ref r),
            Assignments = Assignments.Read(ref r),
            Model = Model.Read(ref r),
            Training = Training.Read(ref r),
        });
}
