namespace Vae.Worker.Training;

/// <summary>
/// Finds out whether it pays to reduce buckets while backward goes on. It needs a core (or a network card) that has nothing else to do; where there is
/// none, the two only take time from each other. No table of machines knows which is the case, so the first steps try both: windows with and without
/// overlap take turns, and the mode of the lower median stays. The turns depend on nothing but the number of the step, so all ranks take them together;
/// the arithmetic is the same in both modes, so what is chosen changes no bit, and ranks may even choose differently.
/// </summary>
public sealed class OverlapChoice
{
    /// <summary>Steps before the first window: the first ones run cold code and are no measure of anything.</summary>
    public const int WarmUpSteps = 12;

    /// <summary>Steps of a window; the first of each is not counted, it still feels the mode before.</summary>
    public const int WindowSteps = 9;

    /// <summary>Windows, half of them with overlap. Many short ones, so that a disturbance of the machine hits both modes.</summary>
    public const int Windows = 8;

    // Overlap must gain this much: below it the two are equal within what such medians are worth, and the plain way wakes no second thread.
    private const double LeastGain = 0.01;

    private const int Samples = Windows / 2 * (WindowSteps - 1);

    private readonly double[] _with = new double[Samples];
    private readonly double[] _without = new double[Samples];
    private readonly bool? _forced;
    private int _steps;
    private int _withCount;
    private int _withoutCount;

    /// <param name="forced">The mode where the sweep file names one; null to measure.</param>
    public OverlapChoice(bool? forced) => _forced = forced;

    /// <summary>The mode of the step that comes next.</summary>
    public bool Overlaps => _forced ?? Chosen ?? TriesOverlap(_steps);

    /// <summary>What was found; null while it is being measured, and always when it is forced.</summary>
    public bool? Chosen { get; private set; }

    /// <summary>Median of the measured steps with overlap, in seconds; 0 before the choice.</summary>
    public double SecondsWith { get; private set; }

    /// <summary>Median of the measured steps without overlap, in seconds; 0 before the choice.</summary>
    public double SecondsWithout { get; private set; }

    /// <summary>A step ran from the beginning of its backward to the end of its all-reduce in <paramref name="seconds"/>. Allocates nothing.</summary>
    /// <returns>True when this step settled the choice.</returns>
    public bool Measured(double seconds)
    {
        if (_forced is not null || Chosen is not null) return false;
        var place = _steps - WarmUpSteps;
        if (place >= 0 && place % WindowSteps != 0)
        {
            if (TriesOverlap(_steps)) _with[_withCount++] = seconds;
            else _without[_withoutCount++] = seconds;
        }

        _steps++;
        if (_steps < WarmUpSteps + (Windows * WindowSteps)) return false;
        SecondsWith = Median(_with);
        SecondsWithout = Median(_without);
        Chosen = SecondsWith < SecondsWithout * (1 - LeastGain);
        return true;
    }

    private static bool TriesOverlap(int step) => step >= WarmUpSteps && (step - WarmUpSteps) / WindowSteps % 2 == 1;

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return (values[(values.Length - 1) / 2] + values[values.Length / 2]) / 2;
    }
}
