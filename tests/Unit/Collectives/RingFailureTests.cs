using System.Net.Sockets;
using Vae.Shared.Collectives;
using Vae.Worker.Collectives;

namespace Vae.Tests.Unit.Collectives;

public class RingFailureTests : AllReduceFailureConformance
{
    protected override LocalRing Ring(int worldSize, RingOptions? options = null, int generation = 1) => new(worldSize, options, generation);

    [Fact]
    public void A_silent_rank_is_named_by_both_neighbours_at_the_deadline_with_the_bytes_it_owes()
    {
        using var ring = new LocalRing(3, new() { Deadline = TimeSpan.FromMilliseconds(300) }, generation: 5);

        var failures = ring.OnAll(rank =>
        {
            if (rank.Rank != 1) rank.AllReduce(new float[Elements], 9, 4);
        });

        // Rank 2 listens to rank 1, rank 0 speaks to it. Whichever gives up first says farewell, so the other may hear that instead.
        var timeouts = failures.OfType<AllReduceTimeoutException>().ToList();
        Assert.NotEmpty(timeouts);
        Assert.Contains(timeouts, timeout => timeout.Awaited.Any(awaited => awaited.Rank == 1 && awaited.MissingBytes > 0));
        Assert.All(timeouts, timeout =>
        {
            Assert.Equal((5, 9L, 4, RingPhase.ReduceScatter), (timeout.Generation, timeout.Step, timeout.Bucket, timeout.Phase));
            Assert.Contains("generation 5, step 9, bucket 4", timeout.Message, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void With_two_ranks_the_timeout_says_on_which_sides_the_other_is_waited_for()
    {
        using var ring = new LocalRing(2, new() { Deadline = TimeSpan.FromMilliseconds(200), SocketBufferBytes = 4096 });

        var timeout = Assert.Throws<AllReduceTimeoutException>(() => ring.Ranks[0].AllReduce(new float[Elements], 3, 0));

        Assert.Equal([(1, "left"), (1, "right")], timeout.Awaited.Select(awaited => (awaited.Rank, awaited.Side)));
        Assert.Equal(sizeof(float) * (long)Elements, timeout.Awaited[0].MissingBytes);
    }

    public static TheoryData<RingFrame, string> Lies()
    {
        const int bytes = 2 * 4000;
        var honest = new RingFrame(3, 10, 1, RingPhase.ReduceScatter, 1, ElementType.Binary32, bytes);
        return new()
        {
            { honest with { Generation = 2 }, "generation 2 instead of 3" },
            { honest with { Step = 9 }, "step 9 instead of 10" },
            { honest with { Bucket = 0 }, "bucket 0 instead of 1" },
            { honest with { Phase = RingPhase.AllGather }, "phase AllGather instead of ReduceScatter" },
            { honest with { Chunk = 7 }, "chunk 7 instead of 1" },
            { honest with { Type = ElementType.BFloat16 }, "element type BFloat16 instead of Binary32" },
            { honest with { PayloadBytes = bytes + 4 }, "8004 payload bytes instead of 8000" },
            { honest with { PayloadBytes = int.MaxValue }, "2147483647 payload bytes instead of 8000" },
        };
    }

    [Theory, MemberData(nameof(Lies))]
    public void F10_F21_a_header_that_lies_is_refused_before_a_byte_enters_the_sum(RingFrame lie, string difference)
    {
        var (toRight, rightPeer) = LocalRing.Connect();
        var (leftPeer, fromLeft) = LocalRing.Connect();
        using var ring = new RingAllReduce(0, 2, 3, toRight, fromLeft, new() { ExchangeBytesMax = 0 });
        var bytes = new byte[RingFrame.Size + 8000];
        lie.Write(bytes);
        bytes.AsSpan(RingFrame.Size).Fill(0x3F);
        leftPeer.Send(bytes);
        var buffer = new float[4000];

        var refused = Assert.Throws<FrameRefusedException>(() => ring.AllReduce(buffer, 10, 1));

        Assert.Equal((1, 10L, difference), (refused.Rank, refused.Step, refused.Difference));
        Assert.All(buffer, value => Assert.Equal(0f, value));
        Assert.Equal(refused, Assert.Throws<RingBrokenException>(() => ring.AllReduce(buffer, 11, 0)).InnerException);
        rightPeer.Dispose();
        leftPeer.Dispose();
    }

    [Fact]
    public void A_connection_reset_names_the_neighbour()
    {
        var (toRight, rightPeer) = LocalRing.Connect();
        var (leftPeer, fromLeft) = LocalRing.Connect();
        using var ring = new RingAllReduce(0, 3, 1, toRight, fromLeft);
        leftPeer.LingerState = new(true, 0); // Close sends RST, not FIN.
        leftPeer.Close();

        Assert.Equal(2, Assert.Throws<PeerLostException>(() => ring.AllReduce(new float[10], 0, 0)).Rank);
        rightPeer.Dispose();
    }
}
