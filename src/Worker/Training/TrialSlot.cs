using Vae.Models.Evaluation;
using Vae.Models.Objectives;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Worker.Training;

/// <summary>One place of a pack: a trial with its own position in the data, or nothing. A trial's position is its number of updates alone.</summary>
internal sealed class TrialSlot(int index, BatchPlan batches)
{
    private int[] _order = [];

    /// <summary>0 to K - 1.</summary>
    public int Index => index;

    /// <summary>Null: the slot is empty.</summary>
    public TrialSpec? Trial { get; private set; }

    /// <summary>The trial that begins here when <see cref="Trial"/> ends, at the same act on all ranks; null: the slot is empty then.</summary>
    public TrialSpec? Next { get; set; }

    /// <summary>Updates applied.</summary>
    public Step Step { get; private set; }

    /// <summary>Epochs finished.</summary>
    public int EpochsDone { get; private set; }

    /// <summary>The next step's place in its epoch, from 0.</summary>
    public int StepOfEpoch { get; private set; }

    /// <summary>Updates that the trial asks for.</summary>
    public long StepsTotal { get; private set; }

    /// <summary>Wall time of its steps, in seconds.</summary>
    public double Seconds { get; private set; }

    /// <summary>What the steps that are left take at the pace of those so far, in seconds. Once a step is done.</summary>
    public double SecondsLeft => (StepsTotal - Step.Value) * (Seconds / Step.Value);

    /// <summary>Mean loss of the epoch's steps so far; of the whole epoch when it has just ended.</summary>
    public double TrainLoss => _lossSteps == 0 ? double.NaN : _lossSum / _lossSteps;

    /// <summary>The last held-out figures.</summary>
    public HeldOutReport? Report { get; set; }

    /// <summary>Whether the last step ended an epoch, or the trial.</summary>
    public bool EpochEnded => Step.Value > 0 && StepOfEpoch == 0;

    /// <summary>Whether the trial has had all its steps.</summary>
    public bool IsFinished => Step.Value >= StepsTotal;

    /// <summary>Whether the trial is to be evaluated at the end of the epoch just finished.</summary>
    public bool IsEvaluationDue => EpochEnded && (IsFinished || EpochsDone % Trial!.Training.EvaluateEvery == 0);

    /// <summary>Where the trial stands before its next step.</summary>
    public SlotPosition Position => new(Trial!, Step.Value, batches.StepsPerEpoch, StepsTotal, batches.RowsOf(StepOfEpoch).Count, batches.Rows);

    /// <summary>Row numbers of the epoch in the order in which they are visited.</summary>
    public ReadOnlySpan<int> Order => _order;

    private double _lossSum;
    private int _lossSteps;
    private int _orderedEpoch;

    /// <summary>Puts a trial at its beginning into the slot.</summary>
    public void Fill(TrialSpec trial)
    {
        if (_order.Length != batches.Rows) _order = new int[batches.Rows];
        (Trial, Step, EpochsDone, StepOfEpoch, Seconds, Report) = (trial, default, 0, 0, 0, null);
        (_lossSum, _lossSteps, _orderedEpoch) = (0, 0, -1);
        StepsTotal = Math.Min((long)trial.Training.Epochs * batches.StepsPerEpoch, trial.Training.MaxSteps ?? long.MaxValue);
    }

    /// <summary>Makes the slot empty.</summary>
    public void Empty() => Trial = null;

    /// <summary>True when both slots need the same rows and noise in the next step.</summary>
    public bool SharesRowsWith(TrialSlot other) => Step == other.Step && Trial!.Training.Seed == other.Trial!.Training.Seed;

    /// <summary>Brings the order of rows to the current epoch; <paramref name="leader"/> is another slot with the same order, which has it already, or null.</summary>
    public void OrderRows(TrialSlot? leader)
    {
        if (_orderedEpoch == EpochsDone) return;
        if (leader is not null) leader._order.CopyTo(_order, 0);
        else EpochOrder.Fill(Trial!.Training.Seed, EpochsDone, _order);
        _orderedEpoch = EpochsDone;
    }

    /// <summary>Notes where the trial stands.</summary>
    public void Save(TrialSnapshot into)
    {
        (into.Slot, into.Trial, into.Step, into.EpochsDone, into.StepOfEpoch) = (index, Trial!, Step, EpochsDone, StepOfEpoch);
        (into.Seconds, into.LossSum, into.LossSteps, into.Report) = (Seconds, _lossSum, _lossSteps, Report);
    }

    /// <summary>Puts the trial, which has just been filled in, where it stood.</summary>
    public void Restore(TrialSnapshot from)
    {
        (Step, EpochsDone, StepOfEpoch) = (from.Step, from.EpochsDone, from.StepOfEpoch);
        (Seconds, _lossSum, _lossSteps, Report) = (from.Seconds, from.LossSum, from.LossSteps, from.Report);
    }

    /// <summary>Counts an applied step.</summary>
    public void Advance(double loss, double seconds)
    {
        if (StepOfEpoch == 0) (_lossSum, _lossSteps) = (0, 0); // Not before: the step that begins an epoch may come to nothing.
        Step = Step.Next();
        Seconds += seconds;
        _lossSum += loss;
        _lossSteps++;
        if (++StepOfEpoch < batches.StepsPerEpoch && !IsFinished) return;
        StepOfEpoch = 0;
        EpochsDone++;
    }
}
