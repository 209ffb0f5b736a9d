using System.Globalization;
using Vae.Data.Files;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>What the head of a curve's file says.</summary>
/// <param name="Gaps">Steps without a point.</param>
/// <param name="Damaged">Points that were left out because they are not what was written.</param>
internal sealed record CurveHead(IReadOnlyList<CurveGap> Gaps, int Damaged);

/// <summary>Writes <c>curves.csv</c> of a trial from the stored points. What the curve lacks comes first, so that a reader knows it from the head of the file.</summary>
internal static class CurveWriter
{
    private const int TrainPointsMax = 20_000; // 1.5 MB of text; longer curves are thinned by the store, spikes kept.

    private const string Header = "kind,step,epoch,loss,distortion,rate,beta,elbo,active_units,last_step,seconds,figures";
    private const string Gap = "gap", Damaged = "damaged", Thinned = "thinned";

    /// <summary>Writes the file.</summary>
    /// <param name="path">The file; replaced as a whole.</param>
    /// <param name="points">The store.</param>
    /// <param name="trial">The trial.</param>
    /// <param name="attempt">Its last attempt.</param>
    /// <param name="end">Its last step.</param>
    /// <param name="damaged">Hears of points that are not what was written, and are left out.</param>
    /// <returns>The steps without a point.</returns>
    public static IReadOnlyList<CurveGap> Write(string path, IPointReader points, TrialId trial, Attempt attempt, Step end, Action<DamagedPoint> damaged)
    {
        var lost = new List<DamagedPoint>();
        var steps = TrialCurve.TrainSteps(points, trial, attempt, TrainPointsMax, Leave);
        var lostSteps = lost.Count;
        var epochs = TrialCurve.Epochs(points, trial, attempt, Leave);
        var gaps = TrialCurve.Gaps(points, trial, attempt, end);
        AtomicFile.Write(path, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
            writer.WriteLine(Header);
            foreach (var gap in gaps) WriteRange(writer, Gap, gap.First, gap.Last);
            foreach (var point in lost) WriteRange(writer, Damaged, point.Step, point.Step);
            if (steps.Count > 0 && steps.Count + lostSteps < end.Value - gaps.Sum(gap => gap.Steps)) WriteRange(writer, Thinned, steps[0].Step, steps[^1].Step);
            foreach (var p in steps)
            {
                writer.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"train,{p.Step.Value},{p.EpochIndex},{p.Loss:R},{p.Distortion:R},{p.Rate:R},{p.Beta:R},,,,{p.Seconds:R},"));
            }

            foreach (var p in epochs)
            {
                writer.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"held_out,{p.Step.Value},{p.EpochsDone},{p.TrainLoss:R},{p.Distortion:R},{p.Rate:R},,{p.Elbo:R},{p.ActiveUnits},,{p.Seconds:R},{FigureColumn.Write(p.Figures)}"));
            }
        });
        return gaps;

        void Leave(DamagedPoint point)
        {
            lost.Add(point);
            damaged(point);
        }
    }

    /// <summary>What the head of a file says that its curve lacks; nothing of a file that is not there, or was written before that was said.</summary>
    public static CurveHead ReadHead(string path)
    {
        var (gaps, damaged) = (new List<CurveGap>(), 0);
        try
        {
            foreach (var line in File.ReadLines(path).Skip(1))
            {
                if (line.Split(',') is not [Gap or Damaged, var first, _, _, _, _, _, _, _, var last, ..] parts) break;
                if (parts[0] == Damaged) damaged++;
                else if (long.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var from) && long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var to)) gaps.Add(new(new(from), new(to)));
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Nothing is known of it.
        }

        return new(gaps, damaged);
    }

    // Of a damaged point not even the step may be known.
    private static void WriteRange(StreamWriter writer, string kind, Step? first, Step? last) =>
        writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kind},{first?.Value},,,,,,,,{last?.Value},,"));
}
