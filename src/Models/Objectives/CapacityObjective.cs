using Vae.Models.Networks;

namespace Vae.Models.Objectives;

/// <summary>
/// Controlled capacity (Burgess et al. 2018, equation 8): distortion + gamma |mean rate - C(t)|, the absolute value of the mean over the global batch, as in the paper, and not
/// the mean of absolute values, which is another loss. C grows linearly from 0. Beta and its schedule are not used.
/// </summary>
public sealed class CapacityObjective(PackNetwork network, Bound bound) : ElboObjective(network, bound)
{
    /// <inheritdoc/>
    public override bool HasPenalty => true;

    /// <inheritdoc/>
    public override bool Exchanges => true;

    /// <inheritdoc/>
    public override int VectorCount => 2;

    /// <inheritdoc/>
    public override void FillVectors(in SlotPosition at, Span<double> values) => (values[0], values[1]) = (RateSchedule.Target(at), at.Trial.Training.CapacityWeight);

    /// <inheritdoc/>
    public override double RateWeight(in SlotPosition at) => 0;

    /// <inheritdoc/>
    public override StepTerms Forward(in StepInputs inputs)
    {
        var sums = Bound.Forward(inputs);
        var mean = StepTensors.Scaled(sums.RatePerDimension.detach().sum(1), inputs.Weights);
        inputs.Exchange.Sum(mean);
        var (target, weight) = (inputs.Vectors[0], inputs.Vectors[1]);
        var distance = mean - target;
        var slope = StepTensors.Scaled(weight * distance.sign(), inputs.Weights);
        var start = slope.unsqueeze(1).expand(Network.Replicas, Columns.Rates).contiguous();
        return new StepTerms(sums.Distortion, inputs.Ones, sums.RatePerDimension, start, weight * distance.abs() * StepTensors.Shares(inputs));
    }

    /// <inheritdoc/>
    public override void Abstain(in StepInputs inputs) => inputs.Exchange.Sum(Torch.torch.zeros([Network.Replicas], device: inputs.Ones.device));
}
