using Vae.Shared;
using Vae.Shared.Messages;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>I1: at most one live attempt per trial. A pack begins an attempt when its last one is over, a slot has one trial and at most one that follows it, and a trial is in one slot.</summary>
internal sealed class I01OneLiveAttempt : Invariant
{
    public override void OnFact(Watched watched, SweepEvent fact, Term term)
    {
        switch (fact)
        {
            case SweepEvent.PackStarted started:
                var id = new PackId(fact.Sweep, started.Pack);
                Require(!watched.Model.Pack(id).IsLive, $"I1: {started} while its attempt {watched.Model.Pack(id).Attempt} runs");
                Require(started.Trials.Distinct().Count() == started.Trials.Count, $"I1: a trial twice in {started}");
                foreach (var trial in started.Trials) RequireFree(watched, new(fact.Sweep, trial), fact);
                break;
            case SweepEvent.SlotFilled filled:
                var pack = watched.Model.Pack(new(fact.Sweep, filled.Pack));
                Require(pack.IsLive && !pack.IsClosed, $"I1: {filled} in a pack that is closed or does not run");
                Require(pack.Slots.Count(used => used.Slot == filled.Slot) < 2, $"I1: {filled} into a slot that has a trial and one that follows it");
                RequireFree(watched, new(fact.Sweep, filled.Trial), fact);
                break;
            default: break;
        }
    }

    private static void RequireFree(Watched watched, TrialId trial, SweepEvent fact) =>
        Require(watched.Model.Trial(trial).State != TrialState.Running, $"I1: {fact} while trial {trial} runs in attempt {watched.Model.Trial(trial).Attempt}");
}
