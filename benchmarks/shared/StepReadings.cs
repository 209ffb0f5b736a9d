using System.Diagnostics;
using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Worker.Training;

namespace Vae.Benchmarks;

/// <summary>Wall time of each step of a pack after the warm-up, from one step's end to the next one's, for what lies between steps counts too; and where it went. Compiled into every benchmark that times steps.</summary>
internal sealed class StepReadings(int warmup) : ITrainingListener
{
    private readonly List<double> _times = [];
    private readonly double[] _phases = new double[5];
    private long _last = Stopwatch.GetTimestamp();
    private long _steps;
    private double _exchange;
    private long _rows;

    /// <summary>Of the last step of the first slot's trial.</summary>
    public double Loss { get; private set; }

    public OverlapChoice? Choice { get; private set; }

    public double[]? Shares { get; private set; }

    public double MedianMilliseconds => Median(_times);

    /// <summary>In the order in which they were measured.</summary>
    public IReadOnlyList<double> Milliseconds => _times;

    public double MeanMilliseconds => _times.Average();

    public double RowsPerStep => (double)_rows / _times.Count;

    public double ExchangeMilliseconds => _exchange / _times.Count * 1e3;

    public double HiddenShare => _exchange > 0 ? Math.Max(0, 1 - (_phases[(int)StepPhase.AllReduce] / _exchange)) : 0;

    public double[] PhaseMilliseconds => [.. _phases.Select(seconds => Math.Round(seconds / _times.Count * 1e3, 3))];

    public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds)
    {
        if (slot == 0) Loss = distortion + rate;
    }

    public void StepTimed(StepClock clock, int trials, int rows)
    {
        var now = Stopwatch.GetTimestamp();
        if (++_steps > warmup)
        {
            _times.Add(Stopwatch.GetElapsedTime(_last, now).TotalMilliseconds);
            for (var phase = 0; phase < _phases.Length; phase++) _phases[phase] += clock.Seconds((StepPhase)phase);
            _exchange += clock.ExchangeSeconds;
            _rows += rows;
        }

        _last = now;
    }

    public void OverlapChosen(OverlapChoice choice) => Choice = choice;

    public void RowsShared(RowBalance balance) => Shares = [.. balance.Shares.ToArray().Select(share => Math.Round(share, 3))];

    public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss)
    {
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }
}
