using Vae.Models.Networks;
using Vae.Shared.Sweeps;

namespace Vae.Models.Objectives;

/// <summary>
/// A family's evidence lower bound, taken apart into distortion and rate, both sums over rows. <see cref="ElboObjective"/> weighs the rate, <see cref="FreeBitsObjective"/> and
/// <see cref="CapacityObjective"/> aim it: a family that brings a bound gets all three.
/// </summary>
public abstract class Bound
{
    /// <summary>See <see cref="PackObjective.Columns"/>.</summary>
    public abstract ObjectiveColumns Columns { get; }

    /// <summary>See <see cref="PackObjective.ColumnsOf"/>.</summary>
    public abstract ObjectiveColumns ColumnsOf(ModelSpec own);

    /// <summary>The bound over a step's rows. The mean is not looked at.</summary>
    public abstract BoundSums Forward(in StepInputs inputs);

    /// <summary>The bound over judged rows.</summary>
    public abstract HeldOutTerms Judge(in HeldOutInputs inputs);
}

/// <summary>The bound of a VAE whose prior is N(0, I): <see cref="VaeObjective"/>.</summary>
public sealed class NormalBound(VaeNetwork network, ModelSpec model) : Bound
{
    private readonly VaeObjective _bound = new(network, model);

    /// <inheritdoc/>
    public override ObjectiveColumns Columns => ObjectiveColumns.Of(network.Latent);

    /// <inheritdoc/>
    public override ObjectiveColumns ColumnsOf(ModelSpec own) => ObjectiveColumns.Of(own.Latent);

    /// <inheritdoc/>
    public override BoundSums Forward(in StepInputs inputs) => _bound.Forward(inputs.X, inputs.Noise, inputs.Weights);

    /// <inheritdoc/>
    public override HeldOutTerms Judge(in HeldOutInputs inputs)
    {
        var bound = _bound.Forward(inputs.X, inputs.Noise, new SlotWeights(1, Mask: inputs.Mask));
        return new HeldOutTerms(bound.Distortion, bound.RatePerDimension, bound.Mean);
    }
}
