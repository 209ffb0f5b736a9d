using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <content>
/// From a loss, a leave or a join until everybody that is left stands still. A peer's word that another is silent starts this, but excludes nobody who answers here: a worker is out when placement says so,
/// when its connection to the coordinator is broken too, or when it does not answer repeated orders. Only when the same gang fails again and again without getting on, and nobody is found to be lost, the
/// one that most of its peers complain about has to go.
/// </content>
public sealed partial class PackRunner
{
    /// <summary>A member that has not answered repeated orders to halt for so long is out.</summary>
    public static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(2);

    /// <summary>A member whose connection breaks while a ring is being formed has so long to come back; then the others halt.</summary>
    public static readonly TimeSpan ComeBackWithin = TimeSpan.FromMilliseconds(750);

    /// <summary>A member that lives but does not come to a halt is out after this time.</summary>
    public static readonly TimeSpan HaltWithin = TimeSpan.FromSeconds(60);

    /// <summary>Generations that fail one after the other within <see cref="ProgressActs"/> acts: as many with a loss end the attempt, for the pack may be what kills its workers; as many without one cost a member its place.</summary>
    public const int FailuresMax = 3;

    /// <summary>A gang that did so many acts between two losses has got on.</summary>
    public const int ProgressActs = 10;

    // When one worker is told to leave, others of the same machine or pool often are too: they are waited for, so that the gang regroups once.
    private static readonly TimeSpan LeaversGatherFor = TimeSpan.FromMilliseconds(250);

    private readonly List<string> _reasons = [];
    private Instant _haltOrderedAt;
    private Instant _leaveHeardAt;
    private bool _hasLost; // In this halt.
    private bool _isWanted; // This halt has a cause that is no failure.
    private long _failedAt = -ProgressActs;
    private int _failuresWithLoss;
    private int _failuresWithout;

    private string ReasonText => string.Join("; ", _reasons);

    private void Because(string reason)
    {
        if (reason.Length > 0 && !_reasons.Contains(reason)) _reasons.Add(reason);
    }

    private void BeginHalt(string reason, Instant now, Effects effects)
    {
        Because(reason);
        if (_phase is not (Phase.Training or Phase.Forming or Phase.Adopting)) return;
        _haltOrderedAt = now;
        Enter(Phase.Halting, now + HaltWithin, effects);
        RepeatTo(member => !member.StandsStill, OrderHalt, effects);
        LookAtHalted(now, effects);
    }

    private void OrderHalt(PackMember member, Effects effects) => effects.Send(ReplicaOn(member), new ReplicaMessage.HaltTraining(term, plan.Attempt, _generation));

    private void MarkHalting(PackMember? member, Generation generation)
    {
        if (member is not null && generation == _generation) member.Heard = true;
    }

    private void MarkHalted(PackMember? member, PackMessage.ReplicaHalted halted, Instant now, Effects effects)
    {
        if (member is null || _outcome is not null) return;
        if (halted.Generation != _generation || _phase == Phase.Regrouping)
        {
            AskAgain(member, effects);
            return;
        }

        if (member.Halted) return; // Told again until the next generation comes.
        StandStill(member, halted.Position);
        foreach (var silent in halted.Silent)
        {
            if (_gang.Find(silent) is { } accused && accused != member) (accused.Named, accused.Accusations) = (true, accused.Accusations + 1);
        }

        if (_phase == Phase.Adopting) LookAtAdopted(now, effects);
        else if (_phase == Phase.Halting) LookAtHalted(now, effects);
        else BeginHalt(halted.Kind == FailureKind.PeerLost ? $"{member.Worker}: {halted.Text}" : "", now, effects);
    }

    private static void StandStill(PackMember member, long position)
    {
        (member.Heard, member.Halted, member.Position) = (true, true, position);
        member.HasState = position > 0 || (position == 0 && member.HasState);
    }

    // It reports a generation that is over: what was sent since has not arrived.
    private void AskAgain(PackMember member, Effects effects)
    {
        if (_phase == Phase.Forming && !member.Trains) FormRing(member, effects);
        else if (_phase == Phase.Halting && !member.StandsStill) OrderHalt(member, effects);
    }

    private void MarkBroken(NodeId worker, Instant now, Effects effects)
    {
        if (_gang.Find(worker) is not { } member || _outcome is not null) return;
        (member.Broken, member.BrokenAt) = (true, now);
        if (_gang.IsJoiner(member)) return; // Placement will say whether it is lost.
        // A gang that trains is left alone: its peers name a dead member within milliseconds, and one that lives and only has to connect again is not worth a halt. In a ring that is being formed nobody would notice for long, so there it has a moment to come back.
        if (_phase == Phase.Halting) LookAtHalted(now, effects);
        else if (_phase is Phase.Training or Phase.Forming) WakeLater(effects); // It is asked until it answers.
    }

    private void LoseMember(PackMessage.MemberLost lost, Instant now, Effects effects)
    {
        if (_outcome is not null || _gang.Find(lost.Worker) is not { } member) return;
        Because($"{lost.Worker}: {lost.Reason}");
        if (!_gang.IsJoiner(member))
        {
            if (lost.Preempted) _isWanted = true;
            else _hasLost = true;
        }

        _gang.Remove(member);
        GoOnWithout(lost.Preempted ? FailureKind.Preempted : FailureKind.Lost, now, effects);
    }

    // Placement still counts it in: it stops the replica and frees the lane.
    private void LetGo(PackMember member, string reason, bool mayReturn, Effects effects)
    {
        if (!_gang.IsJoiner(member)) Because(reason);
        _gang.Remove(member);
        effects.Send(Addresses.Placement, new PlacementMessage.ReleaseMember(plan.Pack, plan.Attempt, member.Process, member.Member.PreparedFor, mayReturn, reason));
    }

    // Somebody is gone. What of it follows in each phase.
    private void GoOnWithout(FailureKind kind, Instant now, Effects effects)
    {
        if (_gang.Members.Count == 0)
        {
            Fail(_phase == Phase.Adopting && !_anyReturned ? FailureKind.Preempted : kind, ReasonText, effects); // What nobody had heard of is lost by nobody.
            return;
        }

        switch (_phase)
        {
            case Phase.Assigning or Phase.Preparing: LookAtPreparation(now, effects); break;
            case Phase.Forming or Phase.Training when _gang.Members.Count < _recorded.Count: BeginHalt("", now, effects); break;
            case Phase.Halting: LookAtHalted(now, effects); break;
            case Phase.Regrouping when _gang.Members.Count < _recorded.Count: ChooseNext(now, effects); break;
            case Phase.Adopting: LookAtAdopted(now, effects); break;
            default: break;
        }
    }

    private void RepeatHalt(Instant now, Effects effects)
    {
        if (now - _haltOrderedAt >= AnswerWithin && _gang.Members.Exists(member => member.HasState && !IsSilent(member)))
            DropWhere(IsSilent, $"did not answer for {AnswerWithin.TotalSeconds:0} s", effects); // When nobody else has the state, placement has the last word.
        if (now >= _deadline) DropWhere(member => !member.StandsStill, $"did not halt within {HaltWithin.TotalSeconds:0} s", effects);
        RepeatTo(member => !member.StandsStill || member.Broken, OrderHalt, effects);
        LookAtHalted(now, effects);
    }

    private static bool IsSilent(PackMember member) => member.Broken || !(member.Heard || member.StandsStill);

    private void DropWhere(Predicate<PackMember> isOut, string why, Effects effects)
    {
        foreach (var member in _gang.Members.FindAll(isOut))
        {
            _hasLost = true;
            LetGo(member, $"{member.Worker} {why}", mayReturn: true, effects);
        }
    }

    private void LookAtHalted(Instant now, Effects effects)
    {
        DropWhere(member => member.Broken && member.Named && !member.StandsStill, "is gone: its connections to the coordinator and to its peers are broken", effects);
        if (_gang.Members.Count == 0) Fail(FailureKind.Lost, ReasonText, effects);
        else if (_gang.Members.TrueForAll(member => member.StandsStill && !member.Broken) && !MoreMayLeave(now)) Judge(now, effects);
    }

    private bool MoreMayLeave(Instant now) =>
        now - _leaveHeardAt < LeaversGatherFor && _gang.Members.Exists(member => member.Leaving.Length > 0) && !_gang.Members.TrueForAll(member => member.Leaving.Length > 0);

    // All that is left stands still. What the generation came to says whether another one like it may be tried.
    private void Judge(Instant now, Effects effects)
    {
        var position = _gang.Members.Max(member => member.Position);
        var gotOn = position - _failedAt >= ProgressActs;
        if (gotOn)
        {
            (_failuresWithLoss, _failuresWithout) = (0, 0);
            foreach (var member in _gang.Members) member.Accusations = member.Named ? 1 : 0;
        }

        if (_hasLost) _failuresWithLoss++;
        else if (!_isWanted) _failuresWithout++;
        if (gotOn && (_hasLost || !_isWanted)) _failedAt = position;
        if (_failuresWithLoss >= FailuresMax)
        {
            Fail(FailureKind.Lost, $"workers were lost {_failuresWithLoss} times within {ProgressActs} acts: {ReasonText}", effects);
            return;
        }

        if (_failuresWithout >= FailuresMax && _gang.Members.Count > 1) DropTheAccused(effects);
        ChooseNext(now, effects);
    }

    private void DropTheAccused(Effects effects)
    {
        var accused = _gang.Members.MaxBy(member => (member.Accusations, _gang.Members.IndexOf(member)))!;
        LetGo(accused, $"{accused.Worker} was out of its peers' reach in {_failuresWithout} generations", mayReturn: false, effects);
        _failuresWithout = 0;
        foreach (var member in _gang.Members) member.Accusations = 0;
    }
}
