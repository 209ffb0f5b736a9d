using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <content>
/// From a gang that stands still to the next generation: who is in it, whose state all of it takes, and that its number is durable before anybody hears of it. Members differ by at most one act; who is ahead is the
/// source, so that an act that anybody has applied counts. A worker that leaves is carried along for one more generation when it alone is ahead.
/// </content>
public sealed partial class PackRunner
{
    /// <summary>Generations that a leaver is carried along to hand over its state before it is let go without.</summary>
    public const int CarriesMax = 3;

    private ValueList<WorkerProcess> _recorded = []; // Members of the generation that was or is being recorded.
    private string _regroupReason = "";
    private PackMember? _source;
    private bool _isLast; // All that is left to do is to tell what has ended.
    private int _carries;

    // The first time. Nobody has trained: all have the same state.
    private void FormFirst(Instant now, Effects effects)
    {
        if (_gang.Processes.Equals(_recorded)) Form(now, effects);
        else Regroup(_gang.Members.ToArray(), source: null, effects);
    }

    private void ChooseNext(Instant now, Effects effects)
    {
        var stayers = _gang.Members.FindAll(member => member.Leaving.Length == 0);
        var joiners = _gang.Joiners.FindAll(joiner => joiner.Ready);
        var source = Furthest(_gang.Members);
        if (source is null)
        {
            Fail(FailureKind.Lost, $"nobody is left who has the state: {ReasonText}", effects);
            return;
        }

        var ahead = source.Leaving.Length > 0 && (Furthest(stayers) is not { } best || IsAhead(source, best));
        if (ahead && (source.Done || (stayers.Count + joiners.Count > 0 && _carries < CarriesMax))) _carries++; // It goes once all have what it has.
        else if (Furthest(stayers) is { } staying) source = staying;
        else
        {
            Save(source, now, effects);
            return;
        }

        foreach (var leaver in _gang.Members.FindAll(member => member.Leaving.Length > 0 && member != source)) LetGo(leaver, $"{leaver.Worker}: {leaver.Leaving}", mayReturn: false, effects);
        Regroup([.. InOrder(source), .. joiners], source, effects);
    }

    // By seniority. But readings of the last act are with those that did it, and rank 0 is who publishes them: it must be none that is behind.
    private IEnumerable<PackMember> InOrder(PackMember source)
    {
        var first = _gang.Members[0];
        return first.HasState && !IsAhead(source, first) ? _gang.Members : _gang.Members.Where(member => member != source).Prepend(source);
    }

    private static PackMember? Furthest(List<PackMember> members)
    {
        PackMember? best = null;
        foreach (var member in members)
        {
            if (!member.HasState || (best is not null && !IsAhead(member, best) && (IsAhead(best, member) || best.Leaving.Length == 0))) continue;
            best = member;
        }

        return best;
    }

    private static bool IsAhead(PackMember member, PackMember other) => (member.Done && !other.Done) || (member.Done == other.Done && member.Position > other.Position);

    private void Regroup(IReadOnlyList<PackMember> next, PackMember? source, Effects effects)
    {
        foreach (var joiner in next.Where(_gang.IsJoiner)) Because($"{joiner.Worker} joins");
        _gang.Reform(next);
        var first = Math.Max(_generation.Next().Value, next.Max(member => member.Member.PreparedFor.Value)); // Who came back may have been asked for a later one than the next.
        (_generation, _source, _recorded, _regroupReason, _isLast) = (new(first), source, _gang.Processes, ReasonText, source is { Done: true });
        Enter(Phase.Regrouping, default, effects);
        TellRegrouped(effects);
    }

    private void TellRegrouped(Effects effects) =>
        effects.Send(_sweep, new SweepMessage.PackRegrouped(plan.Pack, plan.Attempt, _generation, _recorded, _regroupReason));

    private void FormRecorded(Generation generation, Instant now, Effects effects)
    {
        if (_phase == Phase.Regrouping && generation == _generation) Form(now, effects);
    }

    private void Form(Instant now, Effects effects)
    {
        foreach (var member in _gang.Members) member.BeginGeneration();
        _reasons.Clear();
        (_hasLost, _isWanted) = (false, false);
        Enter(Phase.Forming, now + FormWithin, effects);
        foreach (var member in _gang.Members) FormRing(member, effects);
    }

    private void FormRing(PackMember member, Effects effects)
    {
        AcceptSlotEndsAgain(member, effects);
        effects.Send(ReplicaOn(member), new ReplicaMessage.FormRing(term, plan.Attempt, _generation, _gang.Members.Select(one => one.Member).ToValueList(), _source?.Worker));
    }

    private void MarkTraining(PackMember? member, Generation generation, Instant now, Effects effects)
    {
        if (member is null || generation != _generation) return;
        if (_phase == Phase.Adopting)
        {
            (member.Trains, member.HasState) = (true, true);
            LookAtAdopted(now, effects);
        }

        if (_phase is not (Phase.Forming or Phase.Halting)) return;
        (member.Trains, member.HasState) = (true, true);
        if (_source is not null) _orders.MarkApplied(member, _source.OrdersApplied, _gang.Members); // What is applied in the state that it took over.
        if (_phase == Phase.Forming && _gang.Members.TrueForAll(one => one.Trains)) BeginTraining(now, effects);
    }

    private void BeginTraining(Instant now, Effects effects)
    {
        if (_phase == Phase.Forming) _settled.Clear(); // All have heard of them before they formed the ring. Those who were adopted while they trained are told once more before the next.
        Enter(Phase.Training, default, effects);
        SendOrders(effects);
        if (_gang.Members.Exists(member => member.Leaving.Length > 0) && !_isLast) BeginHaltFor("", now, effects);
        else LetJoin(now, effects);
    }
}
