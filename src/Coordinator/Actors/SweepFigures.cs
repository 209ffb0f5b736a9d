using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>Running figures per sweep, for gauges and live progress. The ranking itself comes from results, see <see cref="Projections.SweepView"/>.</summary>
internal sealed class SweepFigures
{
    /// <summary>Sweeps kept; beyond them the one that was new longest ago is forgotten. As many as run at once.</summary>
    public const int SweepsMax = SweepBook.RunningMax;

    private readonly Dictionary<SweepId, SweepAggregate> _figures = [];
    private readonly Queue<SweepId> _byAge = [];

    public SweepAggregate Add(MetricPoint point) => Change(point.Trial.Sweep, figures => point switch
    {
        MetricPoint.TrainStep => figures with { TrainSteps = figures.TrainSteps + 1 },
        MetricPoint.Evaluation evaluation when double.IsFinite(evaluation.Elbo) && !(evaluation.Elbo <= figures.BestElbo) => figures with
        {
            Evaluations = figures.Evaluations + 1,
            BestElbo = evaluation.Elbo,
            BestTrial = point.Trial.Index,
            ActiveUnits = evaluation.ActiveUnits,
        },
        _ => figures with { Evaluations = figures.Evaluations + 1 },
    });

    public SweepAggregate AddThinned(SweepId sweep, int thinned) => Change(sweep, figures => figures with { Thinned = figures.Thinned + thinned });

    private SweepAggregate Change(SweepId sweep, Func<SweepAggregate, SweepAggregate> change)
    {
        if (!_figures.TryGetValue(sweep, out var figures))
        {
            if (_byAge.Count >= SweepsMax) _figures.Remove(_byAge.Dequeue());
            _byAge.Enqueue(sweep);
            figures = new(sweep, 0, 0, 0, double.NaN, -1, 0);
        }

        return _figures[sweep] = change(figures);
    }
}
