using Vae.Models.Networks;
using Vae.Shared.Sweeps;

namespace Vae.Models.Objectives;

/// <summary>Makes the objective of a pack. A family or an objective plugs in here.</summary>
public static class PackObjectives
{
    /// <summary>What trials of one signature minimise.</summary>
    /// <param name="network">Their models, from <see cref="PackNetworks"/>.</param>
    /// <param name="model">Their shape, with the largest latent size.</param>
    /// <param name="training">Of any of them: numbers that differ by trial come with each step.</param>
    public static PackObjective Create(PackNetwork network, ModelSpec model, TrainingSpec training) => model.Family switch
    {
        ModelFamily.Vae => OfVae((VaeNetwork)network, model, training),
        ModelFamily.Conditional => new ConditionalObjective((VaeNetwork)network, OfVae((VaeNetwork)network, model, training)),
        ModelFamily.M2 => new M2Objective((VaeNetwork)network, model),
        ModelFamily.Ladder => OfLadder((LadderNetwork)network, model, training),
        ModelFamily.Vq => new VqObjective((VqNetwork)network, model),
        _ => throw new ArgumentOutOfRangeException(nameof(model), model.Family, "Unknown family."),
    };

    /// <summary>What the elbo objective minimises, given a family's bound: plain, with free bits, or pulled to a capacity.</summary>
    public static PackObjective OfBound(PackNetwork network, Bound bound, TrainingSpec training) =>
        training.FreeBits > 0 ? new FreeBitsObjective(network, bound)
        : training.Capacity is not null ? new CapacityObjective(network, bound)
        : new ElboObjective(network, bound);

    private static PackObjective OfLadder(LadderNetwork network, ModelSpec model, TrainingSpec training) => training.Objective switch
    {
        TrainingObjective.Elbo => OfBound(network, new LadderBound(network, model), training),
        TrainingObjective.Iwae => new IwaeObjective(network, new LadderSamples(network, model), training.ImportanceSamples),
        _ => throw new ArgumentOutOfRangeException(nameof(training), training.Objective, "A ladder has no such objective."),
    };

    private static PackObjective OfVae(VaeNetwork network, ModelSpec model, TrainingSpec training) => training.Objective switch
    {
        TrainingObjective.Elbo => OfBound(network, model.Prior == Prior.Vamp ? new VampBound(network, model) : new NormalBound(network, model), training),
        TrainingObjective.Iwae => new IwaeObjective(network, new VaeSamples(network, model, model.Prior == Prior.Vamp ? new VampPrior(network) : new NormalPrior(network.Latent)), training.ImportanceSamples),
        TrainingObjective.Tc => new TotalCorrelationObjective(network, model, training.TcEstimator),
        TrainingObjective.Factor => new FactorObjective(network, model),
        TrainingObjective.Mmd => new MmdObjective(network, model, training.MmdKernel),
        _ => throw new ArgumentOutOfRangeException(nameof(training), training.Objective, "Unknown objective."),
    };
}
