using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using static Vae.Shared.Wire.Codecs;
using static Vae.Shared.Wire.IdCodecs;

namespace Vae.Shared.Wire;

/// <summary>What is nested in messages: devices, gangs, points, results, facts.</summary>
internal static class PartCodecs
{
    public static readonly Codec<FailureKind> Failure = Enum<FailureKind>();
    public static readonly Codec<TrialState> TrialStateName = Enum<TrialState>();
    public static readonly Codec<SweepState> SweepStateName = Enum<SweepState>();
    public static readonly Codec<ArtifactKind> Artifact = Enum<ArtifactKind>();
    public static readonly Codec<ValueList<string>> Texts = List(Text);
    public static readonly Codec<ValueList<double>> Numbers = List(F64);
    public static readonly Codec<ValueList<int>> Indices = List(I32);
    public static readonly Codec<ValueList<NodeId>> Nodes = List(Node);
    public static readonly Codec<ValueList<ulong>> Incarnations = List(U64);
    public static readonly Codec<NodeId?> OptionalNode = OptionalValue(Node);
    public static readonly Codec<ReplicaPhase> Phase = Enum<ReplicaPhase>();

    public static readonly RecordCodec<CheckpointedTrial> Checkpointed = Record<CheckpointedTrial>()
        .Field("Trial", I32, x => x.Trial)
        .Field("Step", StepNumber, x => x.Step)
        .ReadBy((ref r) => new(I32.Read(ref r), StepNumber.Read(ref r)));

    private static readonly Codec<ValueList<CheckpointedTrial>> CheckpointedTrials = List(Checkpointed);

    public static readonly RecordCodec<CheckpointInfo> Checkpoint = Record<CheckpointInfo>()
        .Field("Pack", Pack, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Position", I64, x => x.Position)
        .Field("Bytes", I64, x => x.Bytes)
        .Field("Sha256", Text, x => x.Sha256)
        .Field("Trials", CheckpointedTrials, x => x.Trials)
        .ReadBy((ref r) => new(Pack.Read(ref r), AttemptNumber.Read(ref r), I64.Read(ref r), I64.Read(ref r), Text.Read(ref r), CheckpointedTrials.Read(ref r)));

    public static readonly RecordCodec<CheckpointRef> CheckpointName = Record<CheckpointRef>()
        .Field("Pack", Pack, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Position", I64, x => x.Position)
        .Field("Bytes", I64, x => x.Bytes)
        .Field("Sha256", Text, x => x.Sha256)
        .ReadBy((ref r) => new(Pack.Read(ref r), AttemptNumber.Read(ref r), I64.Read(ref r), I64.Read(ref r), Text.Read(ref r)));

    public static readonly Codec<CheckpointRef?> OptionalFrom = Optional(CheckpointName);
    public static readonly Codec<ValueList<CheckpointRef?>> Froms = List(OptionalFrom);

    public static readonly RecordCodec<DeviceFacts> Facts = Record<DeviceFacts>()
        .Field("Host", Text, x => x.Host)
        .Field("ProcessId", I32, x => x.ProcessId)
        .Field("Processor", Text, x => x.Processor)
        .Field("Cores", I32, x => x.Cores)
        .Field("MemoryBytes", I64, x => x.MemoryBytes)
        .Field("Device", Text, x => x.Device)
        .Field("DeviceName", Text, x => x.DeviceName)
        .Field("DeviceMemoryBytes", I64, x => x.DeviceMemoryBytes)
        .Field("Threads", I32, x => x.Threads)
        .Field("Libtorch", Text, x => x.Libtorch)
        .Field("Blas", Text, x => x.Blas)
        .Field("CpuCapability", Text, x => x.CpuCapability)
        .Field("Version", Text, x => x.Version)
        .ReadBy((ref r) => new(Text.Read(ref r), I32.Read(ref r), Text.Read(ref r), I32.Read(ref r), I64.Read(ref r), Text.Read(ref r),
            Text.Read(ref r), I64.Read(ref r), I32.Read(ref r), Text.Read(ref r), Text.Read(ref r), Text.Read(ref r),
            Text.Read(ref r)));

    public static readonly RecordCodec<LinkReport> Link = Record<LinkReport>()
        .Field("To", Node, x => x.To)
        .Field("Slowdown", F64, x => x.Slowdown)
        .Field("RoundTripSeconds", F64, x => x.RoundTripSeconds)
        .Field("BytesPerSecond", F64, x => x.BytesPerSecond)
        .ReadBy((ref r) => new(Node.Read(ref r), F64.Read(ref r), F64.Read(ref r), F64.Read(ref r)));

    private static readonly Codec<LinkReport?> OptionalLink = Optional(Link);

    public static readonly RecordCodec<WorkerLoad> Load = Record<WorkerLoad>()
        .Field("Replicas", I32, x => x.Replicas)
        .Field("StepsTotal", I64, x => x.StepsTotal)
        .Field("SamplesTotal", I64, x => x.SamplesTotal)
        .Field("StepsPerSecond", F64, x => x.StepsPerSecond)
        .Field("SamplesPerSecond", F64, x => x.SamplesPerSecond)
        .Field("MemoryBytes", I64, x => x.MemoryBytes)
        .Field("AllreduceWaitShare", F64, x => x.AllreduceWaitShare)
        .Field("Slowdown", F64, x => x.Slowdown)
        .Field("Link", OptionalLink, x => x.Link)
        .ReadBy((ref r) => new(I32.Read(ref r), I64.Read(ref r), I64.Read(ref r), F64.Read(ref r), F64.Read(ref r), I64.Read(ref r),
            F64.Read(ref r), F64.Read(ref r), OptionalLink.Read(ref r)));

    public static readonly RecordCodec<DataEndpoint> Endpoint = Record<DataEndpoint>()
        .Field("Host", Text, x => x.Host)
        .Field("Port", I32, x => x.Port)
        .ReadBy((ref r) => new(Text.Read(ref r), I32.Read(ref r)));

    public static readonly RecordCodec<RunningReplica> Running = Record<RunningReplica>()
        .Field("Pack", Pack, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("PreparedFor", GenerationNumber, x => x.PreparedFor)
        .ReadBy((ref r) => new(Pack.Read(ref r), AttemptNumber.Read(ref r), GenerationNumber.Read(ref r)));

    public static readonly Codec<ValueList<RunningReplica>> RunningReplicas = List(Running);

    public static readonly RecordCodec<GangMember> Member = Record<GangMember>()
        .Field("Worker", Node, x => x.Worker)
        .Field("Endpoint", Endpoint, x => x.Endpoint)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("PreparedFor", GenerationNumber, x => x.PreparedFor)
        .ReadBy((ref r) => new(Node.Read(ref r), Endpoint.Read(ref r), U64.Read(ref r), GenerationNumber.Read(ref r)));

    public static readonly Codec<ValueList<GangMember>> Members = List(Member);

    public static readonly RecordCodec<PackShape> Shape = Record<PackShape>()
        .Field("Slots", I32, x => x.Slots)
        .Field("Latent", I32, x => x.Latent)
        .Field("Lanes", I32, x => x.Lanes)
        .Field("Threads", I32, x => x.Threads)
        .ReadBy((ref r) => new(I32.Read(ref r), I32.Read(ref r), I32.Read(ref r), I32.Read(ref r)));

    public static readonly RecordCodec<SlotFill> Fill = Record<SlotFill>()
        .Field("Slot", I32, x => x.Slot)
        .Field("Trial", SpecCodecs.Trial, x => x.Trial)
        .Field("From", OptionalFrom, x => x.From)
        .ReadBy((ref r) => new(I32.Read(ref r), SpecCodecs.Trial.Read(ref r), OptionalFrom.Read(ref r)));

    private static readonly Codec<ValueList<SlotFill>> Fills = List(Fill);
    private static readonly Codec<SlotOrderKind> OrderKind = Enum<SlotOrderKind>();
    private static readonly Codec<TrialSpec?> OptionalTrial = Optional(SpecCodecs.Trial);

    public static readonly RecordCodec<SlotOrder> Order = Record<SlotOrder>()
        .Field("Number", I64, x => x.Number)
        .Field("Kind", OrderKind, x => x.Kind)
        .Field("Slot", I32, x => x.Slot)
        .Field("Trial", OptionalTrial, x => x.Trial)
        .Field("Reason", Text, x => x.Reason)
        .Field("From", OptionalFrom, x => x.From)
        .ReadBy((ref r) => new(I64.Read(ref r), OrderKind.Read(ref r), I32.Read(ref r), OptionalTrial.Read(ref r), Text.Read(ref r), OptionalFrom.Read(ref r)));

    public static readonly Codec<ValueList<SlotOrder>> Orders = List(Order);

    public static readonly RecordCodec<ReplicaAssignment> Assignment = Record<ReplicaAssignment>()
        .Field("Pack", Pack, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Generation", GenerationNumber, x => x.Generation)
        .Field("Shape", Shape, x => x.Shape)
        .Field("Slots", Fills, x => x.Slots)
        .Field("Closed", Bool, x => x.Closed)
        .Field("Dataset", SpecCodecs.Manifest, x => x.Dataset)
        .Field("Source", SpecCodecs.Source, x => x.Source)
        .Field("Resources", SweepCodecs.Resources, x => x.Resources)
        .Field("Runner", Actor, x => x.Runner)
        .Field("Metric", SweepCodecs.Metric, x => x.Metric)
        .ReadBy((ref r) => new(Pack.Read(ref r), AttemptNumber.Read(ref r), GenerationNumber.Read(ref r), Shape.Read(ref r), Fills.Read(ref r), Bool.Read(ref r),
            SpecCodecs.Manifest.Read(ref r), SpecCodecs.Source.Read(ref r), SweepCodecs.Resources.Read(ref r), Actor.Read(ref r))
        { Metric = SweepCodecs.Metric.Read(ref r) });

    public static readonly RecordCodec<ArtifactInfo> File = Record<ArtifactInfo>()
        .Field("Kind", Artifact, x => x.Kind)
        .Field("Bytes", I64, x => x.Bytes)
        .Field("Sha256", Text, x => x.Sha256)
        .ReadBy((ref r) => new(Artifact.Read(ref r), I64.Read(ref r), Text.Read(ref r)));

    private static readonly Codec<ValueList<ArtifactInfo>> Files = List(File);

    public static readonly RecordCodec<NamedFigure> Figure = Record<NamedFigure>()
        .Field("Name", Text, x => x.Name)
        .Field("Value", F64, x => x.Value)
        .ReadBy((ref r) => new(Text.Read(ref r), F64.Read(ref r)));

    private static readonly Codec<ValueList<NamedFigure>> Figures = List(Figure);

    public static readonly RecordCodec<TrialResult> Result = Record<TrialResult>()
        .Field("TrialIndex", I32, x => x.TrialIndex)
        .Field("State", TrialStateName, x => x.State)
        .Field("Elbo", F64, x => x.Elbo)
        .Field("Distortion", F64, x => x.Distortion)
        .Field("Rate", F64, x => x.Rate)
        .Field("ActiveUnits", I32, x => x.ActiveUnits)
        .Field("KlPerDimension", Numbers, x => x.KlPerDimension)
        .Field("Steps", I64, x => x.Steps)
        .Field("Epochs", I32, x => x.Epochs)
        .Field("TrainSeconds", F64, x => x.TrainSeconds)
        .Field("Parameters", I64, x => x.Parameters)
        .Field("FailureText", Text, x => x.FailureText)
        .Field("Artifacts", Files, x => x.Artifacts)
        .Field("Figures", Figures, x => x.Figures)
        .ReadBy((ref r) => new(I32.Read(ref r), TrialStateName.Read(ref r), F64.Read(ref r), F64.Read(ref r), F64.Read(ref r), I32.Read(ref r),
            Numbers.Read(ref r), I64.Read(ref r), I32.Read(ref r), F64.Read(ref r), I64.Read(ref r), Text.Read(ref r),
            Files.Read(ref r))
        { Figures = Figures.Read(ref r) });

    public static readonly Codec<ValueList<TrialResult>> Results = List(Result);

    public static readonly RecordCodec<MetricPoint.TrainStep> TrainStep = Record<MetricPoint.TrainStep>()
        .Field("EpochIndex", I32, x => x.EpochIndex)
        .Field("Loss", F64, x => x.Loss)
        .Field("Distortion", F64, x => x.Distortion)
        .Field("Rate", F64, x => x.Rate)
        .Field("Beta", F64, x => x.Beta)
        .Field("Seconds", F64, x => x.Seconds)
        .Field("Trial", Trial, x => x.Trial)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Step", StepNumber, x => x.Step)
        .ReadBy((ref r) => new(I32.Read(ref r), F64.Read(ref r), F64.Read(ref r), F64.Read(ref r), F64.Read(ref r),
            F64.Read(ref r))
        { Trial = Trial.Read(ref r), Attempt = AttemptNumber.Read(ref r), Step = StepNumber.Read(ref r) });

    public static readonly RecordCodec<MetricPoint.Evaluation> Evaluation = Record<MetricPoint.Evaluation>()
        .Field("EpochsDone", I32, x => x.EpochsDone)
        .Field("Elbo", F64, x => x.Elbo)
        .Field("Distortion", F64, x => x.Distortion)
        .Field("Rate", F64, x => x.Rate)
        .Field("ActiveUnits", I32, x => x.ActiveUnits)
        .Field("KlPerDimension", Numbers, x => x.KlPerDimension)
        .Field("TrainLoss", F64, x => x.TrainLoss)
        .Field("Seconds", F64, x => x.Seconds)
        .Field("Trial", Trial, x => x.Trial)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Step", StepNumber, x => x.Step)
        .Field("Figures", Figures, x => x.Figures)
        .ReadBy((ref r) => new(I32.Read(ref r), F64.Read(ref r), F64.Read(ref r), F64.Read(ref r), I32.Read(ref r), Numbers.Read(ref r),
            F64.Read(ref r), F64.Read(ref r))
        { Trial = Trial.Read(ref r), Attempt = AttemptNumber.Read(ref r), Step = StepNumber.Read(ref r), Figures = Figures.Read(ref r) });

    public static readonly FamilyCodec<MetricPoint> Point = new FamilyCodec<MetricPoint>().Case(TrainStep).Case(Evaluation);

    public static readonly Codec<ValueList<MetricPoint>> Points = List(Point);

    public static readonly RecordCodec<SweepAggregate> Aggregate = Record<SweepAggregate>()
        .Field("Sweep", Sweep, x => x.Sweep)
        .Field("TrainSteps", I64, x => x.TrainSteps)
        .Field("Evaluations", I64, x => x.Evaluations)
        .Field("Thinned", I64, x => x.Thinned)
        .Field("BestElbo", F64, x => x.BestElbo)
        .Field("BestTrial", I32, x => x.BestTrial)
        .Field("ActiveUnits", I32, x => x.ActiveUnits)
        .ReadBy((ref r) => new(Sweep.Read(ref r), I64.Read(ref r), I64.Read(ref r), I64.Read(ref r), F64.Read(ref r), I32.Read(ref r),
            I32.Read(ref r)));

    public static readonly Codec<ValueList<SweepAggregate>> Aggregates = List(Aggregate);
}
