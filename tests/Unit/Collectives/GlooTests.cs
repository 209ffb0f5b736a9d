using Microsoft.Extensions.Logging.Abstractions;
using Vae.Shared.Sweeps;
using Vae.Torch.Distributed;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;
using Vae.Worker.Collectives.Groups;

namespace Vae.Tests.Unit.Collectives;

[EngineMayLack(nameof(Lacks))]
public class GlooTests : AllReduceConformance
{
    public static string? Lacks() => ProcessGroup.Lacks(ProcessGroupBackend.Gloo);

    protected override LocalRing Ring(int worldSize, RingOptions? options = null, int generation = 1) => LocalRing.Of(new GlooEngine(), worldSize, options, generation);

    [EngineTheory]
    [InlineData(2, 1)]
    [InlineData(5, 100_000)]
    public void Bits_are_the_same_each_time_and_the_engine_says_its_name(int world, int elements)
    {
        using var ring = Ring(world);
        var inputs = Enumerable.Range(0, world).Select(rank => Input(rank, elements)).ToArray();
        var first = inputs.Select(input => input.ToArray()).ToArray();
        var second = inputs.Select(input => input.ToArray()).ToArray();

        Assert.All(ring.OnAll(rank =>
        {
            rank.AllReduce(first[rank.Rank], 0, 0);
            rank.AllReduce(second[rank.Rank], 1, 0);
        }), Assert.Null);

        Assert.All(first.Zip(second), pair => Assert.True(SameBits(pair.First, pair.Second)));
        Assert.All(ring.Ranks, rank => Assert.Equal("gloo", rank.Engine));
    }

    [EngineFact]
    public async Task Automatic_choice_never_takes_it()
    {
        var transports = Enumerable.Range(0, 2).Select(_ => new LoopbackRingTransport()).ToArray();
        var members = transports.Select((transport, rank) => new RingMember(rank, "127.0.0.1", transport.Port)).ToList();

        var ranks = await Task.WhenAll(transports.Select((transport, rank) => new AllReduceFactory([new GlooEngine(), new TcpEngine()], NullLogger.Instance).ConnectAsync(
            new(new("pack", 1, 1), rank, 2, 1, "model"), members, transport, TimeSpan.FromSeconds(20), new AllReduceRequest(AllReduceEngine.Auto))));

        Assert.All(ranks, rank => Assert.Equal("messagepack", rank.Engine));
        foreach (var rank in ranks) rank.Dispose();
        foreach (var transport in transports) transport.Dispose();
    }

    [EngineFact]
    public async Task A_rank_without_the_engine_makes_the_others_say_so()
    {
        var transports = Enumerable.Range(0, 2).Select(_ => new LoopbackRingTransport()).ToArray();
        var members = transports.Select((transport, rank) => new RingMember(rank, "127.0.0.1", transport.Port)).ToList();

        var joining = transports.Select((transport, rank) => new AllReduceFactory(rank == 0 ? [new GlooEngine()] : [new TcpEngine()], NullLogger.Instance).ConnectAsync(
            new(new("pack", 1, 1), rank, 2, 1, "model"), members, transport, TimeSpan.FromSeconds(20), new AllReduceRequest(AllReduceEngine.Gloo))).ToArray();

        var refused = await Assert.ThrowsAsync<EngineUnavailableException>(() => joining[0]);
        Assert.Contains("rank 1", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<EngineUnavailableException>(() => joining[1]);
        foreach (var transport in transports) transport.Dispose();
    }
}

[EngineMayLack(nameof(Lacks))]
public class GlooFailureTests : AllReduceFailureConformance
{
    public static string? Lacks() => ProcessGroup.Lacks(ProcessGroupBackend.Gloo);

    protected override LocalRing Ring(int worldSize, RingOptions? options = null, int generation = 1) => LocalRing.Of(new GlooEngine(), worldSize, options, generation);

    [EngineFact]
    public void A_silent_rank_is_named_by_the_neighbour_that_waits_for_its_word()
    {
        using var ring = Ring(2, new() { Deadline = TimeSpan.FromMilliseconds(300) }, generation: 5);

        var timeout = Assert.Throws<AllReduceTimeoutException>(() => ring.Ranks[0].AllReduce(new float[Elements], 9, 4));

        Assert.Equal((5, 9L, 4, 1), (timeout.Generation, timeout.Step, timeout.Bucket, Assert.Single(timeout.Awaited).Rank));
        Assert.Contains("rank 1 on the left, which has not begun this sum of 12000000 bytes", timeout.Message, StringComparison.Ordinal);
    }

    [EngineFact]
    public void A_rank_deep_in_a_sum_that_one_rank_never_joins_ends_at_the_deadline()
    {
        using var ring = Ring(4, new() { Deadline = TimeSpan.FromMilliseconds(300) });

        // Rank 2 heard from rank 1 and waits inside Gloo. Who gives up first says farewell, so others may hear that instead.
        var failures = ring.OnAll(rank =>
        {
            if (rank.Rank != 3) rank.AllReduce(new float[Elements], 9, 4);
        });

        Assert.Contains(failures, failure => failure is AllReduceTimeoutException);
        Assert.All(failures[..3], failure => Assert.IsAssignableFrom<AllReduceException>(failure));
    }

    [EngineFact]
    public void A_rank_that_stands_in_another_step_is_refused()
    {
        using var ring = Ring(2);

        var failures = ring.OnAll(rank => rank.AllReduce(new float[1000], 5 + rank.Rank, 0));

        Assert.Contains(failures, failure => failure is FrameRefusedException { Difference: "step 6 instead of 5" or "step 5 instead of 6" });
        Assert.All(failures, failure => Assert.IsAssignableFrom<AllReduceException>(failure));
    }

    [EngineFact]
    public void A_rank_deep_in_a_sum_wakes_when_it_is_aborted_and_has_its_buffer_to_itself_again()
    {
        using var ring = Ring(3);
        var buffer = new float[Elements];

        // Ranks 1 and 2 have announced to their neighbours, so rank 2 waits inside Gloo for rank 0, which never comes.
        var failures = ring.OnAll(rank =>
        {
            if (rank.Rank == 0) return;
            if (rank.Rank == 1)
            {
                rank.AllReduce(new float[Elements], 0, 0);
                return;
            }

            using var timer = new Timer(_ => rank.Abort("stop"), null, TimeSpan.FromMilliseconds(100), Timeout.InfiniteTimeSpan);
            try
            {
                rank.AllReduce(buffer, 0, 0);
            }
            finally
            {
                Array.Fill(buffer, 7);
            }
        });

        Assert.IsType<AllReduceAbortedException>(failures[2]);
        Assert.IsAssignableFrom<AllReduceException>(failures[1]);
        Assert.All(buffer, value => Assert.Equal(7, value));
    }
}
