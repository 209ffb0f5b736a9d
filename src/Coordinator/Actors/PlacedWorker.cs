using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>What a gang may be made of: all its workers have the same kind of device, for a mixed gang is as slow as its slowest.</summary>
internal enum DeviceKind { Cuda, Cpu }

/// <summary>Whose the lanes are that a replica takes up.</summary>
internal enum HoldState
{
    /// <summary>A gang's.</summary>
    Taken,

    /// <summary>A replica's of a former life of the coordinator, which its sweep may claim yet.</summary>
    Unclaimed,

    /// <summary>Nobody's any more, but the worker has not yet said that they are free.</summary>
    Draining,
}

/// <summary>Lanes in use.</summary>
/// <param name="pack">The pack.</param>
/// <param name="attempt">Its attempt.</param>
/// <param name="width">Lanes of the worker that it takes up, 1 or more.</param>
/// <param name="memoryBytes">Prediction of what it fills.</param>
/// <param name="state">Whose they are.</param>
/// <param name="preparedFor">The generation that the replica there was assigned for; none while only its runner knows.</param>
internal sealed class Hold(PackId pack, Attempt attempt, int width, long memoryBytes, HoldState state, Generation preparedFor)
{
    public PackId Pack { get; } = pack;

    public Attempt Attempt { get; } = attempt;

    public int Width { get; } = width;

    public long MemoryBytes { get; } = memoryBytes;

    public HoldState State { get; set; } = state;

    public Generation PreparedFor { get; } = preparedFor;

    /// <summary>While it drains: assignments up to this generation are to be gone.</summary>
    public Generation Through { get; set; }
}

/// <summary>What a worker has left. Many have the same, so they are counted and not looked at one by one.</summary>
/// <param name="Lanes">All its lanes.</param>
/// <param name="Used">Those in use.</param>
/// <param name="MemoryBytes">Memory that nothing is predicted to fill.</param>
/// <param name="IsIdle">Nothing runs there.</param>
internal readonly record struct Room(int Lanes, int Used, long MemoryBytes, bool IsIdle)
{
    /// <summary>How many replicas of such packs fit.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="fitsNobody">No worker has the memory that is predicted: then a worker that is idle may try, unless there is no hope. The prediction may be wrong.</param>
    public int For(PlacementMessage.RequestGang request, bool fitsNobody)
    {
        var byLanes = Math.Max(0, Lanes - Used) / PackShape.WidthOn(Lanes, request.Lanes);
        if (request.MemoryBytes <= 0) return byLanes;
        var anyway = fitsNobody && IsIdle && !PackPlanner.IsHopeless(request.MemoryBytes, MemoryBytes) ? 1 : 0;
        return (int)Math.Min(byLanes, Math.Max(MemoryBytes / request.MemoryBytes, anyway));
    }
}

/// <summary>A worker as placement sees it.</summary>
internal sealed class PlacedWorker(PlacementMessage.WorkerJoined joined, Instant since)
{
    public PlacementMessage.WorkerJoined Joined { get; set; } = joined;

    /// <summary>When this process of it joined.</summary>
    public Instant Since { get; } = since;

    /// <summary>At most as wide together as the worker has lanes, and strays that the worker told of.</summary>
    public List<Hold> Holds { get; } = [];

    public NodeId Name => Joined.Worker;

    public WorkerProcess Process => new(Joined.Worker, Joined.Incarnation);

    public DeviceKind Kind => Joined.Facts.Device.StartsWith("cuda", StringComparison.Ordinal) ? DeviceKind.Cuda : DeviceKind.Cpu;

    /// <summary>It was told to go, and gets nothing more to do.</summary>
    public bool IsLeaving { get; set; }

    /// <summary>It gets nothing to do for a while.</summary>
    public bool IsQuarantined { get; set; }

    /// <summary>Whether it may be given work.</summary>
    public bool Serves => !IsLeaving && !IsQuarantined;

    public WorkerStanding Standing =>
        IsLeaving ? WorkerStanding.Leaving : IsQuarantined ? WorkerStanding.Quarantined : Holds.Count > 0 ? WorkerStanding.Busy : WorkerStanding.Idle;

    /// <summary>Lanes in use.</summary>
    public int Used => Holds.Sum(hold => hold.Width);

    /// <summary>Memory of its device, in bytes; as much as one likes where nobody knows.</summary>
    public long Memory => (Kind == DeviceKind.Cuda ? Joined.Facts.DeviceMemoryBytes : Joined.Facts.MemoryBytes) is > 0 and var known ? known : long.MaxValue;

    /// <summary>Where the pool lists it among the workers with free lanes; null where it does not.</summary>
    public FreeWorker? Listed { get; set; }

    /// <summary>As what the pool counts it among those; meaningless where it does not.</summary>
    public Room ListedRoom { get; set; }

    /// <summary>Whether the pool counts it among those that serve.</summary>
    public bool Counted { get; set; }

    public int WidthOf(PlacementMessage.RequestGang request) => PackShape.WidthOn(Joined.Lanes, request.Lanes);

    /// <summary>What it has left.</summary>
    public Room Room => new(Joined.Lanes, Used, Memory - Math.Min(Memory, Holds.Sum(hold => hold.MemoryBytes)), Holds.Count == 0);

    /// <summary>How many replicas of such packs it could take now.</summary>
    public int RoomFor(PlacementMessage.RequestGang request, bool fitsNobody) => Room.For(request, fitsNobody);

    public void Take(PlacementMessage.RequestGang request, Generation preparedFor) =>
        Holds.Add(new(request.Pack, request.Attempt, WidthOf(request), request.MemoryBytes, HoldState.Taken, preparedFor));

    public Hold? Find(PackId pack, Attempt attempt)
    {
        foreach (var hold in Holds)
        {
            if (hold.Pack == pack && hold.Attempt == attempt) return hold;
        }

        return null;
    }

    /// <summary>For people.</summary>
    public WorkerDescription Describe(string reason, TimeSpan quarantine, int failures) => new(
        Name, Standing, Joined.Lanes, Math.Min(Used, Joined.Lanes),
        Holds.Select(hold => new PackOnWorker(hold.Pack, hold.Attempt, hold.Width, hold.State == HoldState.Draining)).ToValueList(), reason, quarantine, failures);
}
