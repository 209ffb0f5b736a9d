namespace Vae.Shared.Sweeps;

/// <summary>The update rule.</summary>
public enum OptimizerKind { Adam, AdamW, Sgd }

/// <summary>
/// What is maximised: the evidence lower bound, its importance-weighted form (Burda et al. 2016), its KL taken apart (beta-TCVAE, Chen et al. 2018), with a
/// discriminator for the total correlation (FactorVAE, Kim and Mnih 2018), or with the maximum mean discrepancy of the aggregate posterior (InfoVAE, Zhao et al. 2017).
/// </summary>
public enum TrainingObjective { Elbo, Iwae, Tc, Factor, Mmd }

/// <summary>How the weight of the KL term moves: not at all, linearly from 0 over the warm-up, or in cycles that each rise from 0 (Fu et al. 2019).</summary>
public enum KlSchedule { Constant, Linear, Cyclical }

/// <summary>What estimates the aggregate posterior from a batch: minibatch-stratified or minibatch-weighted sampling (Chen et al. 2018, appendix C).</summary>
public enum TcEstimator { Mss, Mws }

/// <summary>Kernel of the maximum mean discrepancy: inverse multiquadratic, or Gaussian.</summary>
public enum MmdKernel { Imq, Rbf }

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

    /// <summary>How the KL weight moves. Default linear, which is constant without <see cref="KlWarmupEpochs"/>.</summary>
    public KlSchedule KlSchedule { get; init; } = KlSchedule.Linear;

    /// <summary>Cycles of a cyclical schedule over the whole training, 1 to 10,000. Default 4.</summary>
    public int KlCycles { get; init; } = 4;

    /// <summary>Share of a cycle in which the weight rises; above 0, at most 1. Default 0.5.</summary>
    public double KlCycleRise { get; init; } = 0.5;

    /// <summary>Seed of initial weights, row order and noise. Default 1.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Largest Euclidean norm of the gradient, above 0. Default: no clipping.</summary>
    public double? GradientClip { get; init; }

    /// <summary>Epochs between evaluations on held-out rows, 1 or more. The last epoch is always evaluated. Default 1.</summary>
    public int EvaluateEvery { get; init; } = 1;

    public TrainingObjective Objective { get; init; } = TrainingObjective.Elbo;

    /// <summary>Samples of each row's bound in iwae, 1 to 10,000. Default 5.</summary>
    public int ImportanceSamples { get; init; } = 5;

    /// <summary>Nats of each latent dimension, meant over the batch, that cost nothing; 0 to 1,000. Default 0: none.</summary>
    public double FreeBits { get; init; }

    /// <summary>Nats that the KL term is pulled to, 0 to 100,000 (Burgess et al. 2018). Default: not at all.</summary>
    public double? Capacity { get; init; }

    /// <summary>Weight of the distance between KL term and <see cref="Capacity"/>, 0 to 1,000,000. Default 1000.</summary>
    public double CapacityWeight { get; init; } = 1_000;

    /// <summary>Epochs over which the target grows linearly from 0 to <see cref="Capacity"/>, 0 or more. Default 0: all of them.</summary>
    public double CapacityEpochs { get; init; }

    /// <summary>Weight of the index-code mutual information in tc, 0 to 10,000. Default 1.</summary>
    public double TcAlpha { get; init; } = 1;

    /// <summary>Weight of the dimension-wise KL in tc, 0 to 10,000. Default 1.</summary>
    public double TcGamma { get; init; } = 1;

    public TcEstimator TcEstimator { get; init; } = TcEstimator.Mss;

    /// <summary>Weight of the total correlation in factor, 0 to 10,000. Default 10.</summary>
    public double FactorGamma { get; init; } = 10;

    /// <summary>Width of factor's discriminator, 1 to 65,536. Default 1000.</summary>
    public int DiscriminatorWidth { get; init; } = 1_000;

    /// <summary>Linear layers of factor's discriminator, 2 to 16. Default 6.</summary>
    public int DiscriminatorLayers { get; init; } = 6;

    /// <summary>Learning rate of factor's discriminator; above 0, at most 100. Default 1e-4.</summary>
    public double DiscriminatorRate { get; init; } = 1e-4;

    /// <summary>Weight taken from the KL term in mmd, at most 1. Default 0.</summary>
    public double MmdAlpha { get; init; }

    /// <summary>The discrepancy's weight in mmd is <see cref="MmdAlpha"/> + this - 1; 0 to 1,000,000. Default 1000.</summary>
    public double MmdLambda { get; init; } = 1_000;

    public MmdKernel MmdKernel { get; init; } = MmdKernel.Imq;

    /// <summary>Weight of the distance of vq's encoder to its codes, 0 to 10,000. Default 0.25.</summary>
    public double Commitment { get; init; } = 0.25;

    /// <summary>Decay of the codebook's running means in vq, 0 to below 1. Default 0.99.</summary>
    public double CodeDecay { get; init; } = 0.99;

    /// <summary>A code of vq whose smoothed count is below this is dead and revived, 0 to 1,000; 0 never revives. Default 0.01.</summary>
    public double CodeRevival { get; init; } = 0.01;

    /// <summary>Rows whose label m2 sees, equally many of each class, chosen by the seed; 1 to 1,000,000,000. Default 100.</summary>
    public int Labelled { get; init; } = 100;

    /// <summary>
    /// Weight of the mean cross-entropy of labelled rows beside the mean bound in m2, 0 to 10,000. Default 30: the authors' 0.1 is of trainings a hundred times as long, see docs/models/m2.md.
    /// </summary>
    public double ClassifierWeight { get; init; } = 30;
}
