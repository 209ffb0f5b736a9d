using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Trainer;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>
/// I6: what was lost, moved, resumed and refilled has the result of a run that nothing happened to. (I4, I5 and the weights of each single step are held against the <see cref="Oracle"/> where they arise, in the trainer.)
/// </summary>
internal sealed class I06ResumedIsUninterrupted : Invariant
{
    public override void OnFact(Watched watched, SweepEvent fact, Term term)
    {
        if (fact is not SweepEvent.TrialEnded { Result: { State: TrialState.Done } result }) return;
        var trial = new TrialId(fact.Sweep, result.TrialIndex);
        Require(Oracle.CanEndWell(trial.Index), $"I6: {trial} cannot be trained, and is done");
        Require(result.Steps == Oracle.StepsOf(trial.Index), $"I6: {trial} is done after {result.Steps} of {Oracle.StepsOf(trial.Index)} steps");
        Require(result.Elbo.Equals(watched.Trainers.Oracle.ElboOf(trial)), $"I6: {trial} ends with {result.Elbo}, undisturbed with {watched.Trainers.Oracle.ElboOf(trial)}");
    }
}
