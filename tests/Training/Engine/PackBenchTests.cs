using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Probing;

namespace Vae.Tests.Training.Engine;

public sealed class PackBenchTests : TorchTest
{
    private static readonly DataShape Data = new(TrainRows: 64, Channels: 1, Height: 8, Width: 8);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 4)]
    [InlineData(2, 3)]
    public void A_shape_is_measured_by_training_it(int lanes, int slots)
    {
        using var bench = new PackBench(Order([16]), torch.CPU);

        Assert.InRange(bench.Measure(new(lanes, slots, 1), TimeSpan.Zero, 3, CancellationToken.None), 1, 1e9);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_shape_without_memory_for_it_has_no_speed_and_the_next_one_is_measured_all_the_same(int lanes)
    {
        using var bench = new PackBench(Order([65_536, 65_536]), torch.CPU);
        using var small = new PackBench(Order([16]), torch.CPU);

        Assert.Equal(0, bench.Measure(new(lanes, 100_000, 1), TimeSpan.Zero, 3, CancellationToken.None)); // More than an address space holds.
        Assert.InRange(small.Measure(new(lanes, 1, 1), TimeSpan.Zero, 3, CancellationToken.None), 1, 1e9);
    }

    [Fact]
    public void A_probe_that_is_stopped_says_so()
    {
        using var bench = new PackBench(Order([16]), torch.CPU);
        using var stop = new CancellationTokenSource();
        stop.Cancel();

        Assert.ThrowsAny<OperationCanceledException>(() => bench.Measure(new(2, 1, 1), TimeSpan.FromMinutes(1), 3, stop.Token));
    }

    private static ProbeOrder Order(int[] encoder) => new(
        new TrialSpec { Index = 0, Model = new() { Encoder = [.. encoder], Latent = 2 }, Training = new() { Batch = 8 } }, Data, 8, long.MaxValue, NumericPrecision.Float32, 32, null, null, Binarize.None);
}
