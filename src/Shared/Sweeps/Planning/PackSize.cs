namespace Vae.Shared.Sweeps;

/// <summary>
/// Predicts the memory of packs, so that nothing is ever found out by crashing. Counted in float32 values: what is kept per slot (weights,
/// gradient, optimizer moments), what a step leaves behind for backward, the staging of a batch, and the evaluation's batch.
/// </summary>
public static class PackSize
{
    /// <summary>Rows of one forward pass over held-out rows.</summary>
    public const int EvaluationRows = 512;

    private const int Float = 4;

    /// <summary>Bytes that one worker fills at its peak: the data set once, and <paramref name="shape"/>'s lanes.</summary>
    /// <param name="trial">Any trial of the pack's signature.</param>
    /// <param name="data">Its images.</param>
    /// <param name="shape">Slots, latent and lanes.</param>
    /// <param name="rows">Rows of one step of one slot on this worker.</param>
    public static long WorkerBytes(TrialSpec trial, DataShape data, PackShape shape, int rows) =>
        DatasetBytes(data) + (shape.Lanes * LaneBytes(trial, data, shape, rows));

    /// <summary>One byte per value, held once for all lanes.</summary>
    public static long DatasetBytes(DataShape data) => (long)data.TrainRows * data.Values;

    /// <summary>Bytes of one lane at its peak.</summary>
    public static long LaneBytes(TrialSpec trial, DataShape data, PackShape shape, int rows)
    {
        var model = trial.Model with { Latent = shape.Latent };
        var kept = ModelSize.Parameters(model, data) * (2 + Moments(trial.Training));
        var step = 2L * rows * ModelSize.ActivationsPerRow(model, data);
        var staged = (long)Math.Max(rows, EvaluationRows) * (data.Values + model.Latent);
        return Float * shape.Slots * (kept + step + staged);
    }

    private static int Moments(TrainingSpec training) => training.Optimizer switch
    {
        OptimizerKind.Sgd => training.Momentum > 0 ? 1 : 0,
        _ => 2,
    };
}
