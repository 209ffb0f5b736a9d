using Vae.Shared.Actors;

namespace Vae.Shared.Messages;

/// <summary>The names of all actors, so that nobody spells one twice.</summary>
public static class Addresses
{
    /// <summary>Membership and leases.</summary>
    public static readonly ActorId Cluster = new(NodeId.Coordinator, "cluster");

    /// <summary>Submits, recovers and retires sweeps.</summary>
    public static readonly ActorId Sweeps = new(NodeId.Coordinator, "sweeps");

    /// <summary>Which pack on which workers.</summary>
    public static readonly ActorId Placement = new(NodeId.Coordinator, "placement");

    /// <summary>Fingerprints and shards.</summary>
    public static readonly ActorId Datasets = new(NodeId.Coordinator, "datasets");

    /// <summary>Deduplicates, stores and publishes points.</summary>
    public static readonly ActorId Metrics = new(NodeId.Coordinator, "metrics");

    /// <summary>Which shape the packs of a signature get.</summary>
    public static readonly ActorId Planner = new(NodeId.Coordinator, "planner");

    /// <summary>One sweep.</summary>
    public static ActorId Sweep(SweepId sweep) => new(NodeId.Coordinator, $"sweep.{sweep}");

    /// <summary>One attempt to train a pack. The attempt is part of the name, so that nothing meant for an older attempt can reach a newer one.</summary>
    public static ActorId PackRunner(PackId pack, Attempt attempt) => new(NodeId.Coordinator, $"pack.{pack}.{attempt.Value}");

    /// <summary>The agent of a worker.</summary>
    public static ActorId Agent(NodeId worker) => new(worker, "agent");

    /// <summary>The outbox of a worker.</summary>
    public static ActorId Outbox(NodeId worker) => new(worker, "outbox");

    /// <summary>
    /// One replica in a process of a worker. The process and the generation that it was prepared for are part of the name: nothing meant for, or said by, another process of the worker's name or a replica of
    /// the same attempt that was stopped before can be taken for this one's.
    /// </summary>
    public static ActorId Replica(WorkerProcess process, PackId pack, Attempt attempt, Generation preparedFor) =>
        new(process.Worker, $"replica.{pack}.{attempt.Value}.{preparedFor.Value}.{process.Incarnation}");
}
