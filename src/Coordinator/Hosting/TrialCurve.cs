using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>The curve of a trial over all its attempts. An attempt that goes on from a checkpoint computes again what the one before had computed beyond it: for each step the newest attempt counts.</summary>
internal static class TrialCurve
{
    /// <summary>Runs of lacking steps that are told of one attempt: a worker that thins drops every other step, so they can be many.</summary>
    public const int GapsMax = 1_000;

    private const int EndsOnly = 4; // The least that a store thins a curve to; the first and the last point are always there.

    /// <summary>The training steps, by step.</summary>
    /// <param name="points">The store.</param>
    /// <param name="trial">The trial.</param>
    /// <param name="last">Its last attempt.</param>
    /// <param name="pointsMax">Most points of one attempt; longer curves are thinned, spikes kept.</param>
    /// <param name="damaged">Hears of points that are not what was written, and are left out. Null: the first of them is an exception.</param>
    public static IReadOnlyList<MetricPoint.TrainStep> TrainSteps(IPointReader points, TrialId trial, Attempt last, int pointsMax, Action<DamagedPoint>? damaged = null) =>
        Join(points.ReadAttempts(trial), last, attempt => points.ReadTrainSteps(trial, attempt, pointsMax, damaged));

    /// <summary>The evaluations, by step.</summary>
    /// <inheritdoc cref="TrainSteps"/>
    public static IReadOnlyList<MetricPoint.Evaluation> Epochs(IPointReader points, TrialId trial, Attempt last, Action<DamagedPoint>? damaged = null) =>
        Join(points.ReadAttempts(trial), last, attempt => points.ReadEpochs(trial, attempt, damaged));

    /// <summary>The steps from the first to <paramref name="end"/> that have no point in this curve, in order; of each attempt the first <see cref="GapsMax"/> runs.</summary>
    /// <param name="points">The store.</param>
    /// <param name="trial">The trial.</param>
    /// <param name="last">Its last attempt.</param>
    /// <param name="end">The last step that was trained.</param>
    public static IReadOnlyList<CurveGap> Gaps(IPointReader points, TrialId trial, Attempt last, Step end)
    {
        var gaps = new List<CurveGap>();
        long first = long.MaxValue, after = long.MinValue; // The newer attempts cover from first to before after.
        foreach (var attempt in points.ReadAttempts(trial).Where(attempt => attempt.Value <= last.Value).OrderByDescending(attempt => attempt.Value))
        {
            var ends = points.ReadTrainSteps(trial, attempt, EndsOnly, _ => { });
            if (ends.Count == 0) continue;
            var (from, to) = (ends[0].Step.Value, ends[^1].Step.Value + 1);
            foreach (var gap in points.ReadGaps(trial, attempt, GapsMax))
            {
                Add(gap.First.Value, Math.Min(gap.Last.Value + 1, first));
                if (after > long.MinValue) Add(Math.Max(gap.First.Value, after), gap.Last.Value + 1);
            }

            if (after > long.MinValue)
            {
                Add(to, first); // Between this attempt's end and a newer one's beginning.
                Add(after, from);
            }

            (first, after) = (Math.Min(first, from), Math.Max(after, to));
        }

        Add(1, Math.Min(first, end.Value + 1));
        if (after > long.MinValue) Add(after, end.Value + 1);
        return [.. gaps.OrderBy(gap => gap.First.Value)];

        void Add(long from, long before)
        {
            if (from < before) gaps.Add(new(new(from), new(before - 1)));
        }
    }

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
