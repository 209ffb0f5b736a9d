using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>What one attempt of a pack is to train, and on what.</summary>
public sealed record PackPlan(PackId Pack, Attempt Attempt, ValueList<TrialSpec> Trials, DatasetManifest Dataset, DatasetSource Source, ResourceSpec Resources)
{
    /// <summary>The actor that carries it out.</summary>
    public ActorId Runner => Addresses.PackRunner(Pack, Attempt);

    /// <summary><c>auto</c>, <c>cpu</c> or <c>cuda</c>.</summary>
    public string Device => Resources.Device switch
    {
        DeviceChoice.Cpu => "cpu",
        DeviceChoice.Cuda => "cuda",
        _ => "auto",
    };

    /// <summary>What the worker of one rank is told.</summary>
    public ReplicaAssignment AssignmentOf(GangMember member, int worldSize) =>
        new(Pack, Attempt, PackShape.Solo(Trials[0], Resources.Threads ?? 0), [new(0, Trials[0])], Closed: true, Dataset, Source, member.Rank, worldSize, Resources, Runner);
}

/// <summary>How far one rank of a gang is known to be.</summary>
internal sealed class RankProgress(GangMember member)
{
    public GangMember Member { get; } = member;

    public bool Accepted { get; set; }

    public bool Ready { get; set; }

    public bool Training { get; set; }

    public bool Failed { get; set; }
}
