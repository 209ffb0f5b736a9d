using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// The evidence lower bound of a ladder VAE (Sonderby et al. 2016, section 2.1, equations 18 and 19): the posterior of each layer is the product of what the data suggest on the way up and of the prior that the layer above gives,
/// the top layer's that of the data against N(0, I). The rate of a layer is its KL given the sample above; its columns are those of the layers, data side first.
/// </summary>
/// <param name="network">K models.</param>
/// <param name="model">Their shape and likelihood.</param>
public sealed class LadderBound(LadderNetwork network, ModelSpec model) : Bound
{
    private readonly Observation _observation = new(network, model);
    private readonly Tensor[] _suggested = new Tensor[network.Sizes.Count];
    private readonly LadderDescent _descent = new(network.Sizes.Count);

    /// <inheritdoc/>
    public override ObjectiveColumns Columns { get; } = ObjectiveColumns.Of(model.Ladder.Sum());

    /// <inheritdoc/>
    public override ObjectiveColumns ColumnsOf(ModelSpec own) => Columns; // The sizes of a ladder are part of its signature.

    /// <inheritdoc/>
    public override BoundSums Forward(in StepInputs inputs) => Forward(inputs.X, inputs.Noise, inputs.Weights);

    /// <inheritdoc/>
    public override HeldOutTerms Judge(in HeldOutInputs inputs)
    {
        var suggested = network.Encode(inputs.X);
        var descent = LadderDescent.Walk(network, suggested, inputs.Noise);
        return new HeldOutTerms(_observation.Distortion(network.Decode(descent.Sample), inputs.X, new SlotWeights(1)), descent.Rate.sum(1), LadderDescent.MeanOf(network, suggested));
    }

    /// <summary>The bound over n rows.</summary>
    /// <param name="x">[K, n, D]; [1, n, D] for all replicas.</param>
    /// <param name="noise">[K, n, R]; [1, n, R] for all replicas: the noise of the layers, data side first.</param>
    /// <param name="weights">Which rows count. A ladder has no padded dimensions.</param>
    public BoundSums Forward(Tensor x, Tensor noise, in SlotWeights weights)
    {
        var live = StepTensors.Live(weights.Rows, x.size(1))?.unsqueeze(2);
        var descent = _descent.Go(network, network.Encode(x, _suggested), noise, live);
        var distortion = _observation.Distortion(network.Decode(descent.Sample), x, weights);
        return new BoundSums(distortion, StepTensors.Only(descent.Rate, live).sum(1), descent.Mean.detach());
    }
}
