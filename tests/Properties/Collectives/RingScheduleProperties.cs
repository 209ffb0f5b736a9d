using FsCheck;
using FsCheck.Fluent;
using Vae.Shared.Collectives;

namespace Vae.Tests.Properties.Collectives;

public class RingScheduleProperties
{
    private static readonly Gen<(int World, int Elements, int Alignment, int Seed)> Cases =
        from world in Gen.Choose(1, 9)
        from elements in Gen.Frequency((1, Gen.Choose(0, 12)), (3, Gen.Choose(0, 700)))
        from alignment in Gen.Elements(1, 3, 16)
        from seed in Gen.Choose(0, 1_000_000)
        select (world, elements, alignment, seed);

    [Fact]
    public void Every_rank_ends_with_the_same_bits_and_they_are_the_sum_in_the_documented_order() =>
        Prop.ForAll(Cases.ToArbitrary(), test =>
        {
            var inputs = Inputs(test.World, test.Elements, test.Seed);
            var buffers = inputs.Select(input => input.ToArray()).ToArray();
            var schedule = new RingSchedule(test.World, test.Elements, test.Alignment);

            Exchange(schedule, buffers);

            var expected = DocumentedSum(schedule, inputs);
            return buffers.All(buffer => buffer.Select(BitConverter.SingleToInt32Bits).SequenceEqual(expected.Select(BitConverter.SingleToInt32Bits)));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Chunks_cover_the_buffer_once_and_their_borders_are_aligned() =>
        Prop.ForAll(Cases.ToArbitrary(), test =>
        {
            var schedule = new RingSchedule(test.World, test.Elements, test.Alignment);
            var lengths = Enumerable.Range(0, test.World).Select(schedule.ChunkLength).ToList();
            var starts = Enumerable.Range(0, test.World + 1).Select(schedule.ChunkStart).ToList();
            return starts[0] == 0 && starts[^1] == test.Elements && lengths.TrueForAll(length => length >= 0)
                && starts.TrueForAll(start => start % test.Alignment == 0 || start == test.Elements)
                && lengths.Max() - lengths.Min() <= 2 * test.Alignment;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void What_a_rank_receives_in_one_hop_is_what_it_sends_in_the_next_and_what_its_left_neighbour_sent() =>
        Prop.ForAll(Cases.ToArbitrary(), test =>
        {
            var schedule = new RingSchedule(test.World, test.Elements, test.Alignment);
            return Enumerable.Range(0, test.World).All(rank => Enumerable.Range(0, schedule.HopCount).All(hop =>
                schedule.ChunkReceived(rank, hop) == schedule.ChunkSent(rank, hop + 1)
                && schedule.ChunkReceived(rank, hop) == schedule.ChunkSent(RingSchedule.LeftOf(rank, test.World), hop)));
        }).QuickCheckThrowOnFailure();

    private static float[][] Inputs(int world, int elements, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, world).Select(_ => Enumerable.Range(0, elements).Select(_ => (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-3, 4)))).ToArray())];
    }

    // All ranks of a hop send before any receives: what travels is a snapshot, as on a real wire.
    private static void Exchange(RingSchedule schedule, float[][] buffers)
    {
        for (var hop = 0; hop < schedule.HopCount; hop++)
        {
            var wire = new float[schedule.WorldSize][];
            for (var rank = 0; rank < schedule.WorldSize; rank++)
            {
                var chunk = schedule.ChunkSent(rank, hop);
                wire[RingSchedule.RightOf(rank, schedule.WorldSize)] = buffers[rank].AsSpan(schedule.ChunkStart(chunk), schedule.ChunkLength(chunk)).ToArray();
            }

            for (var rank = 0; rank < schedule.WorldSize; rank++)
            {
                var target = buffers[rank].AsSpan(schedule.ChunkStart(schedule.ChunkReceived(rank, hop)), wire[rank].Length);
                for (var i = 0; i < target.Length; i++) target[i] = schedule.PhaseOf(hop) == RingPhase.ReduceScatter ? wire[rank][i] + target[i] : wire[rank][i];
            }
        }
    }

    private static float[] DocumentedSum(RingSchedule schedule, float[][] inputs)
    {
        var sum = new float[schedule.ElementCount];
        for (var chunk = 0; chunk < schedule.WorldSize; chunk++)
        {
            for (var i = schedule.ChunkStart(chunk); i < schedule.ChunkStart(chunk + 1); i++)
            {
                sum[i] = inputs[chunk][i];
                for (var k = 1; k < schedule.WorldSize; k++) sum[i] += inputs[(chunk + k) % schedule.WorldSize][i];
            }
        }

        return sum;
    }
}
