using FsCheck;
using FsCheck.Fluent;
using Vae.Shared.Datasets;

namespace Vae.Tests.Properties.Data;

public class PlanProperties
{
    private static readonly Arbitrary<(int Rows, int Size)> Plans = (
        from rows in Gen.Choose(1, 700)
        from size in Gen.Choose(1, 300)
        select (rows, size)).ToArbitrary();

    [Fact]
    public void Every_row_comes_exactly_once_per_epoch() => Prop.ForAll(
        Plans,
        (from seed in Gen.Choose(0, int.MaxValue) from epoch in Gen.Choose(0, 1_000) select (seed, epoch)).ToArbitrary(),
        (plan, key) =>
        {
            var order = new int[plan.Rows];
            EpochOrder.Fill((ulong)key.seed, key.epoch, order);
            var batches = new BatchPlan(plan.Rows, plan.Size);
            var visited = new List<int>();
            for (var step = 0; step < batches.StepsPerEpoch; step++)
            {
                var rows = batches.RowsOf(step);
                visited.AddRange(order[rows.First..rows.End]);
            }

            visited.Sort();
            return visited.SequenceEqual(Enumerable.Range(0, plan.Rows));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Equal_parts_tile_the_batch_and_differ_by_one_row_at_most() => Prop.ForAll(
        Plans,
        Gen.Choose(1, 40).ToArbitrary(),
        (plan, parts) =>
        {
            var batches = new BatchPlan(plan.Rows, plan.Size);
            var step = batches.StepsPerEpoch - 1; // The short one.
            var ranges = Enumerable.Range(0, parts).Select(part => batches.PartOf(step, part, parts)).ToArray();
            return Tiles(ranges, batches.RowsOf(step)) && ranges.Max(range => range.Count) - ranges.Min(range => range.Count) <= 1;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Weighted_parts_tile_the_batch_and_keep_within_one_row_of_their_share() => Prop.ForAll(
        Plans,
        Gen.NonEmptyListOf(Gen.OneOf(Gen.Choose(0, 5), Gen.Choose(0, int.MaxValue))).Where(weights => weights.Any(weight => weight > 0)).ToArbitrary(),
        (plan, list) =>
        {
            var weights = list.ToArray();
            var batches = new BatchPlan(plan.Rows, plan.Size);
            var batch = batches.RowsOf(0);
            var ranges = weights.Select((_, part) => batches.PartOf(0, part, weights)).ToArray();
            var total = weights.Sum(weight => (double)weight);
            return Tiles(ranges, batch) && ranges.Zip(weights).All(pair => Math.Abs(pair.First.Count - batch.Count * (pair.Second / total)) <= 1 + 1e-6);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Shards_tile_the_rows_and_know_which_of_them_hold_a_range() => Prop.ForAll(
        Plans,
        (from a in Gen.Choose(0, 699) from b in Gen.Choose(0, 699) select (a, b)).ToArbitrary(),
        (shape, ends) =>
        {
            var plan = new ShardPlan(shape.Rows, shape.Size);
            var shards = Enumerable.Range(0, plan.Shards).Select(plan.RowsOf).ToArray();
            var first = Math.Min(ends.a, ends.b) % shape.Rows;
            var range = new RowRange(first, Math.Min(Math.Max(ends.a, ends.b) + 1, shape.Rows) - first);
            var expected = shards.Index().Where(shard => shard.Item.First < range.End && range.First < shard.Item.End).Select(shard => shard.Index);
            var found = plan.ShardsOf(range);
            return Tiles(shards, new(0, shape.Rows)) && expected.SequenceEqual(Enumerable.Range(found.First, found.Count));
        }).QuickCheckThrowOnFailure();

    private static bool Tiles(IReadOnlyList<RowRange> ranges, RowRange whole)
    {
        var next = whole.First;
        foreach (var range in ranges)
        {
            if (range.First != next || range.Count < 0) return false;
            next = range.End;
        }

        return next == whole.End;
    }
}
