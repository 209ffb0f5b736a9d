using Vae.Coordinator.Projections;
using Vae.Runtime.Telemetry;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>Shows sweeps and workers to Prometheus. Series of sweeps that ended are dropped once more than a few hundred have, so that their number stays bounded.</summary>
internal sealed class FleetMetrics(VaeMetrics metrics, SweepViews views)
{
    private const int EndedMax = 50;
    private const int GoneMax = 20; // Pods come back under new names; the old ones must not stay down for ever.

    private readonly Queue<SweepId> _ended = new();
    private readonly List<NodeId> _gone = [];

    public void Observe(ObserverMessage message)
    {
        switch (message)
        {
            case ObserverMessage.FactRecorded { Fact: var fact }: Record(fact); break;
            case ObserverMessage.WorkerUpdated worker: Record(worker); break;
            case ObserverMessage.StandingsChanged changed:
                for (var standing = 0; standing < changed.Counts.Count; standing++) metrics.SetWorkers((WorkerStanding)standing, changed.Counts[standing]);
                break;
            case ObserverMessage.AggregatesChanged changed:
                foreach (var sweep in changed.Sweeps) Record(sweep);
                break;
            default: break;
        }
    }

    // The running figures begin anew with each process; results of trials that ended before it are in the view.
    private void Record(SweepAggregate sweep)
    {
        var ended = views.Read(sweep.Sweep, view => view.Best?.Result);
        if (ended is not null && !(sweep.BestElbo > ended.Elbo)) metrics.SetBest(sweep.Sweep, ended.Elbo, ended.ActiveUnits);
        else if (double.IsFinite(sweep.BestElbo)) metrics.SetBest(sweep.Sweep, sweep.BestElbo, sweep.ActiveUnits);
    }

    private void Record(ObserverMessage.WorkerUpdated worker)
    {
        metrics.SetWorkerUp(worker.Worker, worker.Alive);
        metrics.SetWorkerSlowdown(worker.Worker, double.IsFinite(worker.Load.Slowdown) && worker.Alive ? worker.Load.Slowdown : 1);
        _gone.Remove(worker.Worker);
        if (worker.Alive) return;
        if (worker.Left)
        {
            metrics.ForgetWorker(worker.Worker);
            return;
        }

        _gone.Add(worker.Worker);
        if (_gone.Count <= GoneMax) return;
        metrics.ForgetWorker(_gone[0]);
        _gone.RemoveAt(0);
    }

    private void Record(SweepEvent fact)
    {
        if (fact is SweepEvent.Submitted) metrics.CreateSweep(fact.Sweep);
        if (fact is SweepEvent.TrialEnded ended) metrics.TrialFinished(fact.Sweep, ended.Result.State);
        var counts = views.Read(fact.Sweep, Counts);
        foreach (var (state, count) in counts ?? []) metrics.SetTrials(fact.Sweep, state, count);
        if (fact is not SweepEvent.Ended) return;
        _ended.Enqueue(fact.Sweep);
        if (_ended.Count > EndedMax) metrics.ForgetSweep(_ended.Dequeue());
    }

    private static List<(TrialState State, int Count)> Counts(SweepView view) => [.. Enum.GetValues<TrialState>().Select(state => (state, view.Count(state)))];
}
