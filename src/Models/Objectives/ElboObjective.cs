using Vae.Models.Networks;
using Vae.Shared.Sweeps;

namespace Vae.Models.Objectives;

/// <summary>A family's evidence lower bound with a weight on the rate: beta-VAE (Higgins et al. 2017, equation 4).</summary>
public class ElboObjective(PackNetwork network, Bound bound) : PackObjective(network)
{
    /// <summary>The family's bound.</summary>
    protected Bound Bound => bound;

    /// <inheritdoc/>
    public override ObjectiveColumns Columns => bound.Columns;

    /// <inheritdoc/>
    public override ObjectiveColumns ColumnsOf(ModelSpec own) => bound.ColumnsOf(own);

    /// <inheritdoc/>
    public override StepTerms Forward(in StepInputs inputs)
    {
        var sums = bound.Forward(inputs);
        return new StepTerms(sums.Distortion, inputs.Ones, sums.RatePerDimension, inputs.RateWeight);
    }

    /// <inheritdoc/>
    public override HeldOutTerms Judge(in HeldOutInputs inputs) => bound.Judge(inputs);
}
