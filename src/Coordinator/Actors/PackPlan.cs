using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>What one attempt of a pack needs, and on what it trains. Its trials are chosen when it has its workers.</summary>
/// <param name="Pack">The pack.</param>
/// <param name="Attempt">Its attempt.</param>
/// <param name="Shape">As planned; the pack may begin with fewer slots.</param>
/// <param name="MemoryBytes">Prediction for one replica.</param>
/// <param name="Dataset">What it trains on.</param>
/// <param name="Source">Where that came from.</param>
/// <param name="Resources">From the sweep file.</param>
public sealed record PackPlan(PackId Pack, Attempt Attempt, PackShape Shape, long MemoryBytes, DatasetManifest Dataset, DatasetSource Source, ResourceSpec Resources)
{
    /// <summary>The actor that carries it out.</summary>
    public ActorId Runner => Addresses.PackRunner(Pack, Attempt);

    /// <summary>What placement is asked for.</summary>
    public PlacementMessage.RequestGang Request => new(Pack, Attempt, Resources.WorkersPerPackMin, Resources.WorkersPerPackMax, Device, Shape.Lanes, MemoryBytes, Runner);

    /// <summary>What the sweep ranks by.</summary>
    public ObjectiveMetric Metric { get; init; }

    private string Device => Resources.Device switch
    {
        DeviceChoice.Cpu => "cpu",
        DeviceChoice.Cuda => "cuda",
        _ => "auto",
    };

    /// <summary>What each worker of the gang is told.</summary>
    public ReplicaAssignment AssignmentOf(PackMessage.StartRecorded start, Generation generation) =>
        new(Pack, Attempt, generation, start.Shape, start.Slots, start.Closed, Dataset, Source, Resources, Runner) { Metric = Metric };
}

/// <summary>An attempt that a former life of the coordinator began: what its runner needs to go on with it.</summary>
/// <param name="Generation">The last that is durable; its members may never have heard of it.</param>
/// <param name="Workers">Its members, in rank order.</param>
/// <param name="Start">What the attempt began with.</param>
/// <param name="Orders">All orders for its slots, by number from 1; how many are applied the replicas know.</param>
/// <param name="Live">Trials in its slots whose end is not durable.</param>
public sealed record Adoption(Generation Generation, ValueList<WorkerProcess> Workers, PackMessage.StartRecorded Start, ValueList<SlotOrder> Orders, ValueList<int> Live)
{
    /// <summary>The last trials of the attempt whose end is durable, in the order in which they were given: nobody knows which of its members were told so.</summary>
    public ValueList<int> Ended { get; init; } = [];
}
