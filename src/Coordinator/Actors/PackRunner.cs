using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>
/// One attempt to train one pack, from asking for workers to handing over results. It asks placement for a gang; has the sweep record the start, before
/// which no worker may hear of the attempt; assigns the replicas; lets the ring form when all are ready; and waits until rank 0 says that all slots are empty.
/// Meanwhile it carries ends of single trials to the sweep, and the sweep's orders, to refill, empty or close, to every rank until that rank has applied them.
/// Whatever may get lost on a wire is repeated until it is answered, and each phase but training has a deadline: training
/// ends by a result, a report, or the worker's lease. The first loss ends the attempt; the sweep decides whether there is another.
/// </summary>
public sealed class PackRunner(Term term, PackPlan plan, Adoption? adopted = null) : IActor
{
    /// <summary>Workers that have not even taken their assignment by then are not there.</summary>
    public static readonly TimeSpan AcceptWithin = TimeSpan.FromSeconds(30);

    /// <summary>Fetching shards and building the model. Long, because the first gang on a worker downloads the whole data set.</summary>
    public static readonly TimeSpan PrepareWithin = TimeSpan.FromMinutes(10);

    /// <summary>Connecting the ring and the first step, which on a GPU includes choosing algorithms.</summary>
    public static readonly TimeSpan FormWithin = TimeSpan.FromMinutes(2);

    /// <summary>After a report that a peer was silent, how long to wait for the silent peer's own report: its cause is the true one.</summary>
    public static readonly TimeSpan CauseWithin = TimeSpan.FromSeconds(3);

    /// <summary>Time between repeats of what was not answered.</summary>
    public static readonly TimeSpan RepeatEvery = TimeSpan.FromSeconds(1);

    /// <summary>Time between looks at placement while nothing is to be repeated: it would tell of a gang that is no more.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(10);

    private static readonly Generation FirstGeneration = new(1);

    private enum Phase { Waiting, Recording, Assigning, Preparing, Forming, Training, Failing, Settling }

    private readonly ActorId _sweep = Addresses.Sweep(plan.Pack.Sweep);
    private Phase _phase = Phase.Waiting;
    private Instant _deadline;
    private long _tick;
    private RankProgress[] _ranks = [];
    private PackMessage.StartRecorded? _start;
    private readonly SlotOrders _orders = new();
    private bool _othersWait;
    private int _moreGangs;
    private Instant _lookedAt;
    private SweepMessage? _outcome;

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started when adopted is not null: Fail(FailureKind.Preempted, "the coordinator was restarted", effects); break;
            case Signal.Started: AskForGang(effects); break;
            case Signal: break;
            case PackMessage.GangGranted granted: TakeGang(granted, effects); break;
            case PackMessage.OthersWait others: _othersWait = others.Waiting; break;
            case PackMessage.StartRecorded recorded when IsMine(recorded.Attempt): AssignAll(recorded, now, effects); break;
            case PackMessage.ReplicaAccepted accepted: Accept(Reporter(sender, accepted.Attempt), now, effects); break;
            case PackMessage.ReplicaReady ready: MarkReady(Reporter(sender, ready.Attempt), now, effects); break;
            case PackMessage.ReplicaTraining training: MarkTraining(Reporter(sender, training.Attempt), effects); break;
            case PackMessage.OrderSlots order when IsMine(order.Attempt): TakeOrders(order.Orders, effects); break;
            case PackMessage.SlotsChanged changed: MarkApplied(Reporter(sender, changed.Attempt), changed.Through); break;
            case PackMessage.SlotEnded ended: PassSlotEnd(Reporter(sender, ended.Attempt), ended, effects); break;
            case PackMessage.SlotSettled settled when IsMine(settled.Attempt): AcceptSlotEnd(settled.Trial, effects); break;
            case PackMessage.ReplicaDone done: TakeResults(Reporter(sender, done.Attempt), done, effects); break;
            case PackMessage.ReplicaFailed failed: TakeFailure(Reporter(sender, failed.Attempt), failed, now, effects); break;
            case PackMessage.ReplicaHalted halted:
                TakeFailure(Reporter(sender, halted.Attempt), new(halted.Attempt, halted.Kind, halted.Text), now, effects); break;
            case PackMessage.CheckpointMade made when Reporter(sender, made.Attempt) is not null:
                effects.Send(_sweep, new SweepMessage.PackCheckpointed(plan.Pack, plan.Attempt, made.Checkpoint)); break;
            case PackMessage.CheckpointSettled settled when IsMine(settled.Attempt): AcceptCheckpoint(settled.Position, effects); break;
            case PackMessage.ReplicaHalting or PackMessage.ReplicaLeaving or PackMessage.ReplicaState or PackMessage.CheckpointMade or PackMessage.GangGrown or PackMessage.GenerationRecorded
                or PackMessage.CheckpointSettled:
                break;
            case PackMessage.ReplicaRefused refused: TakeRefusal(Reporter(sender, refused.Attempt), refused, effects); break;
            case PackMessage.MemberLost lost: LoseMember(lost, effects); break;
            case PackMessage.PackSettled settled when IsMine(settled.Attempt): Finish(effects); break;
            case PackMessage.CancelPack: GiveUp("cancelled", effects); break;
            case PackMessage.PackTick tick when tick.Number == _tick: Repeat(now, effects); break;
            case PackMessage.StartRecorded or PackMessage.OrderSlots or PackMessage.SlotSettled or PackMessage.PackSettled or PackMessage.PackTick: break; // Of another attempt, or set for a phase that is over.
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }
    }

    private bool IsMine(Attempt attempt) => attempt == plan.Attempt;

    // Only a member of this very attempt is believed.
    private RankProgress? Reporter(ActorId sender, Attempt attempt) => IsMine(attempt) ? Array.Find(_ranks, rank => rank.Member.Worker == sender.Node) : null;

    private void Enter(Phase phase, Instant deadline, Effects effects)
    {
        (_phase, _deadline) = (phase, deadline);
        WakeLater(effects);
    }

    private void WakeLater(Effects effects)
    {
        var nothingToRepeat = _phase == Phase.Waiting || (_phase == Phase.Training && _orders.AreApplied(_ranks));
        effects.Wake(nothingToRepeat ? LookEvery : RepeatEvery, new PackMessage.PackTick(plan.Attempt, ++_tick));
    }

    private void AskForGang(Effects effects)
    {
        RequestGang(effects);
        WakeLater(effects);
    }

    private void RequestGang(Effects effects) => effects.Send(Addresses.Placement, plan.Request);

    private void TakeGang(PackMessage.GangGranted granted, Effects effects)
    {
        if (_phase == Phase.Waiting)
        {
            _ranks = [.. granted.Members.Select(member => new RankProgress(member))];
            Enter(Phase.Recording, default, effects);
            _moreGangs = granted.MoreGangs;
            TellStarted(effects);
        }
        else if (_outcome is null && !granted.Members.SequenceEqual(_ranks.Select(rank => rank.Member)))
        {
            Fail(FailureKind.Lost, "Placement has given the workers of this attempt away.", effects);
        }
    }

    private void TellStarted(Effects effects) =>
        effects.Send(_sweep, new SweepMessage.PackStarted(plan.Pack, plan.Attempt, _ranks.Select(rank => rank.Member.Worker).ToValueList(), _moreGangs));

    private void AssignAll(PackMessage.StartRecorded start, Instant now, Effects effects)
    {
        if (_phase != Phase.Recording) return;
        _start = start;
        Enter(Phase.Assigning, now + AcceptWithin, effects);
        foreach (var rank in _ranks) Assign(rank, effects);
    }

    private void Assign(RankProgress rank, Effects effects) => effects.Send(
        Addresses.Agent(rank.Member.Worker), new AgentMessage.AssignReplica(term, plan.AssignmentOf(_start!)));

    private void Accept(RankProgress? rank, Instant now, Effects effects)
    {
        if (rank is null || _phase != Phase.Assigning) return;
        rank.Accepted = true;
        if (Array.TrueForAll(_ranks, r => r.Accepted)) Enter(Phase.Preparing, now + PrepareWithin, effects);
    }

    private void MarkReady(RankProgress? rank, Instant now, Effects effects)
    {
        if (rank is null || _phase is not (Phase.Assigning or Phase.Preparing or Phase.Forming)) return;
        rank.Ready = true;
        if (_phase == Phase.Forming)
        {
            FormRing(rank, effects); // It would not ask again had the order arrived.
            return;
        }

        Accept(rank, now, effects);
        if (!Array.TrueForAll(_ranks, r => r.Ready)) return;
        Enter(Phase.Forming, now + FormWithin, effects);
        foreach (var member in _ranks) FormRing(member, effects);
    }

    private void FormRing(RankProgress rank, Effects effects) => effects.Send(
        Addresses.Replica(rank.Member.Worker, plan.Pack, plan.Attempt),
        new ReplicaMessage.FormRing(term, plan.Attempt, FirstGeneration, _ranks.Select(r => r.Member).ToValueList(), null));

    private void MarkTraining(RankProgress? rank, Effects effects)
    {
        if (rank is null || _phase != Phase.Forming) return;
        rank.Training = true;
        if (!Array.TrueForAll(_ranks, r => r.Training)) return;
        Enter(Phase.Training, default, effects);
        SendOrders(effects);
    }

    // Orders may come as soon as the attempt is recorded; the replicas can use them once they train.
    private void TakeOrders(ValueList<SlotOrder> orders, Effects effects)
    {
        _orders.Add(orders);
        if (_phase != Phase.Training) return;
        SendOrders(effects);
        WakeLater(effects);
    }

    private void SendOrders(Effects effects)
    {
        foreach (var rank in _ranks)
        {
            var missing = _orders.MissingTo(rank);
            if (missing.Count > 0) effects.Send(Addresses.Replica(rank.Member.Worker, plan.Pack, plan.Attempt), new ReplicaMessage.ChangeSlots(term, plan.Attempt, missing));
        }
    }

    private void MarkApplied(RankProgress? rank, long through)
    {
        if (rank is not null) _orders.MarkApplied(rank, through, _ranks);
    }

    // The sweep knows what it has heard before; the replica repeats until it is told that the end is durable.
    private void PassSlotEnd(RankProgress? rank, PackMessage.SlotEnded ended, Effects effects)
    {
        if (rank is null || _phase is not (Phase.Forming or Phase.Training or Phase.Failing)) return;
        effects.Send(_sweep, new SweepMessage.SlotEnded(plan.Pack, plan.Attempt, ended.Slot, ended.Result, _othersWait));
    }

    private void AcceptSlotEnd(int trial, Effects effects)
    {
        foreach (var rank in _ranks) effects.Send(Addresses.Replica(rank.Member.Worker, plan.Pack, plan.Attempt), new ReplicaMessage.SlotEndAccepted(plan.Attempt, trial));
    }

    private void AcceptCheckpoint(long position, Effects effects)
    {
        foreach (var rank in _ranks) effects.Send(Addresses.Replica(rank.Member.Worker, plan.Pack, plan.Attempt), new ReplicaMessage.CheckpointAccepted(plan.Attempt, position));
    }

    // Results of rank 0 are enough: a worker that is lost after them takes nothing with it.
    private void TakeResults(RankProgress? rank, PackMessage.ReplicaDone done, Effects effects)
    {
        if (rank is null || Array.IndexOf(_ranks, rank) != 0 || _phase is not (Phase.Forming or Phase.Training or Phase.Failing)) return;
        Settle(new SweepMessage.PackDone(plan.Pack, plan.Attempt, done.Results), effects);
    }

    private void TakeFailure(RankProgress? rank, PackMessage.ReplicaFailed failed, Instant now, Effects effects)
    {
        if (rank is null || _phase is Phase.Waiting or Phase.Recording or Phase.Settling) return;
        rank.Failed = true;
        var where = rank.Member.Worker;
        var causeMayFollow = failed.Kind == FailureKind.PeerLost && Array.Exists(_ranks, r => !r.Failed);
        if (!causeMayFollow && (failed.Kind != FailureKind.PeerLost || _phase != Phase.Failing))
        {
            Fail(failed.Kind, $"{where}: {failed.Text}", effects);
        }
        else if (_phase != Phase.Failing)
        {
            _outcome = new SweepMessage.PackFailed(plan.Pack, plan.Attempt, FailureKind.PeerLost, $"{where}: {failed.Text}");
            Enter(Phase.Failing, now + CauseWithin, effects);
        }
    }

    private void TakeRefusal(RankProgress? rank, PackMessage.ReplicaRefused refused, Effects effects)
    {
        if (rank is not null && _phase == Phase.Assigning && !rank.Accepted) Fail(FailureKind.Refused, $"{rank.Member.Worker} refused: {refused.Reason}", effects);
    }

    private void LoseMember(PackMessage.MemberLost lost, Effects effects)
    {
        if (_phase is Phase.Waiting or Phase.Settling) return;
        Fail(lost.Preempted ? FailureKind.Preempted : FailureKind.Lost, $"{lost.Worker}: {lost.Reason}", effects);
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
        foreach (var rank in _ranks)
        {
            effects.Send(
                Addresses.Replica(rank.Member.Worker, plan.Pack, plan.Attempt), new ReplicaMessage.OutcomeAccepted(plan.Attempt));
        }

        GiveUp("settled", effects);
    }

    private void GiveUp(string reason, Effects effects)
    {
        Release(effects);
        effects.Stop(reason);
    }

    private void Repeat(Instant now, Effects effects)
    {
        switch (_phase)
        {
            case Phase.Waiting: RequestGang(effects); break;
            case Phase.Training: LookAndRepeatOrders(now, effects); break;
            case Phase.Recording: TellStarted(effects); break;
            case Phase.Settling: effects.Send(_sweep, _outcome!); break;
            case Phase.Failing when now >= _deadline: Settle(_outcome!, effects); return;
            case Phase.Assigning or Phase.Preparing or Phase.Forming when now >= _deadline: Fail(FailureKind.Lost, Overdue(), effects); return;
            case Phase.Assigning: RepeatTo(rank => !rank.Accepted, Assign, effects); break;
            case Phase.Forming: RepeatTo(rank => !rank.Training, FormRing, effects); break;
            default: break; // Preparing and failing wait for reports, which the replicas repeat.
        }

        WakeLater(effects);
    }

    private void LookAndRepeatOrders(Instant now, Effects effects)
    {
        SendOrders(effects);
        if (now - _lookedAt < LookEvery) return;
        _lookedAt = now;
        RequestGang(effects);
    }

    private void RepeatTo(Func<RankProgress, bool> isMissing, Action<RankProgress, Effects> order, Effects effects)
    {
        foreach (var rank in _ranks)
        {
            if (isMissing(rank)) order(rank, effects);
        }
    }

    private string Overdue()
    {
        var (silent, what, limit) = _phase switch
        {
            Phase.Assigning => (_ranks.Where(rank => !rank.Accepted), "take the assignment", AcceptWithin),
            Phase.Preparing => (_ranks.Where(rank => !rank.Ready), "prepare data and model", PrepareWithin),
            _ => (_ranks.Where(rank => !rank.Training), "form the ring and do the first step", FormWithin),
        };
        var names = string.Join(", ", silent.Select(rank => rank.Member.Worker));
        return $"{names} did not {what} within {limit.TotalSeconds:0} s.";
    }
}
