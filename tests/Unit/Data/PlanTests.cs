using Vae.Shared.Datasets;

namespace Vae.Tests.Unit.Data;

public class PlanTests
{
    [Fact]
    public void Order_of_an_epoch_is_pinned_because_a_change_would_alter_every_run()
    {
        var order = new int[10];
        EpochOrder.Fill(1, 0, order);

        Assert.Equal("5 4 9 1 6 2 7 0 8 3", string.Join(' ', order));
    }

    [Fact]
    public void Filling_the_order_of_an_epoch_allocates_nothing()
    {
        var order = new int[1_000];
        EpochOrder.Fill(1, 0, order);
        var before = GC.GetAllocatedBytesForCurrentThread();
        EpochOrder.Fill(1, 1, order);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Order_differs_by_epoch_and_by_seed()
    {
        int[] Order(ulong seed, int epoch)
        {
            var order = new int[100];
            EpochOrder.Fill(seed, epoch, order);
            return order;
        }

        Assert.NotEqual(Order(1, 0), Order(1, 1));
        Assert.NotEqual(Order(1, 0), Order(2, 0));
        Assert.NotEqual(Order(1, 2), Order(2, 1));
    }

    [Fact]
    public void Each_of_the_six_orders_of_three_rows_is_equally_likely()
    {
        var counts = new Dictionary<string, int>();
        var order = new int[3];
        for (var epoch = 0; epoch < 6_000; epoch++)
        {
            EpochOrder.Fill(9, epoch, order);
            var key = string.Join(' ', order);
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }

        Assert.Equal(6, counts.Count);
        Assert.All(counts.Values, count => Assert.InRange(count, 880, 1_120));
    }

    [Fact]
    public void Last_batch_is_short_and_is_divided_by_its_own_rows()
    {
        var plan = new BatchPlan(8_000, 128);

        Assert.Equal(63, plan.StepsPerEpoch);
        Assert.Equal(new RowRange(7_936, 64), plan.RowsOf(62));
        Assert.Equal(64, plan.Divisor(62));
        Assert.Equal(128, plan.Divisor(61));
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.RowsOf(63));
    }

    [Fact]
    public void Three_workers_take_43_43_and_42_rows_of_128()
    {
        var plan = new BatchPlan(256, 128);

        Assert.Equal([new(128, 43), new(171, 43), new(214, 42)], Enumerable.Range(0, 3).Select(part => plan.PartOf(1, part, 3)));
    }

    [Fact]
    public void Weights_give_a_faster_worker_more_rows_and_a_weight_of_zero_none()
    {
        Assert.Equal([new(0, 96), new(96, 0), new(96, 32)], Enumerable.Range(0, 3).Select(part => BatchPlan.Split(128, part, [3, 0, 1])));
        Assert.Throws<ArgumentException>(() => BatchPlan.Split(128, 0, [0, 0]));
        Assert.Throws<ArgumentException>(() => BatchPlan.Split(128, 0, [1, -1]));
    }

    [Fact]
    public void Shards_of_mnist_weigh_four_mebibytes_at_most()
    {
        var plan = ShardPlan.For(10_000, 785);

        Assert.Equal(2, plan.Shards);
        Assert.True(plan.ShardRows * 785 <= ShardPlan.TargetBytes && (plan.ShardRows + 1) * 785 > ShardPlan.TargetBytes);
        Assert.Equal(1, ShardPlan.For(10, 100_000_000).ShardRows);
    }

    [Theory]
    [InlineData(10_000, 0.2, 2_000)]
    [InlineData(10, 0.25, 3)]
    [InlineData(1, 0.9, 0)]
    [InlineData(2, 0.9, 1)]
    [InlineData(100, 0.0, 0)]
    public void Held_out_rows_are_the_nearest_number_but_never_all(int count, double fraction, int expected) =>
        Assert.Equal(expected, new DatasetSource { Source = "idx", HoldOut = fraction }.HeldOutOf(count));

    [Fact]
    public void Manifests_with_equal_shards_are_equal()
    {
        Assert.Equal(Manifest("aa"), Manifest("aa"));
        Assert.NotEqual(Manifest("aa"), Manifest("bb"));
        Assert.Equal(6, Manifest("aa").TrainRows);
    }

    private static DatasetManifest Manifest(string checksum) => new()
    {
        Fingerprint = "f", Source = "idx", Count = 8, Channels = 1, Height = 2, Width = 2, HasLabels = false, Classes = 0, HeldOut = 2, ShardRows = 8,
        Shards = [new(0, 0, 8, 32, checksum)],
    };
}
