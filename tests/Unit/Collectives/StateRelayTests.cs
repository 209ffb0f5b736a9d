using System.Net.Sockets;
using System.Security.Cryptography;
using Vae.Worker.Collectives;

namespace Vae.Tests.Unit.Collectives;

/// <summary>What one rank says goes once round the ring, whole or not at all.</summary>
public sealed class StateRelayTests
{
    private const int Bytes = (2 * 1024 * 1024) + 77; // Some pieces, and a part of one.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30), Short = TimeSpan.FromMilliseconds(200);
    private static readonly byte[] Said = RandomNumberGenerator.GetBytes(Bytes);

    [Theory]
    [InlineData(2, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 1)]
    [InlineData(5, 0)]
    [InlineData(5, 4)]
    public void All_ranks_hear_what_the_source_says_also_from_behind_one_that_does_not_need_it(int world, int source)
    {
        using var circle = new Circle(world);
        var heard = new byte[world][];

        var failures = circle.OnAll(source, relay =>
        {
            if (relay.IsSource) Say(relay, Said);
            else if (relay.Rank == (source + 1) % world && world > 2) Pass(relay);
            else heard[relay.Rank] = Hear(relay);
        });

        Assert.All(failures, Assert.Null);
        Assert.Equal(world > 2 ? world - 2 : 1, heard.Count(bytes => bytes is not null));
        Assert.All(heard.Where(bytes => bytes is not null), bytes => Assert.Equal(Said, bytes));
    }

    [Fact]
    public void Nothing_at_all_is_said_and_sealed_too()
    {
        using var circle = new Circle(3);
        Assert.All(circle.OnAll(0, relay => relay.Seal()), Assert.Null);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(262_144)]
    [InlineData(Bytes - 1)]
    [InlineData(Bytes)] // The digest itself.
    [InlineData(Bytes + SHA256.HashSizeInBytes - 1)]
    public void A_bit_that_changes_on_its_way_is_found_by_every_rank_behind_it(int at)
    {
        using var circle = new Circle(3, flipBehindRank0: at);

        var failures = circle.OnAll(0, relay =>
        {
            if (relay.IsSource) Say(relay, Said);
            else Hear(relay);
        });

        Assert.Null(failures[0]);
        Assert.All(failures[1..], failure => Assert.Contains("another digest", Assert.IsType<StateTransferException>(failure).Message, StringComparison.Ordinal));
        Assert.All(failures[1..], failure => Assert.Empty(((StateTransferException)failure!).Silent)); // Nobody is to blame for it.
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1_000_000)]
    [InlineData(Bytes)]
    public void A_source_that_dies_on_the_way_is_named_by_its_neighbour_and_the_next_names_that_one(int after)
    {
        using var circle = new Circle(3);

        var failures = circle.OnAll(0, relay =>
        {
            if (relay.IsSource) relay.Send(Said.AsSpan(0, after));
            else Hear(relay);
        }, hangUp: true);

        Assert.Null(failures[0]);
        for (var rank = 1; rank < 3; rank++) Assert.Equal([rank - 1], Assert.IsType<PeerLostException>(failures[rank]).Silent);
    }

    [Fact]
    public void A_source_that_says_less_than_was_announced_and_then_nothing_is_named_after_the_silence()
    {
        using var circle = new Circle(2);
        using var done = new ManualResetEventSlim();

        var failures = circle.OnAll(0, relay =>
        {
            if (relay.IsSource)
            {
                relay.Send(Said.AsSpan(0, 1_000));
                done.Wait(Patience);
                return;
            }

            try
            {
                Hear(relay);
            }
            finally
            {
                done.Set();
            }
        }, silence: Short);

        Assert.Null(failures[0]);
        var silent = Assert.IsType<StateTransferException>(failures[1]);
        Assert.Equal([0], silent.Silent);
        Assert.Contains("rank 1 waited 0.2 s for rank 0 to hand on the state of rank 0", silent.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_rank_that_takes_nothing_is_named_by_who_waits_for_it()
    {
        using var circle = new Circle(2);
        using var done = new ManualResetEventSlim();

        var failures = circle.OnAll(0, relay =>
        {
            if (!relay.IsSource)
            {
                done.Wait(Patience);
                return;
            }

            try
            {
                while (true) relay.Send(Said); // Until all buffers between are full.
            }
            finally
            {
                done.Set();
            }
        }, silence: Short);

        Assert.Null(failures[1]);
        Assert.Equal([1], Assert.IsType<StateTransferException>(failures[0]).Silent);
    }

    [Fact]
    public void Who_is_told_to_give_up_does_so_while_it_waits()
    {
        using var circle = new Circle(2);
        using var cancelled = new CancellationTokenSource(Short);

        var failures = circle.OnAll(0, relay =>
        {
            if (!relay.IsSource) Hear(relay);
            else cancelled.Token.WaitHandle.WaitOne(Patience);
        }, cancellation: cancelled.Token);

        Assert.Null(failures[0]);
        Assert.IsAssignableFrom<OperationCanceledException>(failures[1]);
    }

    private static void Say(RankRelay relay, byte[] bytes)
    {
        relay.Send(bytes.AsSpan(0, 28));
        relay.Send(bytes.AsSpan(28));
        relay.Seal();
    }

    private static byte[] Hear(RankRelay relay)
    {
        var heard = new byte[Bytes];
        relay.Receive(heard);
        relay.Seal();
        return heard;
    }

    private static void Pass(RankRelay relay)
    {
        relay.Skip(Bytes);
        relay.Seal();
    }

    /// <summary>A relay that knows its rank.</summary>
    private sealed class RankRelay(RingLinks links, int source, TimeSpan silence, CancellationToken cancellation) : IDisposable
    {
        private readonly StateRelay _relay = new(links, source, silence, cancellation);

        public int Rank => links.Rank;

        public bool IsSource => _relay.IsSource;

        public void Send(ReadOnlySpan<byte> bytes) => _relay.Send(bytes);

        public void Receive(Span<byte> bytes) => _relay.Receive(bytes);

        public void Skip(long count) => _relay.Skip(count);

        public void Seal() => _relay.Seal();

        public void Dispose() => _relay.Dispose();
    }

    /// <summary>A closed circle of real connections, and who tampers with one of them.</summary>
    private sealed class Circle : IDisposable
    {
        private readonly RingLinks[] _links;
        private readonly Thread? _tamper;

        public Circle(int world, int flipBehindRank0 = -1)
        {
            var wires = Enumerable.Range(0, world).Select(_ => LocalRing.Connect()).ToArray(); // Wire r leads from rank r to rank r + 1.
            if (flipBehindRank0 >= 0)
            {
                var (into, from) = (wires[0].In, LocalRing.Connect());
                wires[0].In = from.In;
                _tamper = new Thread(() => Flip(into, from.Out, flipBehindRank0));
                _tamper.Start();
            }

            _links = [.. Enumerable.Range(0, world).Select(rank => new RingLinks(new(new("pack", 1, 1), rank, world, 1, "model"), wires[rank].Out, wires[(rank + world - 1) % world].In))];
        }

        /// <summary>Runs one body per rank at the same time; what each threw, or null. A rank that failed hangs up, as its worker would; with <paramref name="hangUp"/> each does when it is done.</summary>
        public Exception?[] OnAll(int source, Action<RankRelay> body, TimeSpan? silence = null, bool hangUp = false, CancellationToken cancellation = default)
        {
            var failures = new Exception?[_links.Length];
            var threads = _links.Select((links, rank) => new Thread(() =>
            {
                try
                {
                    using var relay = new RankRelay(links, source, silence ?? Patience, cancellation);
                    body(relay);
                }
                catch (Exception failure)
                {
                    failures[rank] = failure;
                }

                if (hangUp || failures[rank] is not null and not StateTransferException) links.Dispose();
            })).ToList();
            threads.ForEach(thread => thread.Start());
            foreach (var thread in threads) Assert.True(thread.Join(TimeSpan.FromSeconds(60)), "A rank hangs.");
            return failures;
        }

        public void Dispose()
        {
            foreach (var links in _links) links.Dispose();
            Assert.True(_tamper?.Join(TimeSpan.FromSeconds(60)) ?? true);
        }

        private static void Flip(Socket from, Socket to, int at)
        {
            using (from)
            using (to)
            {
                var piece = new byte[4_096];
                for (long seen = 0; ;)
                {
                    var count = from.Receive(piece);
                    if (count == 0) return;
                    if (at >= seen && at < seen + count) piece[at - seen] ^= 1;
                    seen += count;
                    to.Send(piece, count, SocketFlags.None);
                }
            }
        }
    }
}
