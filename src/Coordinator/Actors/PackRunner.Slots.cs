using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <content>Orders for slots, ends of trials and checkpoints pass through: the sweep makes them durable, the members repeat or get them until then. None of it belongs to a generation.</content>
public sealed partial class PackRunner
{
    /// <summary>Accepted ends that are told again to those who form the next generation; older ones have been told for long.</summary>
    public const int SettledMax = 256;

    private readonly HashSet<int> _live = []; // Trials in slots whose end is not durable. Looked up only.
    private readonly Queue<int> _settled = []; // Since the generation was formed, or as the facts know them after a restart; the oldest first.

    // Orders may come as soon as the attempt is recorded; the replicas can use them while they train.
    private void TakeOrders(ValueList<SlotOrder> orders, Effects effects)
    {
        _orders.Add(orders);
        foreach (var order in orders.Where(order => order.Kind == SlotOrderKind.Fill)) _live.Add(order.Trial!.Index);
        if (_phase != Phase.Training) return;
        SendOrders(effects);
        WakeLater(effects);
    }

    private void SendOrders(Effects effects)
    {
        foreach (var member in _gang.Members)
        {
            var missing = _orders.MissingTo(member);
            if (missing.Count > 0) effects.Send(ReplicaOn(member), new ReplicaMessage.ChangeSlots(term, plan.Attempt, missing));
        }
    }

    private void MarkApplied(PackMember? member, long through)
    {
        if (member is not null && _gang.Members.Count > 0) _orders.MarkApplied(member, through, _gang.Members);
    }

    // From whoever is rank 0, or was and has not heard. The sweep knows what it has heard before; the replica repeats until it is told that the end is durable.
    private void PassSlotEnd(PackMember? member, PackMessage.SlotEnded ended, Effects effects)
    {
        if (member is null || _start is null || _outcome is SweepMessage.PackFailed) return;
        effects.Send(_sweep, new SweepMessage.SlotEnded(plan.Pack, plan.Attempt, ended.Slot, ended.Result, _othersWait));
    }

    // From whoever is rank 0, or was. What is ordered now is there before the slot is empty.
    private void PassSlotEnding(PackMember? member, PackMessage.SlotEnding ending, Effects effects)
    {
        if (member is not null && _start is not null && _outcome is null) effects.Send(_sweep, new SweepMessage.SlotEnding(plan.Pack, plan.Attempt, ending.Slot, ending.Trial, _othersWait));
    }

    // To all: each keeps the end for the case that it is rank 0 next.
    private void AcceptSlotEnd(int trial, Effects effects)
    {
        _live.Remove(trial);
        _settled.Enqueue(trial);
        if (_settled.Count > SettledMax) _settled.Dequeue();
        foreach (var member in _gang.All) effects.Send(ReplicaOn(member), new ReplicaMessage.SlotEndAccepted(plan.Attempt, trial));
        if (_phase == Phase.Saving && _live.Count == 0) Fail(FailureKind.Preempted, ReasonText, effects);
    }

    // Once, when it was accepted, is not always enough: a rank 0 that has not heard would store the files of the trial again, over those that the sweep has.
    private void AcceptSlotEndsAgain(PackMember member, Effects effects)
    {
        foreach (var trial in _settled) effects.Send(ReplicaOn(member), new ReplicaMessage.SlotEndAccepted(plan.Attempt, trial));
    }

    private void PassCheckpoint(PackMember? member, CheckpointInfo checkpoint, Effects effects)
    {
        if (member is not null && _outcome is null) effects.Send(_sweep, new SweepMessage.PackCheckpointed(plan.Pack, plan.Attempt, checkpoint));
    }

    private void AcceptCheckpoint(long position, Effects effects)
    {
        foreach (var member in _gang.All) effects.Send(ReplicaOn(member), new ReplicaMessage.CheckpointAccepted(plan.Attempt, position));
        if (_phase == Phase.Saving && position >= _gang.Members[0].Position) Fail(FailureKind.Preempted, ReasonText, effects);
    }
}
