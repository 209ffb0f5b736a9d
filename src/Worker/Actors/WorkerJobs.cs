using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Worker.Actors;

/// <summary>To the engine's port: fetch shards, build the model, open the data plane for this attempt. Answered to the replica by <see cref="ReplicaMessage.Prepared"/> or <see cref="ReplicaMessage.EngineFailed"/> of generation 0.</summary>
public sealed record PrepareReplicaJob(ReplicaAssignment Assignment) : Job;

/// <summary>
/// To the engine's port: connect the ring of this generation and train until the pack is closed and all slots are empty. Answered to the replica by <see cref="ReplicaMessage.TrainingStarted"/>
/// after the first step, and later by <see cref="ReplicaMessage.TrainingHalted"/>, <see cref="ReplicaMessage.TrainingEnded"/> or <see cref="ReplicaMessage.EngineFailed"/>. Asked for again, with a greater generation,
/// after a halt or after its end: the trainer, the data and the model are those of before. With a source, all other members take over its state before the first step; one that did tells by
/// <see cref="ReplicaMessage.OrdersApplied"/> which orders are applied in it. Rank and world size follow from the members. On rank 0 each trial that ends is told by
/// <see cref="ReplicaMessage.SlotDone"/> once its artifacts are with the coordinator. Points go to the worker's outbox; rank 0 alone reports them.
/// </summary>
public sealed record TrainJob(ReplicaAssignment Assignment, Generation Generation, ValueList<GangMember> Members, NodeId? Source) : Job;

/// <summary>
/// To the engine's port: stop training of this generation between two acts, waking a step that waits for peers, and keep everything. Answered to the replica by <see cref="ReplicaMessage.TrainingHalted"/>, once:
/// when the generation has halted already, or ended otherwise, there is nothing to answer.
/// </summary>
public sealed record HaltJob(PackId Pack, Attempt Attempt, Generation Generation) : Job;

/// <summary>To the engine's port: store a checkpoint of where the pack stands, halted or training. Answered to the replica by <see cref="ReplicaMessage.CheckpointStored"/>; what cannot be stored is a failed job, and is asked for again.</summary>
public sealed record SaveCheckpointJob(PackId Pack, Attempt Attempt) : Job;

/// <summary>To the engine's port: the end of this trial is durable; its copy is not needed any more. Not answered.</summary>
public sealed record ForgetSlotEndJob(PackId Pack, Attempt Attempt, int Trial) : Job;

/// <summary>
/// To the engine's port: hand these orders to the pack that trains. Answered to the replica by <see cref="ReplicaMessage.OrdersApplied"/> when they are applied, at the same step on
/// all ranks. Orders that it has already are skipped by their number. Asked for only after <see cref="ReplicaMessage.TrainingStarted"/>.
/// </summary>
public sealed record SlotOrdersJob(PackId Pack, Attempt Attempt, ValueList<SlotOrder> Orders) : Job;

/// <summary>
/// To the engine's port: stop whatever runs for this attempt and free its memory. Asked for by the agent after the replica's actor is gone, whatever it died of; answered to the agent by
/// <see cref="AgentMessage.EngineStopped"/>, also when nothing runs. Nothing of the attempt may compute after the answer.
/// </summary>
public sealed record StopEngineJob(PackId Pack, Attempt Attempt) : Job;

/// <summary>
/// To the probe's port: measure packs of one signature, or look up what was measured before. Answered to the agent by <see cref="AgentMessage.ProbeMeasured"/>; ends early, without
/// readings, when <see cref="StopProbeJob"/> comes.
/// </summary>
public sealed record ProbeJob(long Number, ProbeOrder Order, bool OnlyKnown) : Job;

/// <summary>To the probe's port: end whatever is being measured now; the lanes are needed for training. Not answered.</summary>
public sealed record StopProbeJob : Job;
