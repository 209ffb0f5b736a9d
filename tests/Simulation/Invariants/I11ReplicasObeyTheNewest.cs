using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;
using Vae.Worker.Actors;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>
/// I11 on the worker's side: a replica begins and halts only the generation that an order names, and obeys no order of an older term than it has obeyed before. Orders come late and several times more, so this is
/// asked at the moment when the engine is told.
/// </summary>
internal sealed class I11ReplicasObeyTheNewest : Invariant
{
    private readonly Dictionary<(NodeId Process, int Life, string Replica), long> _terms = [];

    /// <summary>Told of a process in which a replica hears of a greater term for the first time: from now on orders of the one before are stale there.</summary>
    public Action<SimulatedNode>? OnNewTerm { get; set; }

    public override void OnReceived(Watched watched, ActorId sender, ActorId target, Message message)
    {
        if (watched.Cluster.LastReceiver is not { } process || OrderOf(message) is not var (term, attempt) || !IsOf(target, attempt)) return;
        var key = (process.Id, process.Life, target.Name);
        var before = _terms.GetValueOrDefault(key);
        _terms[key] = Math.Max(term.Value, before);
        if (before > 0 && term.Value > before) OnNewTerm?.Invoke(process);
    }

    /// <summary>An engine is told to do something, because of the mail that was received last.</summary>
    public void OnJob(SimulatedNode process, ActorId replica, Job job)
    {
        if (job is not (TrainJob or HaltJob or SlotOrdersJob or SaveCheckpointJob) || process.Cluster.LastReceived is not var (_, _, message)) return;
        var ordered = (job, message) switch
        {
            (TrainJob train, ReplicaMessage.FormRing form) => train.Generation == form.Generation,
            (HaltJob halt, ReplicaMessage.HaltTraining order) => halt.Generation == order.Generation,
            (SlotOrdersJob or SaveCheckpointJob, ReplicaMessage.ChangeSlots or ReplicaMessage.SaveCheckpoint) => true,
            _ => false,
        };
        Require(ordered, $"I11: {replica} on {process.Id} obeys {message} by {job}");
        var newest = _terms.GetValueOrDefault((process.Id, process.Life, replica.Name));
        Require(OrderOf(message)!.Value.Term.Value >= newest, $"I11: {replica} on {process.Id} has heard of term {newest} and obeys {message}");
    }

    // replica.SWEEP.NUMBER.ATTEMPT.GENERATION.INCARNATION
    private static bool IsOf(ActorId replica, Attempt attempt) => replica.Name.Split('.')[3] == attempt.Value.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static (Term Term, Attempt Attempt)? OrderOf(Message message) => message switch
    {
        ReplicaMessage.FormRing order => (order.Term, order.Attempt),
        ReplicaMessage.HaltTraining order => (order.Term, order.Attempt),
        ReplicaMessage.ChangeSlots order => (order.Term, order.Attempt),
        ReplicaMessage.SaveCheckpoint order => (order.Term, order.Attempt),
        ReplicaMessage.Attach order => (order.Term, order.Attempt),
        _ => null,
    };
}
