using Vae.Shared.Messages;

namespace Vae.Shared.Wire;

/// <summary>
/// The one table from tag to type. Rows are added, never renumbered or reused; wire-contract.txt pins them in review. Tags 0x0100 to
/// 0x7FFF are messages, 0x8000 and up are facts of the store.
/// </summary>
public static class MessageCatalog
{
    /// <summary>Everything that this build sends, receives and stores.</summary>
    public static readonly Catalog Default = new(
    [
        CatalogRow.Of(0x0101, MessageCodecs.RegisterWorker),
        CatalogRow.Of(0x0102, MessageCodecs.Heartbeat),
        CatalogRow.Of(0x0103, MessageCodecs.LeaveCluster),

        CatalogRow.Of(0x0201, MessageCodecs.Registered),
        CatalogRow.Of(0x0202, MessageCodecs.HeartbeatAck),
        CatalogRow.Of(0x0203, MessageCodecs.RegisterAgain),
        CatalogRow.Of(0x0204, MessageCodecs.AssignReplica),
        CatalogRow.Of(0x0205, MessageCodecs.StopReplica),
        CatalogRow.Of(0x0206, MessageCodecs.RegistrationRefused),
        CatalogRow.Of(0x0207, MessageCodecs.Left),
        CatalogRow.Of(0x0208, PlannerCodecs.ProbePack),

        CatalogRow.Of(0x0301, MessageCodecs.PointBatch),
        CatalogRow.Of(0x0302, MessageCodecs.Subscribe),

        CatalogRow.Of(0x0401, MessageCodecs.PointsAccepted),

        CatalogRow.Of(0x0501, MessageCodecs.ReplicaAccepted),
        CatalogRow.Of(0x0502, MessageCodecs.ReplicaRefused),
        CatalogRow.Of(0x0503, MessageCodecs.ReplicaReady),
        CatalogRow.Of(0x0504, MessageCodecs.ReplicaDone),
        CatalogRow.Of(0x0505, MessageCodecs.ReplicaFailed),
        CatalogRow.Of(0x0506, MessageCodecs.ReplicaTraining),
        CatalogRow.Of(0x0507, MessageCodecs.SlotsChanged),
        CatalogRow.Of(0x0508, MessageCodecs.SlotEnded),

        CatalogRow.Of(0x0601, MessageCodecs.FormRing),
        CatalogRow.Of(0x0602, MessageCodecs.OutcomeAccepted),
        CatalogRow.Of(0x0603, MessageCodecs.StopTraining),
        CatalogRow.Of(0x0604, MessageCodecs.ChangeSlots),
        CatalogRow.Of(0x0605, MessageCodecs.SlotEndAccepted),

        CatalogRow.Of(0x0701, MessageCodecs.SubmitSweep),
        CatalogRow.Of(0x0702, MessageCodecs.CancelSweep),

        CatalogRow.Of(0x0801, MessageCodecs.SweepAccepted),
        CatalogRow.Of(0x0802, MessageCodecs.FactRecorded),
        CatalogRow.Of(0x0803, MessageCodecs.PointsRecorded),
        CatalogRow.Of(0x0804, MessageCodecs.WorkersChanged),
        CatalogRow.Of(0x0805, MessageCodecs.SweepRejected),
        CatalogRow.Of(0x0806, MessageCodecs.WorkerUpdated),
        CatalogRow.Of(0x0807, MessageCodecs.AggregatesChanged),

        CatalogRow.Of(0x0901, MessageCodecs.LaneFreed),
        CatalogRow.Of(0x0902, MessageCodecs.ReplicaEnded),

        CatalogRow.Of(0x0A01, PlannerCodecs.ProbeEnded),

        CatalogRow.Of(0x8001, FactCodecs.Submitted),
        CatalogRow.Of(0x8002, FactCodecs.DatasetReady),
        CatalogRow.Of(0x8003, FactCodecs.PackStarted),
        CatalogRow.Of(0x8004, FactCodecs.PackInterrupted),
        CatalogRow.Of(0x8005, FactCodecs.TrialEnded),
        CatalogRow.Of(0x8006, FactCodecs.Ended),
        CatalogRow.Of(0x8007, FactCodecs.TimeSpent),
        CatalogRow.Of(0x8008, FactCodecs.SlotFilled),
        CatalogRow.Of(0x8009, FactCodecs.PackEnded),
        CatalogRow.Of(0x800A, FactCodecs.PackPlanned),
    ]);

    /// <summary>Messages that never leave their node: timers, answers of ports, and talk between actors that always live together.</summary>
    public static readonly IReadOnlyList<Type> LocalOnly =
    [
        typeof(ClusterMessage.CheckLeases),
        typeof(AgentMessage.EngineStopped),
        typeof(AgentMessage.ProbeMeasured),
        typeof(AgentMessage.EngineStillRuns),
        typeof(AgentMessage.LoadSampled),
        typeof(AgentMessage.OutboxDrained),
        typeof(AgentMessage.Leave),
        typeof(AgentMessage.BeatDue),
        typeof(MetricsMessage.PointsStored),
        typeof(MetricsMessage.WriteDue),
        typeof(OutboxMessage.AddPoints),
        typeof(OutboxMessage.FlushDue),
        typeof(OutboxMessage.FlushNow),
        typeof(PackMessage.GangGranted),
        typeof(PackMessage.OthersWait),
        typeof(PackMessage.StartRecorded),
        typeof(PackMessage.OrderSlots),
        typeof(PackMessage.SlotSettled),
        typeof(PackMessage.MemberLost),
        typeof(PackMessage.PackSettled),
        typeof(PackMessage.CancelPack),
        typeof(PackMessage.PackTick),
        typeof(ReplicaMessage.Prepared),
        typeof(ReplicaMessage.TrainingStarted),
        typeof(ReplicaMessage.OrdersApplied),
        typeof(ReplicaMessage.SlotDone),
        typeof(ReplicaMessage.TrainingEnded),
        typeof(ReplicaMessage.EngineFailed),
        typeof(ReplicaMessage.ReportDue),
        typeof(SweepBookMessage.SweepRetired),
        typeof(SweepMessage.DatasetReady),
        typeof(SweepMessage.DatasetRejected),
        typeof(SweepMessage.PackPlanned),
        typeof(SweepMessage.PackStarted),
        typeof(SweepMessage.SlotEnded),
        typeof(SweepMessage.PackDone),
        typeof(SweepMessage.PackFailed),
        typeof(SweepMessage.StopSweep),
        typeof(SweepMessage.StopTrial),
        typeof(SweepMessage.SweepTick),
        typeof(SweepMessage.RetryDue),
        typeof(DatasetMessage.PrepareDataset),
        typeof(DatasetMessage.DatasetPrepared),
        typeof(DatasetMessage.DatasetUnusable),
        typeof(PlacementMessage.WorkerJoined),
        typeof(PlacementMessage.WorkerGone),
        typeof(PlacementMessage.WorkerRuns),
        typeof(PlacementMessage.PlacementTick),
        typeof(PlacementMessage.RequestGang),
        typeof(PlacementMessage.ReleaseGang),
        typeof(PlannerMessage.PlanPack),
        typeof(PlannerMessage.WorkerJoined),
        typeof(PlannerMessage.WorkerGone),
        typeof(PlannerMessage.ProbeOverdue),
    ];
}
