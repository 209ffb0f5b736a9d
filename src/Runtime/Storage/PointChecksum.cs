using System.Numerics;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Runtime.Storage;

/// <summary>A metric point in the store that is not what was written. It is left out of what is read.</summary>
/// <param name="Trial">Whose.</param>
/// <param name="Attempt">Of which attempt.</param>
/// <param name="Text">What is damaged where; fit for a user.</param>
public sealed record DamagedPoint(TrialId Trial, Attempt Attempt, string Text)
{
    /// <summary>The step that its row names, which may be what is damaged; null where not even that can be read.</summary>
    public Step? Step { get; init; }
}

/// <summary>
/// The CRC-32C that each row of a curve carries, over all its columns and whose it is. Stores check the structure of their pages, not the content: without it a bit that turns over in a loss is just another loss.
/// Rows of a version that wrote none are believed.
/// </summary>
internal static class PointChecksum
{
    /// <summary>Of a row, 0 to 2^32 - 1.</summary>
    public static long Of(MetricPoint point)
    {
        var sum = Add(Add(uint.MaxValue, point.Trial.Index), ((long)point.Attempt.Value << 32) | (point is MetricPoint.TrainStep ? 0u : 1u));
        sum = Add(sum, point.Step.Value);
        return ~(point switch
        {
            MetricPoint.TrainStep step => Add(Add(Add(Add(Add(Add(sum, step.EpochIndex), step.Loss), step.Distortion), step.Rate), step.Beta), step.Seconds),
            MetricPoint.Evaluation epoch => OfEvaluation(sum, epoch),
            _ => throw new InvalidOperationException($"No row for {point.GetType().Name}."),
        });
    }

    /// <summary>Reads one row.</summary>
    /// <param name="read">The point and the checksum of its row; null where it has none.</param>
    /// <param name="place">The store.</param>
    /// <param name="trial">Whose.</param>
    /// <param name="attempt">Of which attempt.</param>
    /// <param name="damaged">Hears of it when it is damaged.</param>
    /// <returns>Null when it is damaged and somebody was told so.</returns>
    /// <exception cref="StoreException">It is damaged, and nobody is to be told.</exception>
    public static T? Read<T>(Func<(T Point, long? Sum)> read, string place, TrialId trial, Attempt attempt, Action<DamagedPoint>? damaged) where T : MetricPoint
    {
        string what;
        Step? step = null;
        Exception? cause = null;
        try
        {
            var (point, sum) = read();
            if (sum is null || sum == Of(point)) return point;
            (what, step) = ($"the {Kind<T>()} of step {point.Step.Value}", point.Step);
        }
        catch (Exception exception) when (exception is InvalidCastException or InvalidOperationException or FormatException or OverflowException)
        {
            (what, cause) = ($"a {Kind<T>()}", exception); // Not even its columns are what they were.
        }

        var text = $"{place}: {what} of trial {trial}, attempt {attempt.Value}, is damaged: its checksum does not match. The other points of the curve are not touched by it; a backup of the store may have it whole.";
        if (damaged is null) throw new StoreException(StoreFault.Damaged, text, cause);
        damaged(new(trial, attempt, text) { Step = step });
        return null;
    }

    private static string Kind<T>() => typeof(T) == typeof(MetricPoint.TrainStep) ? "reading" : "evaluation";

    private static uint OfEvaluation(uint sum, MetricPoint.Evaluation epoch)
    {
        sum = Add(Add(Add(Add(Add(sum, epoch.EpochsDone), epoch.Elbo), epoch.Distortion), epoch.Rate), epoch.ActiveUnits);
        foreach (var rate in epoch.KlPerDimension.Span) sum = Add(sum, rate);
        sum = Add(Add(Add(sum, epoch.KlPerDimension.Count), epoch.TrainLoss), epoch.Seconds);
        foreach (var (name, value) in epoch.Figures) // Without figures the sum is that of the versions before them.
        {
            foreach (var letter in name) sum = Add(sum, letter);
            sum = Add(sum, value);
        }

        return sum;
    }

    private static uint Add(uint sum, long value) => BitOperations.Crc32C(sum, (ulong)value);

    // Stores keep one NaN and one zero.
    private static uint Add(uint sum, double value) => Add(sum, BitConverter.DoubleToInt64Bits(double.IsNaN(value) ? double.NaN : value + 0.0));
}
