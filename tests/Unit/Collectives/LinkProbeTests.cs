using System.Net.Sockets;
using Vae.Worker.Collectives;

namespace Vae.Tests.Unit.Collectives;

/// <summary>Measuring the links of a ring between its sums.</summary>
public sealed class LinkProbeTests
{
    private static readonly TimeSpan OneWay = TimeSpan.FromMilliseconds(60);

    [Theory, InlineData(2), InlineData(3), InlineData(5)]
    public void Links_are_measured_between_sums_which_stay_what_they_are(int worldSize)
    {
        using var ring = new LocalRing(worldSize);

        Assert.All(ring.OnAll(rank =>
        {
            for (var step = 0; step < 20; step++)
            {
                var values = Enumerable.Range(0, 50_000).Select(i => (float)i).ToArray();
                rank.AllReduce(values, step, 0);
                Assert.Equal(49_999f * worldSize, values[^1]);
                var reading = ((ILinkProbe)rank).Probe(step);
                Assert.True(reading is { RoundTripSeconds: > 0 and < 30, BytesPerSecond: > 0 and < 100e9 }, reading.ToString());
            }
        }), Assert.Null);
    }

    [Fact]
    public void The_slow_link_is_found_and_not_those_of_the_ranks_that_wait_because_of_it()
    {
        using var relay = new Relay(OneWay);
        var links = Enumerable.Range(0, 3).Select(_ => LocalRing.Connect()).ToArray();
        links[1] = relay.Between(links[1]);
        var readings = new LinkReading[3];
        var ranks = Enumerable.Range(0, 3).Select(rank => new RingAllReduce(rank, 3, 1, links[rank].Out, links[(rank + 2) % 3].In)).ToArray();
        var threads = ranks.Select(rank => new Thread(() =>
        {
            for (var step = 0; step < 3; step++) rank.AllReduce(new float[30_000], step, 0);
            readings[rank.Rank] = rank.Probe(3);
        })).ToList();
        threads.ForEach(thread => thread.Start());
        foreach (var thread in threads) Assert.True(thread.Join(TimeSpan.FromSeconds(60)), "A rank hangs.");

        Assert.InRange(readings[1].RoundTripSeconds, 2 * OneWay.TotalSeconds, 30);
        foreach (var sound in (int[])[0, 2]) Assert.True(readings[sound].RoundTripSeconds < readings[1].RoundTripSeconds / 2, $"link {sound}: {readings[sound]}");
        foreach (var rank in ranks) rank.Dispose();
    }

    [Fact]
    public void A_rank_that_dies_while_links_are_measured_is_named()
    {
        using var ring = new LocalRing(3);

        var failures = ring.OnAll(rank =>
        {
            if (rank.Rank == 1) rank.Dispose();
            else ((ILinkProbe)rank).Probe(7);
        });

        Assert.All((Exception?[])[failures[0], failures[2]], failure => Assert.Equal(1, Assert.IsType<PeerLostException>(failure).Rank));
    }

    [Fact]
    public void A_rank_that_does_not_come_is_named_at_the_deadline_and_one_that_is_told_to_stop_stops()
    {
        using var ring = new LocalRing(2, new() { Deadline = TimeSpan.FromMilliseconds(200) });
        var timeout = Assert.Throws<AllReduceTimeoutException>(() => ((ILinkProbe)ring.Ranks[0]).Probe(7));
        Assert.Equal([1], timeout.Silent);

        using var stopped = new LocalRing(2);
        var told = stopped.OnAll(rank =>
        {
            if (rank.Rank == 1) stopped.Ranks[0].Abort("the gang forms again");
            else ((ILinkProbe)rank).Probe(7);
        });
        Assert.IsType<AllReduceAbortedException>(told[0]);
    }

    /// <summary>Hands bytes on, each way, so much later.</summary>
    private sealed class Relay(TimeSpan delay) : IDisposable
    {
        private readonly List<Socket> _sockets = [];

        public (Socket Out, Socket In) Between((Socket Out, Socket In) direct)
        {
            var near = LocalRing.Connect();
            _sockets.AddRange([near.In, direct.Out]);
            near.In.NoDelay = direct.Out.NoDelay = true;
            new Thread(() => Pump(near.In, direct.Out)) { IsBackground = true }.Start();
            new Thread(() => Pump(direct.Out, near.In)) { IsBackground = true }.Start();
            return (near.Out, direct.In);
        }

        public void Dispose() => _sockets.ForEach(socket => socket.Dispose());

        private void Pump(Socket from, Socket to)
        {
            var buffer = new byte[64 * 1024];
            try
            {
                while (from.Receive(buffer) is var count and > 0)
                {
                    Thread.Sleep(delay); // The wire: what comes behind it waits.
                    to.Send(buffer.AsSpan(0, count));
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }
}
