using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Projections;

/// <summary>One trial as people see it. Replaced, never changed, so that a reader may keep it.</summary>
/// <param name="Index">Index in the sweep.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Pack">The pack it was last in; -1 before it was in any.</param>
/// <param name="Slot">The slot it was last in; -1 before it was in any.</param>
/// <param name="Attempt">The last attempt; 0 before the first.</param>
/// <param name="Workers">The workers of that attempt.</param>
/// <param name="Losses">Attempts that were lost, without the preempted ones.</param>
/// <param name="Reason">Why the last attempt was interrupted; empty while none was.</param>
/// <param name="Result">Null until it ended.</param>
public sealed record TrialRow(int Index, TrialState State, int Pack, int Slot, Attempt Attempt, ValueList<NodeId> Workers, int Losses, string Reason, TrialResult? Result)
{
    /// <summary>A trial that nothing has happened to.</summary>
    public static TrialRow Untouched(int index, TrialState state) => new(index, state, -1, -1, new(0), [], 0, "", null);

    /// <summary>True when it can never train again.</summary>
    public bool HasEnded => IsEnd(State);

    /// <summary>Failed, pruned, done and cancelled trials stay what they are.</summary>
    public static bool IsEnd(TrialState state) => state is TrialState.Failed or TrialState.Pruned or TrialState.Done or TrialState.Cancelled;

    /// <summary>The arrows between states. Whatever draws another one is a broken program, not news.</summary>
    public static bool MayBecome(TrialState from, TrialState to) => from switch
    {
        TrialState.Queued => to is TrialState.Running or TrialState.Failed or TrialState.Cancelled,
        TrialState.Running => to is not (TrialState.Queued or TrialState.Running),
        TrialState.Preempted or TrialState.Lost => to is TrialState.Running or TrialState.Failed or TrialState.Cancelled,
        _ => false,
    };
}

/// <summary>A pack attempt that has begun and not ended.</summary>
/// <param name="started">How it began.</param>
public sealed class PackRow(SweepEvent.PackStarted started)
{
    private readonly List<SweepEvent> _orders = [];

    /// <summary>How it began.</summary>
    public SweepEvent.PackStarted Started => started;

    /// <summary>The pack.</summary>
    public int Number => started.Pack;

    /// <summary>Its attempt.</summary>
    public Attempt Attempt => started.Attempt;

    /// <summary>The last generation that may have been told to workers.</summary>
    public Generation Generation { get; private set; } = new(1);

    /// <summary>The workers of that generation, in rank order.</summary>
    public ValueList<NodeId> Workers { get; private set; } = started.Workers;

    /// <summary>Their processes, in the same order.</summary>
    public ValueList<WorkerProcess> Processes { get; private set; } = ProcessesOf(started.Workers, started.Incarnations);

    /// <summary>Position of its newest checkpoint; -1 while it has none.</summary>
    public long CheckpointedTo { get; internal set; } = -1;

    /// <summary>
    /// What was ordered for its slots, by number from 1 without a gap: <see cref="SweepEvent.SlotFilled"/>, <see cref="SweepEvent.SlotStopOrdered"/> and <see cref="SweepEvent.PackClosed"/>. What the workers
    /// are told follows from them, also after a restart of the coordinator.
    /// </summary>
    public IReadOnlyList<SweepEvent> Orders => _orders;

    internal void Regroup(SweepEvent.PackRegrouped regrouped) =>
        (Generation, Workers, Processes) = (regrouped.Generation, regrouped.Workers, ProcessesOf(regrouped.Workers, regrouped.Incarnations));

    private static ValueList<WorkerProcess> ProcessesOf(ValueList<NodeId> workers, ValueList<ulong> incarnations) => workers.Zip(incarnations, (worker, incarnation) => new WorkerProcess(worker, incarnation)).ToValueList();

    internal void AddOrder(SweepEvent order, long number)
    {
        Verify.That(number == _orders.Count + 1);
        _orders.Add(order);
    }

    /// <summary>The trials that it trains now, by index.</summary>
    public SortedSet<int> Live { get; } = [];
}

/// <summary>A trial with a result. Ranked by the sweep's objective on held-out rows, never by the beta-weighted loss, which would only compare betas.</summary>
/// <param name="Score">The metric, or its negative where less is better.</param>
/// <param name="Index">The trial.</param>
public readonly record struct RankedTrial(double Score, int Index)
{
    /// <summary>Greatest score first, then the lower index.</summary>
    public static readonly IComparer<RankedTrial> BestFirst = Comparer<RankedTrial>.Create(static (left, right) =>
    {
        var byScore = right.Score.CompareTo(left.Score);
        return byScore != 0 ? byScore : left.Index.CompareTo(right.Index);
    });
}
