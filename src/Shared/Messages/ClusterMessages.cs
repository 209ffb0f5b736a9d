using Vae.Shared.Actors;
using Vae.Shared.Sweeps;

namespace Vae.Shared.Messages;

/// <summary>What a worker's device is; recorded with every run, because bits depend on it.</summary>
/// <param name="Host">Host name.</param>
/// <param name="ProcessId">The worker's process id on its host.</param>
/// <param name="Processor">Model name of the processor.</param>
/// <param name="Cores">Logical cores that the process may use.</param>
/// <param name="MemoryBytes">Memory that the process may use, in bytes.</param>
/// <param name="Device"><c>cpu</c> or <c>cuda:N</c>.</param>
/// <param name="DeviceName">Name of the accelerator; empty on CPU.</param>
/// <param name="DeviceMemoryBytes">Memory of the accelerator in bytes; 0 on CPU.</param>
/// <param name="Threads">ATen and BLAS threads of the worker.</param>
/// <param name="Libtorch">Version of libtorch.</param>
/// <param name="Blas">BLAS library and its core type, for example <c>OpenBLAS 0.3.21 SkylakeX</c>.</param>
/// <param name="CpuCapability">ATen's vector instruction set, for example <c>AVX2</c>.</param>
/// <param name="Version">Version of this program.</param>
public sealed record DeviceFacts(
    string Host, int ProcessId, string Processor, int Cores, long MemoryBytes, string Device, string DeviceName,
    long DeviceMemoryBytes, int Threads, string Libtorch, string Blas, string CpuCapability, string Version);

/// <summary>What the link from a worker to the next one of a ring is like.</summary>
/// <param name="To">The worker at its other end.</param>
/// <param name="Slowdown">How many times as long a step takes as it would with this link like the others of the ring; 1 when it is, and while too little is measured.</param>
/// <param name="RoundTripSeconds">There and back, at the best of late.</param>
/// <param name="BytesPerSecond">At the best of late.</param>
public sealed record LinkReport(NodeId To, double Slowdown, double RoundTripSeconds, double BytesPerSecond);

/// <summary>What a worker is doing, as told with each heartbeat.</summary>
/// <param name="Replicas">Replicas that it trains.</param>
/// <param name="StepsTotal">Updates since its process began.</param>
/// <param name="SamplesTotal">Rows since its process began.</param>
/// <param name="StepsPerSecond">Updates per second of late.</param>
/// <param name="SamplesPerSecond">Rows per second of late.</param>
/// <param name="MemoryBytes">Memory that its process fills.</param>
/// <param name="AllreduceWaitShare">Share of its training time spent waiting for peers, 0 to 1.</param>
/// <param name="Slowdown">How many times as long as the mean of its gang it needs for a row; 1 when it is like the others, or alone. The greatest of its lanes.</param>
/// <param name="Link">The link from it that holds a gang up most; null while it trains in no ring that goes over links.</param>
public sealed record WorkerLoad(
    int Replicas, long StepsTotal, long SamplesTotal, double StepsPerSecond, double SamplesPerSecond, long MemoryBytes, double AllreduceWaitShare, double Slowdown, LinkReport? Link)
{
    /// <summary>An idle worker, before its first sample.</summary>
    public static readonly WorkerLoad None = new(0, 0, 0, 0, 0, 0, 0, 1, null);
}

/// <summary>Where a worker's data plane listens.</summary>
public sealed record DataEndpoint(string Host, int Port);

/// <summary>A replica that a worker hosts, or is still stopping: it takes up a lane. <paramref name="PreparedFor"/> is the generation of its assignment.</summary>
public sealed record RunningReplica(PackId Pack, Attempt Attempt, Generation PreparedFor);

/// <summary>To <c>coordinator/cluster</c>: membership and leases.</summary>
public abstract record ClusterMessage : Message
{
    private ClusterMessage() { }

    /// <summary>Sent until <see cref="AgentMessage.Registered"/> comes.</summary>
    /// <param name="Worker">The worker's name.</param>
    /// <param name="Incarnation">Of two processes of one name the later has the greater number (the host takes its start time), so that a stray older one cannot take the name back.</param>
    /// <param name="Facts">Its device.</param>
    /// <param name="Endpoint">Its data plane.</param>
    /// <param name="Lanes">Replicas it can host at once, 1 to 64.</param>
    /// <param name="Running">Replicas it hosts already.</param>
    /// <param name="LastLines">The last lines of the log of the process of this name before, when that one did not end in good order; at most 20.</param>
    public sealed record RegisterWorker(
        NodeId Worker, ulong Incarnation, DeviceFacts Facts, DataEndpoint Endpoint, int Lanes, ValueList<RunningReplica> Running, ValueList<string> LastLines) : ClusterMessage;

    /// <summary>Renews the lease. The sequence grows by one per beat. What runs is told each time, so that a replica nobody wants any more is found and stopped.</summary>
    public sealed record Heartbeat(NodeId Worker, ulong Incarnation, long Sequence, WorkerLoad Load, ValueList<RunningReplica> Running) : ClusterMessage;

    /// <summary>The worker stops on purpose (SIGTERM, drain). Repeated until <see cref="AgentMessage.Left"/> comes.</summary>
    public sealed record LeaveCluster(NodeId Worker, ulong Incarnation, string Reason) : ClusterMessage;

    /// <summary>From a user: this worker is to hand over what it trains and to leave. Repeated to it until it does.</summary>
    public sealed record DrainWorker(NodeId Worker, string Reason) : ClusterMessage;

    /// <summary>Answered by <see cref="ObserverMessage.ClusterDescribed"/>.</summary>
    public sealed record DescribeCluster(ActorId ReplyTo) : ClusterMessage;

    /// <summary>Timer.</summary>
    public sealed record CheckLeases : ClusterMessage;
}

/// <summary>To <c>WORKER/agent</c>: what the coordinator tells a worker. Anything of an older term is refused.</summary>
public abstract record AgentMessage : Message
{
    private AgentMessage() { }

    /// <summary>The worker is a member as long as it renews its lease.</summary>
    public sealed record Registered(Term Term, ulong Incarnation, TimeSpan Lease, TimeSpan HeartbeatEvery) : AgentMessage;

    /// <summary>A later process of the same name is a member, or the cluster is full. The worker tries again, ever more slowly.</summary>
    public sealed record RegistrationRefused(Term Term, ulong Incarnation, string Text) : AgentMessage;

    /// <summary>The cluster has taken note that the worker leaves.</summary>
    public sealed record Left(Term Term, ulong Incarnation) : AgentMessage;

    /// <summary>The lease runs from the sending of heartbeat <paramref name="Sequence"/>.</summary>
    public sealed record HeartbeatAck(Term Term, long Sequence) : AgentMessage;

    /// <summary>This coordinator does not know the worker (it restarted, or the lease ran out): register again.</summary>
    public sealed record RegisterAgain(Term Term) : AgentMessage;

    /// <summary>Host a replica. Repeated until <see cref="PackMessage.ReplicaAccepted"/> comes; a repeat is answered again. Another process of the worker's name does not answer.</summary>
    public sealed record AssignReplica(Term Term, ulong Incarnation, ReplicaAssignment Assignment) : AgentMessage;

    /// <summary>
    /// Stop a replica and free its lane. Repeated until <see cref="PlacementMessage.LaneFreed"/> comes, which is also the answer when there is none. From then on assignments of the attempt up to
    /// <paramref name="Through"/> are refused; one for a later generation is not: a worker may come back to a gang that had to go on without it.
    /// </summary>
    public sealed record StopReplica(Term Term, ulong Incarnation, PackId Pack, Attempt Attempt, Generation Through, string Reason) : AgentMessage;

    /// <summary>Hand over what trains, and leave the cluster. Repeated until <see cref="ClusterMessage.LeaveCluster"/> comes.</summary>
    public sealed record DrainAgent(Term Term, ulong Incarnation, string Reason) : AgentMessage;

    /// <summary>
    /// Measure how fast packs of one signature are trained here, or look up what was measured before. Answered by <see cref="PlannerMessage.ProbeEnded"/>; a worker that trains refuses.
    /// </summary>
    /// <param name="Term">Of the coordinator.</param>
    /// <param name="Number">Comes back with the answer.</param>
    /// <param name="Order">What to measure.</param>
    /// <param name="OnlyKnown">Answer from what is stored; measure nothing.</param>
    public sealed record ProbePack(Term Term, long Number, ProbeOrder Order, bool OnlyKnown) : AgentMessage;

    /// <summary>From the probe's port.</summary>
    public sealed record ProbeMeasured(long Number, ValueList<ProbeReading> Readings, string Text) : AgentMessage;

    /// <summary>From the engine's port: nothing of the replica computes any more; its lane is free.</summary>
    public sealed record EngineStopped(PackId Pack, Attempt Attempt) : AgentMessage;

    /// <summary>From the engine's port, about once a second: what to tell with the next heartbeat.</summary>
    public sealed record LoadSampled(WorkerLoad Load) : AgentMessage;

    /// <summary>From the outbox, in answer to <see cref="OutboxMessage.FlushNow"/>: every point is durable.</summary>
    public sealed record OutboxDrained : AgentMessage;

    /// <summary>From the host of this worker: finish what can be finished and leave (SIGTERM).</summary>
    public sealed record Leave(string Reason) : AgentMessage;

    /// <summary>Timer: the engine could not be stopped; order it again.</summary>
    public sealed record EngineStillRuns(PackId Pack, Attempt Attempt) : AgentMessage;

    /// <summary>Timer: beat, or register again while nobody has answered.</summary>
    public sealed record BeatDue(long Epoch) : AgentMessage;
}
