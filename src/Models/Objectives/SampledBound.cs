using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>The terms of s samples of each row, the samples of a row one after the other, in nats.</summary>
/// <param name="Distortion">-log p(x|z), [K, n s].</param>
/// <param name="Rates">log q(z|x) - log p(z) by column, [K, n s, R].</param>
public readonly record struct SampledTerms(Tensor Distortion, Tensor Rates);

/// <summary>The same of judged rows.</summary>
/// <param name="Terms">By sample.</param>
/// <param name="Expected">The rate over all samples, [K, R]: in closed form where there is one.</param>
/// <param name="Mean">Posterior means of the rows, [K, n, M].</param>
public readonly record struct JudgedSamples(SampledTerms Terms, Tensor Expected, Tensor Mean);

/// <summary>A family's bound sample by sample, for objectives that need more than sums.</summary>
public abstract class SampledBound
{
    /// <summary>See <see cref="PackObjective.Columns"/>.</summary>
    public abstract ObjectiveColumns Columns { get; }

    /// <summary>See <see cref="PackObjective.ColumnsOf"/>.</summary>
    public abstract ObjectiveColumns ColumnsOf(ModelSpec own);

    /// <summary>Draws s samples for each row of a step. What is beyond a slot's rows is finite in the rates, and anything in the distortion.</summary>
    /// <param name="x">[K, n, D] or [1, n, D].</param>
    /// <param name="noise">[K, n s, w] or [1, n s, w].</param>
    /// <param name="samples">s.</param>
    /// <param name="weights">Which rows and dimensions count.</param>
    public abstract SampledTerms Draw(Tensor x, Tensor noise, int samples, in SlotWeights weights);

    /// <summary>Draws s samples for each judged row.</summary>
    public abstract JudgedSamples Judge(in HeldOutInputs inputs, int samples);

    /// <summary>Each row s times: [K, n, c] to [K, n s, c].</summary>
    protected static Tensor Repeat(Tensor rows, int samples)
    {
        if (samples == 1) return rows;
        var (slots, n, width) = (rows.size(0), rows.size(1), rows.size(2));
        return rows.unsqueeze(2).expand(slots, n, samples, width).reshape(slots, n * samples, width);
    }
}

/// <summary>That of a VAE with one of its priors.</summary>
/// <param name="network">K models.</param>
/// <param name="model">Their shape and likelihood.</param>
/// <param name="prior">N(0, I), or a mixture.</param>
public sealed class VaeSamples(VaeNetwork network, ModelSpec model, SampledPrior prior) : SampledBound
{
    private readonly Observation _observation = new(network, model);

    /// <inheritdoc/>
    public override ObjectiveColumns Columns => prior.Columns;

    /// <inheritdoc/>
    public override ObjectiveColumns ColumnsOf(ModelSpec own) => prior.ColumnsOf(own);

    /// <inheritdoc/>
    public override SampledTerms Draw(Tensor x, Tensor noise, int samples, in SlotWeights weights) => Draw(x, noise, samples, weights, out _);

    /// <inheritdoc/>
    public override JudgedSamples Judge(in HeldOutInputs inputs, int samples)
    {
        var terms = Draw(inputs.X, inputs.Noise, samples, new SlotWeights(1, Mask: inputs.Mask), out var posterior);
        var mean = posterior.Mean.view(posterior.Mean.size(0), -1, samples, posterior.Mean.size(2)).select(2, 0);
        return new JudgedSamples(terms, prior.Expected(posterior, terms.Rates), mean);
    }

    /// <summary>
    /// log q(z|x) - log N(z; 0, I) of each sample by dimension, [K, n s, d], in terms of the noise: -1/2 e^2 - 1/2 l + 1/2 z^2. The variance is never divided by.
    /// </summary>
    internal static Tensor RatePerDimension(in GaussianPosterior posterior, Tensor noise, Tensor? mask)
    {
        var log = (posterior.Sample.square() - noise.square() - posterior.LogVariance) * 0.5;
        return mask is null ? log : log * mask.unsqueeze(1); // Padded columns of the noise hold what an earlier trial left.
    }

    private SampledTerms Draw(Tensor x, Tensor noise, int samples, in SlotWeights weights, out GaussianPosterior posterior)
    {
        var rows = weights.Rows is null ? null : weights.Rows * samples;
        var hidden = Repeat(network.Encode(x), samples);
        posterior = rows is null ? Fused.gaussian_posterior(hidden, noise, weights.Mask) : Fused.gaussian_posterior(hidden, noise, rows, weights.Mask);
        using var step = torch.nn.step_rows(rows);
        var distortion = _observation.DistortionOfRows(network.Decode(posterior.Sample), Repeat(x, samples));
        return new SampledTerms(distortion, prior.Rate(posterior, noise, weights.Mask));
    }
}

/// <summary>That of a ladder: the weight of a sample is the product of those of its layers.</summary>
/// <param name="network">K models.</param>
/// <param name="model">Their shape and likelihood.</param>
public sealed class LadderSamples(LadderNetwork network, ModelSpec model) : SampledBound
{
    private readonly Observation _observation = new(network, model);
    private readonly Tensor[] _suggested = new Tensor[network.Sizes.Count];
    private readonly Tensor[] _each = new Tensor[network.Sizes.Count];
    private readonly LadderDescent _descent = new(network.Sizes.Count);

    /// <inheritdoc/>
    public override ObjectiveColumns Columns { get; } = ObjectiveColumns.Of(model.Ladder.Sum());

    /// <inheritdoc/>
    public override ObjectiveColumns ColumnsOf(ModelSpec own) => Columns; // The sizes of a ladder are part of its signature.

    /// <inheritdoc/>
    public override SampledTerms Draw(Tensor x, Tensor noise, int samples, in SlotWeights weights) => Draw(x, network.Encode(x, _suggested), noise, samples, weights);

    /// <inheritdoc/>
    public override JudgedSamples Judge(in HeldOutInputs inputs, int samples)
    {
        var suggested = network.Encode(inputs.X);
        var mean = LadderDescent.MeanOf(network, suggested);
        var terms = Draw(inputs.X, suggested, inputs.Noise, samples, new SlotWeights(1));
        return new JudgedSamples(terms, _descent.Rate.sum(1), mean);
    }

    private SampledTerms Draw(Tensor x, Tensor[] suggested, Tensor noise, int samples, in SlotWeights weights)
    {
        var rows = weights.Rows is null ? null : weights.Rows * samples;
        for (var layer = 0; layer < _each.Length; layer++) _each[layer] = Repeat(suggested[layer], samples);
        using var step = torch.nn.step_rows(rows);
        var descent = _descent.Go(network, _each, noise, StepTensors.Live(rows, noise.size(1))?.unsqueeze(2));
        var distortion = _observation.DistortionOfRows(network.Decode(descent.Sample), Repeat(x, samples));
        return new SampledTerms(distortion, descent.SampledRate);
    }
}
