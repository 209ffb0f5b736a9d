using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// VQ-VAE (van den Oord et al. 2017, equation 3), a sum over the positions of a row: -log p(x | e) + commitment sum |z - sg(e)|^2. The encoder gets the decoder's gradient as if its vectors z had gone through (straight-through,
/// ibid., figure 1); the codes' vectors e get none, but follow the vectors that choose them (ibid., appendix A.1), see <see cref="Codebook"/> and <see cref="CodeRevival"/>.
/// <para>The posterior is one code for each position, so the rate is -log p(codes) of the <see cref="CodePrior"/>, nats by position, and -(distortion + rate) is a lower bound on log p(x). The prior learns in the same step:
/// codes have no gradient, so the rate moves nothing but the prior. Beta and its schedule have nothing to weigh.</para>
/// </summary>
public sealed class VqObjective : PackObjective
{
    private readonly VqNetwork _network;
    private readonly Observation _observation;
    private readonly CodeRevival _revival;
    private readonly int _codes;
    private readonly int _size;

    /// <param name="network">K models.</param>
    /// <param name="model">Their shape and likelihood.</param>
    public VqObjective(VqNetwork network, ModelSpec model) : base(network)
    {
        _network = network;
        _observation = new Observation(network, model);
        (_codes, _size) = (network.Codebook.Codes, network.Codebook.Size);
        _revival = new CodeRevival(network);
    }

    /// <inheritdoc/>
    public override ObjectiveColumns Columns => new(_network.Positions, Means: 0, Noise: 0);

    /// <inheritdoc/>
    public override ObjectiveColumns ColumnsOf(ModelSpec own) => Columns;

    /// <inheritdoc/>
    public override bool HasPenalty => true;

    /// <summary>How often each code was chosen, the sums of the vectors that chose it, and the vectors that dead codes may begin anew at.</summary>
    public override int ExtraColumns => checked((_codes * (1 + _size)) + _revival.Columns);

    /// <inheritdoc/>
    public override int VectorCount => 1;

    /// <inheritdoc/>
    public override void FillVectors(in SlotPosition at, Span<double> values) => values[0] = at.Trial.Training.Commitment;

    /// <inheritdoc/>
    public override double RateWeight(in SlotPosition at) => 1;

    /// <inheritdoc/>
    public override void Prepare(in StepInputs inputs) => _revival.Prepare(inputs);

    /// <inheritdoc/>
    public override StepTerms Forward(in StepInputs inputs)
    {
        var weights = inputs.Weights;
        var (n, live) = (inputs.X.size(1), StepTensors.Live(weights.Rows, inputs.X.size(1)));
        var positions = live?.unsqueeze(2).expand(Network.Replicas, n, _network.Positions).reshape(Network.Replicas, n * _network.Positions);
        var z = StepTensors.Only(_network.Encode(inputs.X), positions?.unsqueeze(2));
        var quantised = Quantise(z);
        var passed = quantised.Vectors + (z - z.detach()); // The codes' vectors to the last bit, with the gradient of z.
        var distortion = _observation.Distortion(_network.Decode(passed), inputs.X, weights);
        var errors = StepTensors.Only((z - quantised.Vectors).square().sum(2), positions);
        var commitment = StepTensors.Scaled(errors.sum(1), weights) * inputs.Vectors[0];
        var rate = StepTensors.Only(Rate(quantised, weights.Rows), live?.unsqueeze(2)).sum(1);
        return new StepTerms(distortion, inputs.Ones, rate, inputs.RateWeight, commitment, inputs.Ones, Chosen(z.detach(), quantised.Codes, errors.detach(), positions));
    }

    /// <inheritdoc/>
    public override void Commit(in StepCommit step)
    {
        for (var slot = 0; slot < Network.Replicas; slot++)
        {
            if (!step.Applied[slot]) continue;
            var (sums, at) = (step.Sums.select(0, slot), step.Positions[slot]);
            var vectors = sums.narrow(0, _codes, _codes * _size).view(_codes, _size);
            _network.Codebook.Update(slot, sums.narrow(0, 0, _codes), vectors, at.Trial.Training.CodeDecay);
            if (at.Trial.Training.CodeRevival > 0) _revival.Commit(slot, sums.narrow(0, _codes * (1 + _size), _revival.Columns), at);
        }
    }

    /// <inheritdoc/>
    public override HeldOutTerms Judge(in HeldOutInputs inputs)
    {
        var quantised = Quantise(_network.Encode(inputs.X));
        var distortion = _observation.Distortion(_network.Decode(quantised.Vectors), inputs.X, new SlotWeights(1));
        return new HeldOutTerms(distortion, Rate(quantised, rows: null).sum(1), Mean: null, Which(quantised.Codes, null).sum(1));
    }

    /// <inheritdoc/>
    public override int FigureColumns => _codes;

    /// <inheritdoc/>
    public override IReadOnlyList<HeldOutFigure> Figures(ReadOnlySpan<double> sums, double rows)
    {
        var used = 0;
        foreach (var count in sums) if (count > 0) used++;
        return [new("perplexity", Perplexity.Of(sums)), new("codes_in_use", used)];
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _revival.Dispose();
        base.Dispose(disposing);
    }

    private readonly record struct Quantised(Tensor Codes, Tensor Vectors);

    private Quantised Quantise(Tensor z)
    {
        var codes = _network.Codebook.Nearest(z);
        return new(codes, _network.Codebook.Look(codes));
    }

    // -log p of each position's code: [K, n, P].
    private Tensor Rate(in Quantised quantised, Tensor? rows)
    {
        using var scope = torch.NewDisposeScope();
        var (slots, positions) = (Network.Replicas, _network.Positions);
        var n = quantised.Codes.size(1) / positions;
        Tensor logits;
        using (torch.nn.step_rows(rows is null ? null : rows * positions)) logits = _network.Prior.Logits(quantised.Vectors.view(slots, n, positions, _size));
        var chances = logits.log_softmax(3);
        logits.Dispose(); // As large as all distances; its gradient needs the result alone.
        return (-chances.gather(3, quantised.Codes.view(slots, n, positions, 1)).squeeze(3)).MoveToOuterDisposeScope();
    }

    // [K, m, V]: 1 where a position chose a code.
    private Tensor Which(Tensor codes, Tensor? live)
    {
        using var scope = torch.NewDisposeScope();
        var which = codes.unsqueeze(2).eq(torch.arange(_codes, device: codes.device));
        return (live is null ? which : which.logical_and(live.unsqueeze(2))).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    // [K, E].
    private Tensor Chosen(Tensor z, Tensor codes, Tensor errors, Tensor? live)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var which = Which(codes, live);
        var sums = which.transpose(1, 2).bmm(z).reshape(Network.Replicas, _codes * _size);
        return torch.cat([which.sum(1), sums, _revival.Offer(z, errors)], 1).MoveToOuterDisposeScope();
    }
}
