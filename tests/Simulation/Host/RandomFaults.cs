using Vae.Shared;
using Vae.Shared.Determinism;

namespace Vae.Tests.Simulation.Host;

/// <summary>How often the nodes of a run are hurt. Each is a mean time between two such faults of one node; null means never.</summary>
public sealed record FaultRates
{
    /// <summary>Crash with restart.</summary>
    public TimeSpan? CrashEvery { get; init; }

    /// <summary>Pause.</summary>
    public TimeSpan? PauseEvery { get; init; }

    /// <summary>Cut off from the rest, one way in a third of the cases.</summary>
    public TimeSpan? PartitionEvery { get; init; }

    /// <summary>Connection cut and opened again.</summary>
    public TimeSpan? DisconnectEvery { get; init; }

    /// <summary>Death between commit and effects. Only felt by nodes that persist.</summary>
    public TimeSpan? CrashAfterCommitEvery { get; init; }

    /// <summary>Store error. Only felt by nodes that persist.</summary>
    public TimeSpan? StoreErrorEvery { get; init; }

    /// <summary>Shortest outage.</summary>
    public TimeSpan OutageMin { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Longest outage.</summary>
    public TimeSpan OutageMax { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>Expands rates into a schedule, so that a failing run can print exactly what happened when.</summary>
public static class RandomFaults
{
    private const ulong Stream = 0xFA17;

    /// <summary>A schedule from time zero to <paramref name="until"/>, in order of time.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="nodes">All nodes of the run; partitions cut a node off the first one, or the first one off them all.</param>
    /// <param name="until">When the last fault begins.</param>
    /// <param name="rates">How often.</param>
    public static IReadOnlyList<(TimeSpan At, Fault Fault)> Expand(ulong seed, IReadOnlyList<NodeId> nodes, TimeSpan until, FaultRates rates)
    {
        var prng = new Prng(seed).Fork(Stream);
        var schedule = new List<(TimeSpan At, Fault Fault)>();
        foreach (var node in nodes)
        {
            Add(rates.CrashEvery, () => new Fault.Crash(node, Outage()));
            Add(rates.PauseEvery, () => new Fault.Pause(node, Outage()));
            Add(rates.PartitionEvery, () => Cut(node));
            Add(rates.DisconnectEvery, () => new Fault.Disconnect(node, PeerOf(node)));
            Add(rates.CrashAfterCommitEvery, () => new Fault.CrashAfterCommit(node, Outage()));
            Add(rates.StoreErrorEvery, () => new Fault.StoreError(node, Outage()));
        }

        return [.. schedule.OrderBy(entry => entry.At)]; // Stable: equal times keep the order of the nodes.

        void Add(TimeSpan? every, Func<Fault> make)
        {
            if (every is not { } mean) return;
            for (var at = Gap(mean); at < until; at += Gap(mean)) schedule.Add((at, make()));
        }

        TimeSpan Gap(TimeSpan mean) => TimeSpan.FromTicks(1 + (long)(mean.Ticks * -Math.Log(1 - prng.NextDouble())));

        // Most outages are short: the square of a uniform number leans towards zero.
        TimeSpan Outage()
        {
            var u = prng.NextDouble();
            return rates.OutageMin + TimeSpan.FromTicks((long)((rates.OutageMax - rates.OutageMin).Ticks * u * u));
        }

        NodeId PeerOf(NodeId node) => node != nodes[0] ? nodes[0] : nodes[prng.NextBelow(nodes.Count)];

        Fault Cut(NodeId node)
        {
            var peer = PeerOf(node);
            return prng.NextBelow(6) switch
            {
                0 => new Fault.OneWayPartition(node, peer, Outage()),
                1 => new Fault.OneWayPartition(peer, node, Outage()),
                2 or 3 => new Fault.Isolate(node, Outage()),
                _ => new Fault.Partition(node, peer, Outage()),
            };
        }
    }
}
