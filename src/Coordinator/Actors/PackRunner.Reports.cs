using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <content>
/// What workers tell, and who is believed. A name is not enough: two processes may have it, and one that came back to the gang has left reports behind. So a member is its process and what that was assigned for
/// last, both of which are in the name of its replica.
/// </content>
public sealed partial class PackRunner
{
    // What replicas tell.
    private void Hear(ActorId sender, PackMessage report, Instant now, Effects effects)
    {
        switch (report)
        {
            case PackMessage.ReplicaAccepted accepted: Accept(Asked(sender, accepted.Attempt, accepted.Incarnation, accepted.Generation, effects), now, effects); break;
            case PackMessage.ReplicaRefused refused: TakeRefusal(Asked(sender, refused.Attempt, refused.Incarnation, refused.Generation, effects), refused, now, effects); break;
            case PackMessage.ReplicaReady ready: MarkReady(Reporter(sender, ready.Attempt, effects), now, effects); break;
            case PackMessage.ReplicaTraining training: MarkTraining(Reporter(sender, training.Attempt, effects), training.Generation, now, effects); break;
            case PackMessage.ReplicaHalting halting: MarkHalting(Reporter(sender, halting.Attempt, effects), halting.Generation); break;
            case PackMessage.ReplicaHalted halted: MarkHalted(Reporter(sender, halted.Attempt, effects), halted, now, effects); break;
            case PackMessage.ReplicaLeaving leaving: MarkLeaving(Reporter(sender, leaving.Attempt, effects), leaving.Reason, now, effects); break;
            case PackMessage.ReplicaState state: TakeState(Reporter(sender, state.Attempt, effects), state, now, effects); break;
            case PackMessage.SlotsChanged changed: MarkApplied(Reporter(sender, changed.Attempt, effects), changed.Through); break;
            case PackMessage.SlotEnded ended: PassSlotEnd(Reporter(sender, ended.Attempt, effects), ended, effects); break;
            case PackMessage.SlotEnding ending: PassSlotEnding(Reporter(sender, ending.Attempt, effects), ending, effects); break;
            case PackMessage.CheckpointMade made: PassCheckpoint(Reporter(sender, made.Attempt, effects), made.Checkpoint, effects); break;
            case PackMessage.ReplicaDone done: TakeDone(Reporter(sender, done.Attempt, effects), done, now, effects); break;
            case PackMessage.ReplicaFailed failed: TakeFailure(Reporter(sender, failed.Attempt, effects), failed, now, effects); break;
            default: throw new UnreachableException($"No rule for {report.GetType().Name}.");
        }
    }

    // A replica of the gang. Another one that reports has slept through its exclusion, or is of another process of a member's name: it is told so, and stops. While an attempt is being adopted nobody knows yet who is whose.
    private PackMember? Reporter(ActorId sender, Attempt attempt, Effects effects)
    {
        if (!IsMine(attempt)) return null;
        if (_gang.Find(sender.Node) is { } member && ReplicaOn(member) == sender) return Hear(member, effects);
        if (_phase is not (Phase.Waiting or Phase.Adopting or Phase.Settling))
            effects.Send(sender, new ReplicaMessage.Dismissed(term, plan.Attempt, $"{sender.Node} is no member of generation {_generation.Value} of attempt {plan.Attempt.Value}"));
        return null;
    }

    // The agent of a process that was asked to host a replica, about what it was asked last.
    private PackMember? Asked(ActorId agent, Attempt attempt, ulong incarnation, Generation generation, Effects effects)
    {
        if (!IsMine(attempt) || _gang.Find(agent.Node) is not { } member) return null;
        return member.Process.Incarnation == incarnation && member.Member.PreparedFor == generation ? Hear(member, effects) : null;
    }

    private static PackMember Hear(PackMember member, Effects effects)
    {
        if (!member.Broken) return member;
        member.Broken = false;
        effects.Watch(Addresses.Agent(member.Worker));
        return member;
    }

    private ActorId ReplicaOn(PackMember member) => Addresses.Replica(member.Process, plan.Pack, plan.Attempt, member.Member.PreparedFor);
}
