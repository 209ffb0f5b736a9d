using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

/// <summary>How the ranks of a pack work together. Balance and compression must be the same on all ranks; overlap may differ.</summary>
/// <param name="Balance">Whether rows follow measured speed.</param>
/// <param name="Overlap">Whether buckets are reduced while backward goes on.</param>
/// <param name="Compression">How gradients travel over TCP. Other engines send them as they are.</param>
/// <param name="Time">The clock of the steps; default: the system's.</param>
public sealed record GangOptions(BalanceMode Balance = BalanceMode.Auto, OverlapMode Overlap = OverlapMode.Auto, GradientCompression Compression = GradientCompression.None,
    TimeProvider? Time = null)
{
    /// <summary>The exchange for one ring.</summary>
    internal IGradientExchange CreateExchange(FlatParameters flat, IAllReduce allReduce, ITrainingListener listener)
    {
        // Only a host's buffer can leave in parts (a device's is copied out in one piece after backward), and a single bucket ends with backward anyway.
        var plain = new GradientExchange(flat, allReduce, compression: Compression);
        if (flat.Device.type != DeviceType.CPU || allReduce.WorldSize == 1 || Overlap == OverlapMode.Off || plain.Buckets.Count == 1) return plain;
        return new OverlappedExchange(flat, allReduce, plain, new OverlapChoice(Overlap == OverlapMode.On ? true : null), listener.OverlapChosen);
    }

    /// <summary>The sharing of rows for one ring.</summary>
    internal RowBalance CreateBalance(int worldSize, int batch) => new(worldSize, batch, Balance == BalanceMode.Even);
}
