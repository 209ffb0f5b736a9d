using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// Semi-supervised learning with generative models, M2 (Kingma et al. 2014): -L(x, y) for a row whose label is seen (equation 6), -U(x) for the others (equation 7), a sum over all classes
/// weighted by q(y|x), and the cross-entropy of the seen labels (equation 9). All three are sums over rows, so any number of ranks computes the same.
/// <para>With w the one-hot label of a row, or q(y|x) where none is seen, both bounds are distortion sum_y w_y -log p(x|y,z_y) plus rate: by latent dimension sum_y w_y KL(q(z|x,y) || p(z)), and in
/// the first column KL(w || p(y)), which is log C where a label is seen. The classes of a row share its noise, so that what they differ by is not the draw.</para>
/// <para>The penalty is classifier_weight / labelled rows times the cross-entropies, over all rows: a row of the batch counts N / labelled as much. It is what classifier_weight times the mean
/// cross-entropy of the labelled rows is beside the mean bound.</para>
/// </summary>
public sealed class M2Objective(VaeNetwork network, ModelSpec model) : PackObjective(network)
{
    private const int RowsOfOnePass = 512; // Rows and classes that are judged at a time: what a plain model's evaluation takes.

    private readonly ClassBounds _bounds = new(network, model);

    /// <inheritdoc/>
    public override LabelUse Labels => LabelUse.Seen;

    /// <inheritdoc/>
    public override ObjectiveColumns Columns => ColumnsFor(network.Latent);

    /// <inheritdoc/>
    public override ObjectiveColumns ColumnsOf(ModelSpec own) => ColumnsFor(own.Latent);

    /// <inheritdoc/>
    public override bool HasPenalty => true;

    /// <inheritdoc/>
    public override int VectorCount => 1;

    /// <inheritdoc/>
    public override void FillVectors(in SlotPosition at, Span<double> values) =>
        values[0] = at.Trial.Training.ClassifierWeight * at.TrainRows / Math.Min(at.Trial.Training.Labelled, at.TrainRows);

    /// <inheritdoc/>
    public override StepTerms Forward(in StepInputs inputs)
    {
        var weights = inputs.Weights;
        var logs = network.Classify(inputs.X).log_softmax(2);
        var terms = _bounds.Of(inputs.X, inputs.Noise, weights);
        var live = StepTensors.Live(weights.Rows, logs.size(1));
        var known = network.OneHotOf(inputs.Labels!);
        var hidden = 1 - known.sum(2);
        var (distortion, rate) = Weigh(terms, logs, known, hidden, live);
        var errors = StepTensors.Only((known * logs).sum(2).neg(), live).sum(1);
        return new StepTerms(
            StepTensors.Scaled(distortion, weights), inputs.Ones, rate, inputs.RateWeight, StepTensors.Scaled(errors, weights) * inputs.Vectors[0], inputs.Ones);
    }

    /// <summary>The bound of rows whose labels nobody tells, beside the share of them that is classified wrong.</summary>
    public override HeldOutTerms Judge(in HeldOutInputs inputs)
    {
        var (rows, step) = (inputs.X.size(1), Math.Max(1, RowsOfOnePass / network.Classes));
        Tensor? distortion = null, rate = null, wrong = null;
        var means = new List<Tensor>();
        for (var first = 0L; first < rows; first += step)
        {
            using var scope = torch.NewDisposeScope();
            var count = Math.Min(step, rows - first);
            var x = inputs.X.narrow(1, first, count);
            var logs = network.Classify(x).log_softmax(2);
            var terms = _bounds.Of(x, inputs.Noise.narrow(1, first, count), new SlotWeights(1, Mask: inputs.Mask));
            var (own, ownRate) = Weigh(terms, logs, torch.zeros([1], device: logs.device), torch.ones([1, 1], device: logs.device), live: null);
            var told = logs.argmax(2);
            var missed = told.ne(inputs.Labels!.narrow(1, first, count)).to(ScalarType.Float32).sum(1, keepdim: true);
            distortion = Sum(distortion, own);
            rate = Sum(rate, ownRate);
            wrong = Sum(wrong, missed);
            means.Add(terms.MeanOf(told).MoveToOuterDisposeScope());
        }

        return new HeldOutTerms(distortion!, rate!, torch.cat([.. means], 1), wrong);

        static Tensor Sum(Tensor? before, Tensor own) => (before is null ? own : before + own).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override int FigureColumns => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<HeldOutFigure> Figures(ReadOnlySpan<double> sums, double rows) => [new("classifier_error", sums[0] / rows)];

    private static ObjectiveColumns ColumnsFor(int latent) => ObjectiveColumns.Of(latent) with { Rates = latent + 1, LabelRates = 1 };

    // Sums over rows, [K] and [K, 1 + d].
    private (Tensor Distortion, Tensor Rate) Weigh(in ClassTerms terms, Tensor logs, Tensor known, Tensor hidden, Tensor? live)
    {
        var chances = logs.exp() * hidden.unsqueeze(2);
        var weights = StepTensors.Only(known + chances, live?.unsqueeze(2));
        var label = StepTensors.Only((chances * logs).sum(2) + Math.Log(network.Classes), live).sum(1, keepdim: true);
        var (replicas, places) = (weights.size(0), weights.size(1) * weights.size(2));
        var latents = weights.reshape(replicas, 1, places).matmul(terms.Rate).squeeze(1);
        return ((weights * terms.Distortion).sum([1, 2]), torch.cat([label, latents], 1));
    }
}
