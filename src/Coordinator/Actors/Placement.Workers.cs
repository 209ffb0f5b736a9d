using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <content>Workers that come, are claimed back after a restart of the coordinator, fail, and go.</content>
public sealed partial class Placement
{
    private void Join(PlacementMessage.WorkerJoined joined, Instant now, Effects effects)
    {
        var worker = _pool.Find(joined.Worker);
        if (worker is not null && worker.Joined.Incarnation != joined.Incarnation)
        {
            Drop(worker, preempted: false, "its process was started anew", now, effects);
            worker = null;
        }

        if (worker is null)
        {
            worker = new PlacedWorker(joined, now);
            _joinedAt = now;
            var isNewlyHeld = _quarantine.Joined(joined.Worker, joined.Incarnation, OthersServe(joined.Worker, worker.Kind), now);
            worker.IsQuarantined = _quarantine.Holds(joined.Worker);
            _pool.Add(worker);
            if (isNewlyHeld) TellQuarantine(worker.Name, now, effects);
        }
        else
        {
            worker.Joined = worker.Joined with { Endpoint = joined.Endpoint };
        }

        TakeIn(worker, joined.Running, effects);
        foreach (var gang in _awaiting.Remove(worker.Name, out var awaiting) ? awaiting : []) Arrive(gang, worker, effects);
    }

    private void Reconcile(PlacementMessage.WorkerRuns runs, Effects effects)
    {
        if (_pool.Find(runs.Worker) is { } worker && worker.Joined.Incarnation == runs.Incarnation) TakeIn(worker, runs.Running, effects);
    }

    // Only what is told is acted on. That a replica is NOT told of proves nothing: its assignment may still be on the way.
    private void TakeIn(PlacedWorker worker, ValueList<RunningReplica> running, Effects effects)
    {
        foreach (var replica in running)
        {
            if (worker.Find(replica.Pack, replica.Attempt) is not null) continue;
            // How many lanes a stray takes up nobody here knows: all of them, until it is claimed or gone.
            var hold = new Hold(replica.Pack, replica.Attempt, worker.Joined.Lanes, 0, HoldState.Unclaimed, replica.PreparedFor);
            worker.Holds.Add(hold);
            if (!IsClaimed(worker, replica) && !_recovery.MayClaim(replica.Pack.Sweep)) Drain(worker, hold, hold.PreparedFor, effects);
        }

        _pool.Update(worker);
    }

    private bool IsClaimed(PlacedWorker worker, RunningReplica replica) =>
        _gangs.TryGetValue(replica.Pack, out var gang) && gang.Attempt == replica.Attempt && gang.Awaited.GetValueOrDefault(worker.Name) == worker.Joined.Incarnation;

    private readonly Dictionary<NodeId, List<Gang>> _awaiting = []; // By a claimed worker that has not registered. Looked up only.

    private void Claim(PlacementMessage.ClaimGang claim, Effects effects)
    {
        var request = claim.Request;
        Verify.That(request.Min >= 1 && request.Min <= request.Max);
        if (_gangs.TryGetValue(request.Pack, out var known))
        {
            if (known.Attempt == request.Attempt) TellAgain(known, effects);
            if (known.Attempt.Value >= request.Attempt.Value) return;
            Dissolve(known, effects);
        }

        var gang = Add(request, effects);
        gang.Members = [];
        foreach (var (name, incarnation) in claim.Workers) gang.Awaited.Add(name, incarnation);
        _granted.Update(gang);
        foreach (var (name, _) in claim.Workers)
        {
            if (_pool.Find(name) is { } worker) Arrive(gang, worker, effects);
            else Await(gang, name);
        }

        effects.Send(gang.Runner, new PackMessage.GangGranted(MembersOf(gang), 0));
    }

    private void Await(Gang gang, NodeId name)
    {
        if (_awaiting.TryGetValue(name, out var others)) others.Add(gang);
        else _awaiting.Add(name, [gang]);
    }

    // It has said what it runs. Without the replica it is of no use: its process was started anew, or had not been given the attempt yet. An older process than the one that has the replica may have been faster to register.
    private void Arrive(Gang gang, PlacedWorker worker, Effects effects)
    {
        if (!_byRunner.TryGetValue(gang.Runner, out var current) || current != gang || !gang.Awaited.TryGetValue(worker.Name, out var incarnation)) return;
        if (worker.Joined.Incarnation < incarnation)
        {
            Await(gang, worker.Name);
            return;
        }

        gang.Awaited.Remove(worker.Name);
        if (worker.Joined.Incarnation != incarnation || worker.Find(gang.Pack, gang.Attempt) is not { State: HoldState.Unclaimed } hold)
        {
            TellLoss(gang, worker.Process, preempted: false, "it came back without its replica after the coordinator was restarted", mayReturn: true, Generation.None, effects);
            return;
        }

        worker.Holds.Remove(hold);
        worker.Take(gang.Request, hold.PreparedFor);
        _pool.Update(worker);
        gang.Kind = worker.Kind;
        gang.Members!.Add(worker.Name);
        _granted.Update(gang);
        effects.Send(gang.Runner, new PackMessage.GangGranted(MembersOf(gang), 0));
    }

    private void FinishRecovery(SweepId sweep, Effects effects)
    {
        if (_recovery.Finish(sweep)) DrainUnclaimed(hold => hold.Pack.Sweep == sweep, effects);
    }

    private void DrainUnclaimed(Predicate<Hold> which, Effects effects)
    {
        foreach (var worker in _pool.Workers)
        {
            foreach (var hold in worker.Holds)
            {
                if (hold.State == HoldState.Unclaimed && which(hold)) Drain(worker, hold, hold.PreparedFor, effects);
            }
        }
    }

    private void SendAway(PlacementMessage.WorkerLeaves leaves)
    {
        if (_pool.Find(leaves.Worker) is not { } worker || worker.Joined.Incarnation != leaves.Incarnation) return;
        worker.IsLeaving = true;
        _pool.Update(worker);
    }

    private bool OthersServe(NodeId worker, DeviceKind kind) => _pool.Serving(kind) > (_pool.Find(worker) is { Serves: true } ? 1 : 0);

    private void Blame(NodeId name, string reason, Instant now, Effects effects)
    {
        if (_pool.Find(name) is not { } worker || !_quarantine.Blame(name, reason, OthersServe(name, worker.Kind), now)) return;
        worker.IsQuarantined = true;
        _pool.Update(worker);
        TellQuarantine(name, now, effects);
    }

    private void TellQuarantine(NodeId worker, Instant now, Effects effects)
    {
        var conduct = _quarantine.Find(worker)!;
        context.Tell(new ObserverMessage.WorkerQuarantined(worker, conduct.Until!.Value - now, conduct.Reason), effects);
    }

    private void EndQuarantines(Instant now, Effects effects)
    {
        foreach (var conduct in _quarantine.Release(now))
        {
            context.Tell(new ObserverMessage.WorkerQuarantined(conduct.Worker, TimeSpan.Zero, conduct.Reason), effects);
            if (_pool.Find(conduct.Worker) is not { } worker) continue;
            worker.IsQuarantined = false;
            _pool.Update(worker);
        }
    }

    private void Prove(PlacementMessage.GangProved proved)
    {
        if (_gangs.TryGetValue(proved.Pack, out var gang) && gang.Attempt == proved.Attempt && gang.Members is not null) _quarantine.Prove(gang.Members);
    }

    private void TellStandings(Effects effects)
    {
        if (_toldStandingsAt == _pool.Version) return;
        _toldStandingsAt = _pool.Version;
        var counts = new int[Enum.GetValues<WorkerStanding>().Length];
        foreach (var worker in _pool.Workers) counts[(int)worker.Standing]++;
        context.Tell(new ObserverMessage.StandingsChanged(counts.ToValueList()), effects);
    }

    private void Describe(PlacementMessage.DescribePlacement describe, Instant now, Effects effects)
    {
        var workers = _pool.Workers.Select(worker =>
        {
            var conduct = _quarantine.Find(worker.Name);
            return worker.Describe(conduct?.Reason ?? "", conduct?.Until is { } until && until > now ? until - now : TimeSpan.Zero, conduct?.Failures ?? 0);
        }).ToValueList();
        effects.Send(describe.ReplyTo, new ObserverMessage.PlacementDescribed(workers, _granted.All.Count, _queue.Count));
    }
}
