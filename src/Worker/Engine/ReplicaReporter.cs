using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>
/// Turns what the trainer tells into points and metrics. Steps are kept as plain numbers and become points a batch at a time, so that the
/// training thread pays a few stores per step.
/// </summary>
internal sealed class ReplicaReporter(TrialId trial, Attempt attempt, IAllReduce allReduce, Action<ValueList<MetricPoint>> publish, StepMeter meter, Action started)
    : ITrainingListener
{
    private const int BatchSteps = 128;
    private const double BatchSeconds = 0.25;

    private readonly StepReading[] _steps = new StepReading[BatchSteps];
    private int _count;
    private double _waited;
    private double _seconds;
    private bool _started;
    private long _bytes;
    private TimeSpan _peersWaitedFor;

    /// <summary>Time spent in steps so far, in seconds.</summary>
    public double TrainSeconds => _seconds;

    public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds)
    {
        _seconds += seconds;
        if (!_started)
        {
            _started = true;
            started();
        }

        if (allReduce.Rank != 0) return;
        _steps[_count++] = new StepReading(step, epoch, distortion, rate, beta, seconds);
        _waited += seconds;
        if (_count == BatchSteps || _waited >= BatchSeconds || step.Value == 1) Flush();
    }

    public void StepTimed(StepClock clock, int rows)
    {
        meter.Step(trial.Sweep, clock, rows);
        if (allReduce.WorldSize == 1) return;
        var statistics = allReduce.Statistics;
        var waited = statistics.ReduceScatterWait + statistics.AllGatherWait;
        meter.AllReduced(statistics.BytesSent - _bytes, waited - _peersWaitedFor, TimeSpan.FromSeconds(clock.ExchangeSeconds), TimeSpan.FromSeconds(clock.Seconds(StepPhase.AllReduce)));
        (_bytes, _peersWaitedFor) = (statistics.BytesSent, waited);
    }

    public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss)
    {
        if (allReduce.Rank != 0) return;
        Flush();
        publish([new MetricPoint.Evaluation(epochsDone, report.Elbo, report.Distortion, report.Rate, report.ActiveUnits, report.RatePerDimension.ToValueList(), trainLoss, _seconds)
        {
            Trial = trial,
            Attempt = attempt,
            Step = step,
        }]);
    }

    /// <summary>Publishes what is left.</summary>
    public void Flush()
    {
        if (_count == 0) return;
        var points = new MetricPoint[_count];
        for (var i = 0; i < points.Length; i++)
        {
            ref readonly var s = ref _steps[i];
            points[i] = new MetricPoint.TrainStep(s.Epoch, s.Distortion + (s.Beta * s.Rate), s.Distortion, s.Rate, s.Beta, s.Seconds) { Trial = trial, Attempt = attempt, Step = s.Step };
        }

        _count = 0;
        _waited = 0;
        publish(points.ToValueList());
    }

    private readonly record struct StepReading(Step Step, int Epoch, double Distortion, double Rate, double Beta, double Seconds);
}
