using Vae.Shared.Actors;

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

/// <summary>What a worker is doing, as told with each heartbeat.</summary>
public sealed record WorkerLoad(int Replicas, long StepsTotal, long SamplesTotal, double StepsPerSecond, double SamplesPerSecond, long MemoryBytes, double AllreduceWaitShare);

/// <summary>Where a worker's data plane listens.</summary>
public sealed record DataEndpoint(string Host, int Port);

/// <summary>A replica that a registering worker already runs.</summary>
public sealed record RunningReplica(PackId Pack, Attempt Attempt, Generation Generation, Rank Rank);

/// <summary>To <c>coordinator/cluster</c>: membership and leases.</summary>
public abstract record ClusterMessage : Message
{
    private ClusterMessage() { }

    /// <summary>Sent until <see cref="AgentMessage.Registered"/> comes. The incarnation is new for each process of the same name.</summary>
    public sealed record RegisterWorker(NodeId Worker, ulong Incarnation, DeviceFacts Facts, DataEndpoint Endpoint, ValueList<RunningReplica> Running) : ClusterMessage;

    /// <summary>Renews the lease. The sequence grows by one per beat.</summary>
    public sealed record Heartbeat(NodeId Worker, ulong Incarnation, long Sequence, WorkerLoad Load) : ClusterMessage;

    /// <summary>The worker stops on purpose (SIGTERM, drain).</summary>
    public sealed record LeaveCluster(NodeId Worker, ulong Incarnation, string Reason) : ClusterMessage;

    /// <summary>Timer.</summary>
    public sealed record CheckLeases : ClusterMessage;
}

/// <summary>To <c>WORKER/agent</c>: what the coordinator tells a worker. Anything of an older term is refused.</summary>
public abstract record AgentMessage : Message
{
    private AgentMessage() { }

    /// <summary>The worker is a member as long as it renews its lease.</summary>
    public sealed record Registered(Term Term, ulong Incarnation, TimeSpan Lease, TimeSpan HeartbeatEvery) : AgentMessage;

    /// <summary>The lease runs from the sending of heartbeat <paramref name="Sequence"/>.</summary>
    public sealed record HeartbeatAck(Term Term, long Sequence) : AgentMessage;

    /// <summary>This coordinator does not know the worker (it restarted, or the lease ran out): register again.</summary>
    public sealed record RegisterAgain(Term Term) : AgentMessage;

    /// <summary>Host a replica. Repeated until <see cref="PackMessage.ReplicaAccepted"/> comes; a repeat is answered again.</summary>
    public sealed record AssignReplica(Term Term, ReplicaAssignment Assignment) : AgentMessage;

    /// <summary>Stop a replica and free its lane. Harmless when there is none.</summary>
    public sealed record StopReplica(Term Term, PackId Pack, Attempt Attempt, string Reason) : AgentMessage;

    /// <summary>From a replica on this worker: its lane is free again.</summary>
    public sealed record ReplicaStopped(PackId Pack, Attempt Attempt) : AgentMessage;

    /// <summary>From the host of this worker: finish what can be finished and leave (SIGTERM).</summary>
    public sealed record Leave(string Reason) : AgentMessage;

    /// <summary>Timer: beat, or register again while nobody has answered.</summary>
    public sealed record BeatDue(long Epoch) : AgentMessage;
}
