using Vae.Worker.Collectives;

namespace Vae.Tests.Unit.Collectives;

/// <summary>bfloat16 on the ring, with error feedback.</summary>
public class CompressedRingTests
{
    private static readonly RingOptions NeverAtOnce = new() { ExchangeBytesMax = 0, PieceBytes = 4096 };

    [Theory]
    [InlineData(2, 1)]
    [InlineData(2, 65_537)]
    [InlineData(3, 20_011)]
    [InlineData(4, 100_000)]
    [InlineData(7, 5)]
    public void All_ranks_end_with_the_same_bits_and_nearly_the_right_sum(int world, int elements)
    {
        using var ring = new LocalRing(world, NeverAtOnce);
        var inputs = Enumerable.Range(0, world).Select(rank => Input(rank, elements)).ToArray();
        var buffers = inputs.Select(input => input.ToArray()).ToArray();

        Assert.All(ring.OnAll(rank => Sum(rank, buffers[rank.Rank], new float[elements], 7)), Assert.Null);

        Assert.All(buffers, buffer => Assert.Equal(buffers[0], buffer));
        for (var i = 0; i < elements; i++)
        {
            double sum = 0, magnitude = 0;
            foreach (var input in inputs) (sum, magnitude) = (sum + input[i], magnitude + Math.Abs(input[i]));
            Assert.True(Math.Abs(buffers[0][i] - sum) <= world * magnitude / 256, $"Element {i}: {buffers[0][i]} instead of {sum}.");
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Half_the_bytes_travel(int world)
    {
        const int elements = 1 << 20;
        using var ring = new LocalRing(world);

        Assert.All(ring.OnAll(rank => rank.AllReduce(new float[elements], 0, 0)), Assert.Null);
        var plain = ring.Ranks[0].Statistics.BytesSent;
        Assert.All(ring.OnAll(rank => Sum(rank, new float[elements], new float[elements], 1)), Assert.Null);
        var compressed = ring.Ranks[0].Statistics.BytesSent - plain;

        Assert.InRange((double)compressed / plain, 0.5, 0.5001);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Over_many_steps_only_the_last_remainders_are_missing(int world)
    {
        const int elements = 5000, steps = 300;
        using var ring = new LocalRing(world, NeverAtOnce);
        var inputs = Enumerable.Range(0, world).Select(rank => Input(rank, elements)).ToArray();
        var residuals = inputs.Select(_ => new float[elements]).ToArray();
        var totals = inputs.Select(_ => new double[elements]).ToArray();

        var failures = ring.OnAll(rank =>
        {
            var buffer = new float[elements];
            for (var step = 0; step < steps; step++)
            {
                inputs[rank.Rank].CopyTo(buffer, 0);
                Sum(rank, buffer, residuals[rank.Rank], step);
                for (var i = 0; i < elements; i++) totals[rank.Rank][i] += buffer[i];
            }
        });

        Assert.All(failures, Assert.Null);
        for (var i = 0; i < elements; i++)
        {
            double given = 0, kept = 0, magnitude = 0;
            for (var rank = 0; rank < world; rank++)
            {
                given += steps * (double)inputs[rank][i];
                kept += residuals[rank][i];
                magnitude += Math.Abs(inputs[rank][i]);
            }

            // All that was given is in what came out and what is kept, but for the float32 rounding of each addition.
            Assert.True(Math.Abs(given - totals[0][i] - kept) <= steps * world * magnitude * 3e-7, $"Element {i}: {given} given, {totals[0][i]} came, {kept} kept.");
            Assert.True(Math.Abs(kept) <= world * magnitude / 100, $"Element {i}: {kept} kept of {magnitude}.");
        }
    }

    [Fact]
    public void Descent_reaches_the_minimum_with_feedback_and_stalls_without()
    {
        // Two ranks whose gradients are large and nearly cancel, as with data that differ from rank to rank: what is left of their sum is below
        // what rounding keeps of either.
        var (with, without, plain) = (Descend(feedback: true), Descend(feedback: false), Descend(feedback: null));

        Assert.True(plain < 1e-6, $"Uncompressed: {plain}.");
        Assert.True(with < 1e-3, $"With feedback: {with}.");
        Assert.True(without > 10 * with, $"Without feedback {without}, with {with}.");
    }

    [Fact]
    public void A_rank_that_compresses_and_one_that_does_not_refuse_each_other()
    {
        using var ring = new LocalRing(2, NeverAtOnce);

        var failures = ring.OnAll(rank =>
        {
            if (rank.Rank == 0) Sum(rank, new float[1000], new float[1000], 0);
            else rank.AllReduce(new float[1000], 0, 0);
        });

        Assert.Contains(failures, failure => failure is FrameRefusedException refused && refused.Difference.Contains("element type", StringComparison.Ordinal));
    }

    [Fact]
    public void Small_buffers_travel_as_they_are()
    {
        using var ring = new LocalRing(2);
        var values = new float[] { 1.00001f, -3.14159f };
        var buffers = new[] { values.ToArray(), values.ToArray() };

        Assert.All(ring.OnAll(rank => Sum(rank, buffers[rank.Rank], new float[2], 0)), Assert.Null);

        Assert.All(buffers, buffer => Assert.Equal([2 * values[0], 2 * values[1]], buffer));
    }

    [Fact]
    public void A_warm_ring_allocates_nothing()
    {
        using var ring = new LocalRing(2);
        var buffers = new[] { Input(0, 300_000), Input(1, 300_000) };
        var residuals = new[] { new float[300_000], new float[300_000] };
        var allocated = new long[2];

        Assert.All(ring.OnAll(rank =>
        {
            for (var step = 0; step < 5; step++) Sum(rank, buffers[rank.Rank], residuals[rank.Rank], step);
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var step = 5; step < 25; step++) Sum(rank, buffers[rank.Rank], residuals[rank.Rank], step);
            allocated[rank.Rank] = GC.GetAllocatedBytesForCurrentThread() - before;
        }), Assert.Null);

        Assert.Equal([0, 0], allocated);
    }

    // Half the squared distance to a target, at the end of a descent; null: float32 all the way.
    private static double Descend(bool? feedback)
    {
        const int elements = 64, steps = 2000;
        const float rate = 0.02f;
        using var ring = new LocalRing(2, NeverAtOnce);
        var target = Input(5, elements).Select(value => (value % 1) + 0.5f).ToArray();
        var pull = Input(6, elements).Select(value => 40 + (value % 10)).ToArray();
        var losses = new double[2];

        Assert.All(ring.OnAll(rank =>
        {
            var (weights, gradient, residual) = (new float[elements], new float[elements], new float[elements]);
            for (var step = 0; step < steps; step++)
            {
                for (var i = 0; i < elements; i++) gradient[i] = ((weights[i] - target[i]) / 2) + (rank.Rank == 0 ? pull[i] : -pull[i]);
                if (feedback is null) rank.AllReduce(gradient, step, 0);
                else Sum(rank, gradient, feedback.Value ? residual : new float[elements], step);
                for (var i = 0; i < elements; i++) weights[i] -= rate * gradient[i];
            }

            for (var i = 0; i < elements; i++) losses[rank.Rank] += 0.5 * Math.Pow(weights[i] - target[i], 2);
        }), Assert.Null);

        Assert.Equal(losses[0], losses[1]);
        return losses[0] / elements;
    }

    private static void Sum(IAllReduce rank, float[] buffer, float[] residual, long step) => ((ICompressingAllReduce)rank).AllReduce(buffer, residual, step, 0);

    private static float[] Input(int rank, int elements)
    {
        var random = new Random((rank * 1000) + elements);
        return [.. Enumerable.Range(0, elements).Select(_ => (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-2, 3))))];
    }
}
