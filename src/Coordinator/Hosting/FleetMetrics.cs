using Vae.Coordinator.Projections;
using Vae.Runtime.Telemetry;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>Shows sweeps and workers to Prometheus. Series of sweeps that ended are dropped once ten more have, so that their number stays bounded.</summary>
internal sealed class FleetMetrics
{
    private const int EndedMax = 10;
    private const int GoneMax = 20; // Pods come back under new names; the old ones must not stay down for ever.

    private readonly Queue<SweepId> _ended = new();
    private readonly List<NodeId> _gone = [];
    private readonly Dictionary<SweepId, (int Filled, int Empty)> _slots; // Of sweeps with packs that train.
    private readonly VaeMetrics _metrics;
    private readonly SweepViews _views;
    private readonly TimeProvider _time;

    public FleetMetrics(VaeMetrics metrics, SweepViews views, TimeProvider time)
    {
        (_metrics, _views, _time) = (metrics, views, time);
        _slots = views.ReadAll(view => (view.Id, Slots: Slots(view))).Where(one => one.Slots != default).ToDictionary(one => one.Id, one => one.Slots);
        ShowSlots();
    }

    public void Observe(ObserverMessage message)
    {
        switch (message)
        {
            case ObserverMessage.FactRecorded { Fact: var fact }: Record(fact); break;
            case ObserverMessage.WorkerUpdated worker: Record(worker); break;
            case ObserverMessage.StandingsChanged changed:
                for (var standing = 0; standing < changed.Counts.Count; standing++) _metrics.SetWorkers((WorkerStanding)standing, changed.Counts[standing]);
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
        var ended = _views.Read(sweep.Sweep, view => view.Best?.Result);
        if (ended is not null && !(sweep.BestElbo > ended.Elbo)) _metrics.SetBest(sweep.Sweep, ended.Elbo, ended.ActiveUnits);
        else if (double.IsFinite(sweep.BestElbo)) _metrics.SetBest(sweep.Sweep, sweep.BestElbo, sweep.ActiveUnits);
    }

    private void Record(ObserverMessage.WorkerUpdated worker)
    {
        _metrics.SetWorkerUp(worker.Worker, worker.Alive);
        _metrics.SetWorkerSlowdown(worker.Worker, double.IsFinite(worker.Load.Slowdown) && worker.Alive ? worker.Load.Slowdown : 1);
        _metrics.SetLinkSlowdown(worker.Worker, worker.Load.Link is { } link && double.IsFinite(link.Slowdown) && worker.Alive ? link.Slowdown : 1);
        _gone.Remove(worker.Worker);
        if (worker.Alive) return;
        if (worker.Left)
        {
            _metrics.ForgetWorker(worker.Worker);
            return;
        }

        _gone.Add(worker.Worker);
        if (_gone.Count <= GoneMax) return;
        _metrics.ForgetWorker(_gone[0]);
        _gone.RemoveAt(0);
    }

    private void Record(SweepEvent fact)
    {
        if (fact is SweepEvent.Submitted) _metrics.CreateSweep(fact.Sweep);
        if (fact is SweepEvent.TrialEnded ended) _metrics.TrialFinished(ended.Result.State);
        if (fact is SweepEvent.CheckpointStored stored) _metrics.CheckpointKept(stored.Checkpoint.Bytes, _time.GetUtcNow());
        var counts = _views.Read(fact.Sweep, Counts);
        foreach (var (state, count) in counts ?? []) _metrics.SetTrials(fact.Sweep, state, count);
        CountSlots(fact);
        if (fact is not SweepEvent.Ended) return;
        _ended.Enqueue(fact.Sweep);
        if (_ended.Count > EndedMax) _metrics.ForgetSweep(_ended.Dequeue());
    }

    private void CountSlots(SweepEvent fact)
    {
        if (fact is not (SweepEvent.PackStarted or SweepEvent.SlotFilled or SweepEvent.TrialEnded or SweepEvent.PackInterrupted or SweepEvent.PackEnded or SweepEvent.Ended)) return;
        var slots = _views.Read(fact.Sweep, Slots);
        if (slots == default) _slots.Remove(fact.Sweep);
        else _slots[fact.Sweep] = slots;
        ShowSlots();
    }

    private void ShowSlots() => _metrics.SetPackSlots(_slots.Values.Sum(one => one.Filled), _slots.Values.Sum(one => one.Empty));

    private static (int Filled, int Empty) Slots(SweepView view) => view.State != SweepState.Running
        ? default
        : (view.Packs.Values.Sum(pack => Filled(view, pack)), view.Packs.Values.Sum(pack => pack.Started.Shape.Slots - Filled(view, pack)));

    // A trial may wait for its slot behind the one in it.
    private static int Filled(SweepView view, PackRow pack) => pack.Live.Select(trial => view.Row(trial).Slot).Distinct().Count();

    private static List<(TrialState State, int Count)> Counts(SweepView view) => [.. Enum.GetValues<TrialState>().Select(state => (state, view.Count(state)))];
}
