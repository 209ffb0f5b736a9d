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

    /// <summary>Multiplications and additions of one update of one trial: twice per weight use forward, and twice that backward.</summary>
    public static double Flops(ModelSpec model, DataShape data, int rows) => 6.0 * rows * ModelSize.WeightUsesPerRow(model, data);

    /// <summary>Seconds of one update of one trial on one core, or on a CUDA device.</summary>
    public static double Seconds(ModelSpec model, DataShape data, int rows, bool cuda) =>
        (Flops(model, data, rows) / (cuda ? CudaFlops : CoreFlops)) + (SecondsPerOperation * OperationsPerLayer * (ModelSize.LayerCount(model, data) + 4));
}
