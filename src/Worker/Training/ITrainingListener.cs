using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Sweeps;

namespace Vae.Worker.Training;

/// <summary>Where a pack's readings go. Called on the training thread: it must not block.</summary>
public interface ITrainingListener
{
    /// <summary>A step of one trial was applied.</summary>
    /// <param name="slot">The trial's slot.</param>
    /// <param name="step">The trial's own update.</param>
    /// <param name="epoch">From 0.</param>
    /// <param name="distortion">Mean over the global batch, nats.</param>
    /// <param name="rate">Mean over the global batch, nats.</param>
    /// <param name="beta">Weight of the rate in this step; 0 where the penalty holds all of it.</param>
    /// <param name="seconds">Wall time of the pack's step.</param>
    void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds);

    /// <summary>What the loss of the step that <see cref="StepDone"/> is about to tell has beside distortion and weighted rate. Only where the objective has a penalty.</summary>
    /// <param name="slot">The trial's slot.</param>
    /// <param name="penalty">Mean over the global batch, nats, its weights inside.</param>
    void StepPenalized(int slot, double penalty) { }

    /// <summary>The phases of the pack's step just applied, the trials that took part, and the rows of all of them that this replica computed.</summary>
    void StepTimed(StepClock clock, int trials, int rows);

    /// <summary>It is settled whether gradients are exchanged while backward goes on.</summary>
    void OverlapChosen(OverlapChoice choice) { }

    /// <summary>The ranks share the rows of a step in other parts from now on.</summary>
    void RowsShared(RowBalance balance) { }

    /// <summary>The ranks know what each of them took for the last period.</summary>
    void TimesCompared(RowBalance balance) { }

    /// <summary>The ranks know what each link of the ring is like, and what it costs them.</summary>
    void LinksCompared(LinkCosts links) { }

    /// <summary>A held-out evaluation of one trial.</summary>
    void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss);

    /// <summary>A trial begins in a slot of a pack that is training.</summary>
    void SlotFilled(int slot, TrialSpec trial) { }

    /// <summary>By the time that its steps took so far the trial of a slot is through within <see cref="PackTrainer.EndingWithin"/>, and none is there to follow it. Told after each of its steps from then on; ranks measure for themselves.</summary>
    void SlotEnding(int slot) { }

    /// <summary>A trial is over. Its weights stay in the slot until this returns; afterwards the slot is empty, or the trial's that waited for it. One that was stopped before it began has no step and no weights.</summary>
    void SlotEnded(SlotEnd end) { }

    /// <summary>All ranks have applied this order, between the same two steps.</summary>
    void OrderApplied(long number) { }

    /// <summary>An act is over and the next has not begun: the pack's state is at rest until this returns.</summary>
    /// <param name="position">Acts since the attempt began.</param>
    void ActDone(long position) { }

    /// <summary>All slots are empty; the pack waits for an order.</summary>
    void Idle() { }
}

/// <summary>Why a trial left its slot.</summary>
public enum SlotEndKind
{
    /// <summary>All its steps are done and it has been evaluated.</summary>
    Done,

    /// <summary>Its loss was not finite; the weights of the step before were the last good ones.</summary>
    NonFinite,

    /// <summary>It was ordered out.</summary>
    Emptied,
}

/// <summary>How a trial ended.</summary>
/// <param name="Slot">Where it was.</param>
/// <param name="Trial">What it was.</param>
/// <param name="Kind">Why it ended.</param>
/// <param name="Text">Empty when done; else what happened.</param>
/// <param name="Step">Updates applied.</param>
/// <param name="EpochsDone">Epochs finished.</param>
/// <param name="Seconds">Wall time of its steps.</param>
/// <param name="Parameters">Trainable parameters of its own model, without padding.</param>
/// <param name="Report">Its last held-out figures; null when it was never evaluated.</param>
public sealed record SlotEnd(int Slot, TrialSpec Trial, SlotEndKind Kind, string Text, Step Step, int EpochsDone, double Seconds, long Parameters, HeldOutReport? Report);
