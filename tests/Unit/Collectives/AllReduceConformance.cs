using Vae.Worker.Collectives;

namespace Vae.Tests.Unit.Collectives;

/// <summary>What holds for every engine that sums.</summary>
public abstract class AllReduceConformance
{
    private static readonly RingOptions NeverAtOnce = new() { ExchangeBytesMax = 0 };

    /// <summary>A gang in this process.</summary>
    protected abstract LocalRing Ring(int worldSize, RingOptions? options = null, int generation = 1);

    /// <summary>Bytes that engine counts as sent by one rank, at least, for so many elements.</summary>
    protected virtual long BytesAtLeast(int elements) => elements;

    public static TheoryData<int, int, bool> Shapes()
    {
        var data = new TheoryData<int, int, bool>();
        foreach (var world in (int[])[1, 2, 3, 4, 7, 8])
        {
            foreach (var elements in (int[])[0, 1, 3, 1000, 65_537, 1_000_000])
            {
                data.Add(world, elements, false);
                if (elements <= 1000) data.Add(world, elements, true);
            }
        }

        return data;
    }

    [EngineTheory, MemberData(nameof(Shapes))]
    public void All_ranks_end_with_the_same_bits_and_the_right_sum(int world, int elements, bool exchange)
    {
        using var ring = Ring(world, exchange ? new() : NeverAtOnce);
        var inputs = Enumerable.Range(0, world).Select(rank => Input(rank, elements)).ToArray();
        var buffers = inputs.Select(input => input.ToArray()).ToArray();

        var failures = ring.OnAll(rank => rank.AllReduce(buffers[rank.Rank], step: 7, bucket: 2));

        Assert.All(failures, Assert.Null);
        Assert.All(buffers, buffer => Assert.True(SameBits(buffers[0], buffer)));
        for (var i = 0; i < elements; i++)
        {
            double sum = 0, magnitude = 0;
            foreach (var input in inputs) (sum, magnitude) = (sum + input[i], magnitude + Math.Abs(input[i]));
            Assert.True(Math.Abs(buffers[0][i] - sum) <= 1e-6 * magnitude, $"Element {i}: {buffers[0][i]} instead of {sum}.");
        }
    }

    [EngineTheory]
    [InlineData(2, 300)]
    [InlineData(3, 20_011)]
    public void Two_hundred_steps_in_a_row_stay_equal_on_all_ranks(int world, int elements)
    {
        using var ring = Ring(world);
        var buffers = Enumerable.Range(0, world).Select(rank => Input(rank, elements)).ToArray();

        var failures = ring.OnAll(rank =>
        {
            for (var step = 0; step < 200; step++)
            {
                rank.AllReduce(buffers[rank.Rank], step, bucket: 0);
                var buffer = buffers[rank.Rank];
                for (var i = 0; i < buffer.Length; i++) buffer[i] = (buffer[i] / world) + (rank.Rank * 1e-3f);
            }

            rank.AllReduce(buffers[rank.Rank], 200, bucket: 0);
        });

        Assert.All(failures, Assert.Null);
        Assert.All(buffers, buffer => Assert.True(SameBits(buffers[0], buffer)));
        Assert.Equal(201, ring.Ranks[0].Statistics.Calls);
        Assert.True(ring.Ranks[0].Statistics.BytesSent >= 201 * BytesAtLeast(elements));
    }

    [EngineTheory]
    [InlineData(100)]
    [InlineData(100_000)]
    public void Not_a_number_passes_through_to_every_rank_with_the_same_bits(int elements)
    {
        using var ring = Ring(3);
        var buffers = Enumerable.Range(0, 3).Select(rank => Input(rank, elements)).ToArray();
        buffers[1][elements / 2] = float.NaN;
        buffers[2][3] = float.PositiveInfinity;

        Assert.All(ring.OnAll(rank => rank.AllReduce(buffers[rank.Rank], 0, 0)), Assert.Null);

        Assert.All(buffers, buffer => Assert.True(float.IsNaN(buffer[elements / 2]) && float.IsPositiveInfinity(buffer[3]) && SameBits(buffers[0], buffer)));
    }

    [EngineTheory]
    [InlineData(1000)]
    [InlineData(300_000)]
    public void A_warm_ring_allocates_nothing(int elements)
    {
        using var ring = Ring(2);
        var buffers = Enumerable.Range(0, 2).Select(rank => Input(rank, elements)).ToArray();
        var allocated = new long[2];

        var failures = ring.OnAll(rank =>
        {
            for (var step = 0; step < 20; step++) rank.AllReduce(buffers[rank.Rank], step, 0);
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var step = 20; step < 70; step++) rank.AllReduce(buffers[rank.Rank], step, 0);
            allocated[rank.Rank] = GC.GetAllocatedBytesForCurrentThread() - before;
        });

        Assert.All(failures, Assert.Null);
        Assert.Equal([0, 0], allocated);
    }

    protected static float[] Input(int rank, int elements)
    {
        var random = new Random((rank * 1000) + elements);
        return [.. Enumerable.Range(0, elements).Select(_ => (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-2, 3))))];
    }

    protected static bool SameBits(float[] left, float[] right) =>
        System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(left).SequenceEqual(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(right));
}
