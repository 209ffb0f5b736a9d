using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Worker.Actors;

/// <summary>
/// The lanes of a worker and the replicas on them. A lane is free only after the engine has said that nothing of the replica computes any more; that, and not the order to stop, is what placement is told.
/// There is at most one replica of an attempt: one that is assigned again, for a later generation, begins when what is left of the one before is gone.
/// </summary>
internal sealed class WorkerLanes(WorkerIdentity identity)
{
    /// <summary>Pause before an engine that could not be stopped is told again.</summary>
    private static readonly TimeSpan StopAgainAfter = TimeSpan.FromSeconds(5);

    private readonly Tombstones _tombstones = new();
    private readonly List<HostedReplica> _hosted = []; // At most one per lane, and those that ended unasked.

    /// <summary>What takes up lanes.</summary>
    public ValueList<RunningReplica> Running => _hosted.Select(replica => replica.Told).ToValueList();

    /// <summary>There is nothing on any lane, nor anything left to tell.</summary>
    public bool IsEmpty => _hosted.Count == 0;

    /// <summary>Nothing computes.</summary>
    public bool IsQuiet => _hosted.TrueForAll(replica => replica.EndedUnasked);

    /// <summary>Takes a replica in, or says why not. A repeat is answered again.</summary>
    /// <returns>Whether a new one begins.</returns>
    public bool Assign(ActorId runner, ReplicaAssignment assignment, Effects effects)
    {
        var known = Find(assignment.Pack, assignment.Attempt);
        if (known is not null && known.Generation.Value < assignment.Generation.Value && !_tombstones.Covers(assignment))
        {
            if (!known.EndedUnasked)
            {
                Stop(known, $"the worker is to prepare for generation {assignment.Generation.Value}", effects);
                return false; // The order comes again.
            }

            _hosted.Remove(known);
            known = null;
        }

        if (Refusal(assignment, known) is { } reason)
        {
            Refuse(runner, assignment, reason, effects);
            return false;
        }

        effects.Send(runner, new PackMessage.ReplicaAccepted(assignment.Attempt, identity.Incarnation, assignment.Generation));
        if (known is not null) return false;
        var actor = Addresses.Replica(identity.Process, assignment.Pack, assignment.Attempt, assignment.Generation);
        _hosted.Add(new HostedReplica(assignment, actor));
        effects.Spawn(actor.Name, () => new Replica(actor, assignment), Supervision.Never); // Its engine state died with it: a crash is a lost replica.
        effects.Watch(actor);
        return true;
    }

    /// <summary>Says why it is not taken.</summary>
    public void Refuse(ActorId runner, ReplicaAssignment assignment, string reason, Effects effects) => effects.Send(runner, new PackMessage.ReplicaRefused(
        assignment.Attempt, identity.Incarnation, assignment.Generation, _tombstones.StoppedThrough(assignment.Pack, assignment.Attempt), reason));

    private string? Refusal(ReplicaAssignment assignment, HostedReplica? known)
    {
        if (_tombstones.Covers(assignment)) return "the attempt was stopped already";
        if (known is not null)
        {
            return known.Generation != assignment.Generation ? $"it prepares for generation {known.Generation.Value} already" : known.EndedUnasked || known.ActorGone ? "the replica has ended" : null;
        }

        var busy = _hosted.Where(replica => !replica.EndedUnasked).Sum(replica => WidthOf(replica.Assignment));
        var width = WidthOf(assignment);
        return busy + width <= identity.Lanes ? null : $"{busy} of its {identity.Lanes} lanes are in use, and the pack takes {width}";
    }

    private HostedReplica? Find(PackId pack, Attempt attempt) => _hosted.Find(replica => replica.Assignment.Pack == pack && replica.Assignment.Attempt == attempt);

    private int WidthOf(ReplicaAssignment assignment) => PackShape.WidthOn(identity.Lanes, assignment.Shape.Lanes);

    /// <summary>By order. A replica that was assigned after what the order is about goes on.</summary>
    public void Stop(AgentMessage.StopReplica order, Effects effects)
    {
        _tombstones.Add(order.Pack, order.Attempt, order.Through);
        if (Find(order.Pack, order.Attempt) is not { } replica || replica.Generation.Value > order.Through.Value)
        {
            TellFreed(order.Pack, order.Attempt, order.Through, effects);
        }
        else if (replica.EndedUnasked)
        {
            _hosted.Remove(replica);
            TellFreed(order.Pack, order.Attempt, order.Through, effects);
        }
        else
        {
            replica.StoppedThrough = order.Through;
            Stop(replica, order.Reason, effects);
        }
    }

    /// <summary>All of them.</summary>
    public void StopAll(string reason, Effects effects)
    {
        foreach (var replica in _hosted.Where(replica => !replica.EndedUnasked)) Stop(replica, reason, effects);
    }

    private static void Stop(HostedReplica replica, string reason, Effects effects)
    {
        replica.StopWanted = true;
        if (!replica.ActorGone) effects.Send(replica.Actor, new ReplicaMessage.StopTraining(reason));
    }

    /// <summary>All of them are to tell their runners that the worker leaves.</summary>
    public void HandOver(string reason, Effects effects)
    {
        foreach (var replica in _hosted.Where(replica => !replica.EndedUnasked && !replica.ActorGone)) effects.Send(replica.Actor, new ReplicaMessage.HandOver(reason));
    }

    /// <summary>An actor is gone, whatever it died of; its engine follows.</summary>
    public void StopEngine(ActorId actor, Effects effects)
    {
        if (_hosted.Find(replica => replica.Actor == actor) is not { } replica) return;
        replica.ActorGone = true;
        RunStop(replica.Assignment.Pack, replica.Assignment.Attempt, effects);
    }

    /// <summary>The engine could not be stopped.</summary>
    public static void StopEngineLater(StopEngineJob failed, Effects effects) => effects.Wake(StopAgainAfter, new AgentMessage.EngineStillRuns(failed.Pack, failed.Attempt));

    /// <summary>Once more.</summary>
    public void RunStop(PackId pack, Attempt attempt, Effects effects)
    {
        if (Find(pack, attempt) is { EndedUnasked: false, ActorGone: true }) effects.Run(new StopEngineJob(pack, attempt));
    }

    /// <summary>The engine says that nothing of it computes any more.</summary>
    /// <returns>Whether that was news.</returns>
    public bool Free(AgentMessage.EngineStopped stopped, Effects effects)
    {
        if (Find(stopped.Pack, stopped.Attempt) is not { ActorGone: true } replica) return false;
        if (replica.StopWanted)
        {
            _hosted.Remove(replica);
            TellFreed(stopped.Pack, stopped.Attempt, replica.StoppedThrough, effects);
        }
        else
        {
            replica.EndedUnasked = true;
            TellEndedUnasked(effects);
        }

        return true;
    }

    /// <summary>Placement has to hear of replicas whose end it did not order, until it does.</summary>
    public void TellEndedUnasked(Effects effects)
    {
        foreach (var replica in _hosted)
        {
            if (!replica.EndedUnasked) continue;
            effects.Send(Addresses.Placement, new PlacementMessage.ReplicaEnded(
                identity.Worker, identity.Incarnation, replica.Assignment.Pack, replica.Assignment.Attempt, replica.Generation));
        }
    }

    private void TellFreed(PackId pack, Attempt attempt, Generation through, Effects effects) =>
        effects.Send(Addresses.Placement, new PlacementMessage.LaneFreed(identity.Worker, identity.Incarnation, pack, attempt, through));
}
