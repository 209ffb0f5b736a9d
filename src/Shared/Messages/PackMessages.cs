using Vae.Shared.Actors;
using Vae.Shared.Sweeps;

namespace Vae.Shared.Messages;

/// <summary>One process of a worker's name. Two may live at once, such as a pod that was moved while the old one still runs, and only one of them holds the state of a gang.</summary>
/// <param name="Worker">The name.</param>
/// <param name="Incarnation">Of two processes of one name the later has the greater number.</param>
public sealed record WorkerProcess(NodeId Worker, ulong Incarnation);

/// <summary>One worker of a gang. Its rank is its place in the list of the generation's members.</summary>
/// <param name="Worker">Its name.</param>
/// <param name="Endpoint">Where its data plane listens.</param>
/// <param name="Incarnation">Its process among those of its name.</param>
/// <param name="PreparedFor">The generation of <see cref="ReplicaAssignment"/> that its replica was given; 0 while nobody has given it one.</param>
public sealed record GangMember(NodeId Worker, DataEndpoint Endpoint, ulong Incarnation, Generation PreparedFor)
{
    /// <summary>Who it is.</summary>
    public WorkerProcess Process => new(Worker, Incarnation);
}

/// <summary>How far a replica is, as it answers <see cref="ReplicaMessage.Attach"/>.</summary>
public enum ReplicaPhase
{
    /// <summary>Fetches data and builds the model.</summary>
    Preparing,

    /// <summary>Waits for its first generation.</summary>
    Ready,

    /// <summary>Connects the ring of its generation.</summary>
    Forming,

    /// <summary>Steps.</summary>
    Training,

    /// <summary>Stands between two acts with all its state and waits for the next generation.</summary>
    Halted,

    /// <summary>The pack is closed and empty.</summary>
    Done,

    /// <summary>Its engine failed.</summary>
    Failed,
}

/// <summary>Why a replica or a trial ended badly.</summary>
public enum FailureKind
{
    /// <summary>Loss or gradients were not finite: counts against the trial.</summary>
    NonFinite,

    /// <summary>The trial does not fit the device's memory: counts against the trial.</summary>
    OutOfMemory,

    /// <summary>A peer was silent in an all-reduce beyond the deadline: counts against nobody yet.</summary>
    PeerLost,

    /// <summary>Data could not be fetched or did not match its checksum.</summary>
    Data,

    /// <summary>Anything else that the engine reported: counts against the trial.</summary>
    Engine,

    /// <summary>The worker was told to leave.</summary>
    Preempted,

    /// <summary>The worker is gone, or silent beyond a deadline: counts against nobody.</summary>
    Lost,

    /// <summary>The worker had no free lane: counts against nobody.</summary>
    Refused,

    /// <summary>A checkpoint that the attempt was to begin from is missing, damaged or of another model: counts against nobody, and the next attempt begins from the one before.</summary>
    Checkpoint,

    /// <summary>By prediction it needs far more memory than any worker has; nothing of it has begun: counts against the trial.</summary>
    TooLarge,
}

/// <summary>To <c>coordinator/pack.SWEEP.NUMBER.ATTEMPT</c>: one attempt to train one pack.</summary>
public abstract record PackMessage : Message
{
    private PackMessage() { }

    /// <summary>From placement: these workers are reserved for the pack; <paramref name="MoreGangs"/> more requests like this one could be granted now. A later one tells all that are reserved by then.</summary>
    public sealed record GangGranted(ValueList<GangMember> Members, int MoreGangs) : PackMessage;

    /// <summary>From placement: these workers are reserved for the pack as well. A doubled one is harmless; a lost one is made good by the next <see cref="GangGranted"/>.</summary>
    public sealed record GangGrown(ValueList<GangMember> Joiners) : PackMessage;

    /// <summary>From placement: by prediction no worker has nearly the memory for the pack, and none has come for a while that might. The request is forgotten.</summary>
    public sealed record GangRefused(Attempt Attempt, string Text) : PackMessage;

    /// <summary>From placement, when it changes: whether another sweep, that has fewer workers, waits for this pack's.</summary>
    public sealed record OthersWait(bool Waiting) : PackMessage;

    /// <summary>From placement: a worker of the gang is lost, or left on purpose.</summary>
    public sealed record MemberLost(NodeId Worker, bool Preempted, string Reason) : PackMessage;

    /// <summary>From the sweep: the attempt is durable, so its number can never be given out again; workers may be told.</summary>
    /// <param name="Attempt">The attempt.</param>
    /// <param name="Shape">With as many slots as there are trials to begin with.</param>
    /// <param name="Slots">What to begin with.</param>
    /// <param name="Closed">No trial will be filled in later.</param>
    public sealed record StartRecorded(Attempt Attempt, PackShape Shape, ValueList<SlotFill> Slots, bool Closed) : PackMessage;

    /// <summary>From the sweep: further orders, numbered on from the last; what they fill in is durable.</summary>
    public sealed record OrderSlots(Attempt Attempt, ValueList<SlotOrder> Orders) : PackMessage;

    /// <summary>From the sweep: the end of this trial is durable.</summary>
    public sealed record SlotSettled(Attempt Attempt, int Trial) : PackMessage;

    /// <summary>From the sweep: this generation is durable, so its number can never be given out again; its members may be told.</summary>
    public sealed record GenerationRecorded(Attempt Attempt, Generation Generation) : PackMessage;

    /// <summary>From the sweep: the row of the checkpoint at this position is durable.</summary>
    public sealed record CheckpointSettled(Attempt Attempt, long Position) : PackMessage;

    /// <summary>This process took the assignment for this generation.</summary>
    public sealed record ReplicaAccepted(Attempt Attempt, ulong Incarnation, Generation Generation) : PackMessage;

    /// <summary>This process cannot host the replica now: it has no free lane, or was told to stop what it is asked for.</summary>
    /// <param name="Attempt">The attempt.</param>
    /// <param name="Incarnation">Of the process.</param>
    /// <param name="Generation">Which assignment is refused.</param>
    /// <param name="StoppedThrough">Assignments of the attempt up to this generation were stopped here and are refused for ever; a later one is not. 0: none was.</param>
    /// <param name="Reason">Why, in words.</param>
    public sealed record ReplicaRefused(Attempt Attempt, ulong Incarnation, Generation Generation, Generation StoppedThrough, string Reason) : PackMessage;

    /// <summary>Data and model are in place and the data plane listens for this pack.</summary>
    public sealed record ReplicaReady(Attempt Attempt) : PackMessage;

    /// <summary>The ring of this generation is up and the first step is done.</summary>
    public sealed record ReplicaTraining(Attempt Attempt, Generation Generation) : PackMessage;

    /// <summary>The order to halt this generation has arrived and the engine is stopping: so one that is busy is told from one that is dead.</summary>
    public sealed record ReplicaHalting(Attempt Attempt, Generation Generation) : PackMessage;

    /// <summary>The replica stands between two acts and keeps all its state. Repeated until a newer <see cref="ReplicaMessage.FormRing"/> or a stop comes.</summary>
    /// <param name="Attempt">The attempt.</param>
    /// <param name="Generation">The generation that has ended for it.</param>
    /// <param name="Position">Acts it has done since the attempt began; ranks of one generation differ by at most one. -1: it has no state, because it was cut off while it took over a peer's.</param>
    /// <param name="Kind"><see cref="FailureKind.PeerLost"/>: an all-reduce failed; <see cref="FailureKind.Preempted"/>: it was ordered to.</param>
    /// <param name="Text">Why, in words.</param>
    /// <param name="Silent">Peers that it waited for, or whose connection was closed.</param>
    public sealed record ReplicaHalted(Attempt Attempt, Generation Generation, long Position, FailureKind Kind, string Text, ValueList<NodeId> Silent) : PackMessage;

    /// <summary>The replica's worker was told to go. Repeated until the replica is stopped.</summary>
    public sealed record ReplicaLeaving(Attempt Attempt, string Reason) : PackMessage;

    /// <summary>The checkpoint's file is stored with the coordinator. Repeated until <see cref="ReplicaMessage.CheckpointAccepted"/>.</summary>
    public sealed record CheckpointMade(Attempt Attempt, CheckpointInfo Checkpoint) : PackMessage;

    /// <summary>Where the replica stands: the answer to <see cref="ReplicaMessage.Attach"/>.</summary>
    /// <param name="Attempt">The attempt.</param>
    /// <param name="Generation">The last generation it was told of; 0 before the first.</param>
    /// <param name="Phase">How far it is in that generation.</param>
    /// <param name="Position">Acts done, as known when it halted last.</param>
    /// <param name="OrdersApplied">It has applied all slot orders up to this one.</param>
    public sealed record ReplicaState(Attempt Attempt, Generation Generation, ReplicaPhase Phase, long Position, long OrdersApplied) : PackMessage;

    /// <summary>The replica has applied every order up to and including <paramref name="Through"/>, at the same step as all others.</summary>
    public sealed record SlotsChanged(Attempt Attempt, long Through) : PackMessage;

    /// <summary>From whoever is rank 0: a trial of the pack ended (done, failed with its text, or emptied) and its files are stored; the slot is empty. Repeated until <see cref="ReplicaMessage.SlotEndAccepted"/>, and told again by the rank 0 of a later generation.</summary>
    public sealed record SlotEnded(Attempt Attempt, int Slot, TrialResult Result) : PackMessage;

    /// <summary>
    /// From whoever is rank 0: by its measure the trial of this slot is through within a few seconds. What is ordered into the slot meanwhile begins at the act in which the trial ends, whether the coordinator is there then or
    /// not. Repeated until the order has come or the trial has ended; nothing depends on its arrival.
    /// </summary>
    public sealed record SlotEnding(Attempt Attempt, int Slot, int Trial) : PackMessage;

    /// <summary>Training ended: the pack is closed and all slots are empty. Every rank reports; rank 0 carries the results that no slot end has told. Repeated until <see cref="ReplicaMessage.OutcomeAccepted"/>.</summary>
    public sealed record ReplicaDone(Attempt Attempt, Generation Generation, ValueList<TrialResult> Results) : PackMessage;

    /// <summary>The replica could not go on. Repeated until <see cref="ReplicaMessage.OutcomeAccepted"/>.</summary>
    public sealed record ReplicaFailed(Attempt Attempt, FailureKind Kind, string Text) : PackMessage;

    /// <summary>From the sweep: its results are durable; stop.</summary>
    public sealed record PackSettled(Attempt Attempt) : PackMessage;

    /// <summary>From the sweep: stop all replicas and end.</summary>
    public sealed record CancelPack(string Reason) : PackMessage;

    /// <summary>Timer: repeat what was not answered, and give up on what is overdue.</summary>
    public sealed record PackTick(Attempt Attempt, long Number) : PackMessage;
}

/// <summary>To <c>WORKER/replica.SWEEP.NUMBER.ATTEMPT.GENERATION.INCARNATION</c>: one replica on a worker.</summary>
public abstract record ReplicaMessage : Message
{
    private ReplicaMessage() { }

    /// <summary>All members are ready or halted: connect the ring of this generation and train. Repeated until <see cref="PackMessage.ReplicaTraining"/> comes.</summary>
    /// <param name="Term">Of the coordinator.</param>
    /// <param name="Attempt">The attempt.</param>
    /// <param name="Generation">Greater than all before.</param>
    /// <param name="Members">In rank order.</param>
    /// <param name="Source">The member whose state all others take over first; null: all begin from the same initial weights or checkpoints.</param>
    public sealed record FormRing(Term Term, Attempt Attempt, Generation Generation, ValueList<GangMember> Members, NodeId? Source) : ReplicaMessage;

    /// <summary>Stop training of this generation between two acts and keep everything. Repeated until <see cref="PackMessage.ReplicaHalted"/>; <see cref="PackMessage.ReplicaHalting"/> says that it has arrived.</summary>
    public sealed record HaltTraining(Term Term, Attempt Attempt, Generation Generation) : ReplicaMessage;

    /// <summary>Store a checkpoint now, halted or training. Repeated until <see cref="PackMessage.CheckpointMade"/>.</summary>
    public sealed record SaveCheckpoint(Term Term, Attempt Attempt) : ReplicaMessage;

    /// <summary>The row of the checkpoint at this position is durable; it need not be told again.</summary>
    public sealed record CheckpointAccepted(Attempt Attempt, long Position) : ReplicaMessage;

    /// <summary>From the runner of a coordinator that was restarted, to a replica that it may still host: say where it stands. Repeated until <see cref="PackMessage.ReplicaState"/>.</summary>
    public sealed record Attach(Term Term, Attempt Attempt) : ReplicaMessage;

    /// <summary>From the agent: the worker is to go. The replica tells its runner until it is stopped.</summary>
    public sealed record HandOver(string Reason) : ReplicaMessage;

    /// <summary>The runner has made this replica's outcome durable; it may go.</summary>
    public sealed record OutcomeAccepted(Attempt Attempt) : ReplicaMessage;

    /// <summary>All orders that this replica has not confirmed yet, by number without a gap. Repeated until <see cref="PackMessage.SlotsChanged"/> confirms the last; known ones are skipped.</summary>
    public sealed record ChangeSlots(Term Term, Attempt Attempt, ValueList<SlotOrder> Orders) : ReplicaMessage;

    /// <summary>The end of this trial is durable; it need not be told again.</summary>
    public sealed record SlotEndAccepted(Attempt Attempt, int Trial) : ReplicaMessage;

    /// <summary>From the agent: stop training and go.</summary>
    public sealed record StopTraining(string Reason) : ReplicaMessage;

    /// <summary>From the runner, to a replica that reports and is none of its gang (any more): it has slept through its exclusion, or is another process of a member's name. It stops.</summary>
    public sealed record Dismissed(Term Term, Attempt Attempt, string Reason) : ReplicaMessage;

    /// <summary>From the engine's port: data and model are in place.</summary>
    public sealed record Prepared : ReplicaMessage;

    /// <summary>From the engine's port: the ring is up and the first step is done.</summary>
    public sealed record TrainingStarted(Generation Generation) : ReplicaMessage;

    /// <summary>From the engine's port: every order up to and including <paramref name="Through"/> is applied.</summary>
    public sealed record OrdersApplied(long Through) : ReplicaMessage;

    /// <summary>
    /// From the engine's port: training of this generation stopped between two acts, and all state is kept: by order (<see cref="FailureKind.Preempted"/>) or because an all-reduce failed or the ring could not be
    /// connected (<see cref="FailureKind.PeerLost"/>). The position counts acts since the attempt began; 0 of a joiner that no state has reached yet; -1 when it was cut off while it took over a peer's state.
    /// </summary>
    public sealed record TrainingHalted(Generation Generation, long Position, FailureKind Kind, string Text, ValueList<NodeId> Silent) : ReplicaMessage;

    /// <summary>From the engine's port: the checkpoint's file is with the coordinator.</summary>
    public sealed record CheckpointStored(CheckpointInfo Checkpoint) : ReplicaMessage;

    /// <summary>From the engine's port, on rank 0 alone: a trial ended and left its slot. Its artifacts are already with the coordinator.</summary>
    public sealed record SlotDone(int Slot, TrialResult Result) : ReplicaMessage;

    /// <summary>From the engine's port, on rank 0 alone: the trial of a slot that nothing waits for is soon through.</summary>
    public sealed record SlotEnding(int Slot, int Trial) : ReplicaMessage;

    /// <summary>From the engine's port: training ended. Artifacts are already with the coordinator, and all slot ends were told before.</summary>
    public sealed record TrainingEnded(Generation Generation, ValueList<TrialResult> Results) : ReplicaMessage;

    /// <summary>From the engine's port: preparing (generation 0) or training failed.</summary>
    public sealed record EngineFailed(Generation Generation, FailureKind Kind, string Text) : ReplicaMessage;

    /// <summary>From the outbox: all points that lead to this position are durable.</summary>
    public sealed record PointsDurable(long Position) : ReplicaMessage;

    /// <summary>Timer: report again while nobody has answered.</summary>
    public sealed record ReportDue(long Number) : ReplicaMessage;
}
