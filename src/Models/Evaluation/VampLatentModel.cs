using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>The family <c>vae</c> with a VampPrior: ln p(z) and rates are those of the mixture, as its draws are.</summary>
internal sealed class VampLatentModel : VaeLatentModel
{
    private const long ValuesOfOnePass = 4 * 1024 * 1024; // Latents times components: bounds memory, however many pseudo-inputs there are.

    private readonly VaeNetwork _network;
    private readonly VampPrior _prior;
    private (double[] Mean, double[] Variance)? _moments;

    public VampLatentModel(VaeNetwork network, ModelSpec spec) : base(network, spec) => (_network, _prior) = (network, new VampPrior(network));

    /// <summary>One: a mixture does not come apart into dimensions.</summary>
    public override int RateColumns => 1;

    public override Tensor LogPrior(Tensor z)
    {
        var latents = z.reshape(1, -1, Latent);
        var (count, most) = (latents.size(1), Math.Max(1, ValuesOfOnePass / _network.PseudoInputs!.size(1)));
        var parts = new List<Tensor>();
        for (var first = 0L; first < count; first += most) parts.Add(_prior.LogDensity(latents.narrow(1, first, Math.Min(most, count - first)), mask: null));
        return torch.cat([.. parts], 1).view(z.shape.AsSpan(0, (int)z.dim() - 1));
    }

    public override BoundDraws Draw(Tensor x, DiagonalPosterior posterior, Tensor noise)
    {
        var drawn = base.Draw(x, posterior, noise);
        return drawn with { Rates = drawn.LogRatio.neg().unsqueeze(2) };
    }

    public override float[] PriorMean() => [.. Moments.Mean.Select(value => (float)value)];

    public override float[] PriorDeviation() => [.. Moments.Variance.Select(value => (float)Math.Sqrt(value))];

    /// <summary>Against the Gaussian of the mixture's mean and variance, by dimension: an order of dimensions, which need not sum to the rate.</summary>
    public override double[] Rates(ReadOnlySpan<float> mean, ReadOnlySpan<float> logVariance)
    {
        var (centre, variance) = Moments;
        var rates = new double[mean.Length];
        for (var i = 0; i < rates.Length; i++)
        {
            var (j, away) = (i % Latent, mean[i] - centre[i % Latent]);
            rates[i] = 0.5 * (Math.Log(variance[j]) - logVariance[i] + ((Math.Exp(logVariance[i]) + (away * away)) / variance[j]) - 1);
        }

        return rates;
    }

    // Of the mixture, [d].
    private (double[] Mean, double[] Variance) Moments => _moments ??= FindMoments();

    private (double[] Mean, double[] Variance) FindMoments()
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var components = _prior.Components(mask: null);
        var (means, logVariances) = (components.Mean.contiguous().cpu().ToArray<float>(), components.LogVariance.contiguous().cpu().ToArray<float>());
        var (mean, variance, count) = (new double[Latent], new double[Latent], means.Length / Latent);
        for (var i = 0; i < means.Length; i++) mean[i % Latent] += (double)means[i] / count;
        for (var i = 0; i < means.Length; i++) variance[i % Latent] += (Math.Exp(logVariances[i]) + Math.Pow(means[i] - mean[i % Latent], 2)) / count;
        return (mean, variance);
    }
}
