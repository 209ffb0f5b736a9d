namespace Vae.Shared.Sweeps;

/// <summary>The update rule.</summary>
public enum OptimizerKind { Adam, AdamW, Sgd }

/// <summary>How one trial is trained. Ranges are enforced where files and JSON are read.</summary>
public sealed record TrainingSpec
{
    /// <summary>Passes over the training rows, 1 to 1,000,000. Default 20.</summary>
    public int Epochs { get; init; } = 20;

    /// <summary>Optimizer updates after which training ends even in mid-epoch, 1 or more. Default: no limit.</summary>
    public long? MaxSteps { get; init; }

    /// <summary>Rows per optimizer update over all workers together, 1 to 65,536. Default 128.</summary>
    public int Batch { get; init; } = 128;

    public OptimizerKind Optimizer { get; init; } = OptimizerKind.Adam;

    /// <summary>Above 0, at most 100. Default 1e-3.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>0 to 10. Added to the gradient by adam and sgd, decoupled from it by adamw. Default 0.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Momentum of sgd, 0 to 0.9999. Default 0.</summary>
    public double Momentum { get; init; }

    /// <summary>Decay of Adam's first moment, 0 to below 1. Default 0.9.</summary>
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>Decay of Adam's second moment, 0 to below 1. Default 0.999.</summary>
    public double AdamBeta2 { get; init; } = 0.999;

    /// <summary>Added to Adam's denominator, above 0, at most 1. Default 1e-8.</summary>
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Weight of the KL term, 0 to 10,000. 1 is the evidence lower bound. Default 1.</summary>
    public double Beta { get; init; } = 1;

    /// <summary>Epochs over which the KL weight grows linearly from 0 to <see cref="Beta"/>, 0 or more. Default 0: no warm-up.</summary>
    public double KlWarmupEpochs { get; init; }

    /// <summary>Seed of initial weights, row order and noise. Default 1.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Largest Euclidean norm of the gradient, above 0. Default: no clipping.</summary>
    public double? GradientClip { get; init; }

    /// <summary>Epochs between evaluations on held-out rows, 1 or more. The last epoch is always evaluated. Default 1.</summary>
    public int EvaluateEvery { get; init; } = 1;
}
