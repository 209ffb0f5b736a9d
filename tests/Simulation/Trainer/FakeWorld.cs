using Vae.Shared;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Simulation.Trainer;

/// <summary>What the trainers of a run have in common: the rings, the oracle that knows what training must come to, and how fast time passes in them.</summary>
internal sealed class FakeWorld
{
    /// <summary>A peer that says nothing for so long is given up by those that wait for it.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly Dictionary<(PackId, Attempt, Generation), FakeRing> _rings = [];

    public FakeWorld(SimulatedCluster cluster)
    {
        Cluster = cluster;
        cluster.OnGone = node => Break(ring => ring.Lose(node));
        cluster.Data.OnCut = (one, other) => Break(ring => ring.Cut(one, other));
    }

    public SimulatedCluster Cluster { get; }

    public Oracle Oracle { get; } = new();

    /// <summary>Time of a step on a worker that is not slow.</summary>
    public TimeSpan StepTime { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>Least time between two checkpoints of a pack.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>What the run's trainers did, for coverage.</summary>
    public TrainerCounts Counts { get; } = new();

    /// <summary>Who had which reading.</summary>
    public ReadingTrail Readings { get; } = new();

    /// <summary>Acts that any replica of an attempt has applied.</summary>
    public Dictionary<(PackId, Attempt), long> Furthest { get; } = [];

    public FakeRing Of(PackId pack, Attempt attempt, Generation generation, ValueList<NodeId> members, NodeId? source)
    {
        var key = (pack, attempt, generation);
        if (!_rings.TryGetValue(key, out var ring)) _rings[key] = ring = new FakeRing(this, key, members, source);
        ring.RequireSame(members, source);
        return ring;
    }

    public void Forget(FakeRing ring) => _rings.Remove(ring.Key);

    private void Break(Action<FakeRing> act)
    {
        foreach (var ring in _rings.Values.ToArray()) act(ring); // In the order of their making, until one is forgotten; each acts on its own ranks alone.
    }
}

/// <summary>What trainers did in a run.</summary>
internal sealed class TrainerCounts
{
    public long Acts { get; set; }

    public long Transfers { get; set; }

    public long JoinersBroughtUp { get; set; }

    public long LaggardsBroughtUp { get; set; }

    public long UnequalHalts { get; set; }

    public long SourceLost { get; set; }

    public long LostWhileForming { get; set; }

    public long EndsToldAgain { get; set; }

    public long PointsPublishedAgain { get; set; }

    public long Restored { get; set; }

    public long DamagedFound { get; set; }

    public long CheckpointsWritten { get; set; }

    public long CheckpointsRefused { get; set; }

    public long HaltsWhileBusy { get; set; }

    public long SilentPeers { get; set; }

    public long ActsLostWithTheirRanks { get; set; }

    public long TrainedAgain { get; set; }

    public long BegunFromWaiting { get; set; }

    public long StoppedUnbegun { get; set; }
}
