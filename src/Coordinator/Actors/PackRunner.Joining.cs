using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <content>
/// Workers that come to a running pack, and workers that are told to leave it. Joiners prepare while the others train; only when all of them are ready does the gang halt, for as long as it takes to hand the state
/// over. A joiner that fails costs the gang nothing. When all leave, the state is stored before the attempt ends.
/// </content>
public sealed partial class PackRunner
{
    /// <summary>Time to store the state of a gang that leaves as a whole; what is not stored by then is lost. Less than the worker waits, see <c>WorkerAgent.HandOverWithin</c>.</summary>
    public static readonly TimeSpan SaveWithin = TimeSpan.FromSeconds(15);

    // What the attempt began with is long past, and its checkpoints may be gone; all that a joiner needs of it are the shapes.
    private static PackMessage.StartRecorded ForJoiner(PackMessage.StartRecorded start) => start with { Slots = start.Slots.Select(fill => fill with { From = null }).ToValueList() };

    // What placement thinks and what is known here may differ when a message between the two was lost by a crash of either.
    private void Reconcile(ValueList<GangMember> granted, Instant now, Effects effects)
    {
        if (_outcome is not null || _phase is Phase.Saving) return;
        TakeJoiners(granted.Where(member => !_gang.WasLetGo(member.Process)).ToValueList(), now, effects);
        foreach (var missing in _gang.All.Where(member => !granted.Any(one => one.Process == member.Process)).ToArray())
        {
            LoseMember(new(missing.Worker, Preempted: false, "placement has given it away"), now, effects);
        }
    }

    private void TakeJoiners(ValueList<GangMember> joiners, Instant now, Effects effects)
    {
        if (_outcome is not null || _phase is Phase.Waiting or Phase.Saving) return;
        foreach (var member in joiners)
        {
            if (_gang.Find(member.Worker) is { } known)
            {
                if (known.Process == member.Process) continue;
                LoseMember(new(member.Worker, Preempted: false, "another process has taken its name"), now, effects);
                if (_outcome is not null) return;
            }

            var joiner = _gang.AddJoiner(member with { PreparedFor = _generation.Next() }, now);
            effects.Watch(Addresses.Agent(member.Worker));
            if (_start is not null) Assign(joiner, effects);
        }

        if (_phase == Phase.Training) WakeLater(effects);
    }

    // All together, or the gang would halt for each.
    private void LetJoin(Instant now, Effects effects)
    {
        if (_phase == Phase.Training && !_isLast && _gang.Joiners.Count > 0 && _gang.Joiners.TrueForAll(joiner => joiner.Ready)) BeginHaltFor("", now, effects);
    }

    // Wanted: it says nothing against the gang.
    private void BeginHaltFor(string reason, Instant now, Effects effects)
    {
        _isWanted = true;
        BeginHalt(reason, now, effects);
    }

    private void LookAfterJoiners(Instant now, Effects effects)
    {
        if (_start is null) return;
        foreach (var joiner in _gang.Joiners.ToArray())
        {
            var age = now - joiner.Since;
            if (joiner.Accepted ? !joiner.Ready && age >= PrepareWithin : age >= AcceptWithin) LetGo(joiner, "it did not get ready to join in time", mayReturn: false, effects);
            else if (!joiner.Accepted) Assign(joiner, effects);
        }

        LetJoin(now, effects); // When the last that was waited for is gone.
    }

    private void MarkLeaving(PackMember? member, string reason, Instant now, Effects effects)
    {
        if (member is null || _outcome is not null || member.Leaving.Length > 0) return;
        member.Leaving = reason.Length > 0 ? reason : "it leaves";
        if (_gang.IsJoiner(member))
        {
            LetGo(member, member.Leaving, mayReturn: false, effects);
            LetJoin(now, effects);
            return;
        }

        _leaveHeardAt = now;
        switch (_phase)
        {
            case Phase.Recording or Phase.Assigning or Phase.Preparing:
                LetGo(member, $"{member.Worker}: {member.Leaving}", mayReturn: false, effects);
                GoOnWithout(FailureKind.Preempted, now, effects);
                break;
            case Phase.Training or Phase.Forming when !_isLast: BeginHaltFor($"{member.Worker}: {member.Leaving}", now, effects); break;
            case Phase.Halting:
                _isWanted = true;
                Because($"{member.Worker}: {member.Leaving}");
                LookAtHalted(now, effects);
                break;
            case Phase.Regrouping: ChooseNext(now, effects); break;
            default: break; // Adopting and saving look at it when they are through.
        }
    }

    // All go, and this one has what counts, if anything does.
    private void Save(PackMember source, Instant now, Effects effects)
    {
        Because($"{source.Worker}: {source.Leaving}");
        _gang.Reform([source, .. _gang.Members.Where(member => member != source)]);
        if (source.Position == 0 || _live.Count == 0)
        {
            Fail(FailureKind.Preempted, ReasonText, effects);
            return;
        }

        Enter(Phase.Saving, now + SaveWithin, effects);
        OrderSave(effects);
    }

    private void OrderSave(Effects effects) => effects.Send(ReplicaOn(_gang.Members[0]), new ReplicaMessage.SaveCheckpoint(term, plan.Attempt));

    private void RepeatSave(Instant now, Effects effects)
    {
        if (now < _deadline) OrderSave(effects);
        else Fail(FailureKind.Lost, $"{_gang.Members[0].Worker} could not store its state within {SaveWithin.TotalSeconds:0} s of being told to leave: {ReasonText}", effects);
    }
}
