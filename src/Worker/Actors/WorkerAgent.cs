using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Worker.Actors;

/// <summary>
/// A worker's obedient part. It registers until it is taken, beats its heart, hosts a replica per lane, and leaves in good order when it is told to. It exists for the
/// hours when the coordinator is away: then it registers again and again, ever more slowly, and lets its replicas train on.
/// Orders of an older term are refused: an old coordinator that wakes up commands nobody. A lane is free only after the engine
/// has said that nothing of the replica computes any more; that, and not the order to stop, is what placement is told.
/// Told to leave, it has its replicas hand over first: their gangs go on without them, or their state is stored; only then, or when the time for that is up, does it stop them and say goodbye.
/// </summary>
public sealed class WorkerAgent : IActor
{
    /// <summary>First pause between attempts to register; it doubles up to <see cref="RegisterMax"/>, each with up to a quarter of itself added, so that a thousand workers do not come at once.</summary>
    public static readonly TimeSpan RegisterMin = TimeSpan.FromMilliseconds(250);

    /// <summary>Longest pause between attempts to register.</summary>
    public static readonly TimeSpan RegisterMax = TimeSpan.FromSeconds(5);

    /// <summary>Replicas that were not released by then are stopped: what could not be handed over is lost.</summary>
    public static readonly TimeSpan HandOverWithin = TimeSpan.FromSeconds(18);

    /// <summary>A worker that was told to leave is gone after this time, whether it was heard or not. Below the 30 s that spot machines and Kubernetes grant.</summary>
    public static readonly TimeSpan LeaveWithin = TimeSpan.FromSeconds(26);

    private static readonly TimeSpan LeaveRepeatEvery = TimeSpan.FromMilliseconds(250);

    private readonly WorkerIdentity _identity;
    private readonly Prng _jitter;
    private readonly Tombstones _tombstones = new();
    private readonly List<HostedReplica> _hosted = []; // At most one per lane, and those that ended unasked.
    private readonly Queue<(long Sequence, Instant SentAt)> _unanswered = []; // At most BeatsMax.
    private Term _term = new(0);
    private bool _isMember;
    private bool _isProbing;
    private TimeSpan _lease;
    private TimeSpan _beatEvery;
    private Instant _leaseEnd;
    private TimeSpan _registerPause = RegisterMin;
    private WorkerLoad _load = WorkerLoad.None;
    private long _beats;
    private long _epoch;
    private Leaving? _leaving;

    private const int BeatsMax = 64;

    /// <param name="identity">What it says of itself.</param>
    public WorkerAgent(WorkerIdentity identity)
    {
        _identity = identity;
        _jitter = new Prng(identity.Incarnation);
    }

    private sealed record Leaving(string Reason, Instant HandedOverBy, Instant GoneBy)
    {
        /// <summary>Its replicas still train or stand still, until they are released.</summary>
        public bool HandsOver { get; set; }

        public bool Heard { get; set; }

        public bool Drained { get; set; }
    }

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started: Register(effects); break;
            case Signal.NodeChanged { Connected: true } change when change.Node == NodeId.Coordinator: Reconnect(effects); break;
            case Signal.Terminated gone: StopEngine(gone.Actor, effects); break;
            case Signal.JobFailed { Job: StopEngineJob job }: effects.Wake(RegisterMax, new AgentMessage.EngineStillRuns(job.Pack, job.Attempt)); break;
            case Signal.JobFailed { Job: ProbeJob job } failed: EndProbe(job.Number, [], failed.Text, effects); break;
            case Signal: break;
            case AgentMessage.Registered registered: Join(registered, now, effects); break;
            case AgentMessage.RegistrationRefused refused: Refuse(refused); break;
            case AgentMessage.RegisterAgain again: RegisterAgain(again, effects); break;
            case AgentMessage.HeartbeatAck ack: Renew(ack); break;
            case AgentMessage.BeatDue due when due.Epoch == _epoch: Beat(now, effects); break;
            case AgentMessage.BeatDue: break;
            case AgentMessage.LoadSampled sampled: _load = sampled.Load; break;
            case AgentMessage.AssignReplica assign: Assign(sender, assign, effects); break;
            case AgentMessage.StopReplica stop: StopReplica(stop, effects); break;
            case AgentMessage.EngineStopped stopped: FreeLane(stopped, now, effects); break;
            case AgentMessage.EngineStillRuns due: RunStop(due.Pack, due.Attempt, effects); break;
            case AgentMessage.ProbePack probe: Probe(probe, effects); break;
            case AgentMessage.ProbeMeasured measured: EndProbe(measured.Number, measured.Readings, measured.Text, effects); break;
            case AgentMessage.DrainAgent drain when drain.Incarnation == _identity.Incarnation && Obeys(drain.Term): Leave(drain.Reason, now, effects); break;
            case AgentMessage.DrainAgent: break;
            case AgentMessage.Leave leave: Leave(leave.Reason, now, effects); break;
            case AgentMessage.Left left: HearLeft(left, effects); break;
            case AgentMessage.OutboxDrained: HearDrained(effects); break;
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }
    }

    private ValueList<RunningReplica> Running => _hosted.Select(replica => replica.Told).ToValueList();

    // True when the order is of this term or a later one, which then is the term from now on.
    private bool Obeys(Term term)
    {
        if (term.Value < _term.Value) return false;
        _term = term;
        return true;
    }

    private void Register(Effects effects)
    {
        _isMember = false;
        _unanswered.Clear();
        effects.Send(Addresses.Cluster, new ClusterMessage.RegisterWorker(
            _identity.Worker, _identity.Incarnation, _identity.Facts, _identity.Endpoint, _identity.Lanes, Running, _identity.LastLines ?? []));
        var pause = _registerPause + _jitter.Between(TimeSpan.Zero, _registerPause / 4);
        _registerPause = _registerPause + _registerPause < RegisterMax ? _registerPause + _registerPause : RegisterMax;
        effects.Wake(pause, new AgentMessage.BeatDue(++_epoch));
    }

    // The other end may be another life of the coordinator; if it is not, the heartbeat sent by registering comes just in time.
    private void Reconnect(Effects effects)
    {
        if (_leaving is { HandsOver: false }) return;
        _registerPause = RegisterMin;
        Register(effects);
    }

    private void Join(AgentMessage.Registered registered, Instant now, Effects effects)
    {
        if (registered.Incarnation != _identity.Incarnation || !Obeys(registered.Term) || _isMember || _leaving is { HandsOver: false }) return;
        _isMember = true;
        _registerPause = RegisterMin;
        (_lease, _beatEvery) = (registered.Lease, registered.HeartbeatEvery);
        _leaseEnd = now + _lease;
        effects.Send(Addresses.Outbox(_identity.Worker), new OutboxMessage.FlushNow());
        effects.Wake(_beatEvery, new AgentMessage.BeatDue(++_epoch));
    }

    private void Refuse(AgentMessage.RegistrationRefused refused)
    {
        if (refused.Incarnation == _identity.Incarnation && Obeys(refused.Term)) _isMember = false; // The next BeatDue tries again.
    }

    private void RegisterAgain(AgentMessage.RegisterAgain again, Effects effects)
    {
        if (Obeys(again.Term) && _isMember && _leaving is not { HandsOver: false }) Register(effects);
    }

    private void Beat(Instant now, Effects effects)
    {
        if (_leaving is { HandsOver: false })
        {
            SayLeave(now, effects);
            return;
        }

        if (_leaving is not null && now >= _leaving.HandedOverBy)
        {
            EndHandOver(now, effects);
            return;
        }

        if (_leaving is not null) TellLeaving(effects);
        TellEndedUnasked(effects);
        if (!_isMember || now >= _leaseEnd)
        {
            Register(effects); // Nobody has answered for a whole lease. The replicas train on.
            return;
        }

        effects.Send(Addresses.Cluster, new ClusterMessage.Heartbeat(_identity.Worker, _identity.Incarnation, ++_beats, _load, Running));
        _unanswered.Enqueue((_beats, now));
        if (_unanswered.Count > BeatsMax) _unanswered.Dequeue();
        effects.Wake(_beatEvery, new AgentMessage.BeatDue(++_epoch));
    }

    // The lease runs from the sending, not from the answer: the coordinator's count began no earlier than that.
    private void Renew(AgentMessage.HeartbeatAck ack)
    {
        if (!Obeys(ack.Term)) return;
        while (_unanswered.TryPeek(out var beat) && beat.Sequence <= ack.Sequence)
        {
            _unanswered.Dequeue();
            if (beat.Sequence == ack.Sequence && beat.SentAt + _lease > _leaseEnd) _leaseEnd = beat.SentAt + _lease;
        }
    }

    private HostedReplica? Find(PackId pack, Attempt attempt) => _hosted.Find(replica => replica.Assignment.Pack == pack && replica.Assignment.Attempt == attempt);

    private void Assign(ActorId runner, AgentMessage.AssignReplica order, Effects effects)
    {
        var assignment = order.Assignment;
        if (Refusal(order) is { } reason)
        {
            effects.Send(runner, new PackMessage.ReplicaRefused(assignment.Attempt, reason));
            return;
        }

        if (Find(assignment.Pack, assignment.Attempt) is null)
        {
            var actor = Addresses.Replica(_identity.Worker, assignment.Pack, assignment.Attempt);
            if (_isProbing) effects.Run(new StopProbeJob());
            _hosted.Add(new HostedReplica(assignment, actor));
            effects.Spawn(actor.Name, () => new Replica(_identity.Worker, assignment), Supervision.Never); // Its engine state died with it: a crash is a lost replica.
            effects.Watch(actor);
        }

        effects.Send(runner, new PackMessage.ReplicaAccepted(assignment.Attempt));
    }

    private string? Refusal(AgentMessage.AssignReplica order)
    {
        if (!Obeys(order.Term)) return $"term {order.Term.Value} is over; term {_term.Value} rules";
        if (_leaving is not null) return "the worker leaves";
        if (_tombstones.Covers(order.Assignment.Pack, order.Assignment.Attempt)) return "the attempt was stopped already";
        if (Find(order.Assignment.Pack, order.Assignment.Attempt) is { } known) return known.EndedUnasked || known.ActorGone ? "the replica has ended" : null;
        var busy = _hosted.Where(replica => !replica.EndedUnasked).Sum(replica => WidthOf(replica.Assignment));
        var width = WidthOf(order.Assignment);
        return busy + width <= _identity.Lanes ? null : $"{busy} of its {_identity.Lanes} lanes are in use, and the pack takes {width}";
    }

    private int WidthOf(ReplicaAssignment assignment) => PackShape.WidthOn(_identity.Lanes, assignment.Shape.Lanes);

    private void StopReplica(AgentMessage.StopReplica order, Effects effects)
    {
        if (!Obeys(order.Term)) return;
        _tombstones.Add(order.Pack, order.Attempt);
        if (Find(order.Pack, order.Attempt) is not { } replica)
        {
            TellFreed(order.Pack, order.Attempt, effects);
        }
        else if (replica.EndedUnasked)
        {
            _hosted.Remove(replica);
            TellFreed(order.Pack, order.Attempt, effects);
        }
        else
        {
            Stop(replica, order.Reason, effects);
        }
    }

    private static void Stop(HostedReplica replica, string reason, Effects effects)
    {
        replica.StopWanted = true;
        if (!replica.ActorGone) effects.Send(replica.Actor, new ReplicaMessage.StopTraining(reason));
    }

    private void TellFreed(PackId pack, Attempt attempt, Effects effects) =>
        effects.Send(Addresses.Placement, new PlacementMessage.LaneFreed(_identity.Worker, _identity.Incarnation, pack, attempt));

    private void StopEngine(ActorId actor, Effects effects)
    {
        if (_hosted.Find(replica => replica.Actor == actor) is not { } replica) return;
        replica.ActorGone = true;
        RunStop(replica.Assignment.Pack, replica.Assignment.Attempt, effects);
    }

    private void RunStop(PackId pack, Attempt attempt, Effects effects)
    {
        if (Find(pack, attempt) is { EndedUnasked: false }) effects.Run(new StopEngineJob(pack, attempt));
    }

    private void FreeLane(AgentMessage.EngineStopped stopped, Instant now, Effects effects)
    {
        if (Find(stopped.Pack, stopped.Attempt) is not { } replica) return;
        if (replica.StopWanted)
        {
            _hosted.Remove(replica);
            TellFreed(stopped.Pack, stopped.Attempt, effects);
        }
        else
        {
            replica.EndedUnasked = true;
            TellEndedUnasked(effects);
        }

        if (_leaving is null) return;
        _leaving.Drained = false; // The engine's last points came after the first flush.
        effects.Send(Addresses.Outbox(_identity.Worker), new OutboxMessage.FlushNow());
        if (_leaving.HandsOver && HostsNothing) EndHandOver(now, effects);
    }

    // Training goes first: a probe beside it would measure nonsense and slow it down.
    private void Probe(AgentMessage.ProbePack order, Effects effects)
    {
        if (!Obeys(order.Term)) return;
        if (_hosted.Count > 0 || _leaving is not null) TellReadings(order.Number, [], _leaving is null ? "the worker trains" : "the worker leaves", effects);
        else
        {
            _isProbing = true;
            effects.Run(new ProbeJob(order.Number, order.Order, order.OnlyKnown));
        }
    }

    private void EndProbe(long number, ValueList<ProbeReading> readings, string text, Effects effects)
    {
        _isProbing = false;
        TellReadings(number, readings, text, effects);
    }

    private void TellReadings(long number, ValueList<ProbeReading> readings, string text, Effects effects) =>
        effects.Send(Addresses.Planner, new PlannerMessage.ProbeEnded(_identity.Worker, number, readings, text));

    private void TellEndedUnasked(Effects effects)
    {
        foreach (var replica in _hosted)
        {
            if (!replica.EndedUnasked) continue;
            effects.Send(Addresses.Placement, new PlacementMessage.ReplicaEnded(
                _identity.Worker, _identity.Incarnation, replica.Assignment.Pack, replica.Assignment.Attempt));
        }
    }

    private void Leave(string reason, Instant now, Effects effects)
    {
        if (_leaving is not null) return;
        _leaving = new Leaving(reason, now + HandOverWithin, now + LeaveWithin) { HandsOver = true };
        effects.Send(Addresses.Outbox(_identity.Worker), new OutboxMessage.FlushNow());
        if (HostsNothing)
        {
            EndHandOver(now, effects);
            return;
        }

        TellLeaving(effects); // Or what it hands over might be given to it again.
        foreach (var replica in _hosted.Where(replica => !replica.EndedUnasked && !replica.ActorGone)) effects.Send(replica.Actor, new ReplicaMessage.HandOver(reason));
    }

    private void TellLeaving(Effects effects) => effects.Send(Addresses.Placement, new PlacementMessage.WorkerLeaves(_identity.Worker, _identity.Incarnation));

    private bool HostsNothing => _hosted.TrueForAll(replica => replica.EndedUnasked);

    private void EndHandOver(Instant now, Effects effects)
    {
        _leaving!.HandsOver = false;
        _epoch++; // Beats that are on the way are of the time before.
        foreach (var replica in _hosted.Where(replica => !replica.EndedUnasked)) Stop(replica, _leaving.Reason, effects);
        SayLeave(now, effects);
    }

    private void SayLeave(Instant now, Effects effects)
    {
        if (now >= _leaving!.GoneBy)
        {
            effects.Stop($"left without an answer: {_leaving.Reason}");
            return;
        }

        if (!_leaving.Heard) effects.Send(Addresses.Cluster, new ClusterMessage.LeaveCluster(_identity.Worker, _identity.Incarnation, _leaving.Reason));
        effects.Wake(LeaveRepeatEvery, new AgentMessage.BeatDue(++_epoch));
    }

    private void HearLeft(AgentMessage.Left left, Effects effects)
    {
        if (_leaving is null || left.Incarnation != _identity.Incarnation || !Obeys(left.Term)) return;
        _leaving.Heard = true;
        StopWhenAllIsDone(effects);
    }

    private void HearDrained(Effects effects)
    {
        if (_leaving is null) return;
        _leaving.Drained = true;
        StopWhenAllIsDone(effects);
    }

    private void StopWhenAllIsDone(Effects effects)
    {
        if (_leaving is { Heard: true, Drained: true } && _hosted.TrueForAll(replica => replica.EndedUnasked)) effects.Stop($"left: {_leaving.Reason}");
    }
}
