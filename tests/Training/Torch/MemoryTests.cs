using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

[Collection(nameof(WholeProcess))]
public class MemoryTests
{
    private const int Steps = 20_000;
    private const int Rows = 16;

    [Fact]
    public void Twenty_thousand_training_steps_leave_memory_flat()
    {
        using var outer = NewDisposeScope();
        using var encoder = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 8));
        using var decoder = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 32));
        using var model = nn.Sequential(encoder, decoder);
        using var flat = new FlatParameters(model, statistics: 2);
        using var adam = optim.Adam(flat);
        var data = tensor(Enumerable.Range(0, 100 * 32).Select(static i => (byte)(i * 37)).ToArray(), [100, 32]);
        Tensor x = empty([Rows, 32]), noise = empty([Rows, 4]);
        var rows = new long[Rows];

        for (var step = 0; step < 2000; step++) Train(step);
        var (tensors, resident, managed) = (LiveTensors, Resident(), GC.GetAllocatedBytesForCurrentThread());
        for (var step = 0; step < Steps; step++) Train(step);
        managed = GC.GetAllocatedBytesForCurrentThread() - managed;

        Assert.Equal(tensors, LiveTensors);
        Assert.InRange(Resident() - resident, long.MinValue, 8L << 20);
        // Only the wrappers of some twenty tensors: 32 bytes each.
        Assert.InRange(managed / Steps, 0, 2000);

        void Train(int step)
        {
            using var scope = NewDisposeScope();
            for (var i = 0; i < Rows; i++) rows[i] = (step + i) % 100;
            Fused.gather_rows(data, rows, x, ByteConversion.RandomBits, 1, (ulong)step);
            Noise.FillNormal(noise, 2, (ulong)step, 0);
            flat.zero_grad();
            var posterior = Fused.gaussian_posterior(encoder.forward(x), noise);
            var distortion = Fused.bernoulli_logits_nll(decoder.forward(posterior.Sample), x, 1.0 / Rows);
            (distortion.sum() + posterior.Divergence.sum() / Rows).backward();
            flat.StatisticsSpan[0] += (float)distortion.item();
            adam.step();
        }
    }

    private static long Resident()
    {
        GC.Collect();
        foreach (var line in File.ReadLines("/proc/self/status"))
            if (line.StartsWith("VmRSS:", StringComparison.Ordinal))
                return long.Parse(line.AsSpan(6, line.Length - 9)) * 1024;
        throw new InvalidOperationException("/proc/self/status has no VmRSS line.");
    }
}
