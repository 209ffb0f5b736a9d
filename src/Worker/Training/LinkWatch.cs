using System.Diagnostics;
using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

/// <summary>
/// Measures the links of a ring every now and then and lets all ranks know of all of them. Where the engine has no links of its own (shared memory, libtorch's) it does nothing.
/// How many steps lie between two measurements follows from numbers that all ranks have, so that all come to it together: about a second, at most <see cref="StepsMax"/> steps so that a link that gets bad is seen soon, and
/// more where a measurement itself takes so long that it would be more than a twentieth of the time.
/// </summary>
public sealed class LinkWatch
{
    /// <summary>Fewest steps between two measurements, and what the first few come after.</summary>
    public const int StepsMin = 8;

    /// <summary>Most steps between two measurements that take no time to speak of.</summary>
    public const int StepsMax = 64;

    private const double PeriodSeconds = 1;
    private const double ProbeShare = 1.0 / 20;
    private const int Figures = 4; // Of each link: round trip, rate, step and probe.

    private readonly ILinkProbe? _ring;
    private readonly float[] _exchanged = [];
    private readonly LinkReading[] _readings = [];
    private AllReduceStatistics _before;
    private double _seconds;
    private long _steps;
    private double _due = StepsMin;
    private float _probeSeconds;

    /// <param name="allReduce">The ring of this generation.</param>
    public LinkWatch(IAllReduce allReduce)
    {
        if (allReduce.WorldSize == 1 || allReduce is not ILinkProbe ring) return;
        _ring = ring;
        Costs = new LinkCosts(ring.WorldSize);
        (_exchanged, _readings) = (new float[Figures * ring.WorldSize], new LinkReading[ring.WorldSize]);
    }

    /// <summary>What was found; null where there are no links to measure.</summary>
    public LinkCosts? Costs { get; }

    /// <summary>A step was applied, which took so long, waiting included.</summary>
    public void StepDone(double seconds)
    {
        _seconds += seconds;
        _steps++;
    }

    /// <summary>Measures all links when enough steps are done. Round trips and a sum, so all ranks must call it after the same steps, between the same two sums. Allocates nothing.</summary>
    /// <param name="step">The update.</param>
    /// <param name="bucket">A bucket number that nothing else of this step uses.</param>
    /// <returns>True when there is something new to tell.</returns>
    /// <exception cref="AllReduceException">A peer is gone or silent.</exception>
    public bool MeasureIfDue(long step, int bucket)
    {
        if (_ring is null || _steps < _due) return false;
        var now = _ring.Statistics;
        var (sums, bytes) = ((double)(now.Calls - _before.Calls) / _steps, (double)(now.BytesSent - _before.BytesSent) / _steps);
        var began = Stopwatch.GetTimestamp();
        var own = _ring.Probe(step);
        Array.Clear(_exchanged);
        Say(_exchanged.AsSpan(_ring.Rank * Figures, Figures), own);
        _ring.AllReduce(_exchanged, step, bucket);
        var (stepSeconds, probeSeconds) = Hear();
        Costs!.PeriodDone(_readings, new LinkUse(stepSeconds, sums, bytes));
        _due = Costs.Periods < LinkCosts.PeriodsToAct ? StepsMin : StepsUntilNext(stepSeconds, probeSeconds);
        _probeSeconds = (float)Stopwatch.GetElapsedTime(began).TotalSeconds; // Of the whole; told the next time.
        (_before, _seconds, _steps) = (_ring.Statistics, 0, 0);
        return true;
    }

    private static double StepsUntilNext(double stepSeconds, double probeSeconds) =>
        Math.Max(Math.Clamp(PeriodSeconds / stepSeconds, StepsMin, StepsMax), probeSeconds / ProbeShare / stepSeconds);

    private void Say(Span<float> own, LinkReading reading) =>
        (own[0], own[1], own[2], own[3]) = ((float)reading.RoundTripSeconds, (float)reading.BytesPerSecond, (float)(_seconds / _steps), _probeSeconds);

    // The slowest rank's word counts for all.
    private (double StepSeconds, double ProbeSeconds) Hear()
    {
        double step = 0, probe = 0;
        for (var link = 0; link < _readings.Length; link++)
        {
            var said = _exchanged.AsSpan(link * Figures, Figures);
            _readings[link] = new(said[0], said[1]);
            (step, probe) = (Math.Max(step, said[2]), Math.Max(probe, said[3]));
        }

        return (step, probe);
    }
}
