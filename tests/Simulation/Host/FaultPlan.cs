using System.Globalization;
using System.Text;

namespace Vae.Tests.Simulation.Host;

/// <summary>How messages between nodes fare. The default is a quick, faithful network.</summary>
public sealed record NetworkFaults
{
    /// <summary>Chance that a message between nodes is never seen again. TCP does not do this by itself; the contract allows it.</summary>
    public double Loss { get; init; }

    /// <summary>Chance that a message between nodes comes twice.</summary>
    public double Duplicate { get; init; }

    /// <summary>Chance that a message between nodes overtakes or is overtaken. Otherwise a connection keeps its order, as TCP does.</summary>
    public double Reorder { get; init; }

    /// <summary>Chance that an order (<see cref="SimulatedCluster.MayEcho"/>) comes several times more, up to <see cref="EchoMax"/> later, over whatever connection there is then. TCP does not do this; the contract allows it.</summary>
    public double Echo { get; init; }

    /// <summary>Latest that an echo comes; most come much sooner.</summary>
    public TimeSpan EchoMax { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Shortest way between nodes.</summary>
    public TimeSpan DelayMin { get; init; } = TimeSpan.FromMilliseconds(0.1);

    /// <summary>Longest way between nodes.</summary>
    public TimeSpan DelayMax { get; init; } = TimeSpan.FromMilliseconds(2);

    /// <summary>Longest way between two actors of one node; with it their messages interleave, but two actors' own order stays.</summary>
    public TimeSpan LocalDelayMax { get; init; } = TimeSpan.FromMilliseconds(0.05);

    /// <summary>Soonest that an end sees that its connection is dead.</summary>
    public TimeSpan DetectMin { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Latest that an end sees that its connection is dead: the transport's own heartbeat.</summary>
    public TimeSpan DetectMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Soonest that a connection is opened (again).</summary>
    public TimeSpan ConnectMin { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Latest that a connection is opened (again).</summary>
    public TimeSpan ConnectMax { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The default.</summary>
    public static readonly NetworkFaults None = new();
}

/// <summary>All that may go wrong in one run. Chances are drawn from the run's seed; a schedule is met to the tick.</summary>
public sealed record FaultPlan
{
    /// <summary>How messages fare until the faults end.</summary>
    public NetworkFaults Network { get; init; } = NetworkFaults.None;

    /// <summary>Shortest commit.</summary>
    public TimeSpan CommitMin { get; init; } = TimeSpan.FromMilliseconds(0.2);

    /// <summary>Longest commit.</summary>
    public TimeSpan CommitMax { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Chance per commit that the process dies between the facts and the effects of its batch.</summary>
    public double CrashAfterCommit { get; init; }

    /// <summary>Chance per commit that the store fails.</summary>
    public double StoreError { get; init; }

    /// <summary>How long a process that died by one of the two chances above stays down.</summary>
    public TimeSpan RestartAfter { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>What happens when, counted from the start of the run.</summary>
    public IReadOnlyList<(TimeSpan At, Fault Fault)> Schedule { get; init; } = [];

    /// <summary>From then on nothing more goes wrong: partitions heal, the paused go on, the dead rise. Null: the faults never end.</summary>
    public TimeSpan? FaultsUntil { get; init; }

    /// <summary>Nothing goes wrong.</summary>
    public static readonly FaultPlan None = new();

    /// <summary>The whole plan in words, as printed with a failing seed.</summary>
    public string Describe()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Network}\n");
        text.Append(CultureInfo.InvariantCulture, $"commit {CommitMin.TotalMilliseconds} to {CommitMax.TotalMilliseconds} ms, crash after commit {CrashAfterCommit}, store error {StoreError}, restart after {RestartAfter.TotalSeconds} s\n");
        foreach (var (at, fault) in Schedule) text.Append(CultureInfo.InvariantCulture, $"at {at.TotalSeconds:F6} s: {fault}\n");
        text.Append(FaultsUntil is { } end ? $"faults end at {end.TotalSeconds} s" : "faults never end");
        return text.ToString();
    }
}
