using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Simulation.Trainer;

/// <summary>
/// One generation of a gang: it connects when all its members are there, brings all to the state of the source, and then does act after act for as long as every one of them runs. It ends with the first that
/// leaves, by an order, by its death or by silence; the others then halt where they are, some of them perhaps one act further, because they had all they needed for it.
/// </summary>
internal sealed partial class FakeRing(FakeWorld world, (PackId Pack, Attempt Attempt, Generation Generation) key, ValueList<NodeId> members, NodeId? source)
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan IdleTime = TimeSpan.FromMilliseconds(300);

    private readonly FakeReplica?[] _ranks = new FakeReplica?[members.Count];
    private FakeAct? _act;
    private TimeSpan _waitsSince = world.Cluster.Now;
    private int _joined;
    private int _left;
    private bool _begun;
    private bool _broken;
    private bool _over;

    public (PackId Pack, Attempt Attempt, Generation Generation) Key => key;

    public int Size => members.Count;

    /// <summary>Nothing is left to train.</summary>
    public bool IsOver => _over;

    private Prng Prng => world.Cluster.JobPrng;

    /// <summary>Whoever forms a generation, forms the same.</summary>
    public void RequireSame(ValueList<NodeId> others, NodeId? otherSource) =>
        Rule.Require(others.Equals(members) && otherSource == source, $"I11: {Text} has members {members} with source {source}, and also {others} with source {otherSource}");

    public string Text => $"{key.Pack} attempt {key.Attempt.Value} generation {key.Generation.Value}";

    public void Join(FakeReplica replica)
    {
        var rank = RankOf(replica.Node.Role);
        Rule.Require(rank >= 0, $"I11: {replica.Node.Id} is to train in {Text}, whose members are {members}");
        Rule.Require(_ranks[rank] is not { IsInRing: true }, $"I11: two replicas take the same place in {Text}");
        if (_broken)
        {
            // Those that were there have gone again: their listeners are closed.
            replica.Later(Prng.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(20)), () => replica.Halt(this, FailureKind.PeerLost, "a peer refused the connection", Others(rank)));
            return;
        }

        if (_ranks[rank] is null) _joined++;
        _ranks[rank] = replica;
        if (_joined == Size) world.Cluster.Timeline.After(Prng.Between(TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(150)), Begin);
        else if (_joined == 1) world.Cluster.Timeline.After(FakeWorld.Deadline, GiveUpConnecting);
    }

    /// <summary>A rank goes: by an order, or because its engine failed or was stopped.</summary>
    public void Leave(FakeReplica replica)
    {
        var rank = Array.IndexOf(_ranks, replica);
        if (rank >= 0) BreakBy(rank);
    }

    /// <summary>A process has died; what it still sends is its closed connections.</summary>
    public void Lose(SimulatedNode node)
    {
        for (var rank = 0; rank < Size; rank++)
        {
            if (_ranks[rank]?.Node != node) continue;
            if (members[rank] == source && !_begun) world.Counts.SourceLost++;
            if (!_begun) world.Counts.LostWhileForming++;
            BreakBy(rank);
            return;
        }
    }

    /// <summary>The connection between two of its ranks is cut: both live, and each sees the other gone.</summary>
    public void Cut(SimulatedNode one, SimulatedNode other)
    {
        var first = Array.FindIndex(_ranks, rank => rank?.Node == one);
        var second = Array.FindIndex(_ranks, rank => rank?.Node == other);
        if (first < 0 || second < 0 || _broken || _over) return;
        BreakBy(first);
        HaltSoon(first, [members[second]]);
    }

    private int RankOf(NodeId member)
    {
        for (var rank = 0; rank < Size; rank++)
        {
            if (members[rank] == member) return rank;
        }

        return -1;
    }

    private ValueList<NodeId> Others(int rank) => members.Where((_, other) => other != rank).ToValueList();

    private void Begin()
    {
        if (_broken) return;
        if (Silent() is { Count: > 0 } silent)
        {
            WaitOrGiveUp(silent, Begin);
            return;
        }

        var from = source is { } name ? _ranks[RankOf(name)]! : null;
        var furthest = world.Furthest.GetValueOrDefault((key.Pack, key.Attempt));
        Rule.Require((from ?? _ranks[0]!).HasTrained || furthest == 0, $"I5: {Text} begins from {(from ?? _ranks[0]!).Node.Id}, which never trained, after {furthest} acts of the attempt");
        Rule.Require(source is null || from is not null, $"I4: the source {source} is no member of {Text}");
        if (from is not null)
        {
            foreach (var rank in _ranks)
                Rule.Require(rank!.State.Position <= from.State.Position || !rank.HasTrained, $"I5: {rank.Node.Id} is at {rank.State.Position}, beyond the source {source} at {from.State.Position}, in {Text}: its acts would be lost");
        }

        var isNeeded = from is not null && Array.Exists(_ranks, rank => rank!.State.Position != from.State.Position || !rank.HasTrained);
        var takes = isNeeded ? Prng.Between(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(800)) : TimeSpan.Zero;
        world.Cluster.Timeline.After(takes, () => Start(from));
    }

    // The state of the source has passed all ranks; or they all begin with the same.
    private void Start(FakeReplica? from)
    {
        if (_broken) return;
        foreach (var rank in _ranks)
        {
            if (from is not null && rank != from) rank!.TakeOver(from);
        }

        RequireEqual();
        if (_ranks[0]!.State.Position < world.Furthest.GetValueOrDefault((key.Pack, key.Attempt))) world.Counts.ActsLostWithTheirRanks++;
        _begun = true;
        for (var rank = 0; rank < Size; rank++) _ranks[rank]!.Begin(this, rank, _ranks[rank] == from);
        _waitsSince = world.Cluster.Now;
        NextAct();
    }

    private void RequireEqual()
    {
        var first = _ranks[0]!;
        var digest = first.State.Digest();
        for (var rank = 1; rank < Size; rank++)
        {
            Rule.Require(_ranks[rank]!.State.Digest() == digest,
                $"I4: {_ranks[rank]!.Node.Id} (position {_ranks[rank]!.State.Position}) and {first.Node.Id} (position {first.State.Position}) differ in {Text}");
        }
    }

    private void NextAct()
    {
        if (_broken) return;
        var state = _ranks[0]!.State;
        if (state.IsOver)
        {
            _over = true;
            world.Forget(this);
            foreach (var rank in _ranks) rank!.End(this);
            return;
        }

        _act = FakeAct.Of(state);
        _waitsSince = world.Cluster.Now;
        world.Cluster.Timeline.After(TimeOf(_act), Complete);
    }

    private TimeSpan TimeOf(FakeAct act)
    {
        if (act.Kind == ActKind.Vote) return IdleTime;
        var slowest = 1.0;
        foreach (var rank in _ranks) slowest = Math.Max(slowest, rank!.Node.Slowness);
        return world.StepTime * (slowest * (0.9 + (0.2 * Prng.NextDouble())));
    }

    private void Complete()
    {
        if (_broken) return;
        if (Silent() is { Count: > 0 } silent)
        {
            WaitOrGiveUp(silent, Complete);
            return;
        }

        if (FakeEngine.FailureOf(_ranks[0]!.State) is { } failure)
        {
            _ranks[^1]!.Fail(this, FailureKind.Engine, failure);
            return;
        }

        Reduce();
        for (var rank = 0; rank < Size; rank++) ApplyLater(rank);
    }

    // Every rank adds its part of the rows, and says whether it holds the next order.
    private void Reduce()
    {
        var act = _act!;
        foreach (var (number, slot) in _ranks[0]!.State.Slots)
        {
            var trial = new TrialId(key.Pack.Sweep, slot.Trial.Index);
            var sum = 0UL;
            for (var rank = 0; rank < Size; rank++) sum += Oracle.Part(trial, slot.Step, rank, Size);
            act.Sums[number] = sum;
        }

        var order = _ranks[0]!.NextOrder;
        foreach (var rank in _ranks)
        {
            if (rank!.NextOrder is not { } held) order = null;
            else Rule.Require(order is null || held.Equals(order), $"I11: two orders have one number in {Text}: {held} and {order}");
        }

        act.Order = order;
        act.IsReduced = true;
        world.Counts.Acts++;
    }

    private void ApplyLater(int rank)
    {
        var replica = _ranks[rank]!;
        replica.HoldsAct = true;
        if (Size == 1) Apply(rank);
        else replica.Later(Prng.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(4)), () => Apply(rank));
    }

    private void Apply(int rank)
    {
        var replica = _ranks[rank]!;
        if (!replica.HoldsAct || replica.Ring != this) return;
        replica.HoldsAct = false;
        replica.Apply(_act!);
        _act!.Applied++;
        if (_broken || _act.Applied < Size) return;
        RequireEqual();
        NextAct();
    }
}
