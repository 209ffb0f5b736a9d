using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>A diagonal Gaussian by mean and log variance, of equal shapes.</summary>
/// <param name="Mean">[..., d].</param>
/// <param name="LogVariance">[..., d].</param>
public readonly record struct DiagonalGaussian(Tensor Mean, Tensor LogVariance)
{
    /// <summary>mean + exp(log variance / 2) noise.</summary>
    public Tensor Sample(Tensor noise) => Mean + ((LogVariance * 0.5).exp() * noise);

    /// <summary>Splits what a layer puts out, [..., 2d], into means and log variances, the latter clamped as <see cref="Fused.gaussian_posterior(Tensor, Tensor, Tensor?)"/> does: smoothly into -12 to 8.</summary>
    public static DiagonalGaussian Of(Tensor output)
    {
        var size = output.size(-1) / 2;
        var raw = output.narrow(-1, size, size);
        return new(output.narrow(-1, 0, size), 8 - (8 - ((raw + 12).softplus() - 12)).softplus());
    }
}

/// <summary>What hierarchical models need of pairs of Gaussians, in forms that hold where one of them says next to nothing.</summary>
public static class Gaussians
{
    // Below this, exp(x) - 1 - x is lost in rounding.
    private const double Small = 0.05;

    /// <summary>
    /// The product of two Gaussians, normalised: precisions add up, means are weighted by them (Sonderby et al. 2016, equations 18 and 19). The result is in units of <paramref name="prior"/>, as
    /// N(0, I) stands for the prior itself: z = prior mean + prior deviation x what is returned. So nothing is divided by a variance, no mean is taken from a nearly equal one, and the divergence from the prior is that from N(0, I).
    /// </summary>
    /// <param name="suggested">What the data say of z.</param>
    /// <param name="prior">What the layer above says of z.</param>
    public static DiagonalGaussian Merge(in DiagonalGaussian suggested, in DiagonalGaussian prior)
    {
        var gap = prior.LogVariance - suggested.LogVariance;
        return new(gap.sigmoid() * (suggested.Mean - prior.Mean) * (prior.LogVariance * -0.5).exp(), -gap.softplus());
    }

    /// <summary>KL(q || N(0, I)) by dimension, in nats.</summary>
    public static Tensor Divergence(in DiagonalGaussian q) => (Excess(q.LogVariance) + q.Mean.square()) * 0.5;

    /// <summary>exp(x) - 1 - x, 0 or more: by its series near 0, where the terms cancel.</summary>
    public static Tensor Excess(Tensor x)
    {
        var near = x.clamp(-Small, Small); // Outside the series is not looked at, and must not grow.
        var series = near.square() * ((near * ((near * ((near * (1.0 / 120)) + (1.0 / 24))) + (1.0 / 6))) + 0.5);
        return torch.where(x.abs() < Small, series, x.expm1() - x);
    }
}
