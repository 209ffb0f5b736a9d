using Vae.Shared;
using Vae.Shared.Messages;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>I3: trial states move along the allowed arrows only, and only while their sweep runs.</summary>
internal sealed class I03AllowedArrows : Invariant
{
    public override void OnFact(Watched watched, SweepEvent fact, Term term)
    {
        var model = watched.Model;
        Require(fact is SweepEvent.Submitted != model.Sweeps.ContainsKey(fact.Sweep), $"I3: {fact} out of order");
        Require(fact is SweepEvent.Submitted || !model.Sweeps[fact.Sweep].Ended, $"I3: {fact} after the end of its sweep");
        switch (fact)
        {
            case SweepEvent.PackStarted started:
                foreach (var trial in started.Trials) RequireMayBegin(model.Trial(new(fact.Sweep, trial)), trial, fact);
                break;
            case SweepEvent.SlotFilled filled: RequireMayBegin(model.Trial(new(fact.Sweep, filled.Trial)), filled.Trial, fact); break;
            case SweepEvent.PackInterrupted interrupted:
                Require(interrupted.State is TrialState.Lost or TrialState.Preempted, $"I3: {interrupted}");
                Require(model.Pack(new(fact.Sweep, interrupted.Pack)).IsLive, $"I3: {interrupted}, which did not run");
                break;
            case SweepEvent.PackEnded ended:
                Require(model.Pack(new(fact.Sweep, ended.Pack)) is { IsLive: true, Slots.Count: 0 } or { IsLive: false }, $"I3: {ended} with trials in its slots");
                break;
            case SweepEvent.TrialEnded ended: RequireMayEnd(model.Trial(new(fact.Sweep, ended.Result.TrialIndex)), ended); break;
            default: break;
        }
    }

    private static void RequireMayBegin(TrialModel trial, int index, SweepEvent fact) =>
        Require(trial.State is TrialState.Queued or TrialState.Lost or TrialState.Preempted, $"I3: trial {index} is {trial.State} and begins: {fact}");

    private static void RequireMayEnd(TrialModel trial, SweepEvent.TrialEnded ended)
    {
        var isStopped = trial.State is TrialState.Lost or TrialState.Preempted && ended.Result.State is TrialState.Failed or TrialState.Pruned or TrialState.Cancelled;
        Require(trial.State == TrialState.Running || isStopped, $"I3: a trial that is {trial.State} ends: {ended}");
        Require(ended.Result.State is TrialState.Done or TrialState.Failed or TrialState.Pruned or TrialState.Cancelled, $"I3: {ended}");
    }
}
