using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Collectives;
using Vae.Shared.Determinism;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Engine;

public sealed class OverlappedExchangeTests : TorchTest
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(1)]
    [InlineData(200)]
    [InlineData(1_000_000)]
    public void Sums_have_the_same_bits_with_overlap_and_without(int bucketElements)
    {
        var plain = Gradients(ranks: 3, bucketElements, overlap: false);
        var overlapped = Gradients(ranks: 3, bucketElements, overlap: true);

        Assert.All(plain, rank => Assert.Equal(plain[0], rank));
        Assert.All(overlapped, rank => Assert.Equal(plain[0], rank));
    }

    [Fact]
    public void Trying_both_modes_in_turn_changes_no_bit_and_settles_on_every_rank()
    {
        var steps = OverlapChoice.WarmUpSteps + (OverlapChoice.Windows * OverlapChoice.WindowSteps);
        var plain = new float[2][];
        var tried = new float[2][];
        var chosen = 0;
        RingThreads.Run(2, allReduce => plain[allReduce.Rank] = Train(allReduce, 64, overlap: false, steps));
        RingThreads.Run(2, allReduce => tried[allReduce.Rank] = Train(allReduce, 64, overlap: null, steps, _ => Interlocked.Increment(ref chosen)));

        Assert.All(tried, rank => Assert.Equal(plain[0], rank));
        Assert.Equal(2, chosen);
    }

    [Fact]
    public void Ranks_may_differ_in_their_mode()
    {
        var plain = Gradients(ranks: 2, bucketElements: 64, overlap: false);
        var mixed = new float[2][];
        RingThreads.Run(2, allReduce => mixed[allReduce.Rank] = Train(allReduce, 64, overlap: allReduce.Rank == 0));

        Assert.All(mixed, rank => Assert.Equal(plain[0], rank));
    }

    [Fact]
    public void Buckets_leave_in_their_order_while_backward_goes_on_and_the_last_one_waits_for_its_end()
    {
        using var scope = NewDisposeScope();
        using var model = new Model(64);
        using var allReduce = new RecordingAllReduce();
        using var exchange = model.Exchange(allReduce, overlap: true);
        Assert.True(model.Buckets.Count >= 3);

        exchange.Begin(7);
        model.Backward(0);
        Assert.True(SpinWait.SpinUntil(() => allReduce.Count == model.Buckets.Count - 1, Deadline));
        exchange.Complete();

        Assert.Equal(model.Buckets.Select(static bucket => (7L, bucket.Index, bucket.Length)), allReduce.Calls.Select(static call => (call.Step, call.Bucket, call.Length)));
        Assert.Equal("all-reduce", allReduce.Calls[0].Thread);
        Assert.NotEqual("all-reduce", allReduce.Calls[^1].Thread);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Time_of_an_exchange_is_that_of_all_buckets_hidden_or_not(bool overlap)
    {
        const double seconds = 2e-3;
        using var scope = NewDisposeScope();
        using var model = new Model(64);
        using var allReduce = new RecordingAllReduce { Fails = _ => Pass(seconds) };
        using var exchange = model.Exchange(allReduce, overlap);

        for (var step = 0; step < 3; step++)
        {
            exchange.Begin(step);
            model.Backward(0);
            if (overlap) Assert.True(SpinWait.SpinUntil(() => allReduce.Count >= ((step + 1) * model.Buckets.Count) - 1, Deadline));
            exchange.Complete();

            Assert.InRange(exchange.LastSeconds, seconds * model.Buckets.Count, 60);
        }

        static Exception? Pass(double seconds)
        {
            var began = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(began).TotalSeconds < seconds) Thread.SpinWait(100);
            return null;
        }
    }

    [Fact]
    public void Without_overlap_nothing_leaves_before_the_end_and_no_other_thread_takes_part()
    {
        using var scope = NewDisposeScope();
        using var model = new Model(64);
        using var allReduce = new RecordingAllReduce();
        using var exchange = model.Exchange(allReduce, overlap: false);

        exchange.Begin(0);
        model.Backward(0);
        Assert.Equal(0, allReduce.Count);
        exchange.Complete();

        Assert.Equal(model.Buckets.Select(static bucket => bucket.Index), allReduce.Calls.Select(static call => call.Bucket));
        Assert.DoesNotContain(allReduce.Calls, static call => call.Thread == "all-reduce");
    }

    [Fact]
    public void Rank_without_rows_takes_part_with_what_its_buffer_holds()
    {
        using var model = new Model(64);
        using var allReduce = new RecordingAllReduce();
        using var exchange = model.Exchange(allReduce, overlap: true);

        exchange.Begin(0);
        exchange.Complete();

        Assert.Equal(model.Buckets.Count, allReduce.Count);
    }

    [Fact]
    public void Failure_of_the_other_thread_is_thrown_with_its_type_where_the_sums_are_waited_for()
    {
        using var scope = NewDisposeScope();
        using var model = new Model(64);
        using var allReduce = new RecordingAllReduce { Fails = bucket => bucket == 1 ? new PeerLostException(3, 0, "test") : null };
        using var exchange = model.Exchange(allReduce, overlap: true);

        exchange.Begin(0);
        model.Backward(0);

        Assert.Equal(3, Assert.Throws<PeerLostException>(exchange.Complete).Rank);
        Assert.Equal(2, allReduce.Count);
    }

    [Fact]
    public void Abort_wakes_the_thread_that_waits_for_a_peer_and_the_trainer_behind_it()
    {
        using var released = new ManualResetEventSlim();
        RingThreads.Run(2, allReduce =>
        {
            if (allReduce.Rank == 1)
            {
                Assert.True(released.Wait(Deadline)); // Never joins in; its connection stays open until the other has given up.
                return;
            }

            using var scope = NewDisposeScope();
            using var model = new Model(64);
            using var exchange = model.Exchange(allReduce, overlap: true);
            exchange.Begin(0);
            model.Backward(0);
            using var timer = new Timer(_ => allReduce.Abort("stopped"), null, 50, Timeout.Infinite);
            Assert.Throws<AllReduceAbortedException>(exchange.Complete);
            released.Set();
        });
    }

    [Fact]
    public void Step_whose_backward_failed_is_abandoned_without_waiting_for_peers()
    {
        using var released = new ManualResetEventSlim();
        RingThreads.Run(2, allReduce =>
        {
            if (allReduce.Rank == 1)
            {
                Assert.True(released.Wait(Deadline));
                return;
            }

            using var scope = NewDisposeScope();
            using var model = new Model(64);
            using (var exchange = model.Exchange(allReduce, overlap: true))
            {
                exchange.Begin(0);
                model.Backward(0); // The first buckets leave; that a later operation fails, only the trainer knows.
            }

            Assert.Throws<AllReduceAbortedException>(() => allReduce.AllReduce(new float[4], 1, 0));
            released.Set();
        });
    }

    [Fact]
    public void Second_backward_in_a_step_is_found_out()
    {
        using var scope = NewDisposeScope();
        using var model = new Model(64);
        using var allReduce = new RecordingAllReduce();
        using var exchange = model.Exchange(allReduce, overlap: true);

        exchange.Begin(0);
        model.Backward(0);
        model.Backward(1);

        Assert.Throws<InvariantException>(exchange.Complete);
    }

    [Fact]
    public void Steps_allocate_nothing()
    {
        var allocated = new long[2];
        RingThreads.Run(2, allReduce =>
        {
            using var scope = NewDisposeScope();
            using var model = new Model(64);
            using var exchange = model.Exchange(allReduce, overlap: true);
            for (var step = 0; step < 400; step++)
            {
                if (step == 200) allocated[allReduce.Rank] = GC.GetAllocatedBytesForCurrentThread();
                exchange.Begin(step);
                for (var segment = model.Flat.Segments.Count - 1; segment >= 0; segment--) exchange.GradientReady(segment);
                exchange.Complete();
            }

            allocated[allReduce.Rank] = GC.GetAllocatedBytesForCurrentThread() - allocated[allReduce.Rank];
        });

        Assert.Equal([0, 0], allocated);
    }

    private static float[][] Gradients(int ranks, int bucketElements, bool overlap)
    {
        var gradients = new float[ranks][];
        RingThreads.Run(ranks, allReduce => gradients[allReduce.Rank] = Train(allReduce, bucketElements, overlap));
        return gradients;
    }

    private static float[] Train(IAllReduce allReduce, int bucketElements, bool? overlap, int steps = 20, Action<OverlapChoice>? chosen = null)
    {
        using var scope = NewDisposeScope();
        using var model = new Model(bucketElements);
        using var exchange = model.Exchange(allReduce, overlap, chosen);
        for (var step = 0; step < steps; step++)
        {
            model.Flat.zero_grad();
            model.Flat.StatisticsSpan.Fill(allReduce.Rank + step);
            exchange.Begin(step);
            model.Backward((ulong)(allReduce.Rank + (10 * step)));
            exchange.Complete();
            using (no_grad()) model.Flat.Parameters.sub_(model.Flat.Gradients.narrow(0, 0, model.Flat.Count) * 0.01);
        }

        return model.Flat.GradientSpan.ToArray();
    }

    private sealed class Model : IDisposable
    {
        private readonly Module<Tensor, Tensor> _layers;
        private readonly int _bucketElements;

        public Model(int bucketElements)
        {
            var generator = new Generator(1);
            Generator[] generators = [generator];
            _layers = nn.Sequential(
                nn.Linear(12, 16, generators: generators), nn.ReLU(), nn.Linear(16, 8, generators: generators), nn.ReLU(), nn.Linear(8, 12, generators: generators));
            _bucketElements = bucketElements;
            Flat = new FlatParameters(_layers, statistics: 5);
            using var plain = new GradientExchange(Flat, new NoAllReduce(), bucketElements);
            Buckets = plain.Buckets;
        }

        public FlatParameters Flat { get; }

        public ValueList<Bucket> Buckets { get; }

        public OverlappedExchange Exchange(IAllReduce allReduce, bool? overlap, Action<OverlapChoice>? chosen = null) =>
            new(Flat, allReduce, new GradientExchange(Flat, allReduce, _bucketElements), new OverlapChoice(overlap), chosen ?? (static _ => { }));

        public void Backward(ulong seed)
        {
            using var scope = NewDisposeScope();
            var x = randn([1, 6, 12], generator: new Generator(seed));
            _layers.forward(x).square().sum().backward();
        }

        public void Dispose()
        {
            Flat.Dispose();
            _layers.Dispose();
        }
    }

    /// <summary>A gang of one that writes down who asked for what.</summary>
    private sealed class RecordingAllReduce : IAllReduce
    {
        public List<(long Step, int Bucket, int Length, string? Thread)> Calls { get; } = [];

        public int Count
        {
            get
            {
                lock (Calls) return Calls.Count;
            }
        }

        public Func<int, Exception?>? Fails { get; init; }

        public int Rank => 0;

        public int WorldSize => 2;

        public string Engine => "recording";

        public AllReduceStatistics Statistics => default;

        public void AllReduce(Span<float> buffer, long step, int bucket)
        {
            lock (Calls) Calls.Add((step, bucket, buffer.Length, Thread.CurrentThread.Name));
            if (Fails?.Invoke(bucket) is { } failure) throw failure;
        }

        public void Abort(string reason)
        {
        }

        public void Dispose()
        {
        }
    }
}
