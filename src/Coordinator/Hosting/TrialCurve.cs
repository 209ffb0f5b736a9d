using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>The curve of a trial over all its attempts. An attempt that goes on from a checkpoint computes again what the one before had computed beyond it: for each step the newest attempt counts.</summary>
internal static class TrialCurve
{
    /// <summary>The training steps, by step.</summary>
    /// <param name="points">The store.</param>
    /// <param name="trial">The trial.</param>
    /// <param name="last">Its last attempt.</param>
    /// <param name="pointsMax">Most points of one attempt; longer curves are thinned, spikes kept.</param>
    public static IReadOnlyList<MetricPoint.TrainStep> TrainSteps(IPointReader points, TrialId trial, Attempt last, int pointsMax) =>
        Join(points.ReadAttempts(trial), last, attempt => points.ReadTrainSteps(trial, attempt, pointsMax));

    /// <summary>The evaluations, by step.</summary>
    public static IReadOnlyList<MetricPoint.Evaluation> Epochs(IPointReader points, TrialId trial, Attempt last) => Join(points.ReadAttempts(trial), last, attempt => points.ReadEpochs(trial, attempt));

    // From the newest attempt to the oldest; of each only what lies outside of all newer ones.
    private static List<T> Join<T>(IReadOnlyList<Attempt> attempts, Attempt last, Func<Attempt, IReadOnlyList<T>> read) where T : MetricPoint
    {
        var parts = new List<T>();
        long first = long.MaxValue, end = long.MinValue;
        foreach (var attempt in attempts.Where(attempt => attempt.Value <= last.Value).OrderByDescending(attempt => attempt.Value))
        {
            var own = read(attempt).Where(point => point.Step.Value < first || point.Step.Value > end).ToList();
            if (own.Count == 0) continue;
            (first, end) = (Math.Min(first, own.Min(point => point.Step.Value)), Math.Max(end, own.Max(point => point.Step.Value)));
            parts.AddRange(own);
        }

        return [.. parts.OrderBy(point => point.Step.Value)];
    }
}
