using Vae.Shared;

namespace Vae.Tests.Simulation.Host;

/// <summary>Something that goes wrong at a known moment. What has a duration ends by itself; without one it lasts until the faults end.</summary>
public abstract record Fault
{
    private Fault() { }

    /// <summary>The process is gone: its actors and all they knew are lost, what was durable stays. Null: it stays down until the faults end.</summary>
    public sealed record Crash(NodeId Node, TimeSpan? RestartAfter) : Fault;

    /// <summary>The process starts again now, from what is durable. Harmless when it is alive.</summary>
    public sealed record Restart(NodeId Node) : Fault;

    /// <summary>The process handles nothing for a while, then everything that came in the meantime (SIGSTOP, a suspended machine).</summary>
    public sealed record Pause(NodeId Node, TimeSpan? For) : Fault;

    /// <summary>Nothing passes between the two nodes.</summary>
    public sealed record Partition(NodeId One, NodeId Other, TimeSpan? For) : Fault;

    /// <summary>Nothing passes from the one to the other; the way back works.</summary>
    public sealed record OneWayPartition(NodeId From, NodeId To, TimeSpan? For) : Fault;

    /// <summary>Nothing passes between the node and anybody.</summary>
    public sealed record Isolate(NodeId Node, TimeSpan? For) : Fault;

    /// <summary>The node's connections are cut and may be opened again at once; what was under way is lost.</summary>
    public sealed record Disconnect(NodeId One, NodeId Other) : Fault;

    /// <summary>The process dies right after its next commit: the facts are durable, no effect of their batch has left.</summary>
    public sealed record CrashAfterCommit(NodeId Node, TimeSpan? RestartAfter) : Fault;

    /// <summary>The node's next write to the store fails, and with it the process. Whether the facts are durable nobody can know; the seed decides.</summary>
    public sealed record StoreError(NodeId Node, TimeSpan? RestartAfter) : Fault;

    /// <summary>The node's writes to the store take until this is over (a locked file, a database that restarts): none fails, all wait.</summary>
    public sealed record StoreStall(NodeId Node, TimeSpan? For) : Fault;

    /// <summary>The process loses its leadership in the store's eyes and does not know it: a standby may take over at once, and what the old one still writes is refused.</summary>
    public sealed record LoseLeadership(NodeId Node, TimeSpan RestartAfter) : Fault;

    /// <summary>The node's clock reads later than it is, from now on: a suspended machine, of which only the clock went on.</summary>
    public sealed record ClockJump(NodeId Node, TimeSpan By) : Fault;

    /// <summary>The node computes so many times slower for a while.</summary>
    public sealed record Slow(NodeId Node, double Factor, TimeSpan? For) : Fault;

    /// <summary>Files that the node writes: refused for want of space for a while.</summary>
    public sealed record DiskFull(NodeId Node, TimeSpan? For) : Fault;

    /// <summary>The node's next file cannot be written; what was written of it is gone.</summary>
    public sealed record WriteError(NodeId Node) : Fault;

    /// <summary>A bit of the node's newest file turns.</summary>
    public sealed record BitFlip(NodeId Node) : Fault;

    /// <summary>The process is told to leave (SIGTERM), ends after its grace, and another of its name starts.</summary>
    public sealed record Terminate(NodeId Node, TimeSpan RestartAfter) : Fault;

    /// <summary>The network is like this from now on.</summary>
    public sealed record NetworkChange(NetworkFaults Network) : Fault;
}

/// <summary>What the history counts, so that a run can show which faults it really met.</summary>
public enum FaultKind
{
    Lost,
    Duplicated,
    Reordered,
    Echoed,
    HeldBack,
    DroppedWithConnection,
    ConnectionLost,
    Crash,
    Restart,
    Pause,
    Partition,
    OneWayPartition,
    CrashAfterCommit,
    StoreError,
    StoreErrorYetDurable,
    StoreStall,
    Fenced,
    LostLeadership,
    ClockJump,
    Slow,
    DataCut,
    DiskFull,
    WriteError,
    BitFlip,
    Terminate,
    DoubleStart,
    ActorCrash,
    ActorGivenUp,
    DeadLetter,
}
