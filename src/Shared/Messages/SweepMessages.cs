using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Shared.Messages;

/// <summary>To <c>coordinator/sweeps</c>: submits, recovers and retires sweeps.</summary>
public abstract record SweepBookMessage : Message
{
    private SweepBookMessage() { }

    /// <summary>A validated sweep. The host made the id; a repeat with the same id is answered again, not run twice.</summary>
    /// <param name="Sweep">The id.</param>
    /// <param name="Definition">The parsed file.</param>
    /// <param name="Source">The file's text, kept with the sweep.</param>
    /// <param name="BaseDirectory">What relative data paths of the file are relative to, on the coordinator.</param>
    /// <param name="ReplyTo">Told <see cref="ObserverMessage.SweepAccepted"/> once the sweep is durable, or <see cref="ObserverMessage.SweepRejected"/>.</param>
    public sealed record SubmitSweep(SweepId Sweep, SweepDefinition Definition, string Source, string BaseDirectory, ActorId ReplyTo) : SweepBookMessage;

    /// <summary>Stop a sweep; running trials become cancelled.</summary>
    public sealed record CancelSweep(SweepId Sweep, string Reason) : SweepBookMessage;

    /// <summary>From a sweep: it has ended.</summary>
    public sealed record SweepRetired(SweepId Sweep) : SweepBookMessage;
}

/// <summary>To <c>coordinator/sweep.ID</c>: search and results of one sweep.</summary>
public abstract record SweepMessage : Message
{
    private SweepMessage() { }

    /// <summary>The data set is loaded, fingerprinted and cut into shards.</summary>
    public sealed record DatasetReady(DatasetManifest Manifest, ValueList<string> Warnings) : SweepMessage;

    /// <summary>The data set cannot be used; the text names file, place and rule.</summary>
    public sealed record DatasetRejected(string Text) : SweepMessage;

    /// <summary>From the planner, in answer to <see cref="PlannerMessage.PlanPack"/>: the shape of the packs of a signature, and why, in words for people.</summary>
    public sealed record PackPlanned(string Signature, PackShape Shape, string Reason) : SweepMessage;

    /// <summary>The pack has its workers, and <paramref name="MoreGangs"/> like it could be had now. Repeated until <see cref="PackMessage.StartRecorded"/> names its trials; only then are the workers told.</summary>
    public sealed record PackStarted(PackId Pack, Attempt Attempt, ValueList<WorkerProcess> Workers, int MoreGangs) : SweepMessage;

    /// <summary>The attempt goes on with these workers, in rank order. Repeated until <see cref="PackMessage.GenerationRecorded"/>; only then are they told.</summary>
    public sealed record PackRegrouped(PackId Pack, Attempt Attempt, Generation Generation, ValueList<WorkerProcess> Workers, string Reason) : SweepMessage;

    /// <summary>A checkpoint's file is stored. Repeated until <see cref="PackMessage.CheckpointSettled"/>.</summary>
    public sealed record PackCheckpointed(PackId Pack, Attempt Attempt, CheckpointInfo Checkpoint) : SweepMessage;

    /// <summary>A trial has ended and left its slot. Repeated until <see cref="PackMessage.SlotSettled"/>.</summary>
    /// <param name="Pack">The pack.</param>
    /// <param name="Attempt">Its attempt.</param>
    /// <param name="Slot">The slot.</param>
    /// <param name="Result">What became of the trial.</param>
    /// <param name="OthersWait">Another sweep, that has fewer workers, waits for some: the slot is not to be refilled.</param>
    public sealed record SlotEnded(PackId Pack, Attempt Attempt, int Slot, TrialResult Result, bool OthersWait) : SweepMessage;

    /// <summary>A trial is about to end. Repeated, but nothing depends on its arrival: what follows it in its slot may be ordered now, or when it has ended.</summary>
    /// <param name="Pack">The pack.</param>
    /// <param name="Attempt">Its attempt.</param>
    /// <param name="Slot">The slot.</param>
    /// <param name="Trial">The trial that is in it.</param>
    /// <param name="OthersWait">Another sweep, that has fewer workers, waits for some: the slot is not to be refilled.</param>
    public sealed record SlotEnding(PackId Pack, Attempt Attempt, int Slot, int Trial, bool OthersWait) : SweepMessage;

    /// <summary>All results of the pack are here. Repeated until <see cref="PackMessage.PackSettled"/>.</summary>
    public sealed record PackDone(PackId Pack, Attempt Attempt, ValueList<TrialResult> Results) : SweepMessage;

    /// <summary>The attempt ended without results. Lost and preempted attempts are tried again. Repeated until <see cref="PackMessage.PackSettled"/>.</summary>
    public sealed record PackFailed(PackId Pack, Attempt Attempt, FailureKind Kind, string Text) : SweepMessage;

    /// <summary>From the book: stop.</summary>
    public sealed record StopSweep(string Reason) : SweepMessage;

    /// <summary>Stop one trial where it stands; it becomes <paramref name="State"/>, which is <see cref="TrialState.Pruned"/> or <see cref="TrialState.Cancelled"/>. Nothing happens when it does not run.</summary>
    public sealed record StopTrial(int Trial, TrialState State, string Reason) : SweepMessage;

    /// <summary>Timer: wall budget, unanswered questions.</summary>
    public sealed record SweepTick(long Number) : SweepMessage;

    /// <summary>Timer: the pause before a pack's next attempt is over.</summary>
    public sealed record RetryDue(int Pack, Attempt Attempt) : SweepMessage;
}

/// <summary>To <c>coordinator/datasets</c>: fingerprints, shards, who holds what.</summary>
public abstract record DatasetMessage : Message
{
    private DatasetMessage() { }

    /// <summary>Load, check, fingerprint and cut. Answered by <see cref="SweepMessage.DatasetReady"/> or <see cref="SweepMessage.DatasetRejected"/>.</summary>
    public sealed record PrepareDataset(DatasetSource Source, string BaseDirectory, ActorId ReplyTo) : DatasetMessage;

    /// <summary>From the data port.</summary>
    public sealed record DatasetPrepared(DatasetSource Source, string BaseDirectory, DatasetManifest Manifest, ValueList<string> Warnings) : DatasetMessage;

    /// <summary>From the data port: a user's mistake, in words.</summary>
    public sealed record DatasetUnusable(DatasetSource Source, string BaseDirectory, string Text) : DatasetMessage;
}

/// <summary>To <c>coordinator/placement</c>: which pack on which workers.</summary>
public abstract record PlacementMessage : Message
{
    private PlacementMessage() { }

    /// <summary>From the cluster: a worker may be used.</summary>
    public sealed record WorkerJoined(NodeId Worker, ulong Incarnation, DeviceFacts Facts, DataEndpoint Endpoint, int Lanes, ValueList<RunningReplica> Running) : PlacementMessage;

    /// <summary>From the cluster: what a worker says it runs. A replica of no gang is told to stop until it does.</summary>
    public sealed record WorkerRuns(NodeId Worker, ulong Incarnation, ValueList<RunningReplica> Running) : PlacementMessage;

    /// <summary>From a worker's agent: the replica ended unasked. Repeated until <see cref="AgentMessage.StopReplica"/> closes the matter.</summary>
    public sealed record ReplicaEnded(NodeId Worker, ulong Incarnation, PackId Pack, Attempt Attempt, Generation PreparedFor) : PlacementMessage;

    /// <summary>From a worker's agent, in answer to <see cref="AgentMessage.StopReplica"/>: it runs no replica of this attempt that was prepared for this generation or one before, and never will.</summary>
    public sealed record LaneFreed(NodeId Worker, ulong Incarnation, PackId Pack, Attempt Attempt, Generation Through) : PlacementMessage;

    /// <summary>From the cluster: a worker is lost or has left.</summary>
    public sealed record WorkerGone(NodeId Worker, ulong Incarnation, bool Preempted, string Reason) : PlacementMessage;

    /// <summary>Reserve at least <paramref name="Min"/> and at most <paramref name="Max"/> workers. First come, first served. A repeat is answered again, or keeps its place in the queue.</summary>
    /// <param name="Pack">The pack.</param>
    /// <param name="Attempt">Its attempt.</param>
    /// <param name="Min">1 or more.</param>
    /// <param name="Max">At least <paramref name="Min"/>.</param>
    /// <param name="Device"><c>auto</c>, <c>cpu</c> or <c>cuda</c>.</param>
    /// <param name="Lanes">Packs like this that share one worker: the share of its lanes that is taken.</param>
    /// <param name="MemoryBytes">Prediction for one replica.</param>
    /// <param name="ReplyTo">The runner.</param>
    public sealed record RequestGang(PackId Pack, Attempt Attempt, int Min, int Max, string Device, int Lanes, long MemoryBytes, ActorId ReplyTo) : PlacementMessage;

    /// <summary>
    /// From a runner that goes on with an attempt after the coordinator was restarted: these workers are its gang, as far as they come (back) and nothing else holds their lanes. Answered, and answered
    /// again whenever it is repeated or another of them registers, by <see cref="PackMessage.GangGranted"/> with those that are there; the gang may be empty. It holds those that are there, and waits for
    /// the others until <see cref="ReleaseMember"/> names them. Its replicas are no strays.
    /// </summary>
    /// <param name="Request">As it was, and as it would be asked again.</param>
    /// <param name="Workers">The members of the last generation, in rank order. Another process of such a name does not have the replica's state.</param>
    public sealed record ClaimGang(RequestGang Request, ValueList<WorkerProcess> Workers) : PlacementMessage;

    /// <summary>From a runner: this worker is no longer of the gang; stop its replica and free its lane. The others stay, and the gang may grow again. Harmless when it is none of the gang.</summary>
    /// <param name="Pack">The pack.</param>
    /// <param name="Attempt">Its attempt.</param>
    /// <param name="Worker">The process.</param>
    /// <param name="PreparedFor">What its replica was assigned for last.</param>
    /// <param name="MayReturn">It was out of reach, and is welcome when it is back; else this process gets the attempt no more.</param>
    /// <param name="Reason">Why, in words.</param>
    public sealed record ReleaseMember(PackId Pack, Attempt Attempt, WorkerProcess Worker, Generation PreparedFor, bool MayReturn, string Reason) : PlacementMessage;

    /// <summary>Free the workers of a pack, or forget its request. Harmless when there is none.</summary>
    public sealed record ReleaseGang(PackId Pack, Attempt Attempt) : PlacementMessage;

    /// <summary>From the book, first of all: replicas of these sweeps may be claimed yet, so they are nobody's strays until each has sent <see cref="SweepRecovered"/>.</summary>
    public sealed record RecoveryBegins(ValueList<SweepId> Sweeps) : PlacementMessage;

    /// <summary>From a sweep that was replayed: it has claimed what goes on.</summary>
    public sealed record SweepRecovered(SweepId Sweep) : PlacementMessage;

    /// <summary>An attempt failed because of this worker, as it seems. What other workers do not share puts it into quarantine.</summary>
    public sealed record WorkerBlamed(NodeId Worker, string Reason) : PlacementMessage;

    /// <summary>The gang of this attempt has trained a trial to its end: its workers are sound.</summary>
    public sealed record GangProved(PackId Pack, Attempt Attempt) : PlacementMessage;

    /// <summary>From the cluster or the worker itself, with each beat while it hands over: it leaves, and gets nothing more to do until it registers with another process.</summary>
    public sealed record WorkerLeaves(NodeId Worker, ulong Incarnation) : PlacementMessage;

    /// <summary>Answered by <see cref="ObserverMessage.PlacementDescribed"/>.</summary>
    public sealed record DescribePlacement(ActorId ReplyTo) : PlacementMessage;

    /// <summary>Timer: repeat the orders to stop that nobody has answered, let gangs grow, end quarantines.</summary>
    public sealed record PlacementTick : PlacementMessage;
}

/// <summary>To an observer (live progress, event streams): what changed. Lost observers cost nothing.</summary>
public abstract record ObserverMessage : Message
{
    private ObserverMessage() { }

    /// <summary>The sweep is durable.</summary>
    public sealed record SweepAccepted(SweepId Sweep, int Trials) : ObserverMessage;

    /// <summary>The sweep was not taken; the text says which limit or rule stands against it.</summary>
    public sealed record SweepRejected(SweepId Sweep, string Text) : ObserverMessage;

    /// <summary>A durable fact about a sweep.</summary>
    public sealed record FactRecorded(SweepEvent Fact) : ObserverMessage;

    /// <summary>Fresh points, already stored.</summary>
    public sealed record PointsRecorded(ValueList<MetricPoint> Points) : ObserverMessage;

    /// <summary>The curve of a trial that has ended is not whole: every step gives a point, and these have none. The first runs of them, in order.</summary>
    public sealed record CurveLacks(TrialId Trial, ValueList<CurveGap> Gaps) : ObserverMessage;

    /// <summary>The set of workers changed.</summary>
    public sealed record WorkersChanged(int Alive, string Text) : ObserverMessage;

    /// <summary>News of one worker: it joined, beat, or is gone (then <paramref name="Text"/> says why, and <paramref name="Left"/> whether it left on purpose).</summary>
    public sealed record WorkerUpdated(NodeId Worker, ulong Incarnation, bool Alive, DeviceFacts Facts, WorkerLoad Load, string Text, bool Left) : ObserverMessage;

    /// <summary>A worker gets no new work for so long, because attempts on it fail that do not fail elsewhere; zero when it may work again.</summary>
    public sealed record WorkerQuarantined(NodeId Worker, TimeSpan For, string Reason) : ObserverMessage;

    /// <summary>How many workers there are of each standing, in the order of <see cref="WorkerStanding"/>.</summary>
    public sealed record StandingsChanged(ValueList<int> Counts) : ObserverMessage;

    /// <summary>The members, in answer to <see cref="ClusterMessage.DescribeCluster"/>, by name.</summary>
    public sealed record ClusterDescribed(ValueList<MemberDescription> Members) : ObserverMessage;

    /// <summary>What workers are used for, in answer to <see cref="PlacementMessage.DescribePlacement"/>, by name.</summary>
    public sealed record PlacementDescribed(ValueList<WorkerDescription> Workers, int PacksRunning, int PacksWaiting) : ObserverMessage;

    /// <summary>Running figures of the sweeps that fresh points belong to.</summary>
    public sealed record AggregatesChanged(ValueList<SweepAggregate> Sweeps) : ObserverMessage;
}
