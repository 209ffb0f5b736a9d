using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>What a gang may be made of: all its workers have the same kind of device, for a mixed gang is as slow as its slowest.</summary>
internal enum DeviceKind { Cuda, Cpu }

/// <summary>Lanes in use. Draining lanes belong to nobody any more, but the worker has not yet said that they are free.</summary>
/// <param name="pack">The pack.</param>
/// <param name="attempt">Its attempt.</param>
/// <param name="width">Lanes of the worker that it takes up, 1 or more.</param>
/// <param name="memoryBytes">Prediction of what it fills.</param>
/// <param name="draining">Whether it is to stop.</param>
internal sealed class Hold(PackId pack, Attempt attempt, int width, long memoryBytes, bool draining)
{
    public PackId Pack { get; } = pack;

    public Attempt Attempt { get; } = attempt;

    public int Width { get; } = width;

    public long MemoryBytes { get; } = memoryBytes;

    public bool Draining { get; set; } = draining;
}

/// <summary>A worker as placement sees it.</summary>
internal sealed class PlacedWorker(PlacementMessage.WorkerJoined joined)
{
    public PlacementMessage.WorkerJoined Joined { get; set; } = joined;

    /// <summary>At most as wide together as the worker has lanes, and strays that the worker told of.</summary>
    public List<Hold> Holds { get; } = [];

    public NodeId Name => Joined.Worker;

    public DeviceKind Kind => Joined.Facts.Device.StartsWith("cuda", StringComparison.Ordinal) ? DeviceKind.Cuda : DeviceKind.Cpu;

    /// <summary>Lanes in use.</summary>
    public int Used => Holds.Sum(hold => hold.Width);

    /// <summary>Memory of its device, in bytes; as much as one likes where nobody knows.</summary>
    public long Memory => (Kind == DeviceKind.Cuda ? Joined.Facts.DeviceMemoryBytes : Joined.Facts.MemoryBytes) is > 0 and var known ? known : long.MaxValue;

    /// <summary>Where the pool lists it among the workers with free lanes; null where it does not.</summary>
    public FreeWorker? Listed { get; set; }

    public int WidthOf(PlacementMessage.RequestGang request) => PackShape.WidthOn(Joined.Lanes, request.Lanes);

    /// <summary>How many replicas of such packs it could take now. A prediction never keeps an idle worker idle: it may be wrong, and there may be no larger worker.</summary>
    public int RoomFor(PlacementMessage.RequestGang request)
    {
        var byLanes = Math.Max(0, Joined.Lanes - Used) / WidthOf(request);
        if (request.MemoryBytes <= 0) return byLanes;
        var byMemory = (Memory - Math.Min(Memory, Holds.Sum(hold => hold.MemoryBytes))) / request.MemoryBytes;
        return (int)Math.Min(byLanes, Math.Max(byMemory, Holds.Count == 0 ? 1 : 0));
    }

    public Hold? Find(PackId pack, Attempt attempt)
    {
        foreach (var hold in Holds)
        {
            if (hold.Pack == pack && hold.Attempt == attempt) return hold;
        }

        return null;
    }
}

/// <summary>A worker with free lanes. The least used comes first, then the lower name: equal histories pick equal workers.</summary>
internal readonly record struct FreeWorker(int Used, string Name) : IComparable<FreeWorker>
{
    public int CompareTo(FreeWorker other)
    {
        var byUse = Used.CompareTo(other.Used);
        return byUse != 0 ? byUse : string.CompareOrdinal(Name, other.Name);
    }
}

/// <summary>All workers, and those of each kind that have free lanes.</summary>
internal sealed class WorkerPool
{
    private readonly Dictionary<NodeId, PlacedWorker> _workers = []; // Looked up only; never enumerated.
    private readonly SortedSet<FreeWorker>[] _free = [[], []];
    private readonly int[] _alive = new int[2];

    /// <summary>Workers with lanes that drain. Few at any time; the orders to stop are repeated to these.</summary>
    public SortedSet<string> Draining { get; } = new(StringComparer.Ordinal);

    public PlacedWorker? Find(NodeId name) => _workers.GetValueOrDefault(name);

    public int Alive(DeviceKind kind) => _alive[(int)kind];

    /// <summary>Workers with free lanes.</summary>
    public int Free(DeviceKind kind) => _free[(int)kind].Count;

    /// <summary>Workers that could take a replica of such a pack now; counted up to <paramref name="enough"/>.</summary>
    public int CountFor(DeviceKind kind, PlacementMessage.RequestGang request, int enough)
    {
        if (Free(kind) < enough) return 0;
        var count = 0;
        foreach (var free in _free[(int)kind])
        {
            if (_workers[new(free.Name)].RoomFor(request) > 0 && ++count == enough) break;
        }

        return count;
    }

    /// <summary>How many gangs of such packs could be made of what is free now.</summary>
    public int GangsFor(DeviceKind kind, PlacementMessage.RequestGang request)
    {
        var replicas = 0;
        foreach (var free in _free[(int)kind]) replicas += _workers[new(free.Name)].RoomFor(request);
        return (replicas / request.Max) + (replicas % request.Max >= request.Min ? 1 : 0);
    }

    public void Add(PlacedWorker worker)
    {
        _workers.Add(worker.Name, worker);
        _alive[(int)worker.Kind]++;
        Update(worker);
    }

    public void Remove(PlacedWorker worker)
    {
        _workers.Remove(worker.Name);
        _alive[(int)worker.Kind]--;
        List(worker, null);
        Draining.Remove(worker.Name.Value);
    }

    /// <summary>Call after every change of a worker's holds.</summary>
    public void Update(PlacedWorker worker)
    {
        var used = worker.Used;
        List(worker, used < worker.Joined.Lanes ? new(used, worker.Name.Value) : null);
        if (worker.Holds.Exists(hold => hold.Draining)) Draining.Add(worker.Name.Value);
        else Draining.Remove(worker.Name.Value);
    }

    /// <summary>The first workers of a kind that have room, up to the most that the request wants; each takes one replica.</summary>
    public List<PlacedWorker> Take(DeviceKind kind, PlacementMessage.RequestGang request)
    {
        List<PlacedWorker> taken = [];
        foreach (var free in _free[(int)kind])
        {
            if (taken.Count == request.Max) break;
            var worker = _workers[new(free.Name)];
            if (worker.RoomFor(request) > 0) taken.Add(worker);
        }

        foreach (var worker in taken)
        {
            worker.Holds.Add(new(request.Pack, request.Attempt, worker.WidthOf(request), request.MemoryBytes, draining: false));
            Update(worker);
        }

        return taken;
    }

    private void List(PlacedWorker worker, FreeWorker? entry)
    {
        if (worker.Listed is { } before) _free[(int)worker.Kind].Remove(before);
        if (entry is { } now) _free[(int)worker.Kind].Add(now);
        worker.Listed = entry;
    }
}
