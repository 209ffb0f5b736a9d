using Vae.Worker.Collectives;

namespace Vae.Tests.Unit.Collectives;

public unsafe class BrainFloatTests
{
    [Fact]
    public void Rounding_takes_the_nearest_value_and_the_even_one_of_two()
    {
        // All upper halves, with lower halves at, just below and just above the border between two neighbours.
        for (var high = 0u; high <= 0xFFFF; high++)
        {
            foreach (var low in (uint[])[0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
            {
                var value = BitConverter.UInt32BitsToSingle((high << 16) | low);
                var rounded = BrainFloat.Widen(BrainFloat.Round(value));
                if (float.IsNaN(value))
                {
                    Assert.True(float.IsNaN(rounded));
                    continue;
                }

                var (below, above) = (BrainFloat.Widen((ushort)high), BrainFloat.Widen((ushort)(high + 1)));
                var expected = low < 0x8000 || (low == 0x8000 && (high & 1) == 0) ? below : above;
                Assert.Equal(expected, rounded);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(1003)]
    public void Vectors_and_single_values_are_treated_alike_and_what_is_cut_off_is_kept(int count)
    {
        var random = new Random(count);
        var values = Numbers(random, count);
        var residual = Numbers(random, count, 1e-3f);
        var received = Numbers(random, count).Select(BrainFloat.Round).ToArray();
        var (sums, rests, packed, alone) = (values.ToArray(), residual.ToArray(), new ushort[count], new ushort[count]);
        var first = residual.ToArray();

        fixed (float* v = values, r = first, s = sums, k = rests)
        fixed (ushort* p = packed, o = alone, i = received)
        {
            BrainFloat.Pack(v, r, o, count);
            BrainFloat.AddAndPack(i, s, k, p, count);
        }

        for (var i = 0; i < count; i++)
        {
            var own = values[i] + residual[i];
            Assert.Equal(BrainFloat.Round(own), alone[i]);
            Assert.Equal(own - BrainFloat.Widen(alone[i]), first[i]);
            var sum = BrainFloat.Widen(received[i]) + values[i] + residual[i];
            Assert.Equal(BrainFloat.Round(sum), packed[i]);
            Assert.Equal(sum - BrainFloat.Widen(packed[i]), rests[i]);
            Assert.Equal(BrainFloat.Widen(packed[i]), sums[i]);
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(40)]
    public void What_is_not_finite_passes_and_leaves_no_remainder(int at)
    {
        var values = new float[64];
        var residual = new float[64];
        var packed = new ushort[64];
        (values[at], values[at + 1], values[at + 2], values[at + 3]) = (float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue);

        fixed (float* v = values, r = residual)
        fixed (ushort* p = packed)
        {
            BrainFloat.Pack(v, r, p, values.Length);
            BrainFloat.Unpack(p, v, values.Length);
        }

        Assert.True(float.IsNaN(values[at]));
        Assert.Equal([float.PositiveInfinity, float.NegativeInfinity, float.PositiveInfinity], values[(at + 1)..(at + 4)]);
        Assert.All(residual, rest => Assert.Equal(0, rest));
    }

    private static float[] Numbers(Random random, int count, float scale = 1) =>
        [.. Enumerable.Range(0, count).Select(_ => scale * (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-6, 6))))];
}
