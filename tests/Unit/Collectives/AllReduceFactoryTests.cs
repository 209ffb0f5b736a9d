using Microsoft.Extensions.Logging.Abstractions;
using Vae.Shared.Sweeps;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;

namespace Vae.Tests.Unit.Collectives;

public class AllReduceFactoryTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(1, "none")]
    [InlineData(2, "messagepack")]
    [InlineData(5, "messagepack")]
    public async Task Ranks_that_share_nothing_but_a_network_sum_over_tcp(int world, string engine)
    {
        var rings = await JoinAllAsync(world, _ => [new TcpEngine()]);

        Assert.All(await SumsAsync(rings), sum => Assert.Equal(world * (world + 1) / 2f, sum));
        Assert.All(rings, ring => Assert.Equal(engine, ring.Engine));
        Assert.All(rings, ring => ring.Dispose());
    }

    [Theory]
    [InlineData(Fault.AtOffer)]
    [InlineData(Fault.AtAnnounce)]
    [InlineData(Fault.AtJoin)]
    public async Task One_rank_that_cannot_use_an_engine_makes_all_ranks_take_the_next(Fault fault)
    {
        var attempts = new List<FakeEngine>();
        var rings = await JoinAllAsync(3, rank =>
        {
            var engine = new FakeEngine(rank == 1 ? fault : Fault.None);
            lock (attempts) attempts.Add(engine);
            return [engine, new TcpEngine()];
        });

        Assert.All(await SumsAsync(rings), sum => Assert.Equal(6f, sum));
        Assert.All(rings, ring => Assert.Equal("messagepack", ring.Engine));
        Assert.All(attempts, engine => Assert.Equal(engine.Begun, engine.Disposed));
        Assert.All(rings, ring => ring.Dispose());
    }

    [Fact]
    public async Task An_engine_that_works_everywhere_is_taken_by_all()
    {
        var rings = await JoinAllAsync(3, _ => [new FakeEngine(Fault.None), new TcpEngine()]);

        Assert.All(rings, ring => Assert.IsType<FakeAllReduce>(ring));
        Assert.All(rings, ring => ring.Dispose());
    }

    [Fact]
    public async Task An_engine_asked_for_by_name_that_one_rank_lacks_is_an_error_on_every_rank_that_names_it()
    {
        using var joining = Join(2, rank => rank == 1 ? [new TcpEngine()] : [new FakeEngine(Fault.None), new TcpEngine()], _ => new(AllReduceEngine.SharedMemory));

        var first = await Assert.ThrowsAsync<EngineUnavailableException>(() => joining.Rings[0]);
        var second = await Assert.ThrowsAsync<EngineUnavailableException>(() => joining.Rings[1]);
        Assert.Contains("shared_memory", first.Message, StringComparison.Ordinal);
        Assert.Contains("rank 1", first.Message, StringComparison.Ordinal);
        Assert.Contains("shared_memory", second.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ranks_that_were_asked_for_different_engines_refuse_each_other()
    {
        using var joining = Join(2, _ => [new TcpEngine()], rank => new(rank == 0 ? AllReduceEngine.Auto : AllReduceEngine.Messagepack));

        foreach (var ring in joining.Rings)
        {
            var refused = await Assert.ThrowsAsync<RingRefusedException>(() => ring);
            Assert.True(refused.Message.Contains("auto", StringComparison.Ordinal) && refused.Message.Contains("messagepack", StringComparison.Ordinal), refused.Message);
        }
    }

    [Fact]
    public async Task A_rank_that_dies_while_an_engine_is_set_up_leaves_nobody_hanging()
    {
        using var joining = Join(3, rank => [new FakeEngine(rank == 2 ? Fault.DiesAtJoin : Fault.None), new TcpEngine()], _ => new());

        await Assert.ThrowsAsync<InvalidOperationException>(() => joining.Rings[2]);
        foreach (var ring in joining.Rings[..2]) await Assert.ThrowsAsync<PeerLostException>(() => ring);
    }

    private static async Task<IAllReduce[]> JoinAllAsync(int world, Func<int, IReadOnlyList<IRingEngine>> engines)
    {
        using var joining = Join(world, engines, _ => new());
        return await Task.WhenAll(joining.Rings);
    }

    private static Joining Join(int world, Func<int, IReadOnlyList<IRingEngine>> engines, Func<int, AllReduceRequest> request)
    {
        var transports = Enumerable.Range(0, world).Select(_ => new LoopbackRingTransport()).ToArray();
        var members = transports.Select((transport, rank) => new RingMember(rank, "127.0.0.1", transport.Port)).ToList();
        var rings = transports.Select((transport, rank) => new AllReduceFactory(engines(rank), NullLogger.Instance)
            .ConnectAsync(new(new("pack", 1, 1), rank, world, 1, "model"), members, transport, Patience, request(rank))).ToArray();
        return new(transports, rings);
    }

    private static Task<float[]> SumsAsync(IAllReduce[] rings) => Task.WhenAll(rings.Select(ring => Task.Factory.StartNew(
        () =>
        {
            float[] one = [ring.Rank + 1];
            ring.AllReduce(one, 0, 0);
            return one[0];
        },
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

    private sealed record Joining(LoopbackRingTransport[] Transports, Task<IAllReduce>[] Rings) : IDisposable
    {
        public void Dispose()
        {
            foreach (var transport in Transports) transport.Dispose();
        }
    }

    /// <summary>Where an engine fails on purpose.</summary>
    public enum Fault { None, AtOffer, AtAnnounce, AtJoin, DiesAtJoin }

    private sealed class FakeEngine(Fault fault) : IRingEngine
    {
        public int Begun { get; private set; }

        public int Disposed { get; private set; }

        public AllReduceEngine Kind => AllReduceEngine.SharedMemory;

        public bool IsAutomatic(AllReduceRequest request) => true;

        public EngineOffer Offer(AllReduceRequest request) => fault == Fault.AtOffer ? EngineOffer.Not("a reason") : EngineOffer.Of([1, 2, 3]);

        public string? Objection(IReadOnlyList<byte[]> facts) => facts.All(fact => fact is [1, 2, 3]) ? null : "strange facts";

        public IRingAttempt Begin(RingHello self, IReadOnlyList<byte[]> facts, AllReduceRequest request)
        {
            Begun++;
            return new Attempt(this, fault, (byte)self.Rank);
        }

        private sealed class Attempt(FakeEngine engine, Fault fault, byte rank) : IRingAttempt
        {
            public byte[] Announce() => fault == Fault.AtAnnounce ? throw new EngineUnavailableException("no room") : [rank];

            public Task JoinAsync(IReadOnlyList<byte[]> announcements, RingLinks links, CancellationToken cancellation)
            {
                Assert.Equal(Enumerable.Range(0, announcements.Count).Select(r => (byte)r), announcements.Select(said => said.Single()));
                return fault switch
                {
                    Fault.AtJoin => throw new EngineUnavailableException("no room"),
                    Fault.DiesAtJoin => throw new InvalidOperationException("dead"),
                    _ => Task.CompletedTask,
                };
            }

            public IAllReduce Complete(RingLinks links) => new FakeAllReduce(links);

            public void Dispose() => engine.Disposed++;
        }
    }

    private sealed class FakeAllReduce(RingLinks links) : IAllReduce
    {
        public int Rank => links.Rank;

        public int WorldSize => links.WorldSize;

        public string Engine => "fake";

        public AllReduceStatistics Statistics => default;

        public void AllReduce(Span<float> buffer, long step, int bucket) => throw new NotSupportedException();

        public void Abort(string reason) => links.Dispose();

        public void Dispose() => links.Dispose();
    }
}
