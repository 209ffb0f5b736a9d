using Vae.Models.Networks;
using Vae.Shared.Determinism;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// FactorVAE (Kim and Mnih 2018, equation 2 and algorithm 2): distortion + rate + gamma TC(z), where a discriminator tells latents from latents whose dimensions are shuffled over the
/// global batch, each by a permutation of its own, and TC is the mean of the difference of its two logits (equation 3). The discriminator is trained in the same backward pass on
/// the latents as they are, detached; the model's gradient goes through its frozen weights. Both use the same batch, where the paper takes a second one to be shuffled.
/// </summary>
public sealed class FactorObjective(VaeNetwork network, ModelSpec model) : PackObjective(network)
{
    private readonly VaeObjective _bound = new(network, model);
    private readonly NormalBound _judge = new(network, model);
    private readonly Discriminator _discriminator = network.Discriminator ?? throw new ArgumentException("The network has no discriminator.", nameof(network));
    private long[] _sources = [];
    private int[] _order = [];

    /// <inheritdoc/>
    public override bool HasPenalty => true;

    /// <inheritdoc/>
    public override bool Exchanges => true;

    /// <inheritdoc/>
    public override int VectorCount => 1;

    /// <inheritdoc/>
    public override void FillVectors(in SlotPosition at, Span<double> values) => values[0] = at.Trial.Training.FactorGamma;

    /// <inheritdoc/>
    public override StepTerms Forward(in StepInputs inputs)
    {
        var weights = inputs.Weights;
        var posterior = _bound.Posterior(inputs.X, inputs.Noise, weights);
        var z = posterior.Sample;
        var distortion = _bound.Distortion(network.Decode(z), inputs.X, weights);
        var live = StepTensors.Live(weights.Rows, z.size(1));

        var correlation = StepTensors.Scaled(StepTensors.Only(Advantage(_discriminator.Frozen(z)), live).sum(1), weights) * inputs.Vectors[0];

        var latents = z.detach();
        var shuffled = GlobalRows.Gather(latents, inputs).gather(1, Sources(inputs, z.size(1)));
        Tensor told;
        using (torch.nn.step_rows(null)) told = Advantage(_discriminator.forward(torch.cat([latents, shuffled], 1)));
        var n = z.size(1);
        var errors = told.narrow(1, 0, n).neg().softplus() + told.narrow(1, n, n).softplus(); // Cross-entropies of "as they are" and "shuffled".
        var loss = StepTensors.Scaled(StepTensors.Only(errors, live).sum(1), weights) * 0.5;
        return new StepTerms(distortion, inputs.Ones, posterior.Divergence, inputs.RateWeight, correlation, inputs.Ones, Silent: loss);
    }

    /// <inheritdoc/>
    public override void Abstain(in StepInputs inputs) => GlobalRows.Abstain(network.Latent, inputs);

    /// <inheritdoc/>
    public override HeldOutTerms Judge(in HeldOutInputs inputs) => _judge.Judge(inputs);

    // By how much a row looks as it is rather than shuffled: [K, n].
    private static Tensor Advantage(Tensor logits) => logits.select(2, 0) - logits.select(2, 1);

    // For each of this rank's rows and dimensions the row of the global batch that its shuffled twin takes the number from: [K, n, d]. Keyed by seed, step and dimension.
    private Tensor Sources(in StepInputs inputs, long rows)
    {
        var (n, d) = ((int)rows, network.Latent);
        if (_sources.Length != inputs.Parts.Count * n * d) _sources = new long[inputs.Parts.Count * n * d];
        Array.Clear(_sources);
        for (var k = 0; k < inputs.Parts.Count; k++)
        {
            var part = inputs.Parts[k];
            if (part.Count == 0) continue;
            if (_order.Length < part.Total) _order = new int[part.Total];
            var (trial, step) = (inputs.Positions[k].Trial, inputs.Positions[k].Step);
            var key = Xoshiro256.MixKey(trial.Training.Seed, NoiseStreams.Of(NoisePurpose.Permutation, step));
            for (var j = 0; j < trial.Model.Latent; j++)
            {
                Shuffle(key, j, _order.AsSpan(0, part.Total));
                for (var i = 0; i < part.Count; i++) _sources[(((k * n) + i) * d) + j] = _order[part.First + i];
            }
        }

        return torch.tensor(_sources, [inputs.Parts.Count, n, d], inputs.Ones.device);
    }

    private static void Shuffle(ulong key, int dimension, Span<int> order)
    {
        for (var i = 0; i < order.Length; i++) order[i] = i;
        var random = Xoshiro256.Keyed(key, (ulong)dimension);
        for (var last = order.Length - 1; last > 0; last--)
        {
            var other = (int)random.NextBelow((ulong)last + 1);
            (order[last], order[other]) = (order[other], order[last]);
        }
    }
}
