using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>
/// I2: whatever anybody was told is readable, whoever crashes next: a sweep that was accepted, an attempt, a slot's trial or a generation that a worker hears of, points and ends of trials that a worker may forget,
/// a checkpoint that need not be told again.
/// </summary>
internal sealed class I02AcknowledgedIsDurable : Invariant
{
    private readonly HashSet<(PackId, int, int)> _generations = [];
    private readonly Dictionary<(PackId, int), long> _checkpoints = []; // The newest position of an attempt: an older one is of no more use.
    private readonly HashSet<(TrialId, int)> _ends = [];

    public override void OnFact(Watched watched, SweepEvent fact, Term term)
    {
        switch (fact)
        {
            case SweepEvent.PackStarted started: _generations.Add((new(fact.Sweep, started.Pack), started.Attempt.Value, 1)); break;
            case SweepEvent.PackRegrouped regrouped: _generations.Add((new(fact.Sweep, regrouped.Pack), regrouped.Attempt.Value, regrouped.Generation.Value)); break;
            case SweepEvent.CheckpointStored stored: _checkpoints[(stored.Checkpoint.Pack, stored.Checkpoint.Attempt.Value)] = stored.Checkpoint.Position; break;
            case SweepEvent.TrialEnded ended: _ends.Add((new(fact.Sweep, ended.Result.TrialIndex), ended.Attempt.Value)); break;
            default: break;
        }
    }

    public override void OnReceived(Watched watched, ActorId sender, ActorId target, Message message)
    {
        switch (message)
        {
            case ObserverMessage.SweepAccepted accepted:
                Require(watched.Model.Sweeps.ContainsKey(accepted.Sweep), $"I2: {accepted.Sweep} was accepted and is not durable");
                break;
            case AgentMessage.AssignReplica { Assignment: var told }:
                Require(watched.Model.Pack(told.Pack).Attempt >= told.Attempt.Value, $"I2: {target} hears of {told.Pack} attempt {told.Attempt.Value} before it is durable");
                foreach (var fill in told.Slots) RequireBegun(watched, new(told.Pack.Sweep, fill.Trial.Index), told.Attempt, target);
                break;
            case ReplicaMessage.ChangeSlots change:
                foreach (var order in change.Orders)
                {
                    if (order.Trial is { } trial) RequireBegun(watched, new(PackOf(target).Sweep, trial.Index), change.Attempt, target);
                }

                break;
            case ReplicaMessage.FormRing form:
                Require(_generations.Contains((PackOf(target), form.Attempt.Value, form.Generation.Value)), $"I2: {target} hears of generation {form.Generation.Value} before it is durable");
                break;
            case ReplicaMessage.SlotEndAccepted accepted: RequireEnded(watched, PackOf(target), accepted, target); break;
            case ReplicaMessage.CheckpointAccepted accepted:
                Require(_checkpoints.GetValueOrDefault((PackOf(target), accepted.Attempt.Value), -1) >= accepted.Position, $"I2: {target} is told that its checkpoint at {accepted.Position} is durable, and it is not");
                break;
            case OutboxMessage.PointsAccepted accepted:
                Require(watched.Points.IsStored(target.Node, accepted.Incarnation, accepted.UpTo), $"I2: {target} may forget its points up to {accepted.UpTo}, which are not durable");
                break;
            default: break;
        }
    }

    // replica.SWEEP.NUMBER.ATTEMPT.GENERATION.INCARNATION
    private static PackId PackOf(ActorId replica)
    {
        var parts = replica.Name.Split('.');
        return new(new(parts[1]), int.Parse(parts[2], System.Globalization.CultureInfo.InvariantCulture));
    }

    private static void RequireBegun(Watched watched, TrialId trial, Attempt attempt, ActorId target) =>
        Require(watched.Model.Trial(trial).Attempt >= attempt.Value, $"I2: {target} hears of trial {trial} in attempt {attempt.Value} before it is durable");

    // The end of another attempt, or of the sweep, settles it as well.
    private void RequireEnded(Watched watched, PackId pack, ReplicaMessage.SlotEndAccepted accepted, ActorId target)
    {
        var trial = new TrialId(pack.Sweep, accepted.Trial);
        var isMoot = watched.Model.Sweeps[pack.Sweep].Ended || watched.Model.Pack(pack).Attempt > accepted.Attempt.Value || !watched.Model.Pack(pack).IsLive;
        Require(isMoot || _ends.Contains((trial, accepted.Attempt.Value)), $"I2: {target} may forget the end of trial {trial}, which is not durable");
    }
}
