namespace Vae.Shared.Sweeps;

/// <summary>
/// A guess of the time of a step where nothing has been measured: its arithmetic at the rate of an ordinary processor core, and a fixed cost of
/// its operations. Good to a factor of three or so, which is enough to tell seconds from hours; never used to compare shapes.
/// </summary>
public static class StepCost
{
    private const double CoreFlops = 40e9;
    private const double CudaFlops = 5e12;
    private const double SecondsPerOperation = 3e-6;
    private const double OperationsPerLayer = 6;

    /// <summary>
    /// Multiplications and additions of one update of one trial: twice per weight use forward, and twice that backward. A decoder is as large as its encoder, near enough: the samples of iwae pass the decoder,
    /// the pseudo-inputs of a vamp prior the encoder.
    /// </summary>
    /// <param name="trial">The trial.</param>
    /// <param name="data">Its images.</param>
    /// <param name="rows">Rows of a step on one worker.</param>
    public static double Flops(TrialSpec trial, DataShape data, int rows)
    {
        var pseudo = trial.Model.Prior == Prior.Vamp ? trial.Model.PseudoInputs : 0;
        var passes = (rows * (1 + ObjectiveSize.SamplesPerRow(trial.Training)) + pseudo) / 2.0;
        return (6.0 * passes * ModelSize.WeightUsesPerRow(trial.Model, data)) + ObjectiveSize.ExtraFlops(trial, rows);
    }

    /// <summary>Seconds of one update of one trial on one core, or on a CUDA device.</summary>
    /// <inheritdoc cref="Flops"/>
    public static double Seconds(TrialSpec trial, DataShape data, int rows, bool cuda) =>
        (Flops(trial, data, rows) / (cuda ? CudaFlops : CoreFlops)) + (SecondsPerOperation * OperationsPerLayer * (ModelSize.LayerCount(trial.Model, data) + 4));
}
