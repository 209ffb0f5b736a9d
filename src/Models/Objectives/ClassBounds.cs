using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>What a model that takes labels says of each row under every label.</summary>
/// <param name="Distortion">-log p(x|y,z): [K, n, C].</param>
/// <param name="Rate">KL(q(z|x,y) || p(z)) by latent dimension: [K, n C, d], the classes of a row one after the other.</param>
/// <param name="Mean">Means of q(z|x,y): [K, n C, d].</param>
internal readonly record struct ClassTerms(Tensor Distortion, Tensor Rate, Tensor Mean)
{
    /// <summary>The posterior means under one label for each row: [K, n, d].</summary>
    /// <param name="labels">Int64 [K, n].</param>
    public Tensor MeanOf(Tensor labels)
    {
        var (replicas, n, classes, latent) = (Distortion.size(0), Distortion.size(1), Distortion.size(2), Mean.size(2));
        var index = labels.view(replicas, n, 1, 1).expand(replicas, n, 1, latent);
        return Mean.view(replicas, n, classes, latent).gather(2, index).squeeze(2);
    }
}

/// <summary>
/// The terms of the bound under every label: what the encoder makes of x before the label enters is computed once for a row, the rest as one batch of n C rows. Each row and label is a replica of its
/// own to the fused kernels, which then give single terms in place of sums.
/// </summary>
/// <param name="network">K models that take labels.</param>
/// <param name="model">Their shape and likelihood.</param>
internal sealed class ClassBounds(VaeNetwork network, ModelSpec model)
{
    private readonly Observation _observation = new(network, model);

    /// <summary>Computes them.</summary>
    /// <param name="x">[K, n, D] or [1, n, D].</param>
    /// <param name="noise">[K, n, d] or [1, n, d]: the classes of a row share it.</param>
    /// <param name="weights">Which rows and dimensions count.</param>
    public ClassTerms Of(Tensor x, Tensor noise, in SlotWeights weights)
    {
        var (replicas, n, classes, d) = (network.Replicas, x.size(1), network.Classes, network.Latent);
        var rows = weights.Rows is null ? null : weights.Rows * classes;
        var hidden = network.EncodeEachClass(x, rows);
        var places = n * classes;
        var mask = weights.Mask?.unsqueeze(1).expand(replicas, places, d).reshape(replicas * places, d);
        var shared = noise.unsqueeze(2).expand(replicas, n, classes, d).reshape(replicas * places, 1, d);
        var posterior = Fused.gaussian_posterior(hidden.view(replicas * places, 1, 2 * d), shared, mask);
        using var step = torch.nn.step_rows(rows);
        var decoded = network.DecodeEachClass(posterior.Sample.view(replicas, places, d));
        var each = x.unsqueeze(2).expand(x.size(0), n, classes, x.size(2)).reshape(x.size(0), places, x.size(2));
        var distortion = _observation.DistortionOfRows(decoded, each).view(replicas, n, classes);
        return new ClassTerms(distortion, posterior.Divergence.view(replicas, places, d), posterior.Mean.view(replicas, places, d));
    }

    /// <summary>The bound of each row whose label nobody tells, of one model of M2: -U(x) in its parts.</summary>
    /// <param name="x">[n, D].</param>
    /// <param name="noise">[n, d].</param>
    public RowBounds OfHidden(Tensor x, Tensor noise)
    {
        var rows = x.unsqueeze(0);
        var logs = network.Classify(rows).log_softmax(2);
        var terms = Of(rows, noise.unsqueeze(0), new SlotWeights(1));
        var chances = logs.exp();
        var (n, classes) = (chances.size(1), chances.size(2));
        var rates = chances.view(n, 1, classes).matmul(terms.Rate.view(n, classes, network.Latent)).squeeze(1);
        return new RowBounds((chances * terms.Distortion).sum(2).view(n), rates, ((chances * logs).sum(2) + Math.Log(classes)).view(n));
    }
}
