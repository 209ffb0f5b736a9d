using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>
/// The posteriors of some rows under a ladder, each at the draws of all others: ln q(z|x) - ln p(z) over all layers together. A layer's posterior is the product of what the row suggests and the prior given the layer above
/// (Sonderby et al. 2016, equations 18 and 19); the suggestion belongs to the row alone and the prior to the draw alone, so the network sees each row once, and the pairs, of which there are rows^2, are sums over numbers.
/// </summary>
internal sealed class LadderPairs
{
    private const int RowsOfOnePass = 512;

    private readonly DiagonalGaussian[] _suggested; // By layer: of each row, [n, d_l].
    private readonly DiagonalGaussian[] _priors;    // By layer but the top one: given each draw's layer above, [n, d_l].
    private readonly Tensor[] _draws;               // By layer, in units of the prior, [n, d_l].

    private LadderPairs(DiagonalGaussian[] suggested, DiagonalGaussian[] priors, Tensor[] draws) => (_suggested, _priors, _draws) = (suggested, priors, draws);

    /// <summary>Draws a latent of each row.</summary>
    /// <param name="network">With one replica.</param>
    /// <param name="load">First row and count to their values, [count, D].</param>
    /// <param name="noise">[n, R], standard normal.</param>
    public static LadderPairs Of(LadderNetwork network, Func<int, int, Tensor> load, Tensor noise)
    {
        var (layers, n) = (network.Sizes.Count, (int)noise.size(0));
        var (suggested, priors, draws) = (Parts(2 * layers), Parts(2 * (layers - 1)), Parts(layers));
        for (var first = 0; first < n; first += RowsOfOnePass)
        {
            var rows = Math.Min(RowsOfOnePass, n - first);
            var own = network.Encode(load(first, rows).unsqueeze(0));
            var e = LadderDescent.Walk(network, own, noise.narrow(0, first, rows).unsqueeze(0)).Units;
            Tensor? above = null;
            var end = e.size(2);
            for (var layer = layers - 1; layer >= 0; layer--)
            {
                end -= network.Sizes[layer];
                var part = e.narrow(2, end, network.Sizes[layer]);
                draws[layer].Add(part.squeeze(0));
                Add(suggested, layer, DiagonalGaussian.Of(own[layer]));
                if (above is null)
                {
                    above = part;
                    continue;
                }

                var prior = DiagonalGaussian.Of(network.PriorOf(layer, above));
                Add(priors, layer, prior);
                above = prior.Sample(part);
            }
        }

        return new(Joined(suggested), Joined(priors), [.. draws.Select(static part => torch.cat([.. part], 0))]);

        static List<Tensor>[] Parts(int count) => [.. Enumerable.Range(0, count).Select(static _ => new List<Tensor>())];
        static void Add(List<Tensor>[] parts, int layer, DiagonalGaussian gaussian)
        {
            parts[2 * layer].Add(gaussian.Mean.squeeze(0));
            parts[(2 * layer) + 1].Add(gaussian.LogVariance.squeeze(0));
        }

        static DiagonalGaussian[] Joined(List<Tensor>[] parts) =>
            [.. Enumerable.Range(0, parts.Length / 2).Select(layer => new DiagonalGaussian(torch.cat([.. parts[2 * layer]], 0), torch.cat([.. parts[(2 * layer) + 1]], 0)))];
    }

    /// <summary>ln q(z|x) - ln p(z) of one draw under the posterior of every row, in nats.</summary>
    /// <param name="draw">Whose draw, 0 to n - 1.</param>
    /// <param name="ratios">[n].</param>
    public void Fill(int draw, Span<double> ratios)
    {
        using var scope = torch.NewDisposeScope();
        ratios.Clear();
        for (var layer = 0; layer < _draws.Length; layer++)
        {
            var posterior = layer == _draws.Length - 1 ? _suggested[layer] : Gaussians.Merge(_suggested[layer], new(_priors[layer].Mean.narrow(0, draw, 1), _priors[layer].LogVariance.narrow(0, draw, 1)));
            var e = _draws[layer].narrow(0, draw, 1);
            // The units cancel: both densities are of the same number.
            var terms = (e.square() - ((e - posterior.Mean).square() * posterior.LogVariance.neg().exp()) - posterior.LogVariance).sum(1).cpu().data<float>();
            for (var row = 0; row < terms.Length; row++) ratios[row] += 0.5 * terms[row];
        }
    }
}
