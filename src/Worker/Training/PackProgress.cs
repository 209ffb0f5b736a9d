namespace Vae.Worker.Training;

/// <summary>
/// Where a pack stands between two acts, beside its trials. An act is something that the ranks do jointly: an applied step, a finished evaluation, a round of votes of an idle pack, each with all that follows from it without
/// another sum (ends of trials, an order that is due). An act needs a sum over all ranks, so ranks of one generation differ by at most one; and ranks at the same position have the same state, bit for bit.
/// </summary>
/// <param name="Position">Acts since the attempt began.</param>
/// <param name="OrdersApplied">Number of the last slot order that was applied; 0 before the first.</param>
/// <param name="Closed">No trial will be filled in.</param>
/// <param name="EvaluationDue">The last step ended an epoch of some trial, whose evaluation is the next act.</param>
public readonly record struct PackProgress(long Position, long OrdersApplied, bool Closed, bool EvaluationDue)
{
    /// <summary>One act further.</summary>
    internal PackProgress Next() => this with { Position = Position + 1 };
}
