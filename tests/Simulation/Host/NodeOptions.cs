using Vae.Shared;

namespace Vae.Tests.Simulation.Host;

/// <summary>What is particular about a process.</summary>
public sealed record NodeOptions
{
    /// <summary>The name under which others know it; null for its own.</summary>
    public NodeId? Role { get; init; }

    /// <summary>Whom it connects to: one process of each name at a time. Null: the coordinators that were added before it.</summary>
    public IReadOnlyList<NodeId>? Dials { get; init; }

    /// <summary>Works only while it leads among the processes of its name.</summary>
    public bool StandsBy { get; init; }

    /// <summary>When it is first started.</summary>
    public TimeSpan StartsAt { get; init; }

    /// <summary>Started by a fault only, and gone when the faults end: somebody's mistake.</summary>
    public bool OnlyByFault { get; init; }

    /// <summary>Seconds on its clock per second; 0.9 to 1.1.</summary>
    public double ClockRate { get; init; } = 1;
}
