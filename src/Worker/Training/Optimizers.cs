using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>From what the sweep file says to an update rule.</summary>
internal static class Optimizers
{
    public static Optimizer Create(TrainingSpec training, FlatParameters flat) => training.Optimizer switch
    {
        OptimizerKind.Adam => torch.optim.Adam(flat, training.LearningRate, training.AdamBeta1, training.AdamBeta2, training.AdamEpsilon, training.WeightDecay),
        OptimizerKind.AdamW => torch.optim.AdamW(flat, training.LearningRate, training.AdamBeta1, training.AdamBeta2, training.AdamEpsilon, training.WeightDecay),
        OptimizerKind.Sgd => torch.optim.SGD(flat, training.LearningRate, training.Momentum, weight_decay: training.WeightDecay),
        _ => throw new ArgumentOutOfRangeException(nameof(training), training.Optimizer, "Unknown optimizer."),
    };

    /// <summary>Scales the gradient down to a Euclidean norm of at most <paramref name="max"/> (Pascanu et al. 2013, algorithm 1).</summary>
    public static void ClipGradient(FlatParameters flat, double max)
    {
        using var scope = torch.NewDisposeScope();
        var gradients = flat.Gradients.narrow(0, 0, flat.Count);
        var norm = Math.Sqrt(gradients.square().sum().item());
        if (norm > max) gradients.mul_(max / norm);
    }
}
