using Vae.Models.Networks;

namespace Vae.Models.Objectives;

/// <summary>
/// Free bits on the batch mean (Kingma et al. 2016, equation 15): beta times the sum over rate columns of max(lambda, mean rate over the global batch). The mean is one over
/// all ranks, so the loss does not depend on how many there are: a column whose mean is not above lambda has no gradient, on any rank.
/// </summary>
public sealed class FreeBitsObjective(PackNetwork network, Bound bound) : ElboObjective(network, bound)
{
    /// <inheritdoc/>
    public override bool HasPenalty => true;

    /// <inheritdoc/>
    public override bool Exchanges => true;

    /// <inheritdoc/>
    public override int VectorCount => 2;

    /// <inheritdoc/>
    public override void FillVectors(in SlotPosition at, Span<double> values) => (values[0], values[1]) = (RateWeight(at), at.Trial.Training.FreeBits);

    /// <inheritdoc/>
    public override StepTerms Forward(in StepInputs inputs)
    {
        var sums = Bound.Forward(inputs);
        var means = StepTensors.Scaled(sums.RatePerDimension.detach(), inputs.Weights);
        inputs.Exchange.Sum(means);
        var (weight, free) = (inputs.Vectors[0], inputs.Vectors[1].unsqueeze(1));
        var above = means > free;
        var lacking = (free - means).relu();
        if (inputs.Weights.Mask is { } mask) lacking *= mask; // Padding has no rate, and none to be freed.
        var penalty = weight * lacking.sum(1) * StepTensors.Shares(inputs);
        return new StepTerms(sums.Distortion, inputs.Ones, sums.RatePerDimension, inputs.RateWeight * above, penalty);
    }

    /// <inheritdoc/>
    public override void Abstain(in StepInputs inputs) => inputs.Exchange.Sum(Torch.torch.zeros([Network.Replicas, Columns.Rates], device: inputs.Ones.device));
}
