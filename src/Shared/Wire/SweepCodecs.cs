using Vae.Shared.Sweeps;
using static Vae.Shared.Wire.Codecs;
using static Vae.Shared.Wire.IdCodecs;

namespace Vae.Shared.Wire;

/// <summary>A whole sweep definition on the wire.</summary>
internal static class SweepCodecs
{
    private static readonly Codec<ValueList<string>> Texts = List(Text);
    private static readonly Codec<int?> OptionalI32 = OptionalValue(I32);
    private static readonly Codec<TimeSpan?> OptionalDuration = OptionalValue(Ticks);
    private static readonly Codec<SearchMethod> SearchMethodName = Enum<SearchMethod>();
    internal static readonly Codec<ObjectiveMetric> Metric = Enum<ObjectiveMetric>();
    private static readonly Codec<ObjectiveGoal> ObjectiveGoalName = Enum<ObjectiveGoal>();
    private static readonly Codec<DeviceChoice> DeviceChoiceName = Enum<DeviceChoice>();
    private static readonly Codec<BalanceMode> BalanceModeName = Enum<BalanceMode>();
    private static readonly Codec<AllReduceEngine> AllReduceEngineName = Enum<AllReduceEngine>();
    private static readonly Codec<GradientCompression> GradientCompressionName = Enum<GradientCompression>();
    private static readonly Codec<OverlapMode> OverlapModeName = Enum<OverlapMode>();
    private static readonly Codec<NumericPrecision> NumericPrecisionName = Enum<NumericPrecision>();

    public static readonly RecordCodec<ParameterDomain.Values> Values = Record<ParameterDomain.Values>()
        .Field("Items", Texts, x => x.Items)
        .ReadBy((ref r) => new(Texts.Read(ref r)));

    public static readonly RecordCodec<ParameterDomain.Uniform> Uniform = Record<ParameterDomain.Uniform>()
        .Field("Low", F64, x => x.Low)
        .Field("High", F64, x => x.High)
        .ReadBy((ref r) => new(F64.Read(ref r), F64.Read(ref r)));

    public static readonly RecordCodec<ParameterDomain.LogUniform> LogUniform = Record<ParameterDomain.LogUniform>()
        .Field("Low", F64, x => x.Low)
        .Field("High", F64, x => x.High)
        .ReadBy((ref r) => new(F64.Read(ref r), F64.Read(ref r)));

    public static readonly RecordCodec<ParameterDomain.IntUniform> IntUniform = Record<ParameterDomain.IntUniform>()
        .Field("Low", I64, x => x.Low)
        .Field("High", I64, x => x.High)
        .ReadBy((ref r) => new(I64.Read(ref r), I64.Read(ref r)));

    public static readonly FamilyCodec<ParameterDomain> Domain = new FamilyCodec<ParameterDomain>().Case(Values).Case(Uniform).Case(LogUniform).Case(IntUniform);

    public static readonly RecordCodec<SearchParameter> Parameter = Record<SearchParameter>()
        .Field("Path", Text, x => x.Path)
        .Field("Domain", Domain, x => x.Domain)
        .ReadBy((ref r) => new(Text.Read(ref r), Domain.Read(ref r)));

    private static readonly Codec<ValueList<SearchParameter>> Parameters = List(Parameter);

    public static readonly RecordCodec<SearchSpec> Search = Record<SearchSpec>()
        .Field("Method", SearchMethodName, x => x.Method)
        .Field("Parameters", Parameters, x => x.Parameters)
        .Field("Trials", OptionalI32, x => x.Trials)
        .Field("Seed", U64, x => x.Seed)
        .ReadBy((ref r) => new()
        {
            Method = SearchMethodName.Read(ref r),
            Parameters = Parameters.Read(ref r),
            Trials = OptionalI32.Read(ref r),
            Seed = U64.Read(ref r),
        });

    public static readonly RecordCodec<ObjectiveSpec> Objective = Record<ObjectiveSpec>()
        .Field("Metric", Metric, x => x.Metric)
        .Field("Goal", ObjectiveGoalName, x => x.Goal)
        .ReadBy((ref r) => new() { Metric = Metric.Read(ref r), Goal = ObjectiveGoalName.Read(ref r) });

    public static readonly RecordCodec<ResourceSpec> Resources = Record<ResourceSpec>()
        .Field("WorkersPerPackMin", I32, x => x.WorkersPerPackMin)
        .Field("WorkersPerPackMax", I32, x => x.WorkersPerPackMax)
        .Field("MaxPack", OptionalI32, x => x.MaxPack)
        .Field("Device", DeviceChoiceName, x => x.Device)
        .Field("Threads", OptionalI32, x => x.Threads)
        .Field("Lanes", OptionalI32, x => x.Lanes)
        .Field("Balance", BalanceModeName, x => x.Balance)
        .Field("AllReduce", AllReduceEngineName, x => x.AllReduce)
        .Field("Compression", GradientCompressionName, x => x.Compression)
        .Field("Overlap", OverlapModeName, x => x.Overlap)
        .Field("Precision", NumericPrecisionName, x => x.Precision)
        .Field("CheckpointBudget", F64, x => x.CheckpointBudget)
        .ReadBy((ref r) => new()
        {
            WorkersPerPackMin = I32.Read(ref r),
            WorkersPerPackMax = I32.Read(ref r),
            MaxPack = OptionalI32.Read(ref r),
            Device = DeviceChoiceName.Read(ref r),
            Threads = OptionalI32.Read(ref r),
            Lanes = OptionalI32.Read(ref r),
            Balance = BalanceModeName.Read(ref r),
            AllReduce = AllReduceEngineName.Read(ref r),
            Compression = GradientCompressionName.Read(ref r),
            Overlap = OverlapModeName.Read(ref r),
            Precision = NumericPrecisionName.Read(ref r),
            CheckpointBudget = F64.Read(ref r),
        });

    public static readonly RecordCodec<BudgetSpec> Budget = Record<BudgetSpec>()
        .Field("Wall", OptionalDuration, x => x.Wall)
        .ReadBy((ref r) => new() { Wall = OptionalDuration.Read(ref r) });

    public static readonly RecordCodec<SweepDefinition> Definition = Record<SweepDefinition>()
        .Field("Version", I32, x => x.Version)
        .Field("Name", Text, x => x.Name)
        .Field("Dataset", SpecCodecs.Source, x => x.Dataset)
        .Field("Model", SpecCodecs.Model, x => x.Model)
        .Field("Training", SpecCodecs.Training, x => x.Training)
        .Field("Search", Search, x => x.Search)
        .Field("Objective", Objective, x => x.Objective)
        .Field("Resources", Resources, x => x.Resources)
        .Field("Budget", Budget, x => x.Budget)
        .ReadBy((ref r) => new()
        {
            Version = I32.Read(ref r),
            Name = Text.Read(ref r),
            Dataset = SpecCodecs.Source.Read(ref r),
            Model = SpecCodecs.Model.Read(ref r),
            Training = SpecCodecs.Training.Read(ref r),
            Search = Search.Read(ref r),
            Objective = Objective.Read(ref r),
            Resources = Resources.Read(ref r),
            Budget = Budget.Read(ref r),
        });
}
