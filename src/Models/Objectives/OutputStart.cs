using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// Lets a decoder begin at the mean image: its last bias is what the likelihood has for it, and the random weights before it put little on top. Else the first steps teach the decoder the mean image through whatever is at hand:
/// tanh units saturate, latents are of no use meanwhile, and a prior that learns too has met the posterior before they are. Burda et al. 2016 begin so in their code.
/// </summary>
public static class OutputStart
{
    // A value that no training row has is still possible.
    private const double Least = 0.001;

    // The mean of a continuous Bernoulli nears 0 and 1 as 1 / a: further out a decoder would need long to come back.
    private const double NaturalMax = 10;

    /// <summary>Sets the bias of all replicas.</summary>
    /// <param name="network">K models.</param>
    /// <param name="likelihood">What their output means.</param>
    /// <param name="mean">The mean image, [D], 0 to 1. A bias for each channel gets the mean over its pixels.</param>
    /// <exception cref="ArgumentException">The image is not of the network's size.</exception>
    public static void Set(PackNetwork network, Likelihood likelihood, ReadOnlySpan<float> mean)
    {
        if (mean.Length != network.Image.Values) throw new ArgumentException($"The mean image has {mean.Length} values, the network's images have {network.Image.Values}.", nameof(mean));
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var bias = network.OutputBias;
        var start = new float[bias.size(1)];
        var share = mean.Length / start.Length; // 1, or the pixels of a channel, which lie together.
        for (var i = 0; i < start.Length; i++)
        {
            var sum = 0.0;
            foreach (var value in mean.Slice(i * share, share)) sum += value;
            start[i] = (float)OutputFor(likelihood, sum / share);
        }

        bias.copy_(torch.tensor(start, [1, start.Length], bias.device).expand(bias.shape));
    }

    /// <summary>What a decoder puts out to mean <paramref name="mean"/>, 0 to 1: a logit, a natural parameter, or the mean itself.</summary>
    public static double OutputFor(Likelihood likelihood, double mean)
    {
        var inside = Math.Clamp(mean, Least, 1 - Least);
        return likelihood switch
        {
            Likelihood.Bernoulli => Math.Log(inside / (1 - inside)),
            Likelihood.ContinuousBernoulli => NaturalFor(mean),
            Likelihood.Gaussian or Likelihood.DiscretisedLogistic => mean,
            _ => throw new ArgumentOutOfRangeException(nameof(likelihood), likelihood, "Unknown likelihood."),
        };
    }

    // The mean 1 / (1 - e^-a) - 1 / a grows with a; halving is exact enough after 60 times.
    private static double NaturalFor(double mean)
    {
        var (low, high) = (-NaturalMax, NaturalMax);
        for (var i = 0; i < 60; i++)
        {
            var middle = (low + high) / 2;
            var reached = Math.Abs(middle) < 1e-4 ? 0.5 + (middle / 12) : (-1 / (Math.Exp(-middle) - 1)) - (1 / middle);
            if (reached < mean) low = middle;
            else high = middle;
        }

        return (low + high) / 2;
    }
}
