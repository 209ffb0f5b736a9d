namespace Vae.Shared.Sweeps;

/// <summary>Where trials run. Auto: the first CUDA device where there is one, else the processor.</summary>
public enum DeviceChoice { Auto, Cpu, Cuda }

/// <summary>How a batch is cut between the workers of a pack. Auto: in proportion to their measured speed.</summary>
public enum BalanceMode { Auto, Even }

/// <summary>What sums gradients between workers. Auto: shared memory between workers of one host, else MessagePack over TCP.</summary>
public enum AllReduceEngine { Auto, Messagepack, SharedMemory, Gloo, Nccl }

/// <summary>How gradients travel. Bfloat16 halves the bytes; what rounding cuts off is kept and added to the next step's.</summary>
public enum GradientCompression { None, Bfloat16 }

/// <summary>Whether gradients are summed while backward goes on. Auto: where a measurement says that it pays.</summary>
public enum OverlapMode { Auto, On, Off }

/// <summary>What matrix products compute in. Bfloat16: automatic mixed precision with float32 weights, on CUDA only.</summary>
public enum NumericPrecision { Float32, Bfloat16 }

/// <summary>What packs of trials may use, and how.</summary>
public sealed record ResourceSpec
{
    /// <summary>A pack starts when this many workers are free, 1 to 1,024. Default 1.</summary>
    public int WorkersPerPackMin { get; init; } = 1;

    /// <summary>A pack never has more workers than this, 1 to 1,024. Default 1.</summary>
    public int WorkersPerPackMax { get; init; } = 1;

    /// <summary>Most trials fused into one model, 1 to 1,024; 1 never fuses. Default: the planner decides.</summary>
    public int? MaxPack { get; init; }

    /// <summary>Packs that a worker trains side by side, 1 to 1,024. Default: the planner decides.</summary>
    public int? Lanes { get; init; }

    public DeviceChoice Device { get; init; } = DeviceChoice.Auto;

    /// <summary>Compute threads of each lane, 1 to 1,024. Default: the planner decides.</summary>
    public int? Threads { get; init; }

    public BalanceMode Balance { get; init; } = BalanceMode.Auto;

    public AllReduceEngine AllReduce { get; init; } = AllReduceEngine.Auto;

    public GradientCompression Compression { get; init; } = GradientCompression.None;

    public OverlapMode Overlap { get; init; } = OverlapMode.Auto;

    public NumericPrecision Precision { get; init; } = NumericPrecision.Float32;

    /// <summary>Share of the training time that checkpoints may cost, 0 to 0.5; 0 makes none but those that hand work over. Default 0.035.</summary>
    public double CheckpointBudget { get; init; } = 0.035;
}
