using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Worker.Probing;

/// <summary>A whole probe: the search over shapes on this process's device. It takes the whole device for up to 5 s.</summary>
public static class PackProbe
{
    // What the last burst may take longer than expected stays within the time that was promised.
    private static readonly TimeSpan Budget = 0.85 * ProbeOrder.TimeMax;

    /// <param name="order">What to measure.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="threads">Compute threads that all lanes together may use.</param>
    /// <param name="cancellation">Ends it between two steps.</param>
    /// <exception cref="OperationCanceledException">Ended from outside.</exception>
    public static ValueList<ProbeReading> Run(ProbeOrder order, torch.Device device, int threads, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        using var bench = new PackBench(order, device);
        var search = new ProbeSearch(bench, Budget, () => Stopwatch.GetElapsedTime(start));
        return search.Run(SpaceOf(order, device, threads), cancellation);
    }

    /// <summary>The shapes that this order allows here.</summary>
    public static ProbeSpace SpaceOf(ProbeOrder order, torch.Device device, int threads) =>
        new(device.type == DeviceType.CUDA, threads, order.SlotsMax, order.Lanes, order.Threads, shape =>
            PackSize.WorkerBytes(order.Trial, order.Data, new PackShape(shape.Slots, order.Trial.Model.Latent, shape.Lanes, shape.Threads), order.Rows, device.type == DeviceType.CUDA) <= order.MemoryBytes);
}
