using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <content>
/// An attempt that a former life of the coordinator began. Its workers have trained on, or stand still, or never heard of it: each replica is asked. When all train, so be it; nobody is disturbed. When some
/// stand still, the generation that is durable may be known to some alone: all halt and the next one forms. Who does not come back within a lease is lost like anybody else.
/// </content>
public sealed partial class PackRunner
{
    /// <summary>Workers that did not register with the new coordinator by then are lost: a lease, and what a reconnection may take beyond it.</summary>
    public static readonly TimeSpan ReturnWithin = Cluster.Lease + TimeSpan.FromSeconds(5);

    private readonly Dictionary<NodeId, PackMessage.ReplicaState> _states = []; // Looked up only.
    private readonly HashSet<NodeId> _returned = []; // Placement has them. Looked up only.
    private bool _anyReturned;

    private void Adopt(Adoption attempt, Instant now, Effects effects)
    {
        (_start, _generation, _recorded) = (attempt.Start, attempt.Generation, attempt.Workers);
        _orders.Add(attempt.Orders);
        _live.UnionWith(attempt.Live);
        foreach (var trial in attempt.Ended) _settled.Enqueue(trial);
        foreach (var (worker, incarnation) in attempt.Workers)
        {
            _gang.Members.Add(new(new(worker, new("", 0), incarnation, Generation.None), now) { HasState = attempt.Generation.Value == 1 });
            effects.Watch(Addresses.Agent(worker));
        }

        Enter(Phase.Adopting, now + ReturnWithin, effects);
        Claim(effects);
    }

    private void Claim(Effects effects) => effects.Send(Addresses.Placement, new PlacementMessage.ClaimGang(plan.Request, _recorded));

    private void Attach(PackMember member, Effects effects) => effects.Send(ReplicaOn(member), new ReplicaMessage.Attach(term, plan.Attempt));

    private void MarkGranted(ValueList<GangMember> granted, Instant now, Effects effects)
    {
        foreach (var one in granted)
        {
            if (_gang.Find(one.Worker) is not { } member || member.Process != one.Process || !_returned.Add(one.Worker)) continue;
            (member.Member, member.Since) = (one, now);
            Attach(member, effects);
        }

        LookAtAdopted(now, effects);
    }

    private void TakeState(PackMember? member, PackMessage.ReplicaState state, Instant now, Effects effects)
    {
        if (member is null || _outcome is not null) return;
        if (_phase is not (Phase.Adopting or Phase.Halting)) return;
        if (state.Generation == _generation)
        {
            member.Heard = true;
            if (state.Phase == ReplicaPhase.Done) (member.Done, member.HasState) = (true, true);
            if (state.Phase == ReplicaPhase.Halted) StandStill(member, state.Position);
        }

        if (_phase == Phase.Halting)
        {
            LookAtHalted(now, effects);
            return;
        }

        if (_states.TryAdd(member.Worker, state)) AcceptSlotEndsAgain(member, effects);
        else _states[member.Worker] = state;
        _anyReturned = true;
        (member.Accepted, member.Ready) = (true, member.Ready || state.Phase != ReplicaPhase.Preparing);
        _orders.MarkApplied(member, state.OrdersApplied, _gang.Members);
        if (state.Phase == ReplicaPhase.Training) member.HasState = true;
        if (state.Phase == ReplicaPhase.Training && state.Generation == _generation) member.Trains = true;
        LookAtAdopted(now, effects);
    }

    private void RepeatAttach(Instant now, Effects effects)
    {
        foreach (var member in _gang.Members.FindAll(member => IsOutAt(member, now)))
        {
            _hasLost |= _anyReturned;
            LetGo(member, $"{member.Worker} did not come back after the coordinator was restarted", mayReturn: true, effects);
        }

        if (_gang.Members.Count == 0)
        {
            Fail(FailureKind.Preempted, ReasonText, effects);
            return;
        }

        Claim(effects);
        RepeatTo(member => !IsBack(member) && _returned.Contains(member.Worker), Attach, effects);
        LookAtAdopted(now, effects);
    }

    private bool HasAnswered(PackMember member) => _states.ContainsKey(member.Worker) || member.Trains || member.StandsStill || member.Ready;

    private bool IsBack(PackMember member) => HasAnswered(member) && _returned.Contains(member.Worker);

    // A worker that is registered and whose replica does not answer has none.
    private bool IsOutAt(PackMember member, Instant now) => !IsBack(member) && (now >= _deadline || (_returned.Contains(member.Worker) && now - member.Since >= AnswerWithin));

    private void LookAtAdopted(Instant now, Effects effects)
    {
        if (_phase != Phase.Adopting || !_gang.Members.TrueForAll(IsBack)) return;
        var trains = _gang.Members.TrueForAll(member => member.Trains || member.Done) && _gang.Members.Count == _recorded.Count;
        var begins = _generation.Value == 1 && _gang.Members.TrueForAll(member => _states.GetValueOrDefault(member.Worker) is null or { Phase: ReplicaPhase.Preparing or ReplicaPhase.Ready } && !member.StandsStill);
        if (trains) BeginTraining(now, effects);
        else if (begins)
        {
            foreach (var member in _gang.Members) member.Accepted = true;
            Enter(Phase.Preparing, now + PrepareWithin, effects);
            LookAtPreparation(now, effects);
        }
        else BeginHaltFor("the coordinator was restarted while the gang stood still", now, effects);
    }
}
