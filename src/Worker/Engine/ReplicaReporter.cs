using Microsoft.Extensions.Logging;
using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>
/// Turns what the trainer tells into points and metrics. Steps are kept as plain numbers and become points a batch at a time, so that the
/// training thread pays a few stores per step and slot.
/// </summary>
internal sealed partial class ReplicaReporter : ITrainingListener
{
    private const int BatchSteps = 128;
    private const double BatchSeconds = 0.25;

    private readonly SlotReadings[] _slots;
    private readonly ReplicaAssignment _assignment;
    private readonly IAllReduce _allReduce;
    private readonly Action<ValueList<MetricPoint>> _publish;
    private readonly StepMeter _meter;
    private readonly PackSignals _signals;
    private readonly ILogger _logger;
    private bool _started;
    private long _bytes;
    private TimeSpan _peersWaitedFor;

    public ReplicaReporter(ReplicaAssignment assignment, IAllReduce allReduce, Action<ValueList<MetricPoint>> publish, StepMeter meter, PackSignals signals, ILogger logger)
    {
        (_assignment, _allReduce, _publish, _meter, _signals, _logger) = (assignment, allReduce, publish, meter, signals, logger);
        _slots = [.. Enumerable.Range(0, assignment.Shape.Slots).Select(_ => new SlotReadings())];
        foreach (var fill in assignment.Slots) _slots[fill.Slot].Begin(fill.Trial);
    }

    public void SlotFilled(int slot, TrialSpec trial) => _slots[slot].Begin(trial);

    public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds)
    {
        var readings = _slots[slot];
        readings.Seconds += seconds;
        Start();
        if (_allReduce.Rank != 0) return;
        readings.Steps[readings.Count++] = new StepReading(step, epoch, distortion, rate, beta, seconds);
        readings.Waited += seconds;
        if (readings.Count == BatchSteps || readings.Waited >= BatchSeconds || step.Value == 1) Flush(readings);
    }

    public void StepTimed(StepClock clock, int trials, int rows)
    {
        _meter.Step(_assignment.Pack.Sweep, clock, trials, rows);
        if (_allReduce.WorldSize == 1) return;
        var statistics = _allReduce.Statistics;
        var waited = statistics.ReduceScatterWait + statistics.AllGatherWait;
        _meter.AllReduced(statistics.BytesSent - _bytes, waited - _peersWaitedFor, TimeSpan.FromSeconds(clock.ExchangeSeconds), TimeSpan.FromSeconds(clock.Seconds(StepPhase.AllReduce)));
        (_bytes, _peersWaitedFor) = (statistics.BytesSent, waited);
    }

    public void OverlapChosen(OverlapChoice choice) =>
        LogOverlap(_logger, _assignment.Pack, _allReduce.Rank, choice.Chosen == true ? "while backward goes on" : "after backward", choice.SecondsWith * 1e3, choice.SecondsWithout * 1e3);

    public void RowsShared(RowBalance balance) => LogShare(_logger, _assignment.Pack, _allReduce.Rank, balance.Shares[_allReduce.Rank]);

    public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss)
    {
        if (_allReduce.Rank != 0) return;
        var readings = _slots[slot];
        Flush(readings);
        _publish([new MetricPoint.Evaluation(epochsDone, report.Elbo, report.Distortion, report.Rate, report.ActiveUnits, report.RatePerDimension.ToValueList(), trainLoss, readings.Seconds)
        {
            Trial = TrialOf(readings),
            Attempt = _assignment.Attempt,
            Step = step,
        }]);
    }

    public void SlotEnded(SlotEnd end)
    {
        Flush(_slots[end.Slot]);
        _signals.SlotEnded(end);
    }

    public void OrderApplied(long number) => _signals.OrderApplied(number);

    public void Idle() => Start();

    /// <summary>Publishes what is left.</summary>
    public void Flush()
    {
        foreach (var readings in _slots) Flush(readings);
    }

    private void Start()
    {
        if (_started) return;
        _started = true;
        _signals.Started();
    }

    private TrialId TrialOf(SlotReadings readings) => new(_assignment.Pack.Sweep, readings.Trial);

    private void Flush(SlotReadings readings)
    {
        if (readings.Count == 0) return;
        var points = new MetricPoint[readings.Count];
        var trial = TrialOf(readings);
        for (var i = 0; i < points.Length; i++)
        {
            ref readonly var s = ref readings.Steps[i];
            points[i] = new MetricPoint.TrainStep(s.Epoch, s.Distortion + (s.Beta * s.Rate), s.Distortion, s.Rate, s.Beta, s.Seconds) { Trial = trial, Attempt = _assignment.Attempt, Step = s.Step };
        }

        readings.Count = 0;
        readings.Waited = 0;
        _publish(points.ToValueList());
    }

    [LoggerMessage(EventId = 3011, Level = LogLevel.Information, Message = "Pack {Pack} rank {Rank}: gradients are summed {When}; backward and sum take {With:F2} ms with overlap, {Without:F2} ms without")]
    private static partial void LogOverlap(ILogger logger, PackId pack, int rank, string when, double with, double without);

    [LoggerMessage(EventId = 3012, Level = LogLevel.Information, Message = "Pack {Pack} rank {Rank}: takes {Share:P1} of the rows from now on, by the measured speed of all ranks")]
    private static partial void LogShare(ILogger logger, PackId pack, int rank, double share);

    private readonly record struct StepReading(Step Step, int Epoch, double Distortion, double Rate, double Beta, double Seconds);

    private sealed class SlotReadings
    {
        public StepReading[] Steps { get; } = new StepReading[BatchSteps];

        public int Trial { get; private set; }

        public int Count { get; set; }

        public double Waited { get; set; }

        public double Seconds { get; set; }

        public void Begin(TrialSpec trial) => (Trial, Count, Waited, Seconds) = (trial.Index, 0, 0, 0);
    }
}

/// <summary>What a training pack tells beside its points. Called on the training thread.</summary>
/// <param name="Started">The first step is done, or the pack waits for its first trial.</param>
/// <param name="SlotEnded">A trial is over; its weights stay until this returns.</param>
/// <param name="OrderApplied">All ranks have applied this order.</param>
internal sealed record PackSignals(Action Started, Action<SlotEnd> SlotEnded, Action<long> OrderApplied);
