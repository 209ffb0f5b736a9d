using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// beta-TCVAE (Chen et al. 2018, equation 4): distortion + alpha I(x; z) + beta TC(z) + gamma sum_j KL(q(z_j) || p(z_j)), the schedule's share times all three. q(z) and q(z_j) are
/// estimated from the global batch by <see cref="AggregateWeights"/>; with alpha = beta = gamma = 1 the three add up to the sampled rate, whatever the estimate.
/// <para>The rate that is reported beside them is the closed form; it is not part of the loss.</para>
/// </summary>
public sealed class TotalCorrelationObjective(VaeNetwork network, ModelSpec model, TcEstimator estimator) : PackObjective(network)
{
    private const double HalfLog2Pi = 0.91893853320467274178;

    private readonly VaeObjective _bound = new(network, model);
    private readonly NormalBound _judge = new(network, model);
    private readonly AggregateWeights _weights = new(estimator);

    /// <inheritdoc/>
    public override bool HasPenalty => true;

    /// <inheritdoc/>
    public override bool Exchanges => true;

    /// <inheritdoc/>
    public override int VectorCount => 3;

    /// <inheritdoc/>
    public override void FillVectors(in SlotPosition at, Span<double> values)
    {
        var (training, share) = (at.Trial.Training, RateSchedule.Share(at));
        (values[0], values[1], values[2]) = (share * training.TcAlpha, share * training.Beta, share * training.TcGamma);
    }

    /// <inheritdoc/>
    public override double RateWeight(in SlotPosition at) => 0;

    /// <inheritdoc/>
    public override StepTerms Forward(in StepInputs inputs)
    {
        var posterior = _bound.Posterior(inputs.X, inputs.Noise, inputs.Weights);
        var distortion = _bound.Distortion(network.Decode(posterior.Sample), inputs.X, inputs.Weights);
        var all = GlobalRows.Gather(torch.cat([posterior.Sample, posterior.Mean, posterior.LogVariance], 2), inputs);
        var parts = Parts(all, inputs);
        var loss = (inputs.Vectors[0] * parts.Information) + (inputs.Vectors[1] * parts.Correlation) + (inputs.Vectors[2] * parts.Dimensions);
        return new StepTerms(
            distortion, inputs.Ones, posterior.Divergence.detach(), null, loss.detach() * StepTensors.Shares(inputs), Silent: loss);
    }

    /// <inheritdoc/>
    public override void Abstain(in StepInputs inputs) => GlobalRows.Abstain(3 * network.Latent, inputs);

    /// <inheritdoc/>
    public override HeldOutTerms Judge(in HeldOutInputs inputs) => _judge.Judge(inputs);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _weights.Dispose();
        base.Dispose(disposing);
    }

    // [K] each: means over the global batch of the three parts of the rate.
    private (Tensor Information, Tensor Correlation, Tensor Dimensions) Parts(Tensor all, in StepInputs inputs)
    {
        var d = network.Latent;
        var (z, mean, logVariance) = (all.narrow(2, 0, d), all.narrow(2, d, d), all.narrow(2, 2 * d, d));

        // log N(z_i; mean_j, variance_j) by dimension: [K, i, j, d].
        var log = ((z.unsqueeze(2) - mean.unsqueeze(1)).square() * logVariance.neg().exp().unsqueeze(1) + logVariance.unsqueeze(1)) * -0.5 - HalfLog2Pi;
        if (inputs.Weights.Mask is { } mask) log *= mask.unsqueeze(1).unsqueeze(1);
        var weights = _weights.Of(inputs);
        var joint = (log.sum(3) + weights).logsumexp(2);
        var product = (log + weights.unsqueeze(3)).logsumexp(2);
        if (inputs.Weights.Mask is { } own) product *= own.unsqueeze(1);
        var marginals = product.sum(2);

        var ownLog = (((z - mean).square() * logVariance.neg().exp()) + logVariance) * -0.5 - HalfLog2Pi;
        var prior = (z.square() * -0.5) - HalfLog2Pi;
        if (inputs.Weights.Mask is { } dimensions) (ownLog, prior) = (ownLog * dimensions.unsqueeze(1), prior * dimensions.unsqueeze(1));
        var live = GlobalRows.Live(inputs);
        var scale = inputs.Weights;
        return (Mean(ownLog.sum(2) - joint), Mean(joint - marginals), Mean(marginals - prior.sum(2)));

        Tensor Mean(Tensor values) => StepTensors.Scaled(StepTensors.Only(values, live).sum(1), scale);
    }
}
