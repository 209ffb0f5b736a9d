using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>
/// Which pack on which workers. It owns the lanes: a lane that is given back is not free yet but draining, and stays so until the worker itself says
/// that nothing of the old replica runs. The orders to stop are repeated until then. So a runner may end the moment it is done, a worker that
/// cannot stop gets no new work, and two attempts never compute side by side on one lane. A replica that a worker tells of
/// and that no gang here knows (left over from a cut wire, or from before a restart of the coordinator) is drained in the same way.
/// Sweeps that have fewer lanes than others and wait are named to the others' runners (<see cref="FairShare"/>), which then take no more trials.
/// A message costs O(log n) in workers and packs; one that frees or asks for lanes looks at the workers with free lanes.
/// </summary>
public sealed class Placement(CoordinatorContext context) : IActor
{
    private static readonly TimeSpan RepeatEvery = TimeSpan.FromSeconds(1);

    private readonly WorkerPool _pool = new();
    private readonly GangQueue _queue = new();
    private readonly Dictionary<PackId, Gang> _gangs = []; // One per live runner, whose number each sweep bounds. Looked up only.
    private readonly Dictionary<ActorId, Gang> _byRunner = [];
    private readonly SortedDictionary<long, Gang> _granted = [];
    private long _requests;

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started: effects.Wake(RepeatEvery, new PlacementMessage.PlacementTick()); break;
            case Signal.Terminated gone: ForgetRunner(gone.Actor, effects); break;
            case Signal: break;
            case PlacementMessage.WorkerJoined joined: Join(joined, effects); break;
            case PlacementMessage.WorkerRuns runs: Reconcile(runs, effects); break;
            case PlacementMessage.WorkerGone gone: Lose(gone, effects); break;
            case PlacementMessage.LaneFreed freed: Free(freed); break;
            case PlacementMessage.ReplicaEnded ended: End(ended, effects); break;
            case PlacementMessage.RequestGang request: Request(request, effects); break;
            case PlacementMessage.ReleaseGang release: Release(release, effects); break;
            case PlacementMessage.ClaimGang claim: Request(claim.Request, effects); break;
            case PlacementMessage.ReleaseMember: break;
            case PlacementMessage.PlacementTick: Tick(effects); break;
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }

        Serve(effects);
    }

    private void Join(PlacementMessage.WorkerJoined joined, Effects effects)
    {
        var worker = _pool.Find(joined.Worker);
        if (worker is not null && worker.Joined.Incarnation != joined.Incarnation)
        {
            Drop(worker, preempted: false, "its process was started anew", effects);
            worker = null;
        }

        if (worker is null) _pool.Add(worker = new PlacedWorker(joined));
        else worker.Joined = worker.Joined with { Endpoint = joined.Endpoint };
        DrainStrays(worker, joined.Running, effects);
    }

    private void Reconcile(PlacementMessage.WorkerRuns runs, Effects effects)
    {
        if (_pool.Find(runs.Worker) is { } worker && worker.Joined.Incarnation == runs.Incarnation) DrainStrays(worker, runs.Running, effects);
    }

    // Only what is told is acted on. That a replica is NOT told of proves nothing: its assignment may still be on the way.
    private void DrainStrays(PlacedWorker worker, ValueList<RunningReplica> running, Effects effects)
    {
        foreach (var replica in running)
        {
            if (worker.Find(replica.Pack, replica.Attempt) is not null) continue;
            var hold = new Hold(replica.Pack, replica.Attempt, worker.Joined.Lanes, 0, draining: true);
            worker.Holds.Add(hold);
            OrderStop(worker, hold.Pack, hold.Attempt, effects);
        }

        _pool.Update(worker);
    }

    private void Lose(PlacementMessage.WorkerGone gone, Effects effects)
    {
        if (_pool.Find(gone.Worker) is { } worker && worker.Joined.Incarnation == gone.Incarnation) Drop(worker, gone.Preempted, gone.Reason, effects);
    }

    private void Drop(PlacedWorker worker, bool preempted, string reason, Effects effects)
    {
        _pool.Remove(worker);
        foreach (var hold in worker.Holds)
        {
            if (!hold.Draining) TellLoss(hold, new(worker.Name, preempted, reason), effects);
        }
    }

    private void TellLoss(Hold hold, PackMessage.MemberLost loss, Effects effects)
    {
        var gang = _gangs[hold.Pack];
        gang.Loss ??= loss;
        effects.Send(gang.Runner, loss);
    }

    private void Free(PlacementMessage.LaneFreed freed)
    {
        if (_pool.Find(freed.Worker) is not { } worker || worker.Joined.Incarnation != freed.Incarnation) return;
        if (worker.Find(freed.Pack, freed.Attempt) is not { Draining: true } hold) return;
        worker.Holds.Remove(hold);
        _pool.Update(worker);
    }

    private void End(PlacementMessage.ReplicaEnded ended, Effects effects)
    {
        if (_pool.Find(ended.Worker) is not { } worker || worker.Joined.Incarnation != ended.Incarnation) return;
        var hold = worker.Find(ended.Pack, ended.Attempt);
        if (hold is { Draining: false })
        {
            TellLoss(hold, new(worker.Name, false, "its replica ended without a result"), effects);
            hold.Draining = true;
            _pool.Update(worker);
        }

        // Also where nothing is held: the worker keeps telling until it is ordered to stop what has stopped already.
        OrderStop(worker, ended.Pack, ended.Attempt, effects);
    }

    private void Request(PlacementMessage.RequestGang request, Effects effects)
    {
        Verify.That(request.Min >= 1 && request.Min <= request.Max);
        if (_gangs.TryGetValue(request.Pack, out var gang))
        {
            if (gang.Attempt.Value > request.Attempt.Value) return;
            if (gang.Attempt == request.Attempt)
            {
                if (gang.Loss is not null) effects.Send(gang.Runner, gang.Loss);
                else if (gang.Members is not null) effects.Send(gang.Runner, new PackMessage.GangGranted(gang.Members, 0));
                return;
            }

            Dissolve(gang, effects);
        }

        gang = new Gang(request, ++_requests);
        _gangs.Add(gang.Pack, gang);
        _byRunner.Add(gang.Runner, gang);
        _queue.Add(gang);
        effects.Watch(gang.Runner);
    }

    private void Release(PlacementMessage.ReleaseGang release, Effects effects)
    {
        if (_gangs.TryGetValue(release.Pack, out var gang) && gang.Attempt == release.Attempt) Dissolve(gang, effects);
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

        _granted.Remove(gang.Number);
        foreach (var member in gang.Members)
        {
            // A worker that was lost, and perhaps came back since, holds nothing of this gang.
            if (_pool.Find(member.Worker) is not { } worker || worker.Find(gang.Pack, gang.Attempt) is not { Draining: false } hold) continue;
            hold.Draining = true;
            OrderStop(worker, hold.Pack, hold.Attempt, effects);
            _pool.Update(worker);
        }
    }

    private void Tick(Effects effects)
    {
        RepeatStops(effects);
        foreach (var gang in FairShare.Changes(_granted.Values, _queue.Heads))
        {
            gang.ToldToYield = !gang.ToldToYield;
            effects.Send(gang.Runner, new PackMessage.OthersWait(gang.ToldToYield));
        }

        effects.Wake(RepeatEvery, new PlacementMessage.PlacementTick());
    }

    private void RepeatStops(Effects effects)
    {
        foreach (var name in _pool.Draining)
        {
            var worker = _pool.Find(new(name))!;
            foreach (var hold in worker.Holds)
            {
                if (hold.Draining) OrderStop(worker, hold.Pack, hold.Attempt, effects);
            }
        }
    }

    private void OrderStop(PlacedWorker worker, PackId pack, Attempt attempt, Effects effects) =>
        effects.Send(Addresses.Agent(worker.Name), new AgentMessage.StopReplica(context.Term, pack, attempt, "no longer wanted"));

    private void Serve(Effects effects)
    {
        while (_queue.Next(_pool) is { } next)
        {
            var gang = next.Gang;
            _queue.Remove(gang);
            var workers = _pool.Take(next.Kind, gang.Request);
            gang.Kind = next.Kind;
            _granted.Add(gang.Number, gang);
            gang.Members = workers.Select(worker => new GangMember(worker.Name, worker.Joined.Endpoint)).ToValueList();
            effects.Send(gang.Runner, new PackMessage.GangGranted(gang.Members, _pool.GangsFor(next.Kind, gang.Request)));
        }
    }
}
