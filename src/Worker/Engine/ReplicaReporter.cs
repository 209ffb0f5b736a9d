using Microsoft.Extensions.Logging;
using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>
/// Turns what the trainer tells into points and metrics. Steps are kept as plain numbers and become points a batch at a time, so that the training thread pays a few stores per step and slot. Rank 0 publishes; the others keep
/// their last readings, at most 3 MiB, and a rank that becomes rank 0 publishes what it has. So does the source of a generation, which may be the only one that knows the last act. Points that were stored before are the same and change nothing.
/// </summary>
internal sealed partial class ReplicaReporter : ITrainingListener
{
    private const int BatchSteps = 128;
    private const double BatchSeconds = 0.25;

    // 48 bytes each: 3 MiB in all, while no slot has fewer than the batch that rank 0 may just have begun twice over.
    private const int ReadingsMax = 65_536, ReadingsOfSlotMax = 4_096, ReadingsOfSlotMin = 256, EvaluationsOfSlot = 32;

    private const int NoTrial = -1;

    private readonly SlotReadings[] _slots;
    private readonly ReplicaAssignment _assignment;
    private readonly Action<ValueList<MetricPoint>> _publish;
    private readonly StepMeter _meter;
    private readonly ILogger _logger;
    private IAllReduce _allReduce = null!;
    private PackTrainer _trainer = null!;
    private PackSignals _signals = null!;
    private ValueList<GangMember> _members = [];
    private bool _publishes;
    private bool _started;
    private long _bytes;
    private TimeSpan _peersWaitedFor;

    public ReplicaReporter(ReplicaAssignment assignment, Action<ValueList<MetricPoint>> publish, StepMeter meter, ILogger logger)
    {
        (_assignment, _publish, _meter, _logger) = (assignment, publish, meter, logger);
        var capacity = Math.Clamp(ReadingsMax / assignment.Shape.Slots, ReadingsOfSlotMin, ReadingsOfSlotMax);
        _slots = [.. Enumerable.Range(0, assignment.Shape.Slots).Select(_ => new SlotReadings(capacity))];
    }

    /// <summary>A generation begins.</summary>
    /// <param name="allReduce">Its ring.</param>
    /// <param name="members">In rank order.</param>
    /// <param name="trainer">The pack as it is now.</param>
    /// <param name="isSource">The others have taken over this rank's state.</param>
    /// <param name="signals">What it tells beside points.</param>
    public void Join(IAllReduce allReduce, ValueList<GangMember> members, PackTrainer trainer, bool isSource, PackSignals signals)
    {
        (_allReduce, _members, _trainer, _signals, _started) = (allReduce, members, trainer, signals, false);
        (_bytes, _peersWaitedFor) = (0, TimeSpan.Zero);
        _publishes = allReduce.Rank == 0;
        foreach (var slot in _slots) slot.EndingTold = NoTrial;
        if (_publishes || isSource) PublishAll();
    }

    /// <summary>The generation is over: publishes what is left.</summary>
    public void Leave()
    {
        _meter.Compared(_assignment.Pack, 1);
        _meter.Linked(_assignment.Pack, null);
        if (_publishes) PublishAll();
    }

    /// <summary>Publishes what is left, on whatever rank: a checkpoint is about to say that training got so far, and who goes on from it does not make these readings again.</summary>
    public void PublishRest() => PublishAll();

    /// <summary>Tells, once per generation, that the pack trains.</summary>
    public void Start()
    {
        if (_started) return;
        _started = true;
        _signals.Started();
    }

    public void StepPenalized(int slot, double penalty) => _slots[slot].Penalty = penalty;

    public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds)
    {
        var readings = _slots[slot];
        readings.Steps.Next() = new StepReading(_trainer.TrialAt(slot)!.Index, epoch, step, distortion, rate, beta, readings.Penalty, seconds);
        if (!_publishes) return;
        readings.Waited += seconds;
        if (readings.Steps.Unpublished >= BatchSteps || readings.Waited >= BatchSeconds || step.Value == 1) PublishSteps(readings);
    }

    public void StepTimed(StepClock clock, int trials, int rows)
    {
        _meter.Step(clock, trials, rows);
        if (_allReduce.WorldSize == 1) return;
        var statistics = _allReduce.Statistics;
        var waited = statistics.ReduceScatterWait + statistics.AllGatherWait;
        _meter.AllReduced(statistics.BytesSent - _bytes, waited - _peersWaitedFor, TimeSpan.FromSeconds(clock.ExchangeSeconds));
        (_bytes, _peersWaitedFor) = (statistics.BytesSent, waited);
    }

    public void OverlapChosen(OverlapChoice choice) =>
        LogOverlap(_logger, _assignment.Pack, _allReduce.Rank, choice.Chosen == true ? "while backward goes on" : "after backward", choice.SecondsWith * 1e3, choice.SecondsWithout * 1e3);

    public void TimesCompared(RowBalance balance) => _meter.Compared(_assignment.Pack, balance.SlowdownOf(_allReduce.Rank));

    public void LinksCompared(LinkCosts links)
    {
        var (rank, reading) = (_allReduce.Rank, links.ReadingOf(_allReduce.Rank));
        _meter.Linked(_assignment.Pack, new LinkReport(_members[(rank + 1) % _members.Count].Worker, links.SlowdownOf(rank), reading.RoundTripSeconds, reading.BytesPerSecond));
    }

    public void RowsShared(RowBalance balance) => LogShare(_logger, _assignment.Pack, _allReduce.Rank, balance.Shares[_allReduce.Rank]);

    public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss)
    {
        var readings = _slots[slot];
        readings.Evaluations.Next() = new MetricPoint.Evaluation(
            epochsDone, report.Elbo, report.Distortion, report.Rate, report.ActiveUnits, report.RatePerDimension.ToValueList(), trainLoss, _trainer.SecondsAt(slot))
        {
            Trial = new TrialId(_assignment.Pack.Sweep, _trainer.TrialAt(slot)!.Index),
            Attempt = _assignment.Attempt,
            Step = step,
            Figures = report.Figures.Select(figure => new NamedFigure(figure.Name, figure.Value)).ToValueList(),
        };
        if (_publishes) Publish(readings);
    }

    public void SlotEnding(int slot)
    {
        var trial = _trainer.TrialAt(slot)!.Index;
        if (!_publishes || _slots[slot].EndingTold == trial) return;
        _slots[slot].EndingTold = trial;
        _signals.SlotEnding(slot, trial);
    }

    public void SlotEnded(SlotEnd end)
    {
        if (_publishes) Publish(_slots[end.Slot]);
        _signals.SlotEnded(end);
    }

    public void OrderApplied(long number) => _signals.OrderApplied(number);

    public void ActDone(long position)
    {
        Start();
        _signals.ActDone();
    }

    public void Idle() => Start();

    private void PublishAll()
    {
        foreach (var readings in _slots) Publish(readings);
    }

    private void Publish(SlotReadings readings)
    {
        PublishSteps(readings);
        if (readings.Evaluations.Unpublished > 0) _publish(readings.Evaluations.Take().ToValueList());
    }

    private void PublishSteps(SlotReadings readings)
    {
        readings.Waited = 0;
        if (readings.Steps.Unpublished > 0) _publish(readings.Steps.Take().Select(PointOf).ToValueList());
    }

    private MetricPoint PointOf(StepReading s) => new MetricPoint.TrainStep(s.Epoch, s.Distortion + (s.Beta * s.Rate) + s.Penalty, s.Distortion, s.Rate, s.Beta, s.Seconds)
    {
        Trial = new TrialId(_assignment.Pack.Sweep, s.Trial),
        Attempt = _assignment.Attempt,
        Step = s.Step,
    };

    [LoggerMessage(EventId = 3011, Level = LogLevel.Information, Message = "Pack {Pack} rank {Rank}: gradients are summed {When}; backward and sum take {With:F2} ms with overlap, {Without:F2} ms without")]
    private static partial void LogOverlap(ILogger logger, PackId pack, int rank, string when, double with, double without);

    [LoggerMessage(EventId = 3012, Level = LogLevel.Information, Message = "Pack {Pack} rank {Rank}: takes {Share:P1} of the rows from now on, by the measured speed of all ranks")]
    private static partial void LogShare(ILogger logger, PackId pack, int rank, double share);

    private readonly record struct StepReading(int Trial, int Epoch, Step Step, double Distortion, double Rate, double Beta, double Penalty, double Seconds);

    private sealed class SlotReadings(int capacity)
    {
        public History<StepReading> Steps { get; } = new(capacity);

        public History<MetricPoint> Evaluations { get; } = new(EvaluationsOfSlot);

        public double Waited { get; set; }

        /// <summary>The trial whose end was told to be near in this generation.</summary>
        public int EndingTold { get; set; } = NoTrial;

        /// <summary>Of the step that is about to be told; 0 where the objective has none.</summary>
        public double Penalty { get; set; }
    }
}

/// <summary>What a training pack tells beside its points. Called on the training thread.</summary>
/// <param name="Started">The first step is done, or the pack waits for its first trial.</param>
/// <param name="SlotEnded">A trial is over; its weights stay until this returns.</param>
/// <param name="SlotEnding">The slot, and the trial in it, which is soon through.</param>
/// <param name="OrderApplied">All ranks have applied this order.</param>
/// <param name="ActDone">The pack is at rest until this returns.</param>
internal sealed record PackSignals(Action Started, Action<SlotEnd> SlotEnded, Action<int, int> SlotEnding, Action<long> OrderApplied, Action ActDone);
