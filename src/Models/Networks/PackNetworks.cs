using Vae.Shared.Sweeps;

namespace Vae.Models.Networks;

/// <summary>Makes the network of a trial, whatever its family. A family plugs in here.</summary>
public static class PackNetworks
{
    /// <summary>The network of one trial with the initial weights of its seed, and with what only its training needs.</summary>
    public static PackNetwork Create(TrialSpec trial, ImageShape image) => trial.Model.Family switch
    {
        ModelFamily.Vae or ModelFamily.Conditional or ModelFamily.M2 => VaeNetwork.Create(trial.Model, image, [trial.Training.Seed], trial.Training),
        ModelFamily.Ladder => LadderNetwork.Create(trial.Model, image, trial.Training.Seed),
        ModelFamily.Vq => VqNetwork.Create(trial.Model, image, trial.Training.Seed),
        _ => throw Unknown(trial.Model),
    };

    /// <summary><paramref name="replicas"/> empty places for trials of one signature.</summary>
    /// <param name="model">Their shape, with the largest latent size.</param>
    /// <param name="training">Of any of them; null for models that are not trained any more, which lack what only training needs.</param>
    /// <param name="image">What one row is.</param>
    /// <param name="replicas">K.</param>
    public static PackNetwork CreateEmpty(ModelSpec model, TrainingSpec? training, ImageShape image, int replicas) => model.Family switch
    {
        ModelFamily.Vae or ModelFamily.Conditional or ModelFamily.M2 => VaeNetwork.CreateEmpty(model, image, replicas, training),
        ModelFamily.Ladder => LadderNetwork.CreateEmpty(model, image, replicas),
        ModelFamily.Vq => VqNetwork.CreateEmpty(model, image, replicas),
        _ => throw Unknown(model),
    };

    /// <summary>One replica as a network of its own that shares the weights: what is trained there shows here. It must be disposed before the pack.</summary>
    /// <param name="pack">Whose weights.</param>
    /// <param name="model">The shape of its trials.</param>
    /// <param name="training">As the pack was made with.</param>
    /// <param name="replica">0 to K - 1.</param>
    public static PackNetwork View(PackNetwork pack, ModelSpec model, TrainingSpec? training, int replica)
    {
        var view = CreateEmpty(model with { Latent = pack.Latent }, training, pack.Image, 1);
        PackNetwork.Share(pack, replica, view);
        return view;
    }

    private static ArgumentOutOfRangeException Unknown(ModelSpec model) => new(nameof(model), model.Family, "Unknown family.");
}
