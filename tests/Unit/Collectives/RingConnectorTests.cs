using System.Net.Sockets;
using Vae.Worker.Collectives;

namespace Vae.Tests.Unit.Collectives;

public class RingConnectorTests
{
    private static readonly RingKey Key = new("s-abc123.0", Attempt: 2, Generation: 3);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20), Short = TimeSpan.FromMilliseconds(300);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Members_find_each_other_in_any_order_of_starting(int world)
    {
        using var cluster = new Cluster(world);

        // The last rank starts first: its connection waits at rank 0 until that one is told of the ring.
        var joining = Enumerable.Range(0, world).Reverse().Select(rank => cluster.JoinAsync(Hello(rank, world), Patience)).ToList();
        var rings = await Task.WhenAll(joining);

        var threads = rings.Select(ring => Task.Factory.StartNew(
            () =>
            {
                float[] one = [ring.Rank + 1];
                ring.AllReduce(one, 0, 0);
                return one[0];
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        Assert.All(await Task.WhenAll(threads), sum => Assert.Equal(world * (world + 1) / 2f, sum));
        Assert.All(rings, ring => ring.Dispose());
    }

    [Fact]
    public async Task A_missing_member_is_named_at_the_deadline()
    {
        using var cluster = new Cluster(4);

        var timeout = await Assert.ThrowsAsync<RingConnectTimeoutException>(() => cluster.JoinAsync(Hello(1, 4), Short));

        Assert.Equal([0, 2], timeout.MissingRanks);
        Assert.Contains("rank 0 and rank 2", timeout.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task F21_another_model_is_refused_on_both_sides_with_the_difference()
    {
        using var cluster = new Cluster(2);
        var honest = cluster.JoinAsync(Hello(0, 2), Patience);
        var wrong = cluster.JoinAsync(Hello(1, 2) with { ModelHash = "feedface" }, Patience);

        var texts = new List<string>();
        foreach (var task in (Task[])[honest, wrong]) texts.Add((await Assert.ThrowsAsync<RingRefusedException>(() => task)).Message);

        // Whichever side looks first refuses; both texts name both models.
        Assert.All(texts, text => Assert.True(text.Contains("feedface", StringComparison.Ordinal) && text.Contains("c0ffee", StringComparison.Ordinal), text));
    }

    [Fact]
    public async Task Another_number_of_elements_is_refused()
    {
        using var cluster = new Cluster(2);
        var honest = cluster.JoinAsync(Hello(0, 2), Patience);
        var wrong = cluster.JoinAsync(Hello(1, 2) with { ElementCount = 99 }, Patience);

        var refusal = await Assert.ThrowsAsync<RingRefusedException>(() => honest);
        await Assert.ThrowsAsync<RingRefusedException>(() => wrong);

        Assert.Contains("gradient elements", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stray_of_an_older_generation_is_closed_and_harms_nobody()
    {
        using var cluster = new Cluster(2);
        var old = Hello(1, 2) with { Key = Key with { Generation = 2 } };
        using var stray = await cluster.Transports[1].ConnectAsync("127.0.0.1", cluster.Transports[0].Port, old.Encode(), CancellationToken.None);

        var rings = await Task.WhenAll(cluster.JoinAsync(Hello(0, 2), Patience), cluster.JoinAsync(Hello(1, 2), Patience));
        using var late = await cluster.Transports[1].ConnectAsync("127.0.0.1", cluster.Transports[0].Port, old.Encode(), CancellationToken.None);

        Assert.True(await IsClosedAsync(stray) && await IsClosedAsync(late));
        Assert.All(rings, ring => ring.Dispose());
    }

    [Fact]
    public async Task A_wrong_rank_is_sent_away_and_the_right_one_still_gets_in()
    {
        using var cluster = new Cluster(3);
        using var wrong = await cluster.Transports[1].ConnectAsync("127.0.0.1", cluster.Transports[0].Port, Hello(1, 3).Encode(), CancellationToken.None);

        var rings = await Task.WhenAll(Enumerable.Range(0, 3).Select(rank => cluster.JoinAsync(Hello(rank, 3), Patience)));

        Assert.All(rings, ring => ring.Dispose());
    }

    [Fact]
    public void A_hello_survives_its_own_bytes()
    {
        var hello = Hello(5, 7);
        Assert.Equal(hello, RingHello.Decode(hello.Encode()));
    }

    private static RingHello Hello(int rank, int world) => new(Key, rank, world, ElementCount: 1234, ModelHash: "c0ffee");

    private static async Task<bool> IsClosedAsync(Socket socket)
    {
        using var deadline = new CancellationTokenSource(Patience);
        try
        {
            return await socket.ReceiveAsync(new byte[1], deadline.Token) == 0;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    private sealed class Cluster(int world) : IDisposable
    {
        public LoopbackRingTransport[] Transports { get; } = [.. Enumerable.Range(0, world).Select(_ => new LoopbackRingTransport())];

        public Task<IAllReduce> JoinAsync(RingHello hello, TimeSpan deadline) =>
            RingConnector.ConnectAsync(hello, [.. Transports.Select((transport, rank) => new RingMember(rank, "127.0.0.1", transport.Port))], Transports[hello.Rank], deadline);

        public void Dispose()
        {
            foreach (var transport in Transports) transport.Dispose();
        }
    }
}
