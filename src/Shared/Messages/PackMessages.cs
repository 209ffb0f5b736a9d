using Vae.Shared.Actors;
using Vae.Shared.Sweeps;

namespace Vae.Shared.Messages;

/// <summary>One worker of a gang.</summary>
public sealed record GangMember(Rank Rank, NodeId Worker, DataEndpoint Endpoint);

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
}

/// <summary>To <c>coordinator/pack.SWEEP.NUMBER.ATTEMPT</c>: one attempt to train one pack.</summary>
public abstract record PackMessage : Message
{
    private PackMessage() { }

    /// <summary>From placement: these workers are reserved for the pack, in rank order; <paramref name="MoreGangs"/> more requests like this one could be granted now.</summary>
    public sealed record GangGranted(ValueList<GangMember> Members, int MoreGangs) : PackMessage;

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

    /// <summary>The worker took the assignment.</summary>
    public sealed record ReplicaAccepted(Attempt Attempt, Rank Rank) : PackMessage;

    /// <summary>The worker cannot host the replica now (no free lane); the gang is released and the sweep tries again later.</summary>
    public sealed record ReplicaRefused(Attempt Attempt, Rank Rank, string Reason) : PackMessage;

    /// <summary>Data and model are in place and the data plane listens for this pack.</summary>
    public sealed record ReplicaReady(Attempt Attempt, Rank Rank) : PackMessage;

    /// <summary>The ring of this generation is up and the first step is done.</summary>
    public sealed record ReplicaTraining(Attempt Attempt, Rank Rank, Generation Generation) : PackMessage;

    /// <summary>The replica has applied every order up to and including <paramref name="Through"/>, at the same step as all others.</summary>
    public sealed record SlotsChanged(Attempt Attempt, Rank Rank, long Through) : PackMessage;

    /// <summary>From rank 0: a trial of the pack ended (done, failed with its text, or emptied) and its files are stored; the slot is empty. Repeated until <see cref="ReplicaMessage.SlotEndAccepted"/>.</summary>
    public sealed record SlotEnded(Attempt Attempt, Rank Rank, int Slot, TrialResult Result) : PackMessage;

    /// <summary>Training ended: the pack is closed and all slots are empty. Every rank reports; rank 0 carries the results that no slot end has told. Repeated until <see cref="ReplicaMessage.OutcomeAccepted"/>.</summary>
    public sealed record ReplicaDone(Attempt Attempt, Rank Rank, ValueList<TrialResult> Results) : PackMessage;

    /// <summary>The replica could not go on. Repeated until <see cref="ReplicaMessage.OutcomeAccepted"/>.</summary>
    public sealed record ReplicaFailed(Attempt Attempt, Rank Rank, FailureKind Kind, string Text, ValueList<Rank> SilentRanks) : PackMessage;

    /// <summary>From the sweep: its results are durable; stop.</summary>
    public sealed record PackSettled(Attempt Attempt) : PackMessage;

    /// <summary>From the sweep: stop all replicas and end.</summary>
    public sealed record CancelPack(string Reason) : PackMessage;

    /// <summary>Timer: repeat what was not answered, and give up on what is overdue.</summary>
    public sealed record PackTick(Attempt Attempt, long Number) : PackMessage;
}

/// <summary>To <c>WORKER/replica.SWEEP.NUMBER.ATTEMPT</c>: one replica on a worker.</summary>
public abstract record ReplicaMessage : Message
{
    private ReplicaMessage() { }

    /// <summary>All ranks are ready: connect the ring of this generation and train. Repeated until <see cref="PackMessage.ReplicaTraining"/> comes.</summary>
    public sealed record FormRing(Term Term, Attempt Attempt, Generation Generation, ValueList<GangMember> Members) : ReplicaMessage;

    /// <summary>The runner has made this rank's outcome durable; the replica may go.</summary>
    public sealed record OutcomeAccepted(Attempt Attempt, Rank Rank) : ReplicaMessage;

    /// <summary>All orders that this rank has not confirmed yet, by number without a gap. Repeated until <see cref="PackMessage.SlotsChanged"/> confirms the last; known ones are skipped.</summary>
    public sealed record ChangeSlots(Term Term, Attempt Attempt, ValueList<SlotOrder> Orders) : ReplicaMessage;

    /// <summary>The end of this trial is durable; it need not be told again.</summary>
    public sealed record SlotEndAccepted(Attempt Attempt, int Trial) : ReplicaMessage;

    /// <summary>Stop training and go.</summary>
    public sealed record StopTraining(string Reason) : ReplicaMessage;

    /// <summary>From the engine's port: data and model are in place.</summary>
    public sealed record Prepared : ReplicaMessage;

    /// <summary>From the engine's port: the ring is up and the first step is done.</summary>
    public sealed record TrainingStarted(Generation Generation) : ReplicaMessage;

    /// <summary>From the engine's port: every order up to and including <paramref name="Through"/> is applied.</summary>
    public sealed record OrdersApplied(long Through) : ReplicaMessage;

    /// <summary>From the engine's port, on rank 0 alone: a trial ended and left its slot. Its artifacts are already with the coordinator.</summary>
    public sealed record SlotDone(int Slot, TrialResult Result) : ReplicaMessage;

    /// <summary>From the engine's port: training ended. Artifacts are already with the coordinator, and all slot ends were told before.</summary>
    public sealed record TrainingEnded(Generation Generation, ValueList<TrialResult> Results) : ReplicaMessage;

    /// <summary>From the engine's port: preparing (generation 0) or training failed.</summary>
    public sealed record EngineFailed(Generation Generation, FailureKind Kind, string Text, ValueList<Rank> SilentRanks) : ReplicaMessage;

    /// <summary>Timer: report again while nobody has answered.</summary>
    public sealed record ReportDue(long Number) : ReplicaMessage;
}
