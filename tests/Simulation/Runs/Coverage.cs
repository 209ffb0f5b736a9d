using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;
using Vae.Tests.Simulation.Invariants;

namespace Vae.Tests.Simulation.Runs;

/// <summary>Counts which rare branches a run gets to, by what can be seen from outside: facts, messages, and what the trainers did. The shipped code carries no marks for it.</summary>
internal sealed partial class Coverage(Watched watched) : Invariant
{
    private readonly long[] _counts = new long[Enum.GetValues<Branch>().Length];
    private readonly Dictionary<PackId, ValueList<NodeId>> _workers = []; // Of the last generation.
    private readonly HashSet<(PackId, NodeId)> _leaving = [];
    private readonly Dictionary<PackId, HashSet<NodeId>> _joining = [];
    private readonly HashSet<PackId> _preempted = [];
    private readonly HashSet<PackId> _regrouped = [];
    private readonly Dictionary<(PackId, long), (HashSet<NodeId> Asked, HashSet<NodeId> Answered)> _adopting = []; // By term.
    private readonly Dictionary<NodeId, long> _terms = [];
    private readonly Dictionary<string, int> _generations = [];
    private readonly Dictionary<(PackId, int), NodeId> _tellers = [];
    private readonly Dictionary<PackId, int> _trialsBefore = [];
    private readonly HashSet<NodeId> _known = [];

    /// <summary>How often a branch was reached.</summary>
    public long Count(Branch branch) => _counts[(int)branch];

    public override void OnFact(Watched watched, SweepEvent fact, Term term)
    {
        switch (fact)
        {
            case SweepEvent.PackStarted started: Start(started); break;
            case SweepEvent.PackRegrouped regrouped: Regroup(regrouped); break;
            case SweepEvent.SlotFilled filled: Fill(filled); break;
            case SweepEvent.CheckpointRefused: Reach(Branch.FallBackFromDamaged); break;
            case SweepEvent.SlotStopOrdered: Reach(Branch.TrialStopped); break;
            case SweepEvent.PackInterrupted interrupted: Interrupt(interrupted); break;
            case SweepEvent.TrialEnded { Result.State: TrialState.Failed }: Reach(Branch.TrialFailed); break;
            case SweepEvent.Ended { State: SweepState.Cancelled }: Reach(Branch.SweepCancelled); break;
            default: break;
        }
    }

    public override void OnReceived(Watched watched, ActorId sender, ActorId target, Message message)
    {
        switch (message)
        {
            case PackMessage.ReplicaLeaving: _leaving.Add((PackOf(target), sender.Node)); break;
            case PackMessage.GangGrown grown: Grow(PackOf(target), grown); break;
            case PackMessage.MemberLost lost: if (_joining.TryGetValue(PackOf(target), out var joiners) && joiners.Remove(lost.Worker)) Reach(Branch.LossWhileJoining); break;
            case PackMessage.ReplicaState: Answer(PackOf(target), sender.Node); break;
            case PackMessage.OthersWait { Waiting: true }: Reach(Branch.FairShareYield); break;
            case PackMessage.SlotEnded ended: TellEnd(PackOf(target), ended.Result.TrialIndex, sender.Node); break;
            case ReplicaMessage.Attach attach: Ask(PackOf(target), target.Node, attach.Term); break;
            case ReplicaMessage.FormRing form: Form(target, form); break;
            case ReplicaMessage.Dismissed: Reach(Branch.Dismissed); break;
            case AgentMessage.AssignReplica assign: Hear(target.Node, assign.Term); break;
            case AgentMessage.StopReplica stop: Hear(target.Node, stop.Term); break;
            case AgentMessage.HeartbeatAck ack: Hear(target.Node, ack.Term); break;
            case AgentMessage.Registered registered: Hear(target.Node, registered.Term); break;
            case AgentMessage.RegistrationRefused: Reach(Branch.DoubleRegistration); break;
            case MetricsMessage.PointBatch { Thinned: > 0 }: Reach(Branch.OutboxThinned); break;
            case ObserverMessage.WorkerQuarantined { For.Ticks: > 0 }: Reach(Branch.Quarantine); break;
            case PlacementMessage.WorkerJoined joined: Join(joined); break;
            case PlacementMessage.WorkerRuns runs: LookFor(runs.Running); break;
            default: break;
        }
    }

    /// <summary>Adds what only the whole run shows.</summary>
    public override void AtEnd(Watched watched)
    {
        var (trainers, history) = (watched.Trainers.Counts, watched.Cluster.History);
        Reach(Branch.LossWhileForming, trainers.LostWhileForming);
        Reach(Branch.SourceLost, trainers.SourceLost);
        Reach(Branch.LaggardBroughtUp, trainers.LaggardsBroughtUp);
        Reach(Branch.JoinerBroughtUp, trainers.JoinersBroughtUp);
        Reach(Branch.PointsByNewRankZero, trainers.PointsPublishedAgain);
        Reach(Branch.CheckpointRefused, trainers.CheckpointsRefused);
        Reach(Branch.PeerSilent, trainers.SilentPeers);
        Reach(Branch.RejoinBySameProcess, trainers.TrainedAgain);
        Reach(Branch.FencingRefusal, history.Count(FaultKind.Fenced));
        Reach(Branch.BegunFromWaiting, trainers.BegunFromWaiting);
        Reach(Branch.StoppedUnbegun, trainers.StoppedUnbegun);
        Reach(Branch.TwoThatLead, watched.Cluster.TimesTwoLed);
        Reach(Branch.ActsLost, trainers.ActsLostWithTheirRanks);
        Reach(Branch.StoreError, history.Count(FaultKind.StoreError) + history.Count(FaultKind.StoreErrorYetDurable));
        foreach (var (asked, answered) in _adopting.Values)
            Reach(answered.Count == 0 ? Branch.AdoptNone : answered.Count < asked.Count ? Branch.AdoptSome : Branch.AdoptAll);
    }

    private void Reach(Branch branch, long times = 1) => _counts[(int)branch] += times;

    private void Start(SweepEvent.PackStarted started)
    {
        var pack = new PackId(started.Sweep, started.Pack);
        _workers[pack] = started.Workers;
        _regrouped.Remove(pack);
        _joining.Remove(pack);
        for (var slot = 0; slot < started.Trials.Count; slot++) Resume(pack, started.From[slot]);
        if (started.Attempt.Value > 1 && started.Trials.Count * 2 <= _trialsBefore.GetValueOrDefault(pack)) Reach(Branch.PackHalved);
        _trialsBefore[pack] = started.Trials.Count;
    }

    private void Resume(PackId pack, CheckpointRef? from)
    {
        if (from is not null) Reach(Branch.ResumeFromCheckpoint);
        if (from is not null && _preempted.Contains(pack)) Reach(Branch.PreemptedResumed);
    }

    private void Fill(SweepEvent.SlotFilled filled)
    {
        var pack = new PackId(filled.Sweep, filled.Pack);
        if (_regrouped.Contains(pack)) Reach(Branch.RefillAfterRegroup);
        Resume(pack, filled.From);
    }

    private void Regroup(SweepEvent.PackRegrouped regrouped)
    {
        var pack = new PackId(regrouped.Sweep, regrouped.Pack);
        var before = _workers.GetValueOrDefault(pack, []);
        var gone = before.Where(worker => !regrouped.Workers.Contains(worker)).ToArray();
        var left = gone.Count(worker => _leaving.Contains((pack, worker)));
        if (gone.Length - left > 0) Reach(Branch.RegroupAfterLoss);
        if (gone.Length - left > 1) Reach(Branch.RegroupAfterTwoLosses);
        if (left > 0) Reach(Branch.LeaverWithOthers);
        if (gone.Length == 0 && regrouped.Workers.Count == before.Count) Reach(Branch.RegroupWithAll);
        if (regrouped.Workers.Any(worker => !before.Contains(worker))) Reach(Branch.RegroupWithJoiner);
        _joining.Remove(pack);
        _workers[pack] = regrouped.Workers;
        _regrouped.Add(pack);
    }

    private void Interrupt(SweepEvent.PackInterrupted interrupted)
    {
        var pack = new PackId(interrupted.Sweep, interrupted.Pack);
        var workers = _workers.GetValueOrDefault(pack, []);
        if (watched.Model.Pack(pack).Slots.GroupBy(used => used.Slot).Any(slot => slot.Count() > 1)) Reach(Branch.MovedFromBehind);
        if (interrupted.State == TrialState.Lost) Reach(Branch.AttemptLost);
        if (interrupted.State == TrialState.Preempted && workers.Count == 1 && _leaving.Contains((pack, workers[0]))) Reach(Branch.LeaverAlone);
        if (interrupted.State == TrialState.Preempted) _preempted.Add(pack);
    }

    private void Grow(PackId pack, PackMessage.GangGrown grown)
    {
        if (!_joining.TryGetValue(pack, out var joiners)) _joining[pack] = joiners = [];
        foreach (var member in grown.Joiners) joiners.Add(member.Worker);
    }

    private void Ask(PackId pack, NodeId worker, Term term)
    {
        if (!_adopting.TryGetValue((pack, term.Value), out var known)) _adopting[(pack, term.Value)] = known = ([], []);
        known.Asked.Add(worker);
    }

    private void Answer(PackId pack, NodeId worker)
    {
        if (_adopting.TryGetValue((pack, watched.Cluster.Store.TermOf(NodeId.Coordinator).Value), out var known)) known.Answered.Add(worker);
    }

    private void TellEnd(PackId pack, int trial, NodeId teller)
    {
        if (_workers.TryGetValue(pack, out var workers) && workers.Count > 0 && _regrouped.Contains(pack) && workers[0] == teller && _tellers.TryGetValue((pack, trial), out var before) && before != teller)
            Reach(Branch.SlotEndByNewRankZero);
        _tellers[(pack, trial)] = teller;
    }

    private void Form(ActorId replica, ReplicaMessage.FormRing form)
    {
        if (form.Generation.Value < _generations.GetValueOrDefault(replica.Name)) Reach(Branch.StaleGenerationMet);
        else _generations[replica.Name] = form.Generation.Value;
        if (_terms.GetValueOrDefault(replica.Node) > form.Term.Value) Reach(Branch.StaleTermMet);
    }

    private void Hear(NodeId worker, Term term)
    {
        if (term.Value < _terms.GetValueOrDefault(worker)) Reach(Branch.StaleTermMet);
        else _terms[worker] = term.Value;
    }

    private void Join(PlacementMessage.WorkerJoined joined)
    {
        if (_known.Add(joined.Worker) && watched.Model.Packs.Count > 0) Reach(Branch.LateJoiner);
        LookFor(joined.Running);
    }

    // A worker that was cut off comes back with what is no longer wanted.
    private void LookFor(ValueList<RunningReplica> running)
    {
        foreach (var replica in running)
        {
            if (replica.Attempt.Value < watched.Model.Pack(replica.Pack).Attempt) Reach(Branch.StaleAttemptMet);
        }
    }

    // pack.SWEEP.NUMBER.ATTEMPT and replica.SWEEP.NUMBER.ATTEMPT
    private static PackId PackOf(ActorId actor)
    {
        var parts = actor.Name.Split('.');
        return parts.Length < 4 ? new(new(""), 0) : new(new(parts[1]), int.Parse(parts[2], System.Globalization.CultureInfo.InvariantCulture));
    }
}
