using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>The terms of a VAE's bound sample by sample, for objectives that need more than sums.</summary>
/// <param name="network">K models.</param>
/// <param name="model">Their shape and likelihood.</param>
internal sealed class PosteriorSamples(VaeNetwork network, ModelSpec model)
{
    private readonly VaeObjective _bound = new(network, model);

    /// <summary>Draws s samples for each row: [K, n s, d] with means and log variances, the samples of a row one after the other.</summary>
    /// <param name="x">[K, n, D] or [1, n, D].</param>
    /// <param name="noise">[K, n s, d] or [1, n s, d].</param>
    /// <param name="samples">s.</param>
    /// <param name="weights">Which rows and dimensions count.</param>
    /// <param name="rows">Int32 [K]: samples of each slot that count, or null.</param>
    public GaussianPosterior Draw(Tensor x, Tensor noise, int samples, in SlotWeights weights, Tensor? rows)
    {
        var hidden = network.Encode(x);
        if (samples > 1) hidden = Repeat(hidden, samples);
        return rows is null ? Fused.gaussian_posterior(hidden, noise, weights.Mask) : Fused.gaussian_posterior(hidden, noise, rows, weights.Mask);
    }

    /// <summary>-log p(x|z) of each sample, [K, n s].</summary>
    public Tensor Distortion(Tensor z, Tensor x, int samples, Tensor? rows)
    {
        using var step = torch.nn.step_rows(rows);
        return _bound.DistortionOfRows(network.Decode(z), samples > 1 ? Repeat(x, samples) : x);
    }

    /// <summary>
    /// log q(z|x) - log N(z; 0, I) of each sample by dimension, [K, n s, d], in terms of the noise: -1/2 e^2 - 1/2 l + 1/2 z^2. The variance is never divided by.
    /// </summary>
    public static Tensor RatePerDimension(in GaussianPosterior posterior, Tensor noise, Tensor? mask)
    {
        var log = (posterior.Sample.square() - noise.square() - posterior.LogVariance) * 0.5;
        return mask is null ? log : log * mask.unsqueeze(1); // Padded columns of the noise hold what an earlier trial left.
    }

    /// <summary>Each row s times: [K, n, c] to [K, n s, c].</summary>
    public static Tensor Repeat(Tensor rows, int samples)
    {
        var (slots, n, width) = (rows.size(0), rows.size(1), rows.size(2));
        return rows.unsqueeze(2).expand(slots, n, samples, width).reshape(slots, n * samples, width);
    }
}
