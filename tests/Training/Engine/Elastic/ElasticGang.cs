using Microsoft.Extensions.Logging.Abstractions;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;
using Vae.Worker.Engine;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Engine.Elastic;

/// <summary>What a gang goes through.</summary>
/// <param name="Seed">Decides everything that is left to chance.</param>
/// <param name="Workers">At first.</param>
/// <param name="Losses">Ranks that die.</param>
/// <param name="Joins">Workers that come, one per new generation.</param>
/// <param name="Halts">Orders to halt without a loss.</param>
/// <param name="SumsMost">A fault comes within so many sums, or acts, of its generation.</param>
internal sealed record Trouble(int Seed, int Workers, int Losses = 0, int Joins = 0, int Halts = 0, int SumsMost = 40)
{
    /// <summary>Who is lost is replaced at once, and nobody else joins.</summary>
    public bool Replaces { get; init; }

    /// <summary>Slots are refilled before their trials end.</summary>
    public bool Ahead { get; init; }
}

/// <summary>
/// A gang in one process, with a runner that does what the coordinator's does: after a halt it takes out who is dead, lets joiners in, names the furthest as the source, and forms the next generation. Members are threads, their rings
/// are real sockets or real shared memory.
/// </summary>
internal sealed class ElasticGang : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly Trouble _trouble;
    private readonly Random _random;
    private readonly TrainingData _data;
    private readonly Func<PackTrainer> _pack;
    private readonly AllReduceRequest _request;
    private readonly AllReduceFactory _factory;
    private readonly List<Member> _all = [];
    private readonly List<SlotOrder> _orders = [];
    private readonly Queue<TrialSpec> _queue;
    private readonly HashSet<int> _followed = [];
    private readonly bool _closed;
    private int _losses, _joins, _halts;

    /// <param name="trouble">What it goes through.</param>
    /// <param name="data">What all members train on. Owned from here on.</param>
    /// <param name="pack">Makes a member's pack with the trials that it begins with.</param>
    /// <param name="queue">Trials that take the places of those that end.</param>
    /// <param name="engine">What sums.</param>
    public ElasticGang(Trouble trouble, TrainingData data, Func<PackTrainer> pack, IEnumerable<TrialSpec>? queue = null, IRingEngine? engine = null)
    {
        (_trouble, _data, _pack, _queue, _random) = (trouble, data, pack, new(queue ?? []), new Random(trouble.Seed));
        (_losses, _joins, _halts, _closed) = (trouble.Losses, trouble.Joins, trouble.Halts, queue is null);
        engine ??= new TcpEngine();
        _request = new(engine.Kind, Options: new() { MeasureLinks = false });
        _factory = new([engine], NullLogger.Instance);
        for (var i = 0; i < trouble.Workers; i++) Members.Add(Join());
    }

    public RowLedger Ledger { get; } = new();

    /// <summary>Who lives, in rank order.</summary>
    public List<Member> Members { get; } = [];

    /// <summary>World sizes by generation.</summary>
    public List<int> Worlds { get; } = [];

    /// <summary>Generations that began with some member behind.</summary>
    public int Laggards { get; private set; }

    /// <summary>Makes a member hear of ends in its own way.</summary>
    public Action<Member, SlotEnd>? OnEnd { get; set; }

    /// <summary>Trains until the pack is closed and empty on all who live.</summary>
    public void Run()
    {
        for (var finished = false; !finished;)
        {
            finished = RunGeneration(Regroup());
            Assert.True(Worlds.Count < 200, "The gang never finishes.");
        }
    }

    public void Dispose()
    {
        _all.ForEach(member => member.Dispose());
        _data.Dispose();
    }

    private Member Join()
    {
        var member = new Member($"worker-{_all.Count + 1}", _pack, Ledger);
        member.Ended = end => Refill(member, end);
        if (_trouble.Ahead) member.Ending = Follow;
        _all.Add(member);
        lock (_orders) member.Orders.Add(_orders.ToValueList());
        return member;
    }

    // The furthest is the source as soon as somebody is not where it is. Whoever stands at the same place has the same state.
    private Member? Regroup()
    {
        var source = Members.MaxBy(member => member.Trainer.Progress.Position)!;
        var first = Worlds.Count == 0;
        foreach (var group in Members.Where(member => !member.IsNew).GroupBy(member => member.Trainer.Progress.Position)) Assert.Single(group.Select(member => Convert.ToHexString(member.State())).Distinct());
        if (!first) Assert.All(Members, member => Assert.InRange(source.Trainer.Progress.Position - member.Trainer.Progress.Position, 0, 1));
        var behind = Members.Exists(member => member.Trainer.Progress.Position < source.Trainer.Progress.Position);
        if (behind) Laggards++;
        while (!first && (_trouble.Replaces ? Members.Count < _trouble.Workers : _joins-- > 0))
        {
            Members.Insert(_random.Next(Members.Count + 1), Join());
            if (!_trouble.Replaces) break;
        }

        return first || !(behind || Members.Exists(member => member.IsNew)) ? null : source;
    }

    private bool RunGeneration(Member? source)
    {
        Worlds.Add(Members.Count);
        var rings = new MortalAllReduce?[Members.Count];
        using var halt = new CancellationTokenSource();
        var outcomes = new object?[Members.Count];
        var (victim, halter) = (_losses > 0 && Members.Count > 1 ? _random.Next(Members.Count) : -1, _halts > 0 ? _random.Next(Members.Count) : -1);
        var (at, haltsAt) = (_random.Next(1, _trouble.SumsMost), _random.Next(1, _trouble.SumsMost));
        var (death, microseconds) = ((Death)_random.Next(3), _random.Next(400));
        var ringMembers = Members.Select((member, rank) => new RingMember(rank, "127.0.0.1", member.Transport.Port)).ToList();
        var threads = Members.Select((member, rank) => new Thread(() =>
        {
            try
            {
                TorchProcess.SetThreads(1);
                member.Begin(Worlds.Count, acts =>
                {
                    if (rank == halter && acts == haltsAt) HaltAll(rings, halt);
                });
                var hello = new RingHello(new("elastic", 1, Worlds.Count), rank, Members.Count, member.Trainer.Parameters, "model");
                var inner = _factory.ConnectAsync(hello, ringMembers, member.Transport, Deadline, _request, source is null ? null : links => TakeOver(member, links, Members.IndexOf(source))).GetAwaiter().GetResult();
                using var ring = rings[rank] = new MortalAllReduce(inner)
                {
                    DiesAt = rank == victim ? at : 0,
                    Death = death,
                    Microseconds = microseconds,
                };
                member.IsNew = false;
                member.Trainer.Run(ring, member, member.Orders, _closed, halt.Token);
            }
            catch (Exception exception)
            {
                outcomes[rank] = exception;
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        foreach (var thread in threads) Assert.True(thread.Join(Deadline), "A rank hangs.");

        if (halt.IsCancellationRequested) _halts--;
        foreach (var outcome in outcomes) if (outcome is not (null or AllReduceException or RankDiedException or OperationCanceledException)) throw new InvalidOperationException("A rank failed.", (Exception)outcome);
        _losses -= outcomes.Count(outcome => outcome is RankDiedException);
        var finished = !outcomes.Any(outcome => outcome is not (null or RankDiedException));
        for (var rank = Members.Count - 1; rank >= 0; rank--)
        {
            if (outcomes[rank] is RankDiedException) Members.RemoveAt(rank);
            else Members[rank].Settle();
        }

        Assert.NotEmpty(Members);
        return finished;
    }

    private static Task TakeOver(Member member, RingLinks links, int source) => Task.Run(() =>
    {
        TorchProcess.SetThreads(1);
        if (new StateTransfer(member.Trainer, member.Ends, member.IsNew).Run(links, source, Deadline, CancellationToken.None)) member.IsNew = false;
    });

    // As an order from the coordinator reaches all members: whoever waits for peers is woken.
    private static void HaltAll(MortalAllReduce?[] rings, CancellationTokenSource halt)
    {
        halt.Cancel();
        foreach (var ring in rings) ring?.Abort("the gang forms again");
    }

    // The first rank that tells of an end makes the runner order the next trial, or the close; all ranks hear of it, each at its time.
    private void Refill(Member member, SlotEnd end)
    {
        OnEnd?.Invoke(member, end);
        if (!_closed) Follow(end.Slot, end.Trial.Index);
    }

    private void Follow(int slot, int trial)
    {
        lock (_orders)
        {
            if (!_followed.Add(trial)) return;
            if (_queue.TryDequeue(out var next)) _orders.Add(new(_orders.Count + 1, SlotOrderKind.Fill, slot, next, ""));
            if (_queue.Count == 0 && !_orders.Exists(order => order.Kind == SlotOrderKind.Close)) _orders.Add(new(_orders.Count + 1, SlotOrderKind.Close, 0, null, ""));
            foreach (var other in _all) other.Orders.Add(_orders.ToValueList());
        }
    }
}
