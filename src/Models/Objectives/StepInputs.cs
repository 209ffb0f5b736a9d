using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>A rank's part of one slot's global batch.</summary>
/// <param name="First">Place of the part's first row in the global batch.</param>
/// <param name="Count">Rows of the part, 0 or more.</param>
/// <param name="Total">Rows of the global batch; 0 for an empty slot.</param>
public readonly record struct RowPart(int First, int Count, int Total);

/// <summary>What an objective gets for one step. The tensors are views of the pack's buffers and hold the step's numbers until the next one is loaded.</summary>
public readonly record struct StepInputs
{
    /// <summary>[K, n, D], or [1, n, D] where all slots share it. Absent in <see cref="PackObjective.Abstain"/>.</summary>
    public required Tensor X { get; init; }

    /// <summary>[K, n s, w], or [1, n s, w] where all slots share it: standard normal, s the objective's noise rows for each row and w its noise width. Absent in <see cref="PackObjective.Abstain"/>.</summary>
    public required Tensor Noise { get; init; }

    /// <summary>Int64 [K, n], or [1, n] where all slots share it: the label of each row, -1 where the trial does not see it. Null unless the objective wants labels; absent in <see cref="PackObjective.Abstain"/>.</summary>
    public Tensor? Labels { get; init; }

    /// <summary>Which rows and dimensions count, and by what factor.</summary>
    public required SlotWeights Weights { get; init; }

    /// <summary>[K], all 1: the gradient that arrives at what has its factor inside.</summary>
    public required Tensor Ones { get; init; }

    /// <summary>[K, R]: the weight of the rate over the rows of the global batch; the gradient that arrives at rates that are plain sums.</summary>
    public required Tensor RateWeight { get; init; }

    /// <summary>[K] each: the numbers that the objective asked for, in its order.</summary>
    public required IReadOnlyList<Tensor> Vectors { get; init; }

    /// <summary>This rank's part of each slot's batch, by slot: the same totals on all ranks.</summary>
    public required IReadOnlyList<RowPart> Parts { get; init; }

    /// <summary>Where each slot's trial stands, by slot; default for an empty slot.</summary>
    public required IReadOnlyList<SlotPosition> Positions { get; init; }

    /// <summary>Sums over ranks.</summary>
    public required IStepExchange Exchange { get; init; }
}

/// <summary>
/// What an objective computed in one step. The loss of a slot is distortion + weight of the rate x rate / rows + penalty; what a part's gradient starts from is said
/// beside it, and a part without one is only reported.
/// </summary>
/// <param name="Distortion">[K]: -log p(x|z), summed over rows and values, times the slot's scale.</param>
/// <param name="DistortionGradient">[K]; usually <see cref="StepInputs.Ones"/>.</param>
/// <param name="Rate">[K, R]: the rate by column, summed over rows, not scaled.</param>
/// <param name="RateGradient">[K, R]; usually <see cref="StepInputs.RateWeight"/>.</param>
/// <param name="Penalty">[K]: all else, scaled, its weights inside; null unless <see cref="PackObjective.HasPenalty"/>.</param>
/// <param name="PenaltyGradient">[K]; usually <see cref="StepInputs.Ones"/>.</param>
/// <param name="Extra">[K, E]: sums for <see cref="PackObjective.Commit"/>, detached; null where E is 0.</param>
/// <param name="Silent">[K], of which only the gradient counts and which no reading shows: the discriminator's own loss. Its gradient starts from 1.</param>
public readonly record struct StepTerms(
    Tensor Distortion, Tensor? DistortionGradient, Tensor Rate, Tensor? RateGradient, Tensor? Penalty = null, Tensor? PenaltyGradient = null, Tensor? Extra = null, Tensor? Silent = null);

/// <summary>What an objective gets for rows that are only judged. All slots have all rows.</summary>
/// <param name="X">[K, n, D].</param>
/// <param name="Noise">[K, n s, w].</param>
/// <param name="Mask">[K, d]: 0 where a latent dimension is padding. Null: none is.</param>
/// <param name="Labels">Int64 [K, n]: the label of each row. Null unless the objective wants labels.</param>
public readonly record struct HeldOutInputs(Tensor X, Tensor Noise, Tensor? Mask, Tensor? Labels = null);

/// <summary>Which labels an objective wants beside its rows.</summary>
public enum LabelUse
{
    /// <summary>None.</summary>
    None,

    /// <summary>That of each row.</summary>
    All,

    /// <summary>Those that a semi-supervised trial sees in training; that of each row when it is judged.</summary>
    Seen,
}

/// <summary>Sums over judged rows, at a weight of the rate of 1.</summary>
/// <param name="Distortion">[K].</param>
/// <param name="Rate">[K, R].</param>
/// <param name="Mean">[K, n, M]: posterior means, from which active units are counted; null where the family has none.</param>
/// <param name="Extra">[K, F]: what the objective's own figures follow from; null where F is 0.</param>
public readonly record struct HeldOutTerms(Tensor Distortion, Tensor Rate, Tensor? Mean, Tensor? Extra = null);

/// <summary>What the sums of an applied step say.</summary>
/// <param name="Sums">[K, E] on the pack's device: the step's extra columns, summed over all ranks.</param>
/// <param name="Positions">Where each slot's trial stood before the step; default for an empty slot.</param>
/// <param name="Applied">False for slots that are empty or took no part because their numbers were not finite: their state must stay as it is.</param>
public readonly record struct StepCommit(Tensor Sums, IReadOnlyList<SlotPosition> Positions, IReadOnlyList<bool> Applied);
