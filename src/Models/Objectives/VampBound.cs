using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// The VampPrior (Tomczak and Welling 2018, equation 9): p(z) is the mean of the posteriors of P pseudo-inputs, which are trained as weights and lie in 0 to 1 as pixels do. It does not
/// come apart into dimensions, so there is one rate column.
/// </summary>
public sealed class VampPrior(VaeNetwork network) : SampledPrior
{
    private const double HalfLog2Pi = 0.91893853320467274178;

    private readonly Tensor _pseudoInputs = network.PseudoInputs ?? throw new ArgumentException("The network has no pseudo-inputs.", nameof(network));

    /// <inheritdoc/>
    public override ObjectiveColumns Columns => ObjectiveColumns.Of(network.Latent) with { Rates = 1 };

    /// <inheritdoc/>
    public override ObjectiveColumns ColumnsOf(ModelSpec own) => ObjectiveColumns.Of(own.Latent) with { Rates = 1 };

    /// <inheritdoc/>
    public override Tensor Rate(in GaussianPosterior posterior, Tensor noise, Tensor? mask)
    {
        // -1/2 e^2 - 1/2 l - 1/2 log 2 pi: log q(z|x) without a division by the variance.
        var own = (noise.square() + posterior.LogVariance) * -0.5 - HalfLog2Pi;
        if (mask is not null) own *= mask.unsqueeze(1);
        return (own.sum(2) - LogDensity(posterior.Sample, mask)).unsqueeze(2);
    }

    /// <inheritdoc/>
    public override Tensor Expected(in GaussianPosterior posterior, Tensor rates) => rates.sum(1);

    /// <summary>log p(z) of each sample, [K, m], by a log-sum-exp over the components.</summary>
    /// <param name="z">[K, m, d].</param>
    /// <param name="mask">[K, d], or null.</param>
    public Tensor LogDensity(Tensor z, Tensor? mask)
    {
        var components = Components(mask);
        var precision = components.LogVariance.neg().exp();

        // Sum over dimensions of (z - m)^2 / v + log v, for all pairs [K, m, P], as three products.
        var squares = torch.matmul(z.square(), precision.transpose(1, 2)) - (torch.matmul(z, (components.Mean * precision).transpose(1, 2)) * 2);
        var constants = ((components.Mean.square() * precision) + components.LogVariance).sum(2);
        var log = (squares + constants.unsqueeze(1)) * -0.5;
        var dimensions = mask is null ? torch.full([1], network.Latent, z.dtype, z.device) : mask.sum(1);
        return log.logsumexp(2) - (dimensions * HalfLog2Pi + Math.Log(_pseudoInputs.size(1))).unsqueeze(1);
    }

    /// <summary>The components: means and log variances [K, P, d] of the posteriors of the pseudo-inputs.</summary>
    public GaussianPosterior Components(Tensor? mask)
    {
        using var rows = torch.nn.step_rows(null);
        var hidden = network.Encode(_pseudoInputs.clamp(0, 1));
        return Fused.gaussian_posterior(hidden, torch.zeros([_pseudoInputs.size(1), network.Latent], hidden.dtype, hidden.device), mask);
    }
}

/// <summary>The bound of a VAE with a VampPrior: one sample of z for distortion and rate alike.</summary>
public sealed class VampBound(VaeNetwork network, ModelSpec model) : Bound
{
    private readonly VaeObjective _bound = new(network, model);
    private readonly VampPrior _prior = new(network);

    /// <inheritdoc/>
    public override ObjectiveColumns Columns => _prior.Columns;

    /// <inheritdoc/>
    public override ObjectiveColumns ColumnsOf(ModelSpec own) => _prior.ColumnsOf(own);

    /// <inheritdoc/>
    public override BoundSums Forward(in StepInputs inputs)
    {
        var posterior = _bound.Posterior(inputs.X, inputs.Noise, inputs.Weights);
        var distortion = _bound.Distortion(network.Decode(posterior.Sample), inputs.X, inputs.Weights);
        return new BoundSums(distortion, Rate(posterior, inputs.Noise, inputs.Weights), posterior.Mean);
    }

    /// <inheritdoc/>
    public override HeldOutTerms Judge(in HeldOutInputs inputs)
    {
        var weights = new SlotWeights(1, Mask: inputs.Mask);
        var posterior = _bound.Posterior(inputs.X, inputs.Noise, weights);
        var distortion = _bound.Distortion(network.Decode(posterior.Sample), inputs.X, weights);
        return new HeldOutTerms(distortion, Rate(posterior, inputs.Noise, weights), posterior.Mean);
    }

    // [K, 1].
    private Tensor Rate(in GaussianPosterior posterior, Tensor noise, in SlotWeights weights)
    {
        var rates = _prior.Rate(posterior, noise, weights.Mask);
        return StepTensors.Only(rates, StepTensors.Live(weights.Rows, rates.size(1))?.unsqueeze(2)).sum(1);
    }
}
