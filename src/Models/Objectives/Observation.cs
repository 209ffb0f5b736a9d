using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// The likelihood p(x|z), given what a decoder made of z: logits of bits (Bernoulli), natural parameters of the continuous Bernoulli, means of a Gaussian with one
/// variance for all values, means of a discretised logistic with one scale for all values. All in nats.
/// </summary>
public sealed class Observation
{
    // Where e^-a and 1/a of the continuous Bernoulli's mean would cancel.
    private const double NearZero = 0.5;

    private readonly Likelihood _likelihood;
    private readonly Tensor? _spread;

    /// <param name="network">K models.</param>
    /// <param name="spec">Their likelihood.</param>
    public Observation(PackNetwork network, ModelSpec spec) : this(spec.Likelihood, network.ObservationLogVariance ?? network.ObservationLogScale)
    {
    }

    /// <param name="likelihood">Which.</param>
    /// <param name="spread">[K]: log variance of a Gaussian, log scale of a logistic; null for the others.</param>
    /// <exception cref="ArgumentException">The likelihood needs a spread and there is none.</exception>
    public Observation(Likelihood likelihood, Tensor? spread)
    {
        if (likelihood is Likelihood.Gaussian or Likelihood.DiscretisedLogistic && spread is null) throw new ArgumentException($"A {likelihood} likelihood has a spread.", nameof(spread));
        (_likelihood, _spread) = (likelihood, spread);
    }

    /// <summary>-log p(x|z), summed over rows and values, times the factor of each slot: [K].</summary>
    /// <param name="decoded">[K, n, D].</param>
    /// <param name="x">[K, n, D]; [1, n, D] for all replicas.</param>
    /// <param name="weights">Which rows count, and by what factor.</param>
    public Tensor Distortion(Tensor decoded, Tensor x, in SlotWeights weights) => Distortion(decoded, x, _spread, weights);

    // A row's spread is its replica's, so it is an argument: this is called in each step, and a step makes no objects.
    private Tensor Distortion(Tensor decoded, Tensor x, Tensor? spread, in SlotWeights weights) => (_likelihood, weights.Rows) switch
    {
        (Likelihood.Bernoulli, null) => Fused.bernoulli_logits_nll(decoded, x, weights.Uniform),
        (Likelihood.Bernoulli, { } rows) => Fused.bernoulli_logits_nll(decoded, x, rows, weights.Scale!),
        (Likelihood.Gaussian, null) => Fused.gaussian_nll(decoded, x, spread!, weights.Uniform),
        (Likelihood.Gaussian, { } rows) => Fused.gaussian_nll(decoded, x, spread!, rows, weights.Scale!),
        (Likelihood.ContinuousBernoulli, null) => Fused.continuous_bernoulli_nll(decoded, x, weights.Uniform),
        (Likelihood.ContinuousBernoulli, { } rows) => Fused.continuous_bernoulli_nll(decoded, x, rows, weights.Scale!),
        (Likelihood.DiscretisedLogistic, null) => Fused.discretised_logistic_nll(decoded, x, spread!, weights.Uniform),
        (Likelihood.DiscretisedLogistic, { } rows) => Fused.discretised_logistic_nll(decoded, x, spread!, rows, weights.Scale!),
        _ => throw new InvalidOperationException($"Unknown likelihood {_likelihood}."),
    };

    /// <summary>-log p(x|z) of each row, summed over values: [K, n].</summary>
    /// <param name="decoded">[K, n, D].</param>
    /// <param name="x">[K, n, D]; [1, n, D] for all replicas.</param>
    public Tensor DistortionOfRows(Tensor decoded, Tensor x)
    {
        // Each row as a replica of its own: the same kernels, the same bits.
        var (replicas, rows, values) = (decoded.size(0), decoded.size(1), decoded.size(2));
        var each = x.expand(replicas, rows, values).reshape(replicas * rows, 1, values);
        var spread = _spread?.view(replicas, 1).expand(replicas, rows).reshape(replicas * rows);
        return Distortion(decoded.reshape(replicas * rows, 1, values), each, spread, new SlotWeights(1)).view(replicas, rows);
    }

    /// <summary>ln p(x|z) of several draws of each row, in nats, [m, n].</summary>
    /// <param name="decoded">[1, m n, D]: the draws' rows one after the other.</param>
    /// <param name="x">[n, D].</param>
    /// <param name="draws">m.</param>
    public Tensor LogLikelihoodOfDraws(Tensor decoded, Tensor x, long draws)
    {
        var (rows, values) = (x.size(0), x.size(1));
        if (_likelihood != Likelihood.Bernoulli)
        {
            var each = x.unsqueeze(0).expand(draws, rows, values).reshape(1, draws * rows, values);
            return DistortionOfRows(decoded, each).view(draws, rows).neg();
        }

        // ln p = a x - softplus(a): from logits, so no probability is ever 0 or 1 and nothing is cut off at any number of nats. Without a copy of x for each draw, which is what most time would go to.
        var logits = decoded.view(draws, rows, values);
        return ((logits * x) - logits.softplus()).sum(2);
    }

    /// <summary>What the decoder says an image looks like, E[x|z]: [K, n, D]. Means of the Gaussian are not cut to 0 .. 1.</summary>
    public Tensor ToImages(Tensor decoded) => _likelihood switch
    {
        Likelihood.Bernoulli => decoded.sigmoid(),
        Likelihood.ContinuousBernoulli => MeanOfContinuousBernoulli(decoded),
        Likelihood.DiscretisedLogistic => decoded.clamp(0, 1),
        _ => decoded,
    };

    // 1 / (1 - e^-a) - 1 / a, with its series near 0.
    private static Tensor MeanOfContinuousBernoulli(Tensor a)
    {
        var near = a.abs() < NearZero;
        var far = torch.where(near, a * 0 + 1, a);
        var square = a.square();
        return torch.where(near, a * ((square * (square / 30_240 - (1.0 / 720))) + (1.0 / 12)) + 0.5, -((-far).expm1().reciprocal()) - far.reciprocal());
    }
}
