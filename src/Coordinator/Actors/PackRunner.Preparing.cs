using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <content>
/// From asking placement for workers until all of them have data and model. The start is durable before any of them hears of the attempt. An assignment names the process that it is for and the generation that it
/// is to prepare for; what answers for another process or another assignment is not listened to.
/// </content>
public sealed partial class PackRunner
{
    /// <summary>Workers that have not even taken their assignment by then are not there.</summary>
    public static readonly TimeSpan AcceptWithin = TimeSpan.FromSeconds(30);

    /// <summary>Fetching shards and building the model. Long, because the first gang on a worker downloads the whole data set.</summary>
    public static readonly TimeSpan PrepareWithin = TimeSpan.FromMinutes(10);

    private void AskForGang(Effects effects)
    {
        RequestGang(effects);
        WakeLater(effects);
    }

    private void RequestGang(Effects effects) => effects.Send(Addresses.Placement, plan.Request);

    private void TakeGang(PackMessage.GangGranted granted, Instant now, Effects effects)
    {
        switch (_phase)
        {
            case Phase.Waiting: BeginWith(granted, now, effects); break;
            case Phase.Adopting: MarkGranted(granted.Members, now, effects); break;
            default: Reconcile(granted.Members, now, effects); break;
        }
    }

    private void TakeRefusal(PackMessage.GangRefused refused, Effects effects)
    {
        if (_phase == Phase.Waiting) Fail(FailureKind.TooLarge, refused.Text, effects);
    }

    private void BeginWith(PackMessage.GangGranted granted, Instant now, Effects effects)
    {
        foreach (var member in granted.Members)
        {
            _gang.Members.Add(new(member with { PreparedFor = _generation }, now) { HasState = true });
            effects.Watch(Addresses.Agent(member.Worker));
        }

        (_moreGangs, _recorded) = (granted.MoreGangs, _gang.Processes);
        Enter(Phase.Recording, default, effects);
        TellStarted(effects);
    }

    private void TellStarted(Effects effects) => effects.Send(_sweep, new SweepMessage.PackStarted(plan.Pack, plan.Attempt, _recorded, _moreGangs));

    private void AssignAll(PackMessage.StartRecorded start, Instant now, Effects effects)
    {
        if (_phase != Phase.Recording) return;
        _start = start;
        foreach (var fill in start.Slots) _live.Add(fill.Trial.Index);
        Enter(Phase.Assigning, now + AcceptWithin, effects);
        foreach (var member in _gang.All) Assign(member, effects);
    }

    private void Assign(PackMember member, Effects effects) => effects.Send(
        Addresses.Agent(member.Worker),
        new AgentMessage.AssignReplica(term, member.Process.Incarnation, plan.AssignmentOf(_gang.IsJoiner(member) ? ForJoiner(_start!) : _start!, member.Member.PreparedFor)));

    private void Accept(PackMember? member, Instant now, Effects effects)
    {
        if (member is null) return;
        member.Accepted = true;
        LookAtPreparation(now, effects);
    }

    private void MarkReady(PackMember? member, Instant now, Effects effects)
    {
        if (member is null) return;
        (member.Accepted, member.Ready) = (true, true);
        if (_gang.IsJoiner(member)) LetJoin(now, effects);
        else if (_phase == Phase.Forming && !member.Trains) FormRing(member, effects); // It would not ask again had the order arrived.
        else if (_phase == Phase.Adopting) LookAtAdopted(now, effects);
        else LookAtPreparation(now, effects);
    }

    private void LookAtPreparation(Instant now, Effects effects)
    {
        if (_phase == Phase.Assigning && _gang.Members.TrueForAll(member => member.Accepted)) Enter(Phase.Preparing, now + PrepareWithin, effects);
        if (_phase == Phase.Preparing && _gang.Members.TrueForAll(member => member.Ready)) FormFirst(now, effects);
    }

    private void TakeRefusal(PackMember? member, PackMessage.ReplicaRefused refused, Instant now, Effects effects)
    {
        if (member is null || member.Accepted) return;
        if (refused.StoppedThrough.Value >= member.Member.PreparedFor.Value && refused.StoppedThrough != Generation.Max)
        {
            member.Member = member.Member with { PreparedFor = refused.StoppedThrough.Next() }; // What was stopped there was its last stay. Numbers need not be without a gap.
            Assign(member, effects);
            return;
        }

        Blame(member, FailureKind.Refused, $"{member.Worker} refused: {refused.Reason}", effects);
        LetGo(member, $"{member.Worker} refused: {refused.Reason}", mayReturn: false, effects);
        GoOnWithout(FailureKind.Refused, now, effects);
    }

    private void DropUnprepared(Instant now, Effects effects)
    {
        var isAssigning = _phase == Phase.Assigning;
        Func<PackMember, bool> isMissing = isAssigning ? member => !member.Accepted : member => !member.Ready;
        var text = isAssigning ? Overdue("take the assignment", AcceptWithin, isMissing) : Overdue("prepare data and model", PrepareWithin, isMissing);
        foreach (var member in _gang.Members.Where(isMissing).ToArray()) LetGo(member, "", mayReturn: false, effects);
        Because(text);
        GoOnWithout(FailureKind.Lost, now, effects);
    }
}
