using Vae.Coordinator.Projections;
using Vae.Shared.Messages;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>I7: the trials of a sweep by state sum to its size, always; and the view that people see agrees with the facts.</summary>
internal sealed class I07StatesSum : Invariant
{
    private static readonly TrialState[] States = Enum.GetValues<TrialState>();

    public override void AfterFact(Watched watched, SweepEvent fact, SweepView view)
    {
        var sum = 0;
        foreach (var state in States) sum += view.Count(state);
        Require(sum == view.Trials, $"I7: the states of {fact.Sweep} sum to {sum}, not {view.Trials}, after {fact}");
        if (fact is SweepEvent.TrialEnded ended)
            Require(view.Row(ended.Result.TrialIndex).State == ended.Result.State, $"I7: the view shows {view.Row(ended.Result.TrialIndex)} after {ended}");
    }
}
