using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>From what the sweep file says to an update rule.</summary>
internal static class Optimizers
{
    /// <summary>The rule of a whole pack: its kind is part of the pack's signature, its numbers are set per slot.</summary>
    /// <param name="training">Of any of its trials.</param>
    /// <param name="flat">The parameters.</param>
    /// <param name="auxiliary">First segment of those that only training needs; null: there are none.</param>
    public static Optimizer Create(TrainingSpec training, FlatParameters flat, int? auxiliary = null) => training.Optimizer switch
    {
        OptimizerKind.Adam => torch.optim.Adam(flat, training.LearningRate, training.AdamBeta1, training.AdamBeta2, training.AdamEpsilon, training.WeightDecay, auxiliary),
        OptimizerKind.AdamW => torch.optim.AdamW(flat, training.LearningRate, training.AdamBeta1, training.AdamBeta2, training.AdamEpsilon, training.WeightDecay, auxiliary),
        OptimizerKind.Sgd when auxiliary is null => torch.optim.SGD(flat, training.LearningRate, training.Momentum, weight_decay: training.WeightDecay),
        _ => throw new ArgumentOutOfRangeException(nameof(training), training.Optimizer, "Unknown optimizer."),
    };

    /// <summary>Begins a trial in a slot: its own numbers, fresh state.</summary>
    public static void Fill(Optimizer optimizer, int slot, TrainingSpec training)
    {
        optimizer.ResetReplica(slot);
        optimizer.SetLearningRate(slot, training.LearningRate);
        optimizer.SetWeightDecay(slot, training.WeightDecay);
        optimizer.SetGradientClip(slot, training.GradientClip);
        switch (optimizer)
        {
            case Adam adam:
                adam.SetBetas(slot, training.AdamBeta1, training.AdamBeta2);
                adam.SetEpsilon(slot, training.AdamEpsilon);
                if (adam.Groups > 1) FillDiscriminator(adam, slot, training);
                break;
            case SGD sgd:
                sgd.SetMomentum(slot, training.Momentum);
                break;
        }

        optimizer.SetActive(slot, true);
    }

    // Kim and Mnih 2018, appendix A: Adam with 0.5 and 0.9, never decayed.
    private static void FillDiscriminator(Adam adam, int slot, TrainingSpec training)
    {
        adam.SetLearningRate(slot, training.DiscriminatorRate, group: 1);
        adam.SetBetas(slot, 0.5, 0.9, group: 1);
        adam.SetEpsilon(slot, training.AdamEpsilon, group: 1);
        adam.SetWeightDecay(slot, 0, group: 1);
    }
}
