using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>
/// I11: nothing of an older term, attempt or generation changes state. The store takes no fact of a term that is over, attempts and generations of a pack grow, and only the attempt that runs fills slots, stops
/// trials, ends them and makes checkpoints. (That no trainer enters an older generation, and no act one that is over, is held in the trainer.)
/// </summary>
internal sealed class I11NothingOldChangesState : Invariant
{
    private long _term;

    public override void OnFact(Watched watched, SweepEvent fact, Term term)
    {
        var newest = watched.Cluster.Store.TermOf(NodeId.Coordinator).Value;
        Require(term.Value == newest && term.Value >= _term, $"I11: {fact} was written under term {term.Value}, and term {newest} rules");
        _term = term.Value;
        switch (fact)
        {
            case SweepEvent.PackStarted started:
                Require(started.Attempt.Value > watched.Model.Pack(new(fact.Sweep, started.Pack)).Attempt, $"I11: {started} after a later attempt");
                foreach (var trial in started.Trials) RequireNewer(watched, new(fact.Sweep, trial), started.Attempt, fact);
                break;
            case SweepEvent.SlotFilled filled:
                RequireCurrent(watched, filled.Pack, filled.Attempt, filled.Order, fact);
                RequireNewer(watched, new(fact.Sweep, filled.Trial), filled.Attempt, fact);
                break;
            case SweepEvent.SlotStopOrdered stop: RequireCurrent(watched, stop.Pack, stop.Attempt, stop.Order, fact); break;
            case SweepEvent.PackClosed closed: RequireCurrent(watched, closed.Pack, closed.Attempt, closed.Order, fact); break;
            case SweepEvent.PackRegrouped regrouped:
                RequireCurrent(watched, regrouped.Pack, regrouped.Attempt, null, fact);
                Require(regrouped.Generation.Value > watched.Model.Pack(new(fact.Sweep, regrouped.Pack)).Generation, $"I11: {regrouped} after a later generation");
                break;
            case SweepEvent.CheckpointStored stored: RequireCurrent(watched, stored.Checkpoint.Pack.Number, stored.Checkpoint.Attempt, null, fact); break;
            case SweepEvent.TrialEnded ended:
                var trial0 = watched.Model.Trial(new(fact.Sweep, ended.Result.TrialIndex));
                Require(trial0.Attempt == ended.Attempt.Value, $"I11: the trial is in attempt {trial0.Attempt}, ended by {ended}");
                break;
            default: break;
        }
    }

    private static void RequireCurrent(Watched watched, int pack, Attempt attempt, long? order, SweepEvent fact)
    {
        var model = watched.Model.Pack(new(fact.Sweep, pack));
        Require(model.IsLive && model.Attempt == attempt.Value, $"I11: {fact}, but attempt {model.Attempt} {(model.IsLive ? "runs" : "is over")}");
        Require(order is null || order == model.Orders + 1, $"I11: {fact} after order {model.Orders}");
    }

    private static void RequireNewer(Watched watched, TrialId trial, Attempt attempt, SweepEvent fact) =>
        Require(attempt.Value > watched.Model.Trial(trial).Attempt, $"I11: {fact}, but {trial} was in attempt {watched.Model.Trial(trial).Attempt} already");
}
