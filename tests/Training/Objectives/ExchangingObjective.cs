using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Objectives;

/// <summary>
/// The bound and beside it half the square of the mean rate of the global batch: the least loss that is no sum over rows. It counts rows in an extra column and keeps what
/// <see cref="Commit"/> told.
/// </summary>
internal sealed class ExchangingObjective(PackNetwork network, ModelSpec model) : PackObjective(network)
{
    private readonly VaeObjective _bound = new((VaeNetwork)network, model);

    public List<(int Rows, float Counted)> Commits { get; } = [];

    public int Abstained { get; private set; }

    public override bool HasPenalty => true;

    public override bool Exchanges => true;

    public override int ExtraColumns => 1;

    public override StepTerms Forward(in StepInputs inputs)
    {
        var bound = _bound.Forward(inputs.X, inputs.Noise, inputs.Weights);
        var scales = torch.tensor([.. inputs.Parts.Select(part => part.Total == 0 ? 0f : 1f / part.Total)]);
        var mean = bound.RatePerDimension.detach().sum(1) * scales;
        inputs.Exchange.Sum(mean);
        var share = torch.tensor([.. inputs.Parts.Select(part => part.Total == 0 ? 0f : (float)part.Count / part.Total)]);
        var counts = torch.tensor([.. inputs.Parts.Select(part => (float)part.Count)]).unsqueeze(1);
        return new StepTerms(
            bound.Distortion, inputs.Ones, bound.RatePerDimension, inputs.RateWeight + (mean * scales).unsqueeze(1), 0.5 * mean.square() * share, PenaltyGradient: null, counts);
    }

    public override void Abstain(in StepInputs inputs)
    {
        Abstained++;
        inputs.Exchange.Sum(torch.zeros([Network.Replicas]));
    }

    public override void Commit(in StepCommit step)
    {
        for (var slot = 0; slot < Network.Replicas; slot++)
            if (step.Applied[slot])
                Commits.Add((step.Positions[slot].Rows, step.Sums[slot].item<float>()));
    }

    public override HeldOutTerms Judge(in HeldOutInputs inputs)
    {
        var bound = _bound.Forward(inputs.X, inputs.Noise, new SlotWeights(1, Mask: inputs.Mask));
        return new HeldOutTerms(bound.Distortion, bound.RatePerDimension, bound.Mean);
    }
}
