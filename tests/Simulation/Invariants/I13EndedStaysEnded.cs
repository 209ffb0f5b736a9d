using Vae.Shared;
using Vae.Shared.Messages;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>I13: a trial that is done, pruned, cancelled or failed ends once and is never handed out again.</summary>
internal sealed class I13EndedStaysEnded : Invariant
{
    public override void OnFact(Watched watched, SweepEvent fact, Term term)
    {
        switch (fact)
        {
            case SweepEvent.PackStarted started:
                foreach (var trial in started.Trials) RequireOpen(watched, new(fact.Sweep, trial), fact);
                break;
            case SweepEvent.SlotFilled filled: RequireOpen(watched, new(fact.Sweep, filled.Trial), fact); break;
            case SweepEvent.TrialEnded ended: RequireOpen(watched, new(fact.Sweep, ended.Result.TrialIndex), fact); break;
            default: break;
        }
    }

    private static void RequireOpen(Watched watched, TrialId trial, SweepEvent fact) =>
        Require(!watched.Model.Trial(trial).HasEnded, $"I13: {trial} had ended as {watched.Model.Trial(trial).State}: {fact}");
}
