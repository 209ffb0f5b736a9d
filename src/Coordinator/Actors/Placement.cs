using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>
/// Which pack on which workers. It owns the lanes: a lane that is given back is not free yet but draining, and stays so until the worker itself says
/// that nothing of the old replica runs. The orders to stop are repeated until then. So a runner may end the moment it is done, a worker that
/// cannot stop gets no new work, and two attempts never compute side by side on one lane. A replica that a worker tells of
/// and that no gang here knows (left over from a cut wire) is drained in the same way, unless it is of a sweep that has not said yet, after a restart of the coordinator, what goes on (<see cref="Recovery"/>).
/// A worker that is lost leaves its gang, not more; a running gang with fewer workers than it may have gets free ones while no other gang waits for them.
/// Sweeps that have fewer lanes than others and wait are named to the others' runners (<see cref="FairShare"/>), which then take no more trials. Workers that fail where others
/// do not are left out for a while (<see cref="Quarantine"/>).
/// A message costs O(log n) in workers and packs; one that frees or asks for lanes looks at the workers with free lanes.
/// </summary>
public sealed partial class Placement(CoordinatorContext context) : IActor
{
    /// <summary>A pack that is predicted to need far more memory than any worker has is refused when no worker has come for so long.</summary>
    public static readonly TimeSpan RefuseAfter = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan RepeatEvery = TimeSpan.FromSeconds(1);

    private readonly WorkerPool _pool = new();
    private readonly GangQueue _queue = new();
    private readonly Dictionary<PackId, Gang> _gangs = []; // One per live runner, whose number each sweep bounds. Looked up only.
    private readonly Dictionary<ActorId, Gang> _byRunner = [];
    private readonly GrantedGangs _granted = new();
    private readonly Recovery _recovery = new();
    private readonly Quarantine _quarantine = new();
    private Instant _joinedAt; // The last of the workers.
    private long _requests;
    private long _toldStandingsAt = -1;

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started: effects.Wake(RepeatEvery, new PlacementMessage.PlacementTick()); break;
            case Signal.Terminated gone: ForgetRunner(gone.Actor, effects); break;
            case Signal: break;
            case PlacementMessage.WorkerJoined joined: Join(joined, now, effects); break;
            case PlacementMessage.WorkerRuns runs: Reconcile(runs, effects); break;
            case PlacementMessage.WorkerGone gone: Lose(gone, now, effects); break;
            case PlacementMessage.WorkerLeaves leaves: SendAway(leaves); break;
            case PlacementMessage.WorkerBlamed blamed: Blame(blamed.Worker, blamed.Reason, now, effects); break;
            case PlacementMessage.GangProved proved: Prove(proved); break;
            case PlacementMessage.LaneFreed freed: Free(freed); break;
            case PlacementMessage.ReplicaEnded ended: End(ended, now, effects); break;
            case PlacementMessage.RequestGang request: Request(request, effects); break;
            case PlacementMessage.ReleaseGang release: Release(release, effects); break;
            case PlacementMessage.ReleaseMember release: Release(release, effects); break;
            case PlacementMessage.RecoveryBegins begins: _recovery.Begin(begins.Sweeps); break;
            case PlacementMessage.ClaimGang claim: Claim(claim, effects); break;
            case PlacementMessage.SweepRecovered recovered: FinishRecovery(recovered.Sweep, effects); break;
            case PlacementMessage.DescribePlacement describe: Describe(describe, now, effects); break;
            case PlacementMessage.PlacementTick: Tick(now, effects); break;
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }

        Serve(effects);
    }

    private void Lose(PlacementMessage.WorkerGone gone, Instant now, Effects effects)
    {
        if (_pool.Find(gone.Worker) is { } worker && worker.Joined.Incarnation == gone.Incarnation) Drop(worker, gone.Preempted, gone.Reason, now, effects);
    }

    private void Drop(PlacedWorker worker, bool preempted, string reason, Instant now, Effects effects)
    {
        _pool.Remove(worker);
        _quarantine.Gone(worker.Name, worker.Joined.Incarnation, now - worker.Since, preempted, reason, now);
        foreach (var hold in worker.Holds)
        {
            if (hold.State == HoldState.Taken) TellLoss(_gangs[hold.Pack], worker.Process, preempted, reason, mayReturn: true, Generation.None, effects);
        }
    }

    private void TellLoss(Gang gang, WorkerProcess worker, bool preempted, string reason, bool mayReturn, Generation through, Effects effects)
    {
        var loss = new PackMessage.MemberLost(worker.Worker, preempted, reason);
        gang.Leave(worker, mayReturn, through);
        gang.Remember(loss);
        _granted.Update(gang);
        effects.Send(gang.Runner, loss);
    }

    private void Free(PlacementMessage.LaneFreed freed)
    {
        if (_pool.Find(freed.Worker) is not { } worker || worker.Joined.Incarnation != freed.Incarnation) return;
        if (worker.Find(freed.Pack, freed.Attempt) is not { State: HoldState.Draining } hold || freed.Through.Value < hold.Through.Value) return;
        worker.Holds.Remove(hold);
        _pool.Update(worker);
    }

    private void End(PlacementMessage.ReplicaEnded ended, Instant now, Effects effects)
    {
        if (_pool.Find(ended.Worker) is not { } worker || worker.Joined.Incarnation != ended.Incarnation) return;
        var hold = worker.Find(ended.Pack, ended.Attempt);
        var isOver = _gangs.TryGetValue(ended.Pack, out var gang) && gang.Attempt == ended.Attempt && gang.IsOver(worker, ended.PreparedFor);
        if (hold is { State: not HoldState.Draining } && !isOver)
        {
            const string reason = "its replica ended without a result";
            if (hold.State == HoldState.Taken) TellLoss(gang!, worker.Process, preempted: false, reason, mayReturn: false, ended.PreparedFor, effects);
            Drain(worker, hold, ended.PreparedFor, effects);
            Blame(worker.Name, reason, now, effects);
            return;
        }

        // Also where nothing is held: the worker keeps telling until it is ordered to stop what has stopped already.
        OrderStop(worker, ended.Pack, ended.Attempt, ended.PreparedFor, effects);
    }

    private void Request(PlacementMessage.RequestGang request, Effects effects)
    {
        Verify.That(request.Min >= 1 && request.Min <= request.Max);
        if (_gangs.TryGetValue(request.Pack, out var gang))
        {
            if (gang.Attempt.Value > request.Attempt.Value) return;
            if (gang.Attempt == request.Attempt)
            {
                TellAgain(gang, effects);
                return;
            }

            Dissolve(gang, effects);
        }

        _queue.Add(Add(request, effects));
    }

    private Gang Add(PlacementMessage.RequestGang request, Effects effects)
    {
        var gang = new Gang(request, ++_requests);
        _gangs.Add(gang.Pack, gang);
        _byRunner.Add(gang.Runner, gang);
        effects.Watch(gang.Runner);
        return gang;
    }

    private void TellAgain(Gang gang, Effects effects)
    {
        if (gang.Members is null) return;
        foreach (var loss in gang.Losses)
        {
            if (!gang.Members.Contains(loss.Worker)) effects.Send(gang.Runner, loss);
        }

        effects.Send(gang.Runner, new PackMessage.GangGranted(MembersOf(gang), 0));
    }

    private ValueList<GangMember> MembersOf(Gang gang) => gang.Members!.Select(name => MemberOf(gang, _pool.Find(name)!)).ToValueList();

    private static GangMember MemberOf(Gang gang, PlacedWorker worker) => new(worker.Name, worker.Joined.Endpoint, worker.Joined.Incarnation, worker.Find(gang.Pack, gang.Attempt)!.PreparedFor);

    private void Release(PlacementMessage.ReleaseGang release, Effects effects)
    {
        if (_gangs.TryGetValue(release.Pack, out var gang) && gang.Attempt == release.Attempt) Dissolve(gang, effects);
    }

    private void Release(PlacementMessage.ReleaseMember release, Effects effects)
    {
        if (!_gangs.TryGetValue(release.Pack, out var gang) || gang.Attempt != release.Attempt || gang.Members is null) return;
        var (name, incarnation) = release.Worker;
        if (gang.Awaited.GetValueOrDefault(name) == incarnation) gang.Awaited.Remove(name);
        if (gang.Members.Contains(name) && _pool.Find(name)!.Joined.Incarnation == incarnation) LetGo(gang, _pool.Find(name)!, release.MayReturn, release.PreparedFor, effects);
        _granted.Update(gang);
    }

    // A runner that crashed gives nothing back itself.
    private void ForgetRunner(ActorId runner, Effects effects)
    {
        if (_byRunner.TryGetValue(runner, out var gang)) Dissolve(gang, effects);
    }

    private void Dissolve(Gang gang, Effects effects)
    {
        _gangs.Remove(gang.Pack);
        _byRunner.Remove(gang.Runner);
        if (gang.Members is null)
        {
            _queue.Remove(gang);
            return;
        }

        _granted.Remove(gang);
        foreach (var member in gang.Members.ToArray()) LetGo(gang, _pool.Find(member)!, mayReturn: false, Generation.Max, effects); // A worker that was lost is no member any more.
    }

    private void LetGo(Gang gang, PlacedWorker worker, bool mayReturn, Generation through, Effects effects)
    {
        gang.Leave(worker.Process, mayReturn, through);
        Drain(worker, worker.Find(gang.Pack, gang.Attempt)!, through, effects);
    }

    private void Drain(PlacedWorker worker, Hold hold, Generation through, Effects effects)
    {
        (hold.State, hold.Through) = (HoldState.Draining, through);
        OrderStop(worker, hold.Pack, hold.Attempt, through, effects);
        _pool.Update(worker);
    }

    private void Tick(Instant now, Effects effects)
    {
        RepeatStops(effects);
        foreach (var gang in FairShare.Changes(_granted.All, _queue.Heads))
        {
            gang.ToldToYield = !gang.ToldToYield;
            effects.Send(gang.Runner, new PackMessage.OthersWait(gang.ToldToYield));
        }

        if (_recovery.IsOverNow(now)) DrainUnclaimed(_ => true, effects);
        EndQuarantines(now, effects);
        Serve(effects);
        RefuseHopeless(now, effects);
        Grow(effects);
        TellStandings(effects);
        effects.Wake(RepeatEvery, new PlacementMessage.PlacementTick());
    }

    private void RepeatStops(Effects effects)
    {
        foreach (var name in _pool.Draining)
        {
            var worker = _pool.Find(new(name))!;
            foreach (var hold in worker.Holds)
            {
                if (hold.State == HoldState.Draining) OrderStop(worker, hold.Pack, hold.Attempt, hold.Through, effects);
            }
        }
    }

    private void OrderStop(PlacedWorker worker, PackId pack, Attempt attempt, Generation through, Effects effects) =>
        effects.Send(Addresses.Agent(worker.Name), new AgentMessage.StopReplica(context.Term, worker.Joined.Incarnation, pack, attempt, through, "no longer wanted"));

    private void Serve(Effects effects)
    {
        while (_queue.Next(_pool) is { } next)
        {
            var gang = next.Gang;
            _queue.Remove(gang);
            var workers = _pool.Take(next.Kind, gang, gang.Request.Max, next.Below);
            gang.Kind = next.Kind;
            gang.Members = [.. workers.Select(worker => worker.Name)];
            _granted.Update(gang);
            effects.Send(gang.Runner, new PackMessage.GangGranted(MembersOf(gang), _pool.GangsFor(next.Kind, gang.Request)));
        }
    }

    // Not before it has been quiet for a while: after a start workers come one after the other, and the largest may be the last.
    private void RefuseHopeless(Instant now, Effects effects)
    {
        if (now - _joinedAt < RefuseAfter) return;
        foreach (var gang in _queue.Heads.ToArray())
        {
            if (_pool.HopelessFor(gang.Request) is not { } worker) continue;
            effects.Send(gang.Runner, new PackMessage.GangRefused(gang.Attempt, PackPlanner.HopelessText(gang.Request.MemoryBytes, worker.Name, worker.Memory)));
            Dissolve(gang, effects);
        }
    }

    // On the tick, not at once: workers that come one after the other join together, for each time all of the gang halt.
    private void Grow(Effects effects)
    {
        foreach (var kind in (ReadOnlySpan<DeviceKind>)[DeviceKind.Cuda, DeviceKind.Cpu])
        {
            if (_pool.Free(kind) == 0 || _queue.Wants(kind, _pool)) continue;
            foreach (var gang in _granted.ToGrow(_pool.Version))
            {
                if (gang.Kind == kind) Grow(gang, effects);
            }
        }
    }

    private void Grow(Gang gang, Effects effects)
    {
        var joiners = _pool.Take(gang.Kind, gang, gang.Request.Max - gang.Members!.Count);
        gang.FoundNobodyAt = joiners.Count == 0 ? _pool.Version : -1;
        if (joiners.Count == 0) return;
        gang.Members.AddRange(joiners.Select(worker => worker.Name));
        _granted.Update(gang);
        effects.Send(gang.Runner, new PackMessage.GangGrown(joiners.Select(worker => MemberOf(gang, worker)).ToValueList()));
    }
}
