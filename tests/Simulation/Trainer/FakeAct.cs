using Vae.Shared.Messages;

namespace Vae.Tests.Simulation.Trainer;

/// <summary>What the ranks of a pack do jointly.</summary>
internal enum ActKind
{
    /// <summary>An update of every trial in a slot.</summary>
    Step,

    /// <summary>The evaluation of the trials that have ended an epoch.</summary>
    Evaluate,

    /// <summary>A round of votes of a pack without trials.</summary>
    Vote,
}

/// <summary>One act: its kind, what was summed over all ranks, and the order that all hold.</summary>
internal sealed class FakeAct(ActKind kind, long position)
{
    public ActKind Kind => kind;

    /// <summary>Acts done before it.</summary>
    public long Position => position;

    /// <summary>Sums by slot.</summary>
    public SortedDictionary<int, ulong> Sums { get; } = [];

    /// <summary>Carried out with this act; null while some rank does not hold it.</summary>
    public SlotOrder? Order { get; set; }

    /// <summary>All sums are there.</summary>
    public bool IsReduced { get; set; }

    /// <summary>Ranks that have applied it.</summary>
    public int Applied { get; set; }

    /// <summary>The act that follows a state.</summary>
    public static FakeAct Of(TrainerState state) =>
        new(state.EvaluationDue ? ActKind.Evaluate : state.Slots.Count > 0 ? ActKind.Step : ActKind.Vote, state.Position);
}
