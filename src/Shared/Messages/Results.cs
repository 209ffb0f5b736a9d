namespace Vae.Shared.Messages;

/// <summary>Where a trial stands. Only <see cref="Failed"/> counts against it.</summary>
public enum TrialState
{
    /// <summary>Waits for workers.</summary>
    Queued,

    /// <summary>A gang trains it.</summary>
    Running,

    /// <summary>Its worker was told to leave; it will run again.</summary>
    Preempted,

    /// <summary>Its worker is gone; it will run again.</summary>
    Lost,

    /// <summary>It cannot be trained: non-finite loss, out of memory, an engine error.</summary>
    Failed,

    /// <summary>Stopped early because it could not win.</summary>
    Pruned,

    /// <summary>Finished with a result.</summary>
    Done,

    /// <summary>Stopped by the user.</summary>
    Cancelled,
}

/// <summary>What a file of a trial holds. The coordinator chooses the file's name; a worker never sends one.</summary>
public enum ArtifactKind
{
    /// <summary><c>model.safetensors</c></summary>
    Model,

    /// <summary><c>config.json</c></summary>
    Config,

    /// <summary><c>samples.png</c></summary>
    Samples,

    /// <summary><c>reconstructions.png</c></summary>
    Reconstructions,

    /// <summary><c>curves.csv</c>, written by the coordinator from its own store.</summary>
    Curves,
}

/// <summary>A stored file of a trial.</summary>
/// <param name="Kind">What it holds.</param>
/// <param name="Bytes">Length in bytes.</param>
/// <param name="Sha256">Lower-case hex digest of its content.</param>
public sealed record ArtifactInfo(ArtifactKind Kind, long Bytes, string Sha256);

/// <summary>A metric of a finished trial beyond those that every result has.</summary>
/// <param name="Name">As <c>objective.metric</c> calls it, or a part of it such as <c>dci_completeness</c>.</param>
/// <param name="Value">In the unit of its metric.</param>
public sealed record NamedFigure(string Name, double Value);

/// <summary>What became of one trial. All likelihood figures are means per held-out sample, in nats.</summary>
/// <param name="TrialIndex">Index in the sweep.</param>
/// <param name="State"><see cref="TrialState.Done"/> or <see cref="TrialState.Failed"/>.</param>
/// <param name="Elbo">Evidence lower bound at beta = 1: -(distortion + rate).</param>
/// <param name="Distortion">-E[log p(x|z)].</param>
/// <param name="Rate">KL(q(z|x) || p(z)).</param>
/// <param name="ActiveUnits">Latent dimensions whose posterior mean varies over the data by more than 0.01 (Burda et al. 2016, section 5.2).</param>
/// <param name="KlPerDimension">The rate, split by latent dimension.</param>
/// <param name="Steps">Optimizer updates done.</param>
/// <param name="Epochs">Epochs done.</param>
/// <param name="TrainSeconds">Time from the first step to the last, in seconds.</param>
/// <param name="Parameters">Trainable parameters.</param>
/// <param name="FailureText">Empty when done, unless the sweep's metric could not be told: then why; else what happened and at which step.</param>
/// <param name="Artifacts">Files already stored by the coordinator.</param>
public sealed record TrialResult(
    int TrialIndex, TrialState State, double Elbo, double Distortion, double Rate, int ActiveUnits, ValueList<double> KlPerDimension,
    long Steps, int Epochs, double TrainSeconds, long Parameters, string FailureText, ValueList<ArtifactInfo> Artifacts)
{
    /// <summary>What the trial's own objective reported, and what was computed once, when the trial ended, because its sweep ranks by it.</summary>
    public ValueList<NamedFigure> Figures { get; init; } = [];
}

/// <summary>Figures of one sweep over all points stored in this life of the coordinator.</summary>
/// <param name="Sweep">The sweep.</param>
/// <param name="TrainSteps">Training steps reported.</param>
/// <param name="Evaluations">Held-out evaluations reported.</param>
/// <param name="Thinned">Points that workers had to drop.</param>
/// <param name="BestElbo">Greatest held-out ELBO at beta = 1, in nats per sample; NaN before the first evaluation.</param>
/// <param name="BestTrial">The trial that has it; -1 before the first evaluation.</param>
/// <param name="ActiveUnits">Active latent dimensions of that trial at that evaluation.</param>
public sealed record SweepAggregate(SweepId Sweep, long TrainSteps, long Evaluations, long Thinned, double BestElbo, int BestTrial, int ActiveUnits);
