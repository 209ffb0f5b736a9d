using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>When a worker's lease ends. Ordered by time, then by name, so that equal times have one order everywhere.</summary>
internal readonly record struct LeaseEnd(Instant At, NodeId Worker) : IComparable<LeaseEnd>
{
    public int CompareTo(LeaseEnd other)
    {
        var byTime = At.CompareTo(other.At);
        return byTime != 0 ? byTime : string.CompareOrdinal(Worker.Value, other.Worker.Value);
    }
}

/// <summary>A worker as its cluster sees it.</summary>
internal sealed class Member(ClusterMessage.RegisterWorker registration, Instant since, Instant leaseEnd)
{
    public ClusterMessage.RegisterWorker Registration { get; set; } = registration;

    public Instant LeaseEnd { get; set; } = leaseEnd;

    public long LastBeat { get; set; }

    public WorkerLoad Load { get; set; } = WorkerLoad.None;

    /// <summary>When it was heard of last.</summary>
    public Instant HeardAt { get; set; }

    /// <summary>Why the lease was cut short; empty while the connection stands.</summary>
    public string Suspicion { get; set; } = "";

    /// <summary>Why it is to leave; empty while it may stay.</summary>
    public string LeaveReason { get; set; } = "";

    /// <summary>For people.</summary>
    public MemberDescription Describe(Instant now) => new(
        Registration.Worker, Registration.Incarnation, Registration.Facts, Load, now - since, now - HeardAt, Suspicion, Registration.LastLines);
}
