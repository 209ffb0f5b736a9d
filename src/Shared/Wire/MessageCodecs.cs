using Vae.Shared.Actors;
using Vae.Shared.Messages;
using static Vae.Shared.Wire.Codecs;
using static Vae.Shared.Wire.IdCodecs;
using static Vae.Shared.Wire.PartCodecs;

namespace Vae.Shared.Wire;

/// <summary>Fields of every message that may cross the wire; a message that is not here stays on its node.</summary>
internal static class MessageCodecs
{
    public static readonly RecordCodec<ClusterMessage.RegisterWorker> RegisterWorker = Record<ClusterMessage.RegisterWorker>()
        .Field("Worker", Node, x => x.Worker)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Facts", Facts, x => x.Facts)
        .Field("Endpoint", Endpoint, x => x.Endpoint)
        .Field("Lanes", I32, x => x.Lanes)
        .Field("Running", RunningReplicas, x => x.Running)
        .Field("LastLines", Texts, x => x.LastLines)
        .ReadBy((ref r) => new(Node.Read(ref r), U64.Read(ref r), Facts.Read(ref r), Endpoint.Read(ref r), I32.Read(ref r),
            RunningReplicas.Read(ref r), Texts.Read(ref r)));

    public static readonly RecordCodec<ClusterMessage.Heartbeat> Heartbeat = Record<ClusterMessage.Heartbeat>()
        .Field("Worker", Node, x => x.Worker)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Sequence", I64, x => x.Sequence)
        .Field("Load", Load, x => x.Load)
        .Field("Running", RunningReplicas, x => x.Running)
        .ReadBy((ref r) => new(Node.Read(ref r), U64.Read(ref r), I64.Read(ref r), Load.Read(ref r), RunningReplicas.Read(ref r)));

    public static readonly RecordCodec<ClusterMessage.LeaveCluster> LeaveCluster = Record<ClusterMessage.LeaveCluster>()
        .Field("Worker", Node, x => x.Worker)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Reason", Text, x => x.Reason)
        .ReadBy((ref r) => new(Node.Read(ref r), U64.Read(ref r), Text.Read(ref r)));

    public static readonly RecordCodec<AgentMessage.Registered> Registered = Record<AgentMessage.Registered>()
        .Field("Term", TermNumber, x => x.Term)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Lease", Ticks, x => x.Lease)
        .Field("HeartbeatEvery", Ticks, x => x.HeartbeatEvery)
        .ReadBy((ref r) => new(TermNumber.Read(ref r), U64.Read(ref r), Ticks.Read(ref r), Ticks.Read(ref r)));

    public static readonly RecordCodec<AgentMessage.HeartbeatAck> HeartbeatAck =
        OfTermAnd<AgentMessage.HeartbeatAck, long>(x => x.Term, "Sequence", I64, x => x.Sequence, (term, value) => new(term, value));

    public static readonly RecordCodec<AgentMessage.RegisterAgain> RegisterAgain = Record<AgentMessage.RegisterAgain>()
        .Field("Term", TermNumber, x => x.Term)
        .ReadBy((ref r) => new(TermNumber.Read(ref r)));

    public static readonly RecordCodec<AgentMessage.AssignReplica> AssignReplica = Record<AgentMessage.AssignReplica>()
        .Field("Term", TermNumber, x => x.Term)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Assignment", Assignment, x => x.Assignment)
        .ReadBy((ref r) => new(TermNumber.Read(ref r), U64.Read(ref r), Assignment.Read(ref r)));

    public static readonly RecordCodec<AgentMessage.StopReplica> StopReplica = Record<AgentMessage.StopReplica>()
        .Field("Term", TermNumber, x => x.Term)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Pack", Pack, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Through", GenerationNumber, x => x.Through)
        .Field("Reason", Text, x => x.Reason)
        .ReadBy((ref r) => new(TermNumber.Read(ref r), U64.Read(ref r), Pack.Read(ref r), AttemptNumber.Read(ref r), GenerationNumber.Read(ref r), Text.Read(ref r)));

    public static readonly RecordCodec<AgentMessage.DrainAgent> DrainAgent = Record<AgentMessage.DrainAgent>()
        .Field("Term", TermNumber, x => x.Term)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Reason", Text, x => x.Reason)
        .ReadBy((ref r) => new(TermNumber.Read(ref r), U64.Read(ref r), Text.Read(ref r)));

    public static readonly RecordCodec<AgentMessage.RegistrationRefused> RegistrationRefused = Record<AgentMessage.RegistrationRefused>()
        .Field("Term", TermNumber, x => x.Term)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Text", Text, x => x.Text)
        .ReadBy((ref r) => new(TermNumber.Read(ref r), U64.Read(ref r), Text.Read(ref r)));

    public static readonly RecordCodec<AgentMessage.Left> Left =
        OfTermAnd<AgentMessage.Left, ulong>(x => x.Term, "Incarnation", U64, x => x.Incarnation, (term, value) => new(term, value));

    public static readonly RecordCodec<MetricsMessage.PointBatch> PointBatch = Record<MetricsMessage.PointBatch>()
        .Field("Worker", Node, x => x.Worker)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("FirstSequence", I64, x => x.FirstSequence)
        .Field("Thinned", I32, x => x.Thinned)
        .Field("Points", Points, x => x.Points)
        .Field("DurableUpTo", I64, x => x.DurableUpTo)
        .ReadBy((ref r) => new(Node.Read(ref r), U64.Read(ref r), I64.Read(ref r), I32.Read(ref r), Points.Read(ref r), I64.Read(ref r)));

    public static readonly RecordCodec<MetricsMessage.Subscribe> Subscribe = Record<MetricsMessage.Subscribe>()
        .Field("Observer", Actor, x => x.Observer)
        .ReadBy((ref r) => new(Actor.Read(ref r)));

    public static readonly RecordCodec<OutboxMessage.PointsAccepted> PointsAccepted = Record<OutboxMessage.PointsAccepted>()
        .Field("Term", TermNumber, x => x.Term)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("UpTo", I64, x => x.UpTo)
        .ReadBy((ref r) => new(TermNumber.Read(ref r), U64.Read(ref r), I64.Read(ref r)));

    public static readonly RecordCodec<PackMessage.ReplicaAccepted> ReplicaAccepted = Record<PackMessage.ReplicaAccepted>()
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Generation", GenerationNumber, x => x.Generation)
        .ReadBy((ref r) => new(AttemptNumber.Read(ref r), U64.Read(ref r), GenerationNumber.Read(ref r)));

    public static readonly RecordCodec<PackMessage.ReplicaRefused> ReplicaRefused = Record<PackMessage.ReplicaRefused>()
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Generation", GenerationNumber, x => x.Generation)
        .Field("StoppedThrough", GenerationNumber, x => x.StoppedThrough)
        .Field("Reason", Text, x => x.Reason)
        .ReadBy((ref r) => new(AttemptNumber.Read(ref r), U64.Read(ref r), GenerationNumber.Read(ref r), GenerationNumber.Read(ref r), Text.Read(ref r)));

    public static readonly RecordCodec<PackMessage.ReplicaReady> ReplicaReady =
        OfAttempt<PackMessage.ReplicaReady>(x => x.Attempt, attempt => new(attempt));

    public static readonly RecordCodec<PackMessage.ReplicaDone> ReplicaDone = Record<PackMessage.ReplicaDone>()
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Generation", GenerationNumber, x => x.Generation)
        .Field("Results", Results, x => x.Results)
        .ReadBy((ref r) => new(AttemptNumber.Read(ref r), GenerationNumber.Read(ref r), Results.Read(ref r)));

    public static readonly RecordCodec<PackMessage.ReplicaFailed> ReplicaFailed = Record<PackMessage.ReplicaFailed>()
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Kind", Failure, x => x.Kind)
        .Field("Text", Text, x => x.Text)
        .ReadBy((ref r) => new(AttemptNumber.Read(ref r), Failure.Read(ref r), Text.Read(ref r)));

    public static readonly RecordCodec<PackMessage.ReplicaTraining> ReplicaTraining =
        OfAttemptAnd<PackMessage.ReplicaTraining, Generation>(x => x.Attempt, "Generation", GenerationNumber, x => x.Generation, (attempt, value) => new(attempt, value));

    public static readonly RecordCodec<PackMessage.SlotsChanged> SlotsChanged =
        OfAttemptAnd<PackMessage.SlotsChanged, long>(x => x.Attempt, "Through", I64, x => x.Through, (attempt, value) => new(attempt, value));

    public static readonly RecordCodec<PackMessage.SlotEnded> SlotEnded = Record<PackMessage.SlotEnded>()
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Slot", I32, x => x.Slot)
        .Field("Result", Result, x => x.Result)
        .ReadBy((ref r) => new(AttemptNumber.Read(ref r), I32.Read(ref r), Result.Read(ref r)));

    public static readonly RecordCodec<PackMessage.SlotEnding> SlotEnding = Record<PackMessage.SlotEnding>()
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Slot", I32, x => x.Slot)
        .Field("Trial", I32, x => x.Trial)
        .ReadBy((ref r) => new(AttemptNumber.Read(ref r), I32.Read(ref r), I32.Read(ref r)));

    public static readonly RecordCodec<PackMessage.ReplicaHalting> ReplicaHalting =
        OfAttemptAnd<PackMessage.ReplicaHalting, Generation>(x => x.Attempt, "Generation", GenerationNumber, x => x.Generation, (attempt, value) => new(attempt, value));

    public static readonly RecordCodec<PackMessage.ReplicaHalted> ReplicaHalted = Record<PackMessage.ReplicaHalted>()
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Generation", GenerationNumber, x => x.Generation)
        .Field("Position", I64, x => x.Position)
        .Field("Kind", Failure, x => x.Kind)
        .Field("Text", Text, x => x.Text)
        .Field("Silent", Nodes, x => x.Silent)
        .ReadBy((ref r) => new(AttemptNumber.Read(ref r), GenerationNumber.Read(ref r), I64.Read(ref r), Failure.Read(ref r), Text.Read(ref r), Nodes.Read(ref r)));

    public static readonly RecordCodec<PackMessage.ReplicaLeaving> ReplicaLeaving =
        OfAttemptAnd<PackMessage.ReplicaLeaving, string>(x => x.Attempt, "Reason", Text, x => x.Reason, (attempt, value) => new(attempt, value));

    public static readonly RecordCodec<PackMessage.CheckpointMade> CheckpointMade =
        OfAttemptAnd<PackMessage.CheckpointMade, CheckpointInfo>(x => x.Attempt, "Checkpoint", Checkpoint, x => x.Checkpoint, (attempt, value) => new(attempt, value));

    public static readonly RecordCodec<PackMessage.ReplicaState> ReplicaState = Record<PackMessage.ReplicaState>()
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Generation", GenerationNumber, x => x.Generation)
        .Field("Phase", Phase, x => x.Phase)
        .Field("Position", I64, x => x.Position)
        .Field("OrdersApplied", I64, x => x.OrdersApplied)
        .ReadBy((ref r) => new(AttemptNumber.Read(ref r), GenerationNumber.Read(ref r), Phase.Read(ref r), I64.Read(ref r), I64.Read(ref r)));

    public static readonly RecordCodec<ReplicaMessage.ChangeSlots> ChangeSlots = Record<ReplicaMessage.ChangeSlots>()
        .Field("Term", TermNumber, x => x.Term)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Orders", Orders, x => x.Orders)
        .ReadBy((ref r) => new(TermNumber.Read(ref r), AttemptNumber.Read(ref r), Orders.Read(ref r)));

    public static readonly RecordCodec<ReplicaMessage.SlotEndAccepted> SlotEndAccepted =
        OfAttemptAnd<ReplicaMessage.SlotEndAccepted, int>(x => x.Attempt, "Trial", I32, x => x.Trial, (attempt, value) => new(attempt, value));

    public static readonly RecordCodec<ReplicaMessage.FormRing> FormRing = Record<ReplicaMessage.FormRing>()
        .Field("Term", TermNumber, x => x.Term)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Generation", GenerationNumber, x => x.Generation)
        .Field("Members", Members, x => x.Members)
        .Field("Source", OptionalNode, x => x.Source)
        .ReadBy((ref r) => new(TermNumber.Read(ref r), AttemptNumber.Read(ref r), GenerationNumber.Read(ref r), Members.Read(ref r), OptionalNode.Read(ref r)));

    public static readonly RecordCodec<ReplicaMessage.HaltTraining> HaltTraining = Record<ReplicaMessage.HaltTraining>()
        .Field("Term", TermNumber, x => x.Term)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Generation", GenerationNumber, x => x.Generation)
        .ReadBy((ref r) => new(TermNumber.Read(ref r), AttemptNumber.Read(ref r), GenerationNumber.Read(ref r)));

    public static readonly RecordCodec<ReplicaMessage.SaveCheckpoint> SaveCheckpoint =
        OfTermAnd<ReplicaMessage.SaveCheckpoint, Attempt>(x => x.Term, "Attempt", AttemptNumber, x => x.Attempt, (term, value) => new(term, value));

    public static readonly RecordCodec<ReplicaMessage.CheckpointAccepted> CheckpointAccepted =
        OfAttemptAnd<ReplicaMessage.CheckpointAccepted, long>(x => x.Attempt, "Position", I64, x => x.Position, (attempt, value) => new(attempt, value));

    public static readonly RecordCodec<ReplicaMessage.Attach> Attach =
        OfTermAnd<ReplicaMessage.Attach, Attempt>(x => x.Term, "Attempt", AttemptNumber, x => x.Attempt, (term, value) => new(term, value));

    public static readonly RecordCodec<ReplicaMessage.OutcomeAccepted> OutcomeAccepted =
        OfAttempt<ReplicaMessage.OutcomeAccepted>(x => x.Attempt, attempt => new(attempt));

    public static readonly RecordCodec<ReplicaMessage.Dismissed> Dismissed = Record<ReplicaMessage.Dismissed>()
        .Field("Term", TermNumber, x => x.Term)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Reason", Text, x => x.Reason)
        .ReadBy((ref r) => new(TermNumber.Read(ref r), AttemptNumber.Read(ref r), Text.Read(ref r)));

    public static readonly RecordCodec<ReplicaMessage.StopTraining> StopTraining = Record<ReplicaMessage.StopTraining>()
        .Field("Reason", Text, x => x.Reason)
        .ReadBy((ref r) => new(Text.Read(ref r)));

    public static readonly RecordCodec<SweepBookMessage.SubmitSweep> SubmitSweep = Record<SweepBookMessage.SubmitSweep>()
        .Field("Sweep", Sweep, x => x.Sweep)
        .Field("Definition", SweepCodecs.Definition, x => x.Definition)
        .Field("Source", Text, x => x.Source)
        .Field("BaseDirectory", Text, x => x.BaseDirectory)
        .Field("ReplyTo", Actor, x => x.ReplyTo)
        .ReadBy((ref r) => new(Sweep.Read(ref r), SweepCodecs.Definition.Read(ref r), Text.Read(ref r), Text.Read(ref r), Actor.Read(ref r)));

    public static readonly RecordCodec<SweepBookMessage.CancelSweep> CancelSweep = Record<SweepBookMessage.CancelSweep>()
        .Field("Sweep", Sweep, x => x.Sweep)
        .Field("Reason", Text, x => x.Reason)
        .ReadBy((ref r) => new(Sweep.Read(ref r), Text.Read(ref r)));

    public static readonly RecordCodec<PlacementMessage.LaneFreed> LaneFreed = Record<PlacementMessage.LaneFreed>()
        .Field("Worker", Node, x => x.Worker)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Pack", Pack, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Through", GenerationNumber, x => x.Through)
        .ReadBy((ref r) => new(Node.Read(ref r), U64.Read(ref r), Pack.Read(ref r), AttemptNumber.Read(ref r), GenerationNumber.Read(ref r)));

    public static readonly RecordCodec<PlacementMessage.WorkerLeaves> WorkerLeaves = Record<PlacementMessage.WorkerLeaves>()
        .Field("Worker", Node, x => x.Worker)
        .Field("Incarnation", U64, x => x.Incarnation)
        .ReadBy((ref r) => new(Node.Read(ref r), U64.Read(ref r)));

    public static readonly RecordCodec<PlacementMessage.ReplicaEnded> ReplicaEnded = Record<PlacementMessage.ReplicaEnded>()
        .Field("Worker", Node, x => x.Worker)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Pack", Pack, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("PreparedFor", GenerationNumber, x => x.PreparedFor)
        .ReadBy((ref r) => new(Node.Read(ref r), U64.Read(ref r), Pack.Read(ref r), AttemptNumber.Read(ref r), GenerationNumber.Read(ref r)));

    public static readonly RecordCodec<ObserverMessage.SweepAccepted> SweepAccepted = Record<ObserverMessage.SweepAccepted>()
        .Field("Sweep", Sweep, x => x.Sweep)
        .Field("Trials", I32, x => x.Trials)
        .ReadBy((ref r) => new(Sweep.Read(ref r), I32.Read(ref r)));

    public static readonly RecordCodec<ObserverMessage.FactRecorded> FactRecorded = Record<ObserverMessage.FactRecorded>()
        .Field("Fact", FactCodecs.Fact, x => x.Fact)
        .ReadBy((ref r) => new(FactCodecs.Fact.Read(ref r)));

    public static readonly RecordCodec<ObserverMessage.PointsRecorded> PointsRecorded = Record<ObserverMessage.PointsRecorded>()
        .Field("Points", Points, x => x.Points)
        .ReadBy((ref r) => new(Points.Read(ref r)));

    public static readonly RecordCodec<ObserverMessage.WorkersChanged> WorkersChanged = Record<ObserverMessage.WorkersChanged>()
        .Field("Alive", I32, x => x.Alive)
        .Field("Text", Text, x => x.Text)
        .ReadBy((ref r) => new(I32.Read(ref r), Text.Read(ref r)));

    public static readonly RecordCodec<ObserverMessage.SweepRejected> SweepRejected = Record<ObserverMessage.SweepRejected>()
        .Field("Sweep", Sweep, x => x.Sweep)
        .Field("Text", Text, x => x.Text)
        .ReadBy((ref r) => new(Sweep.Read(ref r), Text.Read(ref r)));

    public static readonly RecordCodec<ObserverMessage.WorkerUpdated> WorkerUpdated = Record<ObserverMessage.WorkerUpdated>()
        .Field("Worker", Node, x => x.Worker)
        .Field("Incarnation", U64, x => x.Incarnation)
        .Field("Alive", Bool, x => x.Alive)
        .Field("Facts", Facts, x => x.Facts)
        .Field("Load", Load, x => x.Load)
        .Field("Text", Text, x => x.Text)
        .Field("Left", Bool, x => x.Left)
        .ReadBy((ref r) => new(Node.Read(ref r), U64.Read(ref r), Bool.Read(ref r), Facts.Read(ref r), Load.Read(ref r), Text.Read(ref r), Bool.Read(ref r)));

    public static readonly RecordCodec<ObserverMessage.AggregatesChanged> AggregatesChanged = Record<ObserverMessage.AggregatesChanged>()
        .Field("Sweeps", Aggregates, x => x.Sweeps)
        .ReadBy((ref r) => new(Aggregates.Read(ref r)));

    private static RecordCodec<T> OfAttempt<T>(Func<T, Attempt> attempt, Func<Attempt, T> make) where T : Message =>
        Record<T>().Field("Attempt", AttemptNumber, attempt).ReadBy((ref r) => make(AttemptNumber.Read(ref r)));

    private static RecordCodec<T> OfAttemptAnd<T, TField>(Func<T, Attempt> attempt, string name, Codec<TField> codec, Func<T, TField> get, Func<Attempt, TField, T> make)
        where T : Message => Record<T>().Field("Attempt", AttemptNumber, attempt).Field(name, codec, get).ReadBy((ref r) => make(AttemptNumber.Read(ref r), codec.Read(ref r)));

    private static RecordCodec<T> OfTermAnd<T, TField>(Func<T, Term> term, string name, Codec<TField> codec, Func<T, TField> get, Func<Term, TField, T> make)
        where T : Message => Record<T>().Field("Term", TermNumber, term).Field(name, codec, get).ReadBy((ref r) => make(TermNumber.Read(ref r), codec.Read(ref r)));
}
