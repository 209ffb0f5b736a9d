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
/// Orders of an older term are refused: an old coordinator that wakes up commands nobody. So are orders for another process of its name.
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
    private readonly WorkerLanes _lanes;
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
        _lanes = new(identity);
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
            case Signal.Terminated gone: _lanes.StopEngine(gone.Actor, effects); break;
            case Signal.JobFailed { Job: StopEngineJob job }: WorkerLanes.StopEngineLater(job, effects); break;
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
            case AgentMessage.StopReplica stop when stop.Incarnation == _identity.Incarnation && Obeys(stop.Term): _lanes.Stop(stop, effects); break;
            case AgentMessage.StopReplica: break;
            case AgentMessage.EngineStopped stopped: Free(stopped, now, effects); break;
            case AgentMessage.EngineStillRuns due: _lanes.RunStop(due.Pack, due.Attempt, effects); break;
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
            _identity.Worker, _identity.Incarnation, _identity.Facts, _identity.Endpoint, _identity.Lanes, _lanes.Running, _identity.LastLines ?? []));
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
        _lanes.TellEndedUnasked(effects);
        if (!_isMember || now >= _leaseEnd)
        {
            Register(effects); // Nobody has answered for a whole lease. The replicas train on.
            return;
        }

        effects.Send(Addresses.Cluster, new ClusterMessage.Heartbeat(_identity.Worker, _identity.Incarnation, ++_beats, _load, _lanes.Running));
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

    // What is meant for another process of its name is not answered: that one will be asked again.
    private void Assign(ActorId runner, AgentMessage.AssignReplica order, Effects effects)
    {
        if (order.Incarnation != _identity.Incarnation) return;
        if (!Obeys(order.Term)) _lanes.Refuse(runner, order.Assignment, $"term {order.Term.Value} is over; term {_term.Value} rules", effects);
        else if (_leaving is not null) _lanes.Refuse(runner, order.Assignment, "the worker leaves", effects);
        else if (_lanes.Assign(runner, order.Assignment, effects) && _isProbing) effects.Run(new StopProbeJob());
    }

    private void Free(AgentMessage.EngineStopped stopped, Instant now, Effects effects)
    {
        if (!_lanes.Free(stopped, effects) || _leaving is null) return;
        _leaving.Drained = false; // The engine's last points came after the first flush.
        effects.Send(Addresses.Outbox(_identity.Worker), new OutboxMessage.FlushNow());
        if (_leaving.HandsOver && _lanes.IsQuiet) EndHandOver(now, effects);
    }

    // Training goes first: a probe beside it would measure nonsense and slow it down.
    private void Probe(AgentMessage.ProbePack order, Effects effects)
    {
        if (!Obeys(order.Term)) return;
        if (!_lanes.IsEmpty || _leaving is not null) TellReadings(order.Number, [], _leaving is null ? "the worker trains" : "the worker leaves", effects);
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

    private void Leave(string reason, Instant now, Effects effects)
    {
        if (_leaving is not null) return;
        _leaving = new Leaving(reason, now + HandOverWithin, now + LeaveWithin) { HandsOver = true };
        effects.Send(Addresses.Outbox(_identity.Worker), new OutboxMessage.FlushNow());
        if (_lanes.IsQuiet)
        {
            EndHandOver(now, effects);
            return;
        }

        TellLeaving(effects); // Or what it hands over might be given to it again.
        _lanes.HandOver(reason, effects);
    }

    private void TellLeaving(Effects effects) => effects.Send(Addresses.Placement, new PlacementMessage.WorkerLeaves(_identity.Worker, _identity.Incarnation));

    private void EndHandOver(Instant now, Effects effects)
    {
        _leaving!.HandsOver = false;
        _epoch++; // Beats that are on the way are of the time before.
        _lanes.StopAll(_leaving.Reason, effects);
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
        if (_leaving is { Heard: true, Drained: true } && _lanes.IsQuiet) effects.Stop($"left: {_leaving.Reason}");
    }
}
