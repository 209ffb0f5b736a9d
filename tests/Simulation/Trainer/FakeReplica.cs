using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Tests.Simulation.Host;
using Vae.Worker.Actors;

namespace Vae.Tests.Simulation.Trainer;

/// <summary>
/// What the engine of one process holds for one attempt: the trainer's state, which outlives rings; the ends of trials that are not accepted yet, and recent readings, both on every rank, so that any of them can
/// be rank 0 next; and the orders it was given.
/// </summary>
internal sealed partial class FakeReplica(FakeWorld world, SimulatedNode node, ReplicaAssignment assignment)
{
    private readonly SortedDictionary<long, SlotOrder> _orders = []; // Held and not applied.
    private readonly Dictionary<long, SlotState> _restored = []; // By order that begins a trial from a checkpoint.
    private readonly SortedDictionary<int, (int Slot, TrialResult Result)> _ends = []; // By trial, until accepted.
    private readonly HashSet<int> _forgotten = []; // Trials whose end is durable, should it come again.
    private int _haltedThrough;
    private readonly int _life = node.Life;
    private JobContext? _training;
    private bool _toldStart;
    private bool _stopped;

    public SimulatedNode Node => node;

    public ReplicaAssignment Assignment => assignment;

    public TrainerState State { get; private set; } = new() { Closed = assignment.Closed };

    /// <summary>Where its process listens.</summary>
    public DataEndpoint Endpoint => new(node.Id.Value, 1);

    public Generation Generation { get; private set; }

    /// <summary>The ring it is in; null while it stands still.</summary>
    public FakeRing? Ring { get; private set; }

    public int Rank { get; private set; }

    public bool IsInRing => Ring is not null;

    /// <summary>Its process had a part in the attempt before, and was told to stop.</summary>
    public bool IsBack { get; init; }

    /// <summary>It has been in step with its gang once; before that it has what the assignment says, which may be long past.</summary>
    public bool HasTrained { get; private set; }

    /// <summary>It has all it needs for the act that is under way.</summary>
    public bool HoldsAct { get; set; }

    public SlotOrder? NextOrder => _orders.GetValueOrDefault(State.OrdersApplied + 1);

    private bool IsGone => _stopped || node.Life != _life;

    private Prng Prng => world.Cluster.JobPrng;

    private string Text => $"{assignment.Pack} attempt {assignment.Attempt.Value} on {node.Id}";

    /// <summary>Does something later in this process, unless it is gone by then.</summary>
    public void Later(TimeSpan delay, Action action)
    {
        if (IsGone) return;
        node.Later(delay, () =>
        {
            if (!IsGone) action();
        });
    }

    public void Fill(int slot, TrialSpec trial, SlotState? restored)
    {
        Rule.Require(slot >= 0 && slot < assignment.Shape.Slots && !State.Slots.ContainsKey(slot), $"I1: slot {slot} of {Text} is filled twice, or is none");
        Rule.Require(PackSignature.Of(trial) == PackSignature.Of(assignment.Slots[0].Trial) && trial.Model.Latent <= assignment.Shape.Latent, $"trial {trial.Index} does not fit {Text}");
        RequireNew(trial);
        State.Slots.Add(slot, restored ?? new SlotState(trial) { Weights = Oracle.Initial(new(assignment.Pack.Sweep, trial.Index)) });
        if (restored is not null) world.Counts.Restored++;
    }

    private void RequireNew(TrialSpec trial)
    {
        foreach (var other in State.Slots.Values) Rule.Require(other.Trial.Index != trial.Index, $"I1: trial {trial.Index} is in two slots of {Text}");
        foreach (var other in State.Waiting.Values) Rule.Require(other.Index != trial.Index, $"I1: trial {trial.Index} waits for a slot of {Text}, and begins in another");
    }

    public void Train(TrainJob job, JobContext context)
    {
        Rule.Require(Ring is null, $"I11: {Text} is to train generation {job.Generation.Value} while generation {Generation.Value} runs");
        Rule.Require(job.Generation.Value > Generation.Value, $"I11: {Text} is to train generation {job.Generation.Value} after generation {Generation.Value}");
        (_training, Generation, _toldStart, HoldsAct) = (context, job.Generation, false, false);
        var ring = world.Of(assignment.Pack, assignment.Attempt, job.Generation, job.Members.Select(member => member.Worker).ToValueList(), job.Source);
        Ring = ring;
        Rule.Require(job.Members.Any(member => member.Worker == node.Role && member.Endpoint == Endpoint && member.PreparedFor == assignment.Generation), $"I5: {Text} is to train in a ring that knows another replica of its name");
        ring.Join(this);
        if (job.Generation.Value <= _haltedThrough) HaltByOrder(new(_haltedThrough)); // The order to halt has overtaken the order to train.
    }

    /// <summary>The ring is up and all have the same state.</summary>
    public void Begin(FakeRing ring, int rank, bool isSource)
    {
        Rule.Require(Ring == ring, $"{Text} begins in a ring that it has left");
        if (IsBack && !HasTrained) world.Counts.TrainedAgain++;
        (Rank, HasTrained) = (rank, true);
        if (rank == 0) TellAll();
        else if (isSource) Publish(); // The act that only this rank has done.
    }

    public void TakeOver(FakeReplica source)
    {
        if (HasTrained && State.Position == source.State.Position) return; // What passes by is what it has; that is checked next.
        if (HasTrained) world.Counts.LaggardsBroughtUp++;
        else world.Counts.JoinersBroughtUp++;
        world.Counts.Transfers++;
        State = source.State.Copy();
        foreach (var (trial, end) in source._ends) Keep(trial, end);
        foreach (var known in _orders.Keys.Where(number => number <= State.OrdersApplied).ToArray()) _orders.Remove(known);
        _training!.Answer(TimeSpan.Zero, new ReplicaMessage.OrdersApplied(State.OrdersApplied));
    }

    private void Keep(int trial, (int Slot, TrialResult Result) end)
    {
        if (!_forgotten.Contains(trial)) _ends.TryAdd(trial, end);
    }

    public void Take(ValueList<SlotOrder> orders)
    {
        foreach (var order in orders)
        {
            if (order.Number <= State.OrdersApplied || _orders.ContainsKey(order.Number)) continue;
            if (order.From is not { } from) _orders[order.Number] = order;
            else FetchThen(from, order.Trial!, state => HoldRestored(order, state), text => Fail(Ring, FailureKind.Checkpoint, text));
        }
    }

    private void HoldRestored(SlotOrder order, SlotState state)
    {
        if (order.Number <= State.OrdersApplied) return;
        _restored[order.Number] = state;
        _orders[order.Number] = order;
    }

    public void Apply(FakeAct act)
    {
        Rule.Require(State.Position == act.Position, $"I5: {Text} at {State.Position} applies act {act.Position}");
        switch (act.Kind)
        {
            case ActKind.Step: Step(act); break;
            case ActKind.Evaluate: Evaluate(); break;
            default: break;
        }

        State.Position++;
        if (act.Order is { } order && !State.EvaluationDue) Carry(order);
        var key = (assignment.Pack, assignment.Attempt);
        world.Furthest[key] = Math.Max(world.Furthest.GetValueOrDefault(key), State.Position);
        if (!_toldStart) _training!.Answer(TimeSpan.Zero, new ReplicaMessage.TrainingStarted(Generation));
        _toldStart = true;
        if (Rank == 0) ActDone();
    }

    private void Step(FakeAct act)
    {
        foreach (var (number, slot) in State.Slots.ToArray())
        {
            var trial = new TrialId(assignment.Pack.Sweep, slot.Trial.Index);
            if (Oracle.IsFaulty(trial.Index) && slot.Step == Oracle.FaultyStep)
            {
                EndTrial(number, slot, TrialState.Failed, $"non-finite loss at step {slot.Step}");
                continue;
            }

            slot.Weights = Oracle.Next(slot.Weights, act.Sums[number]);
            slot.Step++;
            if (!slot.IsFinished) TellEnding(number, slot);
            Rule.Require(slot.Weights == world.Oracle.WeightsAt(trial, slot.Step), $"I5/I6: the weights of {trial} at step {slot.Step} in {Text} are not what an undisturbed run has");
            Read(trial, slot);
        }
    }

    private void Evaluate()
    {
        foreach (var (number, slot) in State.Slots.ToArray())
        {
            if (!slot.IsEvaluationDue) continue;
            slot.Evaluated = slot.Step / Oracle.EpochSteps;
            ReadEvaluation(new(assignment.Pack.Sweep, slot.Trial.Index), slot);
            if (slot.IsFinished) EndTrial(number, slot, TrialState.Done, "");
        }
    }

    private void Carry(SlotOrder order)
    {
        Rule.Require(order.Number == State.OrdersApplied + 1, $"I11: {Text} applies order {order.Number} after order {State.OrdersApplied}");
        State.OrdersApplied = order.Number;
        _orders.Remove(order.Number);
        switch (order.Kind)
        {
            case SlotOrderKind.Fill:
                Rule.Require(!State.Closed, $"{Text} is closed and gets another trial: {order}");
                if (State.Slots.ContainsKey(order.Slot) && order.From is null) Queue(order.Slot, order.Trial!);
                else Fill(order.Slot, order.Trial!, _restored.GetValueOrDefault(order.Number)?.Copy());
                _restored.Remove(order.Number);
                break;
            case SlotOrderKind.Empty:
                if (State.Waiting.TryGetValue(order.Slot, out var next) && next.Index == order.Trial!.Index) EndUnbegun(order.Slot, next, order.Reason);
                else if (State.Slots.TryGetValue(order.Slot, out var slot) && slot.Trial.Index == order.Trial!.Index) EndTrial(order.Slot, slot, TrialState.Pruned, order.Reason);
                break;
            default: State.Closed = true; break;
        }

        _training!.Answer(TimeSpan.Zero, new ReplicaMessage.OrdersApplied(order.Number));
    }

    private void Queue(int slot, TrialSpec trial)
    {
        RequireNew(trial);
        Rule.Require(State.Waiting.TryAdd(slot, trial), $"I10: two trials wait for slot {slot} of {Text}");
    }

    private void EndTrial(int number, SlotState slot, TrialState state, string text)
    {
        State.Slots.Remove(number);
        Keep(slot.Trial.Index, (number, ResultOf(slot, state, text)));
        if (Rank == 0) TellEnd(slot.Trial.Index, again: false);
        if (!State.Waiting.Remove(number, out var next)) return;
        if (Rank == 0) world.Counts.BegunFromWaiting++;
        Fill(number, next, restored: null);
    }

    private void EndUnbegun(int number, TrialSpec next, string text)
    {
        State.Waiting.Remove(number);
        Keep(next.Index, (number, ResultOf(new SlotState(next), TrialState.Pruned, text)));
        if (Rank != 0) return;
        world.Counts.StoppedUnbegun++;
        TellEnd(next.Index, again: false);
    }

    private static TrialResult ResultOf(SlotState slot, TrialState state, string text) => new(
        slot.Trial.Index, state, state == TrialState.Done ? Oracle.ElboOf(slot.Weights) : double.NaN, 80, 20, 4, [20], slot.Step, (int)(slot.Step / Oracle.EpochSteps), 2, 1_000, text, []);

    /// <summary>Stops in this ring and keeps everything.</summary>
    public void Halt(FakeRing ring, FailureKind kind, string text, ValueList<NodeId> silent)
    {
        if (Ring != ring) return;
        if (HoldsAct) ring.FinishAct(this);
        Ring = null;
        if (Rank == 0) Publish();
        _training!.Answer(TimeSpan.Zero, new ReplicaMessage.TrainingHalted(Generation, State.Position, kind, text, silent));
        ring.Leave(this);
    }

    /// <summary>By order: after at most the work of a step.</summary>
    public void HaltByOrder(Generation generation)
    {
        _haltedThrough = Math.Max(_haltedThrough, generation.Value);
        if (Ring is null || Generation.Value > generation.Value) return;
        var ring = Ring;
        Later(Prng.Between(TimeSpan.Zero, world.StepTime / 2 * node.Slowness), () =>
        {
            if (Ring != ring) return;
            world.Counts.HaltsWhileBusy++;
            Halt(ring, FailureKind.Preempted, "it was ordered to halt", []);
        });
    }

    /// <summary>The engine cannot go on; its state is of no more use.</summary>
    public void Fail(FakeRing? ring, FailureKind kind, string text)
    {
        if (Ring is null || Ring != ring) return;
        Ring = null;
        if (Rank == 0) Publish();
        _training!.Answer(TimeSpan.Zero, new ReplicaMessage.EngineFailed(Generation, kind, text));
        ring.Leave(this);
    }

    public void Stop()
    {
        if (Ring is { } ring)
        {
            Ring = null;
            ring.Leave(this);
        }

        _stopped = true;
    }
}
