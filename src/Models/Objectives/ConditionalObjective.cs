using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;

namespace Vae.Models.Objectives;

/// <summary>
/// An objective of the family vae for a model that is given the label of each row (Sohn et al. 2015, equation 4, with p(z|y) = N(0, I)): encoder and decoder get it beside their
/// input, all else stays as it is. So every objective of a VAE is one of a conditional VAE.
/// </summary>
/// <param name="network">K models that take labels.</param>
/// <param name="inner">What they minimise, over the same network.</param>
public sealed class ConditionalObjective(VaeNetwork network, PackObjective inner) : PackObjective(network)
{
    /// <inheritdoc/>
    public override LabelUse Labels => LabelUse.All;

    /// <inheritdoc/>
    public override ObjectiveColumns Columns => inner.Columns;

    /// <inheritdoc/>
    public override ObjectiveColumns ColumnsOf(ModelSpec own) => inner.ColumnsOf(own);

    /// <inheritdoc/>
    public override int NoiseRows => inner.NoiseRows;

    /// <inheritdoc/>
    public override bool HasPenalty => inner.HasPenalty;

    /// <inheritdoc/>
    public override int ExtraColumns => inner.ExtraColumns;

    /// <inheritdoc/>
    public override bool Exchanges => inner.Exchanges;

    /// <inheritdoc/>
    public override int VectorCount => inner.VectorCount;

    /// <inheritdoc/>
    public override int FigureColumns => inner.FigureColumns;

    /// <inheritdoc/>
    public override void FillVectors(in SlotPosition at, Span<double> values) => inner.FillVectors(at, values);

    /// <inheritdoc/>
    public override double RateWeight(in SlotPosition at) => inner.RateWeight(at);

    /// <inheritdoc/>
    public override void Prepare(in StepInputs inputs)
    {
        using var labels = network.Under(inputs.Labels);
        inner.Prepare(inputs);
    }

    /// <inheritdoc/>
    public override StepTerms Forward(in StepInputs inputs)
    {
        using var labels = network.Under(inputs.Labels);
        return inner.Forward(inputs);
    }

    /// <inheritdoc/>
    public override void Abstain(in StepInputs inputs) => inner.Abstain(inputs);

    /// <inheritdoc/>
    public override void Commit(in StepCommit step) => inner.Commit(step);

    /// <inheritdoc/>
    public override HeldOutTerms Judge(in HeldOutInputs inputs)
    {
        using var labels = network.Under(inputs.Labels);
        return inner.Judge(inputs);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<HeldOutFigure> Figures(ReadOnlySpan<double> sums, double rows) => inner.Figures(sums, rows);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
