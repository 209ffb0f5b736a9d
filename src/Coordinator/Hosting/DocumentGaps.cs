using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>Adds to a sweep's document what the curves of its trials lack. The facts do not know it; the heads of the written curves do.</summary>
public static class DocumentGaps
{
    private const int GapsShownMax = 100; // The file has more.

    private static readonly string CurveFile = SweepFolders.FileName(ArtifactKind.Curves);

    /// <summary>The document with gaps. Opens a file for each trial with a result.</summary>
    public static SweepDocument WithGaps(this SweepDocument document, SweepFolders folders) =>
        document with { Trials = [.. document.Trials.Select(trial => trial.Files.Contains(CurveFile) ? WithGaps(trial, new(new(document.Sweep.Id), trial.Trial), folders) : trial)] };

    private static TrialDocument WithGaps(TrialDocument trial, TrialId id, SweepFolders folders)
    {
        var (gaps, damaged) = CurveWriter.ReadHead(folders.File(id, ArtifactKind.Curves));
        return trial with { LackingSteps = gaps.Sum(gap => gap.Steps), Gaps = [.. gaps.Take(GapsShownMax).Select(gap => new GapDocument(gap.First.Value, gap.Last.Value))], DamagedPoints = damaged };
    }
}
