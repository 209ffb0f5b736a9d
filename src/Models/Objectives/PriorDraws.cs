using Vae.Models.Networks;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>Latents drawn from a model's own prior: N(0, I), or the mixture of a VampPrior.</summary>
public static class PriorDraws
{
    /// <summary>Draws <paramref name="first"/> .. <paramref name="first"/> + <paramref name="count"/> of the seed, [count, d].</summary>
    /// <param name="network">The models.</param>
    /// <param name="replica">Whose prior.</param>
    /// <param name="count">At least 1.</param>
    /// <param name="seed">The same seed gives the same draws.</param>
    /// <param name="first">The first one's number.</param>
    public static Tensor Draw(VaeNetwork network, int replica, int count, ulong seed, long first = 0)
    {
        using var mode = torch.no_grad();
        var device = network.parameters().First().device;
        var noise = torch.empty([count, network.Latent], device: device);
        Noise.FillNormal(noise, seed, NoiseStreams.Of(NoisePurpose.Prior), first);
        if (network.PseudoInputs is not { } pseudoInputs) return noise;
        var chosen = torch.empty([count, 1], device: device);
        Noise.FillUniform(chosen, seed, NoiseStreams.Of(NoisePurpose.Prior, 2), first);
        var index = (chosen.view(count) * pseudoInputs.size(1)).to(ScalarType.Int64);
        var components = new VampPrior(network).Components(mask: null);
        var (mean, logVariance) = (components.Mean[replica].index_select(0, index), components.LogVariance[replica].index_select(0, index));
        return mean + ((logVariance * 0.5).exp() * noise);
    }
}
