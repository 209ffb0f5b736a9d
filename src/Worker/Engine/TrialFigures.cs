using Vae.Data;
using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Worker.Engine;

/// <summary>What is known of a trial once it has ended, beside its last report.</summary>
/// <param name="Figures">The metric of the sweep and what was computed with it.</param>
/// <param name="Lack">Why the metric cannot be told, as a sentence without a full stop; empty when it is.</param>
internal readonly record struct EndFigures(ValueList<NamedFigure> Figures, string Lack)
{
    public static EndFigures None { get; } = new([], "");
}

/// <summary>Metrics that a sweep ranks by and that training does not know: computed once, when a trial ends, from the weights that are stored, behind the training thread's back.</summary>
internal static class TrialFigures
{
    /// <summary>The figures of the sweep's metric, from held-out rows, and of <c>auroc_elbo</c> from excluded ones too; none where every evaluation tells it. Draws are those of <c>vae model evaluate</c> with the trial's seed, so it shows the same numbers.</summary>
    public static EndFigures Of(
        ReplicaAssignment assignment, TrialSpec trial, HeldOutReport report, PackNetwork network, ImageSet images, ImageSet? excluded, RowRange heldOut, CancellationToken cancellation)
    {
        var name = MetricTable.Of(assignment.Metric).Name;
        if (assignment.Metric == ObjectiveMetric.BitsPerDimension) return new([new(name, -report.Elbo / (network.Image.Values * Math.Log(2)))], "");
        var isAnomaly = assignment.Metric == ObjectiveMetric.AurocElbo;
        if (isAnomaly && excluded is null) return Lacking("held-out rows of labels that dataset.exclude_labels leaves out");
        var group = GroupOf(assignment.Metric);
        if (group is null && !isAnomaly) return EndFigures.None;
        var any = GenerativeModel.Of(network, trial.Model);
        var rows = new EvaluationRows(images, assignment.Source.Binarize, trial.Training.Seed, any.Device);
        var ranges = new EvaluationRanges(new RowRange(0, heldOut.First), heldOut);
        if (any is CodeModel codes)
        {
            var coded = new CodeEvaluation(codes, rows, ranges);
            if (group is not { } asked) return Told(coded.Anomalies(excluded!));
            return coded.Lacks(asked) is { } lacking ? Lacking(lacking) : Told(coded.Compute(asked));
        }

        var model = LatentModel.Of(network, trial.Model);
        var drawn = assignment.Source.Source == DatasetSource.Sprites && images.Channels == 1;
        var evaluation = new ModelEvaluation(model, rows, ranges, drawn);
        if (group is not { } wanted) return Told(evaluation.Anomalies(excluded!, cancellation));
        // A file may hold less than its source promises, which nobody knows before it is read.
        return evaluation.Lacks(wanted) is { } missing ? Lacking(missing) : Told(evaluation.Compute(wanted, MetricTable.Draws, cancellation: cancellation));

        EndFigures Lacking(string what) => new([], $"no rank: {name} needs {what}, which the data set or the model has not; rank by another metric (objective.metric)");

        static EndFigures Told(IEnumerable<Measured> measured) => new(measured.Select(figure => new NamedFigure(figure.Name, figure.Value)).ToValueList(), "");
    }

    private static MetricGroup? GroupOf(ObjectiveMetric metric) => metric switch
    {
        ObjectiveMetric.LogLikelihood => MetricGroup.LogLikelihood,
        ObjectiveMetric.MarginalKl or ObjectiveMetric.MutualInformation => MetricGroup.AggregatePosterior,
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
