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
    public static PackObjective Create(PackNetwork network, ModelSpec model, TrainingSpec training) => (model.Family, training) switch
    {
        (ModelFamily.Vae, _) => new ElboObjective((VaeNetwork)network, model),
        _ => throw new ArgumentOutOfRangeException(nameof(model), model.Family, "Unknown family."),
    };
}
