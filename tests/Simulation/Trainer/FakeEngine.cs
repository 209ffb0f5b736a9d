using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Tests.Simulation.Host;
using Vae.Worker.Actors;

namespace Vae.Tests.Simulation.Trainer;

/// <summary>
/// The training engine's port of one process, without tensors: it keeps the contract that the shipped engine keeps, and checks what the engine relies on: never more replicas than lanes hold, never again
/// what was stopped, generations that grow, each order once.
/// </summary>
/// <param name="world">What all engines share.</param>
/// <param name="node">Its process.</param>
/// <param name="lanes">Packs that it may host.</param>
/// <param name="isBad">Something is wrong with the machine: nothing can be trained on it while faults are on.</param>
internal sealed class FakeEngine(FakeWorld world, SimulatedNode node, int lanes, bool isBad) : ISimulatedJobs
{
    private static readonly TimeSpan ProbeTime = TimeSpan.FromMilliseconds(400);

    private readonly Dictionary<string, FakeReplica> _replicas = [];
    private readonly Dictionary<string, int> _stopped = []; // The greatest generation that was prepared for. Looked up only.

    /// <summary>Replicas that it holds memory for.</summary>
    public int Hosted => _replicas.Count;

    /// <summary>What breaks the engine in this state, if anything does.</summary>
    public static string? FailureOf(TrainerState state)
    {
        foreach (var slot in state.Slots.Values)
        {
            if (Oracle.IsPoison(slot.Trial.Index) && slot.Step > 2) return "IndexOutOfRangeException: a defect";
        }

        return null;
    }

    public void Start(Job job, JobContext context)
    {
        switch (job)
        {
            case PrepareReplicaJob prepare: Prepare(prepare.Assignment, context); break;
            case TrainJob train: Find(train.Assignment.Pack, train.Assignment.Attempt)?.Train(train, context); break;
            case HaltJob halt: Find(halt.Pack, halt.Attempt)?.HaltByOrder(halt.Generation); break;
            case SaveCheckpointJob save: Find(save.Pack, save.Attempt)?.Save(context, isOrdered: true); break;
            case ForgetSlotEndJob forget: Find(forget.Pack, forget.Attempt)?.ForgetEnd(forget.Trial); break;
            case SlotOrdersJob orders: Find(orders.Pack, orders.Attempt)?.Take(orders.Orders); break;
            case StopEngineJob stop: Stop(stop, context); break;
            case ProbeJob probe: context.Answer(ProbeTime, new AgentMessage.ProbeMeasured(probe.Number, [], "the fake engine measures nothing")); break;
            case StopProbeJob: break;
            default: throw new InvalidOperationException($"No port for {job.GetType().Name}.");
        }
    }

    private static string Key(PackId pack, Attempt attempt) => $"{pack}.{attempt.Value}";

    // Null: stopped while the order was on its way.
    private FakeReplica? Find(PackId pack, Attempt attempt) => _replicas.GetValueOrDefault(Key(pack, attempt));

    private void Prepare(ReplicaAssignment assignment, JobContext context)
    {
        var key = Key(assignment.Pack, assignment.Attempt);
        var replica = new FakeReplica(world, node, assignment) { IsBack = _stopped.ContainsKey(key) };
        Rule.Require(assignment.Generation.Value > _stopped.GetValueOrDefault(key), $"I11: {node.Id} is asked for generation {assignment.Generation.Value} of {key}, and has stopped it through {_stopped.GetValueOrDefault(key)}");
        Rule.Require(_replicas.TryAdd(key, replica), $"I11: {node.Id} prepares {key} twice");
        var busy = _replicas.Values.Sum(one => PackShape.WidthOn(lanes, one.Assignment.Shape.Lanes));
        Rule.Require(busy <= lanes, $"I10: {node.Id} hosts packs of {busy} lanes on {lanes} lanes");
        if (assignment.Slots.Count > 1 && assignment.Slots.Any(fill => Oracle.IsGreedy(fill.Trial.Index)))
        {
            context.Answer(context.Prng.Between(TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(300)), new ReplicaMessage.EngineFailed(new(0), FailureKind.OutOfMemory, "8 GB asked, 2 GB free"));
            return;
        }

        if (isBad && !world.Cluster.FaultsEnded) context.Answer(TimeSpan.FromMilliseconds(100), new ReplicaMessage.EngineFailed(new(0), FailureKind.Engine, "the driver does not match the library"));
        else FillNext(replica, 0, context);
    }

    // One after the other; what lies in a checkpoint is fetched first.
    private static void FillNext(FakeReplica replica, int index, JobContext context)
    {
        if (index == replica.Assignment.Slots.Count)
        {
            context.Answer(context.Prng.Between(TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(300)), new ReplicaMessage.Prepared());
            return;
        }

        var fill = replica.Assignment.Slots[index];
        if (fill.From is { } from) replica.FetchThen(from, fill.Trial, FillThis, text => context.Answer(TimeSpan.Zero, new ReplicaMessage.EngineFailed(new(0), FailureKind.Checkpoint, text)));
        else FillThis(null);

        void FillThis(SlotState? restored)
        {
            replica.Fill(fill.Slot, fill.Trial, restored);
            FillNext(replica, index + 1, context);
        }
    }

    private void Stop(StopEngineJob job, JobContext context)
    {
        var key = Key(job.Pack, job.Attempt);
        context.Later(context.Prng.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(150)), () =>
        {
            if (_replicas.Remove(key, out var replica))
            {
                replica.Stop();
                _stopped[key] = replica.Assignment.Generation.Value;
            }

            context.Answer(TimeSpan.Zero, new AgentMessage.EngineStopped(job.Pack, job.Attempt));
        });
    }
}
