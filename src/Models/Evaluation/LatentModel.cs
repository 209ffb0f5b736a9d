using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>Means and log variances of q(z | x) = N(mean, diag(exp(log variance))).</summary>
/// <param name="Mean">[n, d].</param>
/// <param name="LogVariance">[n, d].</param>
public readonly record struct DiagonalPosterior(Tensor Mean, Tensor LogVariance);

/// <summary>What a draw of z says about each row.</summary>
/// <param name="LogLikelihood">ln p(x | z), [m, n], in nats.</param>
/// <param name="LogRatio">ln p(z) - ln q(z | x), [m, n], in nats.</param>
/// <param name="Rates">
/// The rate of each row by column where it depends on the draw, [m, n, R], in nats: KLs given the sample above (a ladder), or ln q(z | x) - ln p(z) itself (a vamp prior). Null where
/// <see cref="LatentModel.Rates"/> tells the rate.
/// </param>
public readonly record struct BoundDraws(Tensor LogLikelihood, Tensor LogRatio, Tensor? Rates = null);

/// <summary>The bound of each row in its parts, in nats.</summary>
/// <param name="Distortion">-ln p(x | z) of one draw, [n].</param>
/// <param name="Rates">KL(q(z|x) || p(z)) by latent dimension, [n, d].</param>
/// <param name="LabelRate">KL of the inferred label to its prior, [n].</param>
public readonly record struct RowBounds(Tensor Distortion, Tensor Rates, Tensor LabelRate);

/// <summary>
/// What evaluation and applications ask of one trained model with continuous latents, whatever its family: the posterior of a row, an image of a latent, and ln p(x | z). A family whose posterior is no
/// diagonal Gaussian (a ladder), or whose prior is not N(0, I), overrides what differs; everything here works without gradients and in the caller's scope.
/// </summary>
public abstract class LatentModel : GenerativeModel
{
    /// <summary>Numbers of a latent: d, or the sum over the layers of a ladder.</summary>
    public abstract int Latent { get; }

    /// <summary>Whether ln p(x | z) is a density, whose bits per dimension depend on the scale of the values, and not a probability.</summary>
    public abstract bool IsDensity { get; }

    /// <summary>The labels that were chosen: one for all rows, or one for each; none before, and for a model that takes none.</summary>
    public virtual IReadOnlyList<int> Labels => [];

    /// <summary>Whether the model tells a label that is not given.</summary>
    public virtual bool InfersLabels => false;

    /// <summary>The model of rows with these labels: it is then asked for as many rows, or as many latents, in this order. A model without labels is itself.</summary>
    /// <param name="labels">One for all rows, or one for each; 0 to <see cref="Classes"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such label.</exception>
    public virtual LatentModel Under(params ReadOnlySpan<int> labels) => this;

    /// <summary>The model as these rows need it: under their labels, or under those that it infers.</summary>
    /// <param name="x">[n, D], values as the likelihood takes them.</param>
    /// <param name="labels">One for each row; empty where they are not known.</param>
    /// <exception cref="ArgumentException">The model takes labels, and there are none.</exception>
    public virtual LatentModel OfRows(Tensor x, ReadOnlySpan<int> labels) => this;

    /// <summary>The label that the model tells of each row.</summary>
    /// <param name="x">[n, D].</param>
    /// <exception cref="NotSupportedException">It tells none, see <see cref="InfersLabels"/>.</exception>
    public virtual int[] Infer(Tensor x) => throw new NotSupportedException("The model infers no labels.");

    /// <summary>The bound of each row where it is not the plain one of posterior, draw and rate: of a model that sums over the labels of a row. Null for others.</summary>
    /// <param name="x">[n, D].</param>
    /// <param name="noise">[n, d], standard normal.</param>
    public virtual RowBounds? BoundsOf(Tensor x, Tensor noise) => null;

    /// <summary>The posterior of each row.</summary>
    /// <param name="x">[n, D], values as the likelihood takes them.</param>
    public abstract DiagonalPosterior Encode(Tensor x);

    /// <summary>The image that a latent stands for: probabilities or means, [n, D].</summary>
    /// <param name="z">[n, d].</param>
    public abstract Tensor Decode(Tensor z);

    /// <summary>ln p(x | z) in nats, summed over the values of an image: [m, n].</summary>
    /// <param name="x">[n, D].</param>
    /// <param name="z">[m, n, d]: m latents for each row.</param>
    public abstract Tensor LogLikelihood(Tensor x, Tensor z);

    /// <summary>ln p(z) in nats. Here: N(0, I).</summary>
    /// <param name="z">[..., d].</param>
    public virtual Tensor LogPrior(Tensor z) => (z.square().sum(-1) * -0.5) - (0.5 * Latent * Math.Log(2 * Math.PI));

    /// <summary>Latents from the prior, [count, d], in host memory. Here: N(0, I).</summary>
    /// <param name="count">Latents, 1 or more.</param>
    /// <param name="seed">The same seed gives the same latents, however many follow.</param>
    public virtual float[] DrawPrior(int count, ulong seed)
    {
        using var scope = torch.NewDisposeScope();
        var z = torch.empty([count, Latent]);
        Noise.FillNormal(z, seed, NoiseStreams.Of(NoisePurpose.Prior), 0);
        return z.ToArray<float>();
    }

    /// <summary>Columns R that the rate comes apart into: one for each number of a latent, unless the prior allows none.</summary>
    public virtual int RateColumns => Latent;

    /// <summary>The rate in two parts where q(z | x) is not the product of the Gaussians that <see cref="Encode"/> gives. Null for others.</summary>
    /// <param name="load">First row and count to their values, [count, D].</param>
    /// <param name="noise">[n, d], standard normal.</param>
    internal virtual AggregatePosterior? AggregateOf(Func<int, int, Tensor> load, Tensor noise) => null;

    /// <summary>Mean of the prior by number of a latent, [d]: where traversals begin.</summary>
    public virtual float[] PriorMean() => new float[Latent];

    /// <summary>Standard deviation of the prior by number of a latent, [d]: the unit of traversals.</summary>
    public virtual float[] PriorDeviation()
    {
        var ones = new float[Latent];
        Array.Fill(ones, 1);
        return ones;
    }

    /// <summary>Draws of z with what importance weights are made of, ln w = ln p(x|z) + ln p(z) - ln q(z|x). Never divided by a variance: with z = mean + deviation * noise, ln q needs the noise alone.</summary>
    /// <param name="x">[n, D].</param>
    /// <param name="posterior">Of the same rows.</param>
    /// <param name="noise">[m, n, d], standard normal.</param>
    public virtual BoundDraws Draw(Tensor x, DiagonalPosterior posterior, Tensor noise)
    {
        var z = Sample(posterior, noise);
        var logPosterior = (noise.square().sum(-1) * -0.5) - (0.5 * Latent * Math.Log(2 * Math.PI)) - (posterior.LogVariance.sum(1) * 0.5);
        return new BoundDraws(LogLikelihood(x, z), LogPrior(z) - logPosterior);
    }

    /// <summary>z = mean + exp(log variance / 2) noise, [m, n, d].</summary>
    /// <param name="posterior">[n, d].</param>
    /// <param name="noise">[m, n, d].</param>
    public static Tensor Sample(DiagonalPosterior posterior, Tensor noise) => (noise * (posterior.LogVariance * 0.5).exp()) + posterior.Mean;

    /// <summary>
    /// The rate of each row by latent dimension, in nats, [n, d]: the closed form against N(0, I) in double precision, with the terms that cancel near 0 kept apart. Where <see cref="BoundDraws.Rates"/> are given
    /// it only says how much an image says about each dimension, for the order of dimensions: of a ladder given the means above, of a vamp prior against the Gaussian of its mean and variance.
    /// </summary>
    /// <param name="mean">[n, d].</param>
    /// <param name="logVariance">[n, d].</param>
    public virtual double[] Rates(ReadOnlySpan<float> mean, ReadOnlySpan<float> logVariance)
    {
        var rates = new double[mean.Length];
        for (var i = 0; i < rates.Length; i++)
        {
            double l = logVariance[i];
            var bracket = Math.Abs(l) < 0.05 ? l * l * (0.5 + (l * ((1.0 / 6) + (l * ((1.0 / 24) + (l / 120)))))) : Math.Exp(l) - 1 - l;
            rates[i] = 0.5 * (((double)mean[i] * mean[i]) + bracket);
        }

        return rates;
    }

    /// <inheritdoc/>
    public override float[] Generate(int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return LatentRows.Decode(this, DrawPrior(count, seed), LabelsInOrder(count));
    }

    /// <inheritdoc/>
    public override float[] Reconstruct(ReadOnlySpan<float> images, ReadOnlySpan<int> labels = default)
    {
        var rows = LatentRows.Encode(this, images, labels);
        return LatentRows.Decode(this, rows.Means, [.. rows.Labels]);
    }

    /// <summary>The labels of drawn images: i modulo the classes, unless one was chosen or the model takes none.</summary>
    internal int[] LabelsInOrder(int count) => Classes == 0 || Labels.Count > 0 ? [] : [.. Enumerable.Range(0, count).Select(i => i % Classes)];

    /// <summary>The model of a network with one replica, where it has continuous latents.</summary>
    /// <param name="network">Stays the caller's.</param>
    /// <param name="spec">Its shape and likelihood.</param>
    /// <exception cref="ArgumentException">The family has no such latents, or the network has more than one replica.</exception>
    public static new LatentModel Of(PackNetwork network, ModelSpec spec) => GenerativeModel.Of(network, spec) is LatentModel model
        ? model
        : spec.Family == ModelFamily.Vq
        ? throw new ArgumentException("This needs continuous latents, and a vq model has codes. `vae model generate`, `reconstruct`, `encode`, `anomaly`, `evaluate` and `export` work on it.", nameof(network))
        : throw new ArgumentException($"Models of the family {SpecWord.Of(spec.Family)} cannot be evaluated by their posterior.", nameof(network));
}
