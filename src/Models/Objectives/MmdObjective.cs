using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// InfoVAE with maximum mean discrepancy (Zhao et al. 2017, equation 6): distortion + (1 - alpha) rate + (alpha + lambda - 1) MMD^2(q(z), p(z)). The discrepancy compares the latents of
/// the global batch with as many draws from the prior, the same on all ranks, and is unbiased: no draw is compared with itself (Gretton et al. 2012, equation 3). Of two draws
/// it takes k = C / (C + |u - v|^2) with C = 2d, or exp(-|u - v|^2 / C). Beta and its schedule weigh the rate as everywhere.
/// </summary>
public sealed class MmdObjective(VaeNetwork network, ModelSpec model, MmdKernel kernel) : PackObjective(network)
{
    private readonly VaeObjective _bound = new(network, model);
    private readonly NormalBound _judge = new(network, model);

    /// <inheritdoc/>
    public override bool HasPenalty => true;

    /// <inheritdoc/>
    public override bool Exchanges => true;

    /// <inheritdoc/>
    public override int VectorCount => 3;

    /// <inheritdoc/>
    public override void FillVectors(in SlotPosition at, Span<double> values)
    {
        var training = at.Trial.Training;
        (values[0], values[1], values[2]) = (training.MmdAlpha + training.MmdLambda - 1, 2 * at.Trial.Model.Latent, at.Rows > 1 ? 1.0 / ((double)at.Rows * (at.Rows - 1)) : 0);
    }

    /// <inheritdoc/>
    public override double RateWeight(in SlotPosition at) => RateSchedule.Weight(at) * (1 - at.Trial.Training.MmdAlpha);

    /// <inheritdoc/>
    public override StepTerms Forward(in StepInputs inputs)
    {
        var posterior = _bound.Posterior(inputs.X, inputs.Noise, inputs.Weights);
        var distortion = _bound.Distortion(network.Decode(posterior.Sample), inputs.X, inputs.Weights);
        var loss = inputs.Vectors[0] * Discrepancy(GlobalRows.Gather(posterior.Sample, inputs), Draws(inputs), inputs);
        return new StepTerms(
            distortion, inputs.Ones, posterior.Divergence, inputs.RateWeight, loss.detach() * StepTensors.Shares(inputs), Silent: loss);
    }

    /// <inheritdoc/>
    public override void Abstain(in StepInputs inputs) => GlobalRows.Abstain(network.Latent, inputs);

    /// <inheritdoc/>
    public override HeldOutTerms Judge(in HeldOutInputs inputs) => _judge.Judge(inputs);

    // [K, B, d]: the prior's side, keyed by seed and step; a slot's padding and the rows beyond its batch stay 0.
    private Tensor Draws(in StepInputs inputs)
    {
        var draws = torch.zeros([network.Replicas, GlobalRows.Largest(inputs.Parts), network.Latent], device: inputs.Ones.device);
        for (var k = 0; k < inputs.Parts.Count; k++)
        {
            if (inputs.Parts[k].Total == 0) continue;
            var (trial, step) = (inputs.Positions[k].Trial, inputs.Positions[k].Step);
            Noise.FillNormal(draws, k, inputs.Parts[k].Total, trial.Model.Latent, trial.Training.Seed, NoiseStreams.Of(NoisePurpose.PriorBatch, step), 0);
        }

        return draws;
    }

    // [K].
    private Tensor Discrepancy(Tensor z, Tensor draws, in StepInputs inputs)
    {
        var size = inputs.Vectors[1].unsqueeze(1).unsqueeze(2);
        var live = GlobalRows.Live(inputs).to(ScalarType.Float32);
        var both = live.unsqueeze(2) * live.unsqueeze(1);
        var others = both * (1 - torch.eye(live.size(1), device: live.device)).unsqueeze(0);
        var within = (others * (Kernel(z, z, size) + Kernel(draws, draws, size))).sum([1, 2]) * inputs.Vectors[2];
        var across = StepTensors.Scaled(StepTensors.Scaled((both * Kernel(z, draws, size)).sum([1, 2]), inputs.Weights), inputs.Weights);
        return within - (across * 2);
    }

    private Tensor Kernel(Tensor u, Tensor v, Tensor size)
    {
        var distance = (u.unsqueeze(2) - v.unsqueeze(1)).square().sum(3);
        return kernel == MmdKernel.Imq ? size / (size + distance) : (-(distance / size)).exp();
    }
}
