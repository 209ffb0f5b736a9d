using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>How wide what an objective takes and gives is for one row.</summary>
/// <param name="Rates">Rate columns R: latent dimensions, or whatever the family's rate is a sum over.</param>
/// <param name="Means">Columns M of the posterior means that judged rows return; 0 where there are none.</param>
/// <param name="Noise">Width w of the noise.</param>
/// <param name="LabelRates">How many rate columns, the first ones, are no latent dimension's but a label's: they are part of the rate, and not of the rate by dimension.</param>
public readonly record struct ObjectiveColumns(int Rates, int Means, int Noise, int LabelRates = 0)
{
    /// <summary>One of each for each of <paramref name="latent"/> dimensions.</summary>
    public static ObjectiveColumns Of(int latent) => new(latent, latent, latent);
}

/// <summary>
/// What K trials of one signature minimise: the engine knows packs, ranks, optimizers and files, and asks this for everything that depends on family and objective.
/// <para>To plug in another one: derive, say the columns, return the terms of a step and of judged rows, and make it in <see cref="PackObjectives"/>. A loss that is no sum over
/// rows exchanges what it needs in the middle of <see cref="Forward"/> (<see cref="Exchanges"/>, <see cref="Abstain"/>). State that changes without a gradient is registered by the
/// network (<see cref="Module.named_states"/>), fed by extra columns (<see cref="ExtraColumns"/>) and changed in <see cref="Commit"/> alone. One that needs labels
/// says so (<see cref="Labels"/>) and finds them in <see cref="StepInputs"/> and <see cref="HeldOutInputs"/>.</para>
/// <para>Whatever a slot computes must not depend on the other slots, and what is padding or beyond a slot's rows must have exactly no loss and no gradient.</para>
/// </summary>
public abstract class PackObjective : IDisposable
{
    /// <param name="network">K models.</param>
    protected PackObjective(PackNetwork network) => Network = network;

    /// <summary>K models.</summary>
    public PackNetwork Network { get; }

    /// <summary>How wide rates, means and noise are, padding included.</summary>
    public virtual ObjectiveColumns Columns => ObjectiveColumns.Of(Network.Latent);

    /// <summary>How many of <see cref="Columns"/> are a smaller trial's own, from the first on.</summary>
    public virtual ObjectiveColumns ColumnsOf(ModelSpec own) => ObjectiveColumns.Of(own.Latent);

    /// <summary>Rows of noise for each row of data, s: samples of an importance-weighted bound. Their numbers follow from the row's place in the global batch.</summary>
    public virtual int NoiseRows => 1;

    /// <summary>Which labels it wants.</summary>
    public virtual LabelUse Labels => LabelUse.None;

    /// <summary>Whether a step returns a penalty.</summary>
    public virtual bool HasPenalty => false;

    /// <summary>Columns E that are summed over ranks behind the gradients and handed to <see cref="Commit"/>.</summary>
    public virtual int ExtraColumns => 0;

    /// <summary>Whether <see cref="Forward"/> exchanges. Such steps are not recorded as graphs.</summary>
    public virtual bool Exchanges => false;

    /// <summary>Numbers of each slot and step that it wants as <see cref="StepInputs.Vectors"/>.</summary>
    public virtual int VectorCount => 0;

    /// <summary>Fills the numbers of one slot for the step to come.</summary>
    public virtual void FillVectors(in SlotPosition at, Span<double> values) { }

    /// <summary>Weight of the rate in the step to come, as it is reported and multiplied into <see cref="StepInputs.RateWeight"/>; 0 where the penalty holds all of it.</summary>
    public virtual double RateWeight(in SlotPosition at) => RateSchedule.Weight(at);

    /// <summary>Makes what a step needs beside its inputs, in buffers that stay where they are: called before each <see cref="Forward"/>, outside of what a device records.</summary>
    public virtual void Prepare(in StepInputs inputs) { }

    /// <summary>The forward pass of a step over this rank's rows.</summary>
    public abstract StepTerms Forward(in StepInputs inputs);

    /// <summary>The exchanges of <see cref="Forward"/> on a rank that has no row in this step: the same sums, of zeros. There is neither X nor noise.</summary>
    public virtual void Abstain(in StepInputs inputs)
    {
        if (Exchanges) throw new InvalidOperationException($"{GetType().Name} exchanges and must do so without rows, too.");
    }

    /// <summary>Changes state that has no gradient, once the step's sums are known to be finite. All ranks get the same numbers and must do the same.</summary>
    public virtual void Commit(in StepCommit step) { }

    /// <summary>Judges rows, each rank its own: sums over them, without exchange, without schedule.</summary>
    public abstract HeldOutTerms Judge(in HeldOutInputs inputs);

    /// <summary>Frees what it keeps from step to step.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc cref="Dispose()"/>
    protected virtual void Dispose(bool disposing) { }

    /// <summary>Columns F of <see cref="HeldOutTerms.Extra"/>.</summary>
    public virtual int FigureColumns => 0;

    /// <summary>The objective's own held-out figures of one trial.</summary>
    /// <param name="sums">[F] over all judged rows of all ranks.</param>
    /// <param name="rows">How many those are.</param>
    public virtual IReadOnlyList<HeldOutFigure> Figures(ReadOnlySpan<double> sums, double rows) => [];
}
