using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>
/// One attempt to train one pack, from asking for workers to handing over results. It asks placement for a gang; has the sweep record the start, before
/// which no worker may hear of the attempt; assigns the replicas; lets the ring form when all are ready; and waits until rank 0 says that all slots are empty.
/// Meanwhile it carries ends of single trials to the sweep, and the sweep's orders, to refill, empty or close, to every member until that member has applied them.
/// An attempt goes through generations: when a member is lost, leaves or joins, all others halt, keep what they have, and go on as the next generation with the state of whoever is furthest. A coordinator that was
/// restarted takes a running attempt over in the same way. The attempt ends by results, by a failure that is no loss, or when nobody is left that holds its state; the sweep decides whether there is another.
/// Whatever may get lost on a wire is repeated until it is answered, and each phase but training has a deadline: training
/// ends by a result, a report, or the worker's lease.
/// </summary>
/// <param name="term">Of this life of the coordinator.</param>
/// <param name="plan">What to train.</param>
/// <param name="adopted">What a former life of the coordinator began; null for a new attempt.</param>
public sealed partial class PackRunner(Term term, PackPlan plan, Adoption? adopted = null) : IActor
{
    /// <summary>Connecting the ring, taking over state, and the first step, which on a GPU includes choosing algorithms.</summary>
    public static readonly TimeSpan FormWithin = TimeSpan.FromMinutes(2);

    /// <summary>Time between repeats of what was not answered.</summary>
    public static readonly TimeSpan RepeatEvery = TimeSpan.FromSeconds(1);

    /// <summary>The same while training stands still and others wait.</summary>
    public static readonly TimeSpan HaltRepeatEvery = TimeSpan.FromMilliseconds(250);

    /// <summary>Time between looks at placement while nothing is to be repeated: it would tell of a gang that is no more.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(10);

    private enum Phase { Waiting, Recording, Assigning, Preparing, Regrouping, Forming, Training, Halting, Adopting, Saving, Settling }

    private readonly ActorId _sweep = Addresses.Sweep(plan.Pack.Sweep);
    private readonly Roster _gang = new();
    private readonly SlotOrders _orders = new();
    private Phase _phase = Phase.Waiting;
    private Instant _deadline;
    private long _tick;
    private Generation _generation = new(1); // The last that was or is being recorded.
    private PackMessage.StartRecorded? _start;
    private bool _othersWait;
    private int _moreGangs;
    private Instant _lookedAt;
    private SweepMessage? _outcome;

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started when adopted is not null: Adopt(adopted, now, effects); break;
            case Signal.Started: AskForGang(effects); break;
            case Signal.Terminated gone: MarkBroken(gone.Actor.Node, now, effects); break;
            case Signal: break;
            case PackMessage.GangGranted granted: TakeGang(granted, now, effects); break;
            case PackMessage.GangRefused refused when IsMine(refused.Attempt): TakeRefusal(refused, effects); break;
            case PackMessage.GangGrown grown: TakeJoiners(grown.Joiners, now, effects); break;
            case PackMessage.OthersWait others: _othersWait = others.Waiting; break;
            case PackMessage.MemberLost lost: LoseMember(lost, now, effects); break;
            case PackMessage.StartRecorded recorded when IsMine(recorded.Attempt): AssignAll(recorded, now, effects); break;
            case PackMessage.GenerationRecorded recorded when IsMine(recorded.Attempt): FormRecorded(recorded.Generation, now, effects); break;
            case PackMessage.OrderSlots order when IsMine(order.Attempt): TakeOrders(order.Orders, effects); break;
            case PackMessage.SlotSettled settled when IsMine(settled.Attempt): AcceptSlotEnd(settled.Trial, effects); break;
            case PackMessage.CheckpointSettled settled when IsMine(settled.Attempt): AcceptCheckpoint(settled.Position, effects); break;
            case PackMessage.PackSettled settled when IsMine(settled.Attempt): Finish(effects); break;
            case PackMessage.CancelPack: GiveUp("cancelled", effects); break;
            case PackMessage.PackTick tick when tick.Number == _tick: Repeat(now, effects); break;
            case PackMessage.GangRefused or PackMessage.StartRecorded or PackMessage.GenerationRecorded or PackMessage.OrderSlots or PackMessage.SlotSettled or PackMessage.CheckpointSettled or PackMessage.PackSettled or PackMessage.PackTick:
                break; // Of another attempt, or set for a phase that is over.
            case PackMessage report: Hear(sender, report, now, effects); break;
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }
    }

    private bool IsMine(Attempt attempt) => attempt == plan.Attempt;

    private void Enter(Phase phase, Instant deadline, Effects effects)
    {
        (_phase, _deadline) = (phase, deadline);
        WakeLater(effects);
    }

    private void WakeLater(Effects effects) => effects.Wake(PauseOf(_phase), new PackMessage.PackTick(plan.Attempt, ++_tick));

    private TimeSpan PauseOf(Phase phase) => phase switch
    {
        Phase.Waiting => LookEvery,
        Phase.Training when _gang.Joiners.Count == 0 && !_gang.Members.Exists(member => member.Broken) && _orders.AreApplied(_gang.Members) => LookEvery,
        Phase.Halting or Phase.Adopting => HaltRepeatEvery,
        Phase.Forming when _gang.Members.Exists(member => member.Broken) => HaltRepeatEvery,
        _ => RepeatEvery,
    };

    // Results of whoever is rank 0 are enough: a worker that is lost after them takes nothing with it. Another rank's word only says that it can be given no order to halt.
    private void TakeDone(PackMember? member, PackMessage.ReplicaDone done, Instant now, Effects effects)
    {
        if (member is null || _outcome is not null) return;
        if (done.Generation != _generation || _phase is Phase.Regrouping)
        {
            AskAgain(member, effects);
            return;
        }

        (member.Done, member.HasState) = (true, true);
        if (member.Process == _recorded[0]) Settle(new SweepMessage.PackDone(plan.Pack, plan.Attempt, done.Results), effects);
        else if (_phase == Phase.Forming) MarkTraining(member, done.Generation, now, effects);
        else if (_phase == Phase.Halting) LookAtHalted(now, effects);
        else if (_phase == Phase.Adopting) LookAtAdopted(now, effects);
    }

    // What is no loss is a fault of the pack or of its data, which no other worker would be spared.
    private void TakeFailure(PackMember? member, PackMessage.ReplicaFailed failed, Instant now, Effects effects)
    {
        if (member is null || _outcome is not null || _phase is Phase.Recording) return;
        Blame(member, failed.Kind, $"{member.Worker}: {failed.Text}", effects);
        if (failed.Kind is FailureKind.PeerLost or FailureKind.Lost or FailureKind.Preempted or FailureKind.Refused || _gang.IsJoiner(member))
        {
            LetGo(member, $"{member.Worker}: {failed.Text}", mayReturn: false, effects);
            GoOnWithout(failed.Kind, now, effects);
        }
        else
        {
            Fail(failed.Kind, $"{member.Worker}: {failed.Text}", effects);
        }
    }

    // Perhaps the trial is to blame, and perhaps the worker that says so. Placement sees what others make of theirs. Those that die, or whose replicas end, it sees for itself.
    private static void Blame(PackMember member, FailureKind kind, string text, Effects effects)
    {
        if (kind is FailureKind.Engine or FailureKind.Data or FailureKind.Refused) effects.Send(Addresses.Placement, new PlacementMessage.WorkerBlamed(member.Worker, text));
    }

    private void Fail(FailureKind kind, string text, Effects effects) => Settle(new SweepMessage.PackFailed(plan.Pack, plan.Attempt, kind, text), effects);

    // A failed gang is given back at once; one with results is kept until they are durable, so that rank 0 would tell them again.
    private void Settle(SweepMessage outcome, Effects effects)
    {
        _outcome = outcome;
        if (outcome is SweepMessage.PackFailed) Release(effects);
        Enter(Phase.Settling, default, effects);
        effects.Send(_sweep, outcome);
    }

    private void Release(Effects effects) => effects.Send(Addresses.Placement, new PlacementMessage.ReleaseGang(plan.Pack, plan.Attempt));

    private void Finish(Effects effects)
    {
        if (_phase != Phase.Settling) return;
        foreach (var member in _gang.All) effects.Send(ReplicaOn(member), new ReplicaMessage.OutcomeAccepted(plan.Attempt));
        GiveUp("settled", effects);
    }

    private void GiveUp(string reason, Effects effects)
    {
        Release(effects);
        effects.Stop(reason);
    }

    private void Repeat(Instant now, Effects effects)
    {
        var tick = _tick;
        switch (_phase)
        {
            case Phase.Waiting: RequestGang(effects); break;
            case Phase.Recording: TellStarted(effects); break;
            case Phase.Assigning or Phase.Preparing when now >= _deadline: DropUnprepared(now, effects); break;
            case Phase.Assigning: RepeatTo(member => !member.Accepted, Assign, effects); break;
            case Phase.Regrouping: TellRegrouped(effects); break;
            case Phase.Forming when now >= _deadline: BeginHalt(Overdue("form the ring and do the first step", FormWithin, member => !member.Trains), now, effects); break;
            case Phase.Forming when _gang.Members.Find(member => member.Broken && now - member.BrokenAt >= ComeBackWithin) is { } gone: BeginHaltFor($"{gone.Worker}: its connection is broken", now, effects); break;
            case Phase.Forming: RepeatTo(member => !member.Trains, FormRing, effects); break;
            case Phase.Halting: RepeatHalt(now, effects); break;
            case Phase.Adopting: RepeatAttach(now, effects); break;
            case Phase.Saving: RepeatSave(now, effects); break;
            case Phase.Settling: effects.Send(_sweep, _outcome!); break;
            default: break; // Preparing waits for reports, which the replicas repeat; training has what follows.
        }

        if (_phase is Phase.Training or Phase.Preparing or Phase.Assigning or Phase.Forming) LookAround(now, effects);
        if (tick == _tick) WakeLater(effects); // Else another phase has begun, with a timer of its own.
    }

    // Beside the phase: orders on their way, joiners, and what placement thinks.
    private void LookAround(Instant now, Effects effects)
    {
        if (_phase == Phase.Training)
        {
            SendOrders(effects);
            RepeatTo(member => member.Broken, Attach, effects);
        }

        LookAfterJoiners(now, effects);
        if (now - _lookedAt < LookEvery || _phase != Phase.Training) return;
        _lookedAt = now;
        RequestGang(effects);
    }

    private void RepeatTo(Func<PackMember, bool> isMissing, Action<PackMember, Effects> order, Effects effects)
    {
        foreach (var member in _gang.Members)
        {
            if (isMissing(member)) order(member, effects);
        }
    }

    private string Overdue(string what, TimeSpan limit, Func<PackMember, bool> isMissing) =>
        $"{string.Join(", ", _gang.Members.Where(isMissing).Select(member => member.Worker))} did not {what} within {limit.TotalSeconds:0} s";
}
