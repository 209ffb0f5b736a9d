using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Worker.Actors;

/// <summary>A lane in use.</summary>
internal sealed class HostedReplica(ReplicaAssignment assignment, ActorId actor)
{
    public ReplicaAssignment Assignment { get; } = assignment;

    public ActorId Actor { get; } = actor;

    /// <summary>What it was prepared for.</summary>
    public Generation Generation => Assignment.Generation;

    /// <summary>The coordinator, or the host, wants it gone.</summary>
    public bool StopWanted { get; set; }

    /// <summary>Which assignments were stopped with it.</summary>
    public Generation StoppedThrough { get; set; } = assignment.Generation;

    /// <summary>Its actor is gone and its engine is being stopped.</summary>
    public bool ActorGone { get; set; }

    /// <summary>Nothing of it computes any more, but nobody asked for its end: placement has to hear of it.</summary>
    public bool EndedUnasked { get; set; }

    public RunningReplica Told => new(Assignment.Pack, Assignment.Attempt, Generation);
}
