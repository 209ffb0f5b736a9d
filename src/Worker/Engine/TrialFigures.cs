using Vae.Data;
using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Worker.Engine;

/// <summary>Metrics that a sweep ranks by and that training does not know: computed once, when a trial ends, from the weights that are stored, behind the training thread's back.</summary>
internal static class TrialFigures
{
    /// <summary>What the trial's own objective reported (a perplexity, an importance-weighted bound), then the figures of the sweep's metric, where no evaluation tells it. Draws are those of <c>vae model evaluate</c> with the trial's seed, so it shows the same numbers.</summary>
    public static ValueList<NamedFigure> Of(
        ReplicaAssignment assignment, TrialSpec trial, HeldOutReport report, PackNetwork network, ImageSet images, RowRange heldOut, CancellationToken cancellation)
    {
        return [.. report.Figures.Select(figure => new NamedFigure(figure.Name, figure.Value)), .. OfMetric(assignment, trial, report, network, images, heldOut, cancellation)];
    }

    private static IEnumerable<NamedFigure> OfMetric(
        ReplicaAssignment assignment, TrialSpec trial, HeldOutReport report, PackNetwork network, ImageSet images, RowRange heldOut, CancellationToken cancellation)
    {
        if (assignment.Metric == ObjectiveMetric.BitsPerDimension) return [new(MetricTable.Of(assignment.Metric).Name, -report.Elbo / (network.Image.Values * Math.Log(2)))];
        if (GroupOf(assignment.Metric) is not { } group) return [];
        var any = GenerativeModel.Of(network, trial.Model);
        var rows = new EvaluationRows(images, assignment.Source.Binarize, trial.Training.Seed, any.Device);
        if (any is CodeModel codes)
        {
            var coded = new CodeEvaluation(codes, rows, new(new RowRange(0, heldOut.First), heldOut));
            return coded.Lacks(group) is null ? coded.Compute(group).Select(Named) : [];
        }

        var model = LatentModel.Of(network, trial.Model);
        var drawn = assignment.Source.Source == DatasetSource.Sprites && images.Channels == 1;
        var evaluation = new ModelEvaluation(model, rows, new(new RowRange(0, heldOut.First), heldOut), drawn);
        if (evaluation.Lacks(group) is not null) return []; // A file may hold less than its source promises: the trial then has no rank.
        return evaluation.Compute(group, MetricTable.Draws, cancellation: cancellation).Select(Named);
    }

    private static NamedFigure Named(Measured figure) => new(figure.Name, figure.Value);

    private static MetricGroup? GroupOf(ObjectiveMetric metric) => metric switch
    {
        ObjectiveMetric.LogLikelihood => MetricGroup.LogLikelihood,
        ObjectiveMetric.ReconstructionError => MetricGroup.ReconstructionError,
        ObjectiveMetric.LinearProbe => MetricGroup.LinearProbe,
        ObjectiveMetric.Knn => MetricGroup.Knn,
        ObjectiveMetric.Mig => MetricGroup.Mig,
        ObjectiveMetric.FactorVaeScore => MetricGroup.FactorVaeScore,
        ObjectiveMetric.Dci => MetricGroup.Dci,
        ObjectiveMetric.Sap => MetricGroup.Sap,
        _ => null,
    };
}
