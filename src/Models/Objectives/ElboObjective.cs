using Vae.Models.Networks;
using Vae.Shared.Sweeps;

namespace Vae.Models.Objectives;

/// <summary>The evidence lower bound with a weight on the rate (beta-VAE): <see cref="VaeObjective"/> as a pack trains it.</summary>
public sealed class ElboObjective(VaeNetwork network, ModelSpec model) : PackObjective(network)
{
    private readonly VaeObjective _bound = new(network, model);

    /// <inheritdoc/>
    public override StepTerms Forward(in StepInputs inputs)
    {
        var bound = _bound.Forward(inputs.X, inputs.Noise, inputs.Weights);
        return new StepTerms(bound.Distortion, inputs.Ones, bound.RatePerDimension, inputs.RateWeight);
    }

    /// <inheritdoc/>
    public override HeldOutTerms Judge(in HeldOutInputs inputs)
    {
        var bound = _bound.Forward(inputs.X, inputs.Noise, new SlotWeights(1, Mask: inputs.Mask));
        return new HeldOutTerms(bound.Distortion, bound.RatePerDimension, bound.Mean);
    }
}
