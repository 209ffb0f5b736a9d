using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// The importance-weighted bound (Burda et al. 2016, equation 8): L_k = log of the mean of k weights w = p(x|z) p(z) / q(z|x), by a log-sum-exp. Its gradient is that of each
/// log w times its normalised weight (equation 14). With k = 1 it is the evidence lower bound with a sampled rate. Beta and its schedule weigh log q - log p inside the weights.
/// <para>Reported are the mean distortion and the mean sampled rate of the k draws; the penalty is what L_k gains over them, so it is never above 0 and the loss is -L_k.</para>
/// </summary>
public sealed class IwaeObjective(PackNetwork network, SampledBound bound, int samples) : PackObjective(network)
{
    /// <inheritdoc/>
    public override ObjectiveColumns Columns => bound.Columns;

    /// <inheritdoc/>
    public override ObjectiveColumns ColumnsOf(ModelSpec own) => bound.ColumnsOf(own);

    /// <inheritdoc/>
    public override int NoiseRows => samples;

    /// <inheritdoc/>
    public override bool HasPenalty => true;

    /// <inheritdoc/>
    public override int VectorCount => 1;

    /// <inheritdoc/>
    public override void FillVectors(in SlotPosition at, Span<double> values) => values[0] = RateWeight(at);

    /// <inheritdoc/>
    public override StepTerms Forward(in StepInputs inputs)
    {
        var weights = inputs.Weights;
        var terms = bound.Draw(inputs.X, inputs.Noise, samples, weights);
        var (distortion, rates) = (ByRow(terms.Distortion), terms.Rates);
        var rate = ByRow(rates.sum(2));
        var live = StepTensors.Live(weights.Rows, distortion.size(1));
        var beta = inputs.Vectors[0];
        var loss = StepTensors.Scaled(StepTensors.Only(LogMean(-distortion - (rate * beta.unsqueeze(1).unsqueeze(2))).neg(), live).sum(1), weights);

        var meanDistortion = StepTensors.Scaled(StepTensors.Only(distortion.detach().mean(2), live).sum(1), weights);
        var means = rates.detach().view(rates.size(0), distortion.size(1), samples, rates.size(2)).mean(2);
        var meanRate = StepTensors.Only(means, live?.unsqueeze(2)).sum(1);
        var reported = meanDistortion + (beta * StepTensors.Scaled(meanRate.sum(1), weights));
        return new StepTerms(meanDistortion, null, meanRate, null, loss - reported, inputs.Ones);
    }

    /// <inheritdoc/>
    public override HeldOutTerms Judge(in HeldOutInputs inputs)
    {
        var judged = bound.Judge(inputs, samples);
        var distortion = ByRow(judged.Terms.Distortion);
        var reached = LogMean(-distortion - ByRow(judged.Terms.Rates.sum(2))).sum(1, keepdim: true);
        return new HeldOutTerms(distortion.mean(2).sum(1), judged.Expected * (1.0 / samples), judged.Mean, reached);
    }

    /// <inheritdoc/>
    public override int FigureColumns => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<HeldOutFigure> Figures(ReadOnlySpan<double> sums, double rows) => [new("iwae_bound", sums[0] / rows)];

    // [K, n s] to [K, n, s].
    private Tensor ByRow(Tensor values) => values.view(values.size(0), values.size(1) / samples, samples);

    private Tensor LogMean(Tensor logWeights) => logWeights.logsumexp(2) - Math.Log(samples);
}
