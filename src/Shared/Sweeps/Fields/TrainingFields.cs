namespace Vae.Shared.Sweeps;

/// <summary>The rows of the block <c>training</c>.</summary>
internal static class TrainingFields
{
    public static Section<TrainingSpec> Section { get; } = new("training", "How a trial is trained.", new TrainingSpec(),
        new Field<TrainingSpec, int>("epochs", new WholeNumber<int>(1, 1_000_000), t => t.Epochs, (t, v) => t with { Epochs = v },
            "Passes over the training rows.")
        { Aliases = ["max_epochs", "num_epochs"] },
        new Field<TrainingSpec, long?>("max_steps", new OptionalValue<long>(new WholeNumber<long>(1, long.MaxValue), "none"), t => t.MaxSteps, (t, v) => t with { MaxSteps = v },
            "Optimizer updates after which training ends even within an epoch.")
        { Aliases = ["steps"] },
        new Field<TrainingSpec, int>("batch", new WholeNumber<int>(1, 65_536), t => t.Batch, (t, v) => t with { Batch = v },
            "Rows per optimizer update over all workers together; more workers do not change the training.")
        { Aliases = ["batch_size", "minibatch"] },
        new Field<TrainingSpec, OptimizerKind>("optimizer", new Choice<OptimizerKind>(), t => t.Optimizer, (t, v) => t with { Optimizer = v },
            "The update rule.")
        { Aliases = ["optim"] },
        new Field<TrainingSpec, double>("learning_rate", new RealNumber(0, 100, minOpen: true), t => t.LearningRate, (t, v) => t with { LearningRate = v },
            "Step size of the optimizer.")
        { Aliases = ["lr", "step_size"] },
        new Field<TrainingSpec, double>("weight_decay", new RealNumber(0, 10), t => t.WeightDecay, (t, v) => t with { WeightDecay = v },
            "Pulls weights to 0: added to the gradient by `adam` and `sgd`, decoupled from it by `adamw`.")
        { Aliases = ["l2", "wd"] },
        new Field<TrainingSpec, double>("momentum", new RealNumber(0, 0.9999), t => t.Momentum, (t, v) => t with { Momentum = v }, "`sgd`: momentum."),
        new Field<TrainingSpec, double>("adam_beta1", new RealNumber(0, 1, maxOpen: true), t => t.AdamBeta1, (t, v) => t with { AdamBeta1 = v },
            "`adam`, `adamw`: decay of the mean of gradients.")
        { Aliases = ["beta1"] },
        new Field<TrainingSpec, double>("adam_beta2", new RealNumber(0, 1, maxOpen: true), t => t.AdamBeta2, (t, v) => t with { AdamBeta2 = v },
            "`adam`, `adamw`: decay of the mean of squared gradients.")
        { Aliases = ["beta2"] },
        new Field<TrainingSpec, double>("adam_epsilon", new RealNumber(0, 1, minOpen: true), t => t.AdamEpsilon, (t, v) => t with { AdamEpsilon = v },
            "`adam`, `adamw`: added to the denominator.")
        { Aliases = ["eps", "epsilon", "adam_eps"] },
        new Field<TrainingSpec, double>("beta", new RealNumber(0, 10_000), t => t.Beta, (t, v) => t with { Beta = v },
            "Weight of the KL term (of the total correlation in `tc`); 1 is the evidence lower bound. Trials are compared at beta = 1 whatever this is.")
        { Aliases = ["kl_weight", "kld_weight"] },
        new Field<TrainingSpec, double>("kl_warmup_epochs", new RealNumber(0, 1_000_000), t => t.KlWarmupEpochs, (t, v) => t with { KlWarmupEpochs = v },
            "Epochs over which the KL weight grows linearly from 0 to `beta`; fractions are allowed.")
        { Aliases = ["warmup", "kl_warmup", "warmup_epochs", "annealing"] },
        new Field<TrainingSpec, KlSchedule>("kl_schedule", new Choice<KlSchedule>(), t => t.KlSchedule, (t, v) => t with { KlSchedule = v },
            "How the KL weight moves: `constant`, `linear` over `kl_warmup_epochs`, or `cyclical`: `kl_cycles` times from 0 to `beta`.")
        { Aliases = ["kl_annealing", "beta_schedule", "schedule"] },
        new Field<TrainingSpec, int>("kl_cycles", new WholeNumber<int>(1, 10_000), t => t.KlCycles, (t, v) => t with { KlCycles = v },
            "`cyclical`: cycles over the whole training.")
        { Aliases = ["cycles", "num_cycles"] },
        new Field<TrainingSpec, double>("kl_cycle_rise", new RealNumber(0, 1, minOpen: true), t => t.KlCycleRise, (t, v) => t with { KlCycleRise = v },
            "`cyclical`: share of a cycle in which the weight rises; in the rest it is `beta`.")
        { Aliases = ["cycle_ratio", "cycle_rise"] },
        new Field<TrainingSpec, ulong>("seed", new WholeNumber<ulong>(0, ulong.MaxValue), t => t.Seed, (t, v) => t with { Seed = v },
            "Seed of initial weights, row order and noise.")
        { Aliases = ["random_seed"] },
        new Field<TrainingSpec, double?>("gradient_clip", new OptionalValue<double>(new RealNumber(0, 1e9, minOpen: true), "off"), t => t.GradientClip, (t, v) => t with { GradientClip = v },
            "Largest Euclidean norm of the gradient.")
        { Aliases = ["clip", "grad_clip", "max_grad_norm", "clip_norm"] },
        new Field<TrainingSpec, int>("evaluate_every", new WholeNumber<int>(1, 1_000_000), t => t.EvaluateEvery, (t, v) => t with { EvaluateEvery = v },
            "Epochs between evaluations on held-out rows; the last epoch is always evaluated.")
        { Aliases = ["eval_every", "validate_every"] },
        new Field<TrainingSpec, TrainingObjective>("objective", new Choice<TrainingObjective>(), t => t.Objective, (t, v) => t with { Objective = v },
            "What is maximised: `elbo`; `iwae`, its importance-weighted form; `tc`, beta-TCVAE; `factor`, FactorVAE; `mmd`, InfoVAE. Trials are compared by their evidence lower bound whatever this is.")
        { Aliases = ["bound", "criterion"] },
        new Field<TrainingSpec, int>("importance_samples", new WholeNumber<int>(1, 10_000), t => t.ImportanceSamples, (t, v) => t with { ImportanceSamples = v },
            "`iwae`: samples of each row's bound.")
        { Aliases = ["k", "iwae_samples", "num_samples"] },
        new Field<TrainingSpec, double>("free_bits", new RealNumber(0, 1_000), t => t.FreeBits, (t, v) => t with { FreeBits = v },
            "Nats of each latent dimension, meant over the whole batch, that cost nothing. 0: none.")
        { Aliases = ["free_nats", "kl_floor"] },
        new Field<TrainingSpec, double?>("capacity", new OptionalValue<double>(new RealNumber(0, 100_000), "none"), t => t.Capacity, (t, v) => t with { Capacity = v },
            "Nats that the batch's mean KL is pulled to, in place of its weight `beta`.")
        { Aliases = ["c_max", "max_capacity", "target_kl"] },
        new Field<TrainingSpec, double>("capacity_weight", new RealNumber(0, 1_000_000), t => t.CapacityWeight, (t, v) => t with { CapacityWeight = v },
            "Weight of the distance between the mean KL and `capacity`.")
        { Aliases = ["gamma", "capacity_gamma"] },
        new Field<TrainingSpec, double>("capacity_epochs", new RealNumber(0, 1_000_000), t => t.CapacityEpochs, (t, v) => t with { CapacityEpochs = v },
            "Epochs over which the target grows linearly from 0 to `capacity`. 0: all of them.")
        { Aliases = ["capacity_warmup"] },
        new Field<TrainingSpec, double>("tc_alpha", new RealNumber(0, 10_000), t => t.TcAlpha, (t, v) => t with { TcAlpha = v },
            "`tc`: weight of the mutual information between rows and latents.")
        { Aliases = ["mi_weight"] },
        new Field<TrainingSpec, double>("tc_gamma", new RealNumber(0, 10_000), t => t.TcGamma, (t, v) => t with { TcGamma = v },
            "`tc`: weight of the latents' own KL, dimension by dimension.")
        { Aliases = ["dimension_wise_weight"] },
        new Field<TrainingSpec, TcEstimator>("tc_estimator", new Choice<TcEstimator>(), t => t.TcEstimator, (t, v) => t with { TcEstimator = v },
            "`tc`: minibatch-stratified or minibatch-weighted sampling.")
        { Aliases = ["estimator"] },
        new Field<TrainingSpec, double>("factor_gamma", new RealNumber(0, 10_000), t => t.FactorGamma, (t, v) => t with { FactorGamma = v },
            "`factor`: weight of the total correlation."),
        new Field<TrainingSpec, int>("discriminator_width", new WholeNumber<int>(1, 65_536), t => t.DiscriminatorWidth, (t, v) => t with { DiscriminatorWidth = v },
            "`factor`: width of the discriminator's layers."),
        new Field<TrainingSpec, int>("discriminator_layers", new WholeNumber<int>(2, 16), t => t.DiscriminatorLayers, (t, v) => t with { DiscriminatorLayers = v },
            "`factor`: linear layers of the discriminator."),
        new Field<TrainingSpec, double>("discriminator_rate", new RealNumber(0, 100, minOpen: true), t => t.DiscriminatorRate, (t, v) => t with { DiscriminatorRate = v },
            "`factor`: step size of the discriminator's optimizer.")
        { Aliases = ["lr_disc", "discriminator_lr"] },
        new Field<TrainingSpec, double>("mmd_alpha", new RealNumber(-1_000, 1), t => t.MmdAlpha, (t, v) => t with { MmdAlpha = v },
            "`mmd`: taken from the weight of the KL term, which is 1 - alpha."),
        new Field<TrainingSpec, double>("mmd_lambda", new RealNumber(0, 1_000_000), t => t.MmdLambda, (t, v) => t with { MmdLambda = v },
            "`mmd`: the discrepancy's weight is alpha + lambda - 1, which must not be negative.")
        { Aliases = ["lambda", "lambda_mmd"] },
        new Field<TrainingSpec, MmdKernel>("mmd_kernel", new Choice<MmdKernel>(), t => t.MmdKernel, (t, v) => t with { MmdKernel = v },
            "`mmd`: inverse multiquadratic or Gaussian.")
        { Aliases = ["kernel", "kernel_choice"] },
        new Field<TrainingSpec, double>("commitment", new RealNumber(0, 10_000), t => t.Commitment, (t, v) => t with { Commitment = v },
            "`vq`: weight of the distance between the encoder's output and its code.")
        { Aliases = ["commitment_cost", "commitment_loss_factor", "beta_c"] },
        new Field<TrainingSpec, double>("code_decay", new RealNumber(0, 1, maxOpen: true), t => t.CodeDecay, (t, v) => t with { CodeDecay = v },
            "`vq`: decay of the codebook's running means.")
        { Aliases = ["ema_decay", "decay"] },
        new Field<TrainingSpec, double>("code_revival", new RealNumber(0, 1_000), t => t.CodeRevival, (t, v) => t with { CodeRevival = v },
            "`vq`: a code whose smoothed count falls below this is dead and starts anew from a row of the batch. 0: never.")
        { Aliases = ["revive", "dead_code_threshold"] },
        new Field<TrainingSpec, int>("labelled", new WholeNumber<int>(1, 1_000_000_000), t => t.Labelled, (t, v) => t with { Labelled = v },
            "`m2`: rows whose label is seen, equally many of each class, chosen by `seed`.")
        { Aliases = ["labeled", "num_labelled", "n_labels"] },
        new Field<TrainingSpec, double>("classifier_weight", new RealNumber(0, 10_000), t => t.ClassifierWeight, (t, v) => t with { ClassifierWeight = v },
            "`m2`: weight of the labelled rows' mean cross-entropy beside the mean bound of all rows.")
        { Aliases = ["alpha", "classification_weight"] });
}
