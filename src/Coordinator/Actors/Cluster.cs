using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>
/// Who is a member. A worker registers and renews a lease with heartbeats; when the lease ends it is lost, and placement is told once. The failure
/// this actor exists for is the worker that is silent: dead, paused, or behind a cut wire, which look the same from here.
/// A lost connection only shortens the lease to <see cref="ReconnectWithin"/>: a process that is gone never comes back, so waiting the whole lease
/// would only leave its trials idle, while a broken connection of a living worker is made anew within a second. Being
/// suspected costs nothing: any heartbeat in time restores the whole lease.
/// </summary>
public sealed class Cluster(CoordinatorContext context) : IActor
{
    /// <summary>A worker that is silent for so long is lost. Five heartbeats: four may be lost on the way.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    /// <summary>Time from one heartbeat to the next.</summary>
    public static readonly TimeSpan HeartbeatEvery = TimeSpan.FromSeconds(2);

    /// <summary>A worker whose connection broke is lost unless it is heard of within this time.</summary>
    public static readonly TimeSpan ReconnectWithin = TimeSpan.FromSeconds(3);

    /// <summary>More workers are refused: ten times the size that is planned for.</summary>
    public const int WorkersMax = 10_000;

    private static readonly TimeSpan CheckEvery = TimeSpan.FromMilliseconds(500);

    private readonly Dictionary<NodeId, Member> _members = []; // Looked up; enumerated only to be described, and sorted then.
    private readonly SortedSet<LeaseEnd> _leases = [];

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started: effects.Wake(CheckEvery, new ClusterMessage.CheckLeases()); break;
            case Signal.NodeChanged { Connected: false } change: Suspect(change, now); break;
            case Signal: break;
            case ClusterMessage.RegisterWorker register: Register(register, now, effects); break;
            case ClusterMessage.Heartbeat beat: Renew(beat, now, effects); break;
            case ClusterMessage.LeaveCluster leave: Leave(leave, effects); break;
            case ClusterMessage.DrainWorker drain: SendAway(drain, effects); break;
            case ClusterMessage.DescribeCluster describe: Describe(describe, now, effects); break;
            case ClusterMessage.CheckLeases: ExpireLeases(now, effects); break;
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }
    }

    private void Register(ClusterMessage.RegisterWorker register, Instant now, Effects effects)
    {
        var agent = Addresses.Agent(register.Worker);
        _members.TryGetValue(register.Worker, out var member);
        if (Refusal(register, member) is { } text)
        {
            effects.Send(agent, new AgentMessage.RegistrationRefused(context.Term, register.Incarnation, text));
            return;
        }

        if (member is not null && member.Registration.Incarnation < register.Incarnation)
        {
            Remove(member, preempted: false, "its process was started anew", effects);
            member = null;
        }

        var isNew = member is null;
        member ??= _members[register.Worker] = new Member(register, now, now + Lease);
        (member.Registration, member.HeardAt) = (register, now);
        SetLease(member, now + Lease);
        effects.Send(agent, new AgentMessage.Registered(context.Term, register.Incarnation, Lease, HeartbeatEvery));
        effects.Send(Addresses.Placement, new PlacementMessage.WorkerJoined(
            register.Worker, register.Incarnation, register.Facts, register.Endpoint, register.Lanes, register.Running));
        effects.Send(Addresses.Planner, new PlannerMessage.WorkerJoined(register.Worker, register.Incarnation, register.Facts));
        if (isNew) Announce(member, alive: true, "joined", left: false, effects);
        OrderToLeave(member, effects);
    }

    private string? Refusal(ClusterMessage.RegisterWorker register, Member? member)
    {
        if (member is null) return _members.Count < WorkersMax ? null : $"The cluster has {WorkersMax:N0} workers, which is the most it takes.";
        return member.Registration.Incarnation <= register.Incarnation
            ? null
            : $"A later process named '{register.Worker}' is a member; give each worker a name of its own.";
    }

    private void Renew(ClusterMessage.Heartbeat beat, Instant now, Effects effects)
    {
        var agent = Addresses.Agent(beat.Worker);
        if (!_members.TryGetValue(beat.Worker, out var member) || member.Registration.Incarnation != beat.Incarnation)
        {
            effects.Send(agent, new AgentMessage.RegisterAgain(context.Term));
            return;
        }

        if (beat.Sequence <= member.LastBeat) return; // Late or doubled: it proves nothing about now.
        (member.LastBeat, member.HeardAt) = (beat.Sequence, now);
        member.Load = beat.Load;
        SetLease(member, now + Lease);
        effects.Send(agent, new AgentMessage.HeartbeatAck(context.Term, beat.Sequence));
        OrderToLeave(member, effects);
        if (beat.Running.Count > 0) effects.Send(Addresses.Placement, new PlacementMessage.WorkerRuns(beat.Worker, beat.Incarnation, beat.Running));
        context.Tell(new ObserverMessage.WorkerUpdated(beat.Worker, beat.Incarnation, true, member.Registration.Facts, beat.Load, "", Left: false), effects);
    }

    private void SetLease(Member member, Instant end)
    {
        _leases.Remove(new(member.LeaseEnd, member.Registration.Worker));
        member.LeaseEnd = end;
        member.Suspicion = "";
        _leases.Add(new(end, member.Registration.Worker));
    }

    private void Suspect(Signal.NodeChanged change, Instant now)
    {
        if (!_members.TryGetValue(change.Node, out var member) || member.LeaseEnd <= now + ReconnectWithin) return;
        SetLease(member, now + ReconnectWithin);
        member.Suspicion = change.Reason;
    }

    // Answered even when the worker is not known (any more): it waits for this answer before it exits.
    private void Leave(ClusterMessage.LeaveCluster leave, Effects effects)
    {
        effects.Send(Addresses.Agent(leave.Worker), new AgentMessage.Left(context.Term, leave.Incarnation));
        if (_members.TryGetValue(leave.Worker, out var member) && member.Registration.Incarnation == leave.Incarnation)
            Remove(member, preempted: true, $"it left: {leave.Reason}", effects);
    }

    private void SendAway(ClusterMessage.DrainWorker drain, Effects effects)
    {
        if (!_members.TryGetValue(drain.Worker, out var member)) return;
        member.LeaveReason = drain.Reason;
        effects.Send(Addresses.Placement, new PlacementMessage.WorkerLeaves(drain.Worker, member.Registration.Incarnation));
        OrderToLeave(member, effects);
    }

    // With every sign of life, until it says that it leaves.
    private void OrderToLeave(Member member, Effects effects)
    {
        if (member.LeaveReason.Length == 0) return;
        var worker = member.Registration;
        effects.Send(Addresses.Agent(worker.Worker), new AgentMessage.DrainAgent(context.Term, worker.Incarnation, member.LeaveReason));
    }

    private void Describe(ClusterMessage.DescribeCluster describe, Instant now, Effects effects)
    {
        var members = _members.Values.OrderBy(member => member.Registration.Worker.Value, StringComparer.Ordinal).Select(member => member.Describe(now)).ToValueList();
        effects.Send(describe.ReplyTo, new ObserverMessage.ClusterDescribed(members));
    }

    private void ExpireLeases(Instant now, Effects effects)
    {
        while (_leases.Count > 0 && _leases.Min.At <= now)
        {
            var member = _members[_leases.Min.Worker];
            var reason = member.Suspicion.Length > 0
                ? $"its connection broke ({member.Suspicion}) and did not come back within {ReconnectWithin.TotalSeconds:0} s"
                : $"it was silent for {Lease.TotalSeconds:0} s";
            Remove(member, preempted: false, reason, effects);
        }

        effects.Wake(CheckEvery, new ClusterMessage.CheckLeases());
    }

    private void Remove(Member member, bool preempted, string reason, Effects effects)
    {
        var registration = member.Registration;
        _members.Remove(registration.Worker);
        _leases.Remove(new(member.LeaseEnd, registration.Worker));
        effects.Send(Addresses.Placement, new PlacementMessage.WorkerGone(registration.Worker, registration.Incarnation, preempted, reason));
        effects.Send(Addresses.Planner, new PlannerMessage.WorkerGone(registration.Worker, registration.Incarnation));
        Announce(member, alive: false, reason, left: preempted, effects);
    }

    private void Announce(Member member, bool alive, string text, bool left, Effects effects)
    {
        var worker = member.Registration;
        context.Tell(new ObserverMessage.WorkerUpdated(worker.Worker, worker.Incarnation, alive, worker.Facts, member.Load, text, left), effects);
        context.Tell(new ObserverMessage.WorkersChanged(_members.Count, $"{worker.Worker}: {text}"), effects);
    }
}
