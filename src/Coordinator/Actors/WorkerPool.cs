using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

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
    private readonly SortedDictionary<string, PlacedWorker> _workers = new(StringComparer.Ordinal);
    private readonly SortedSet<FreeWorker>[] _free = [[], []];
    private readonly Dictionary<Room, int>[] _rooms = [[], []]; // Free workers by what they have left. Enumerated for sums alone.
    private readonly int[] _serving = new int[2];
    private readonly SortedDictionary<long, int>[] _memories = [[], []]; // Of workers that serve: how many have so much.

    /// <summary>Workers with lanes that drain. Few at any time; the orders to stop are repeated to these.</summary>
    public SortedSet<string> Draining { get; } = new(StringComparer.Ordinal);

    /// <summary>Grows with every change.</summary>
    public long Version { get; private set; }

    /// <summary>All, by name.</summary>
    public IReadOnlyCollection<PlacedWorker> Workers => _workers.Values;

    public PlacedWorker? Find(NodeId name) => _workers.GetValueOrDefault(name.Value);

    /// <summary>Workers that may be given work, whether they have free lanes or not.</summary>
    public int Serving(DeviceKind kind) => _serving[(int)kind];

    /// <summary>Workers with free lanes.</summary>
    public int Free(DeviceKind kind) => _free[(int)kind].Count;

    /// <summary>Whether fewer workers than a gang needs have the memory that is predicted for such packs, busy ones included.</summary>
    public bool FitsNobody(DeviceKind kind, PlacementMessage.RequestGang request)
    {
        var fitting = 0;
        foreach (var (memory, workers) in _memories[(int)kind])
        {
            if (memory >= request.MemoryBytes) fitting += workers;
        }

        return fitting < request.Min;
    }

    /// <summary>
    /// The worker that would be the smallest of the gang that has the most memory, where there are enough for one but with far too little memory for such packs. Null where there is hope: in a kind of device with
    /// enough memory, or in more workers.
    /// </summary>
    public PlacedWorker? HopelessFor(PlacementMessage.RequestGang request)
    {
        PlacedWorker? least = null;
        foreach (var kind in GangQueue.Kinds(request.Device))
        {
            var best = _workers.Values.Where(worker => worker.Kind == kind && !worker.IsLeaving).OrderByDescending(worker => worker.Memory).ElementAtOrDefault(request.Min - 1);
            if (best is null) continue;
            if (!PackPlanner.IsHopeless(request.MemoryBytes, best.Memory)) return null;
            if (!(best.Memory <= least?.Memory)) least = best;
        }

        return least;
    }

    /// <summary>Workers with less than <paramref name="below"/> bytes of memory that could take a replica of such a pack now; counted up to <paramref name="enough"/>.</summary>
    public int CountFor(DeviceKind kind, PlacementMessage.RequestGang request, int enough, long below)
    {
        if (Free(kind) < enough) return 0;
        var (count, fitsNobody) = (0, FitsNobody(kind, request));
        foreach (var free in _free[(int)kind])
        {
            var worker = _workers[free.Name];
            if (IsBelow(worker, below) && worker.RoomFor(request, fitsNobody) > 0 && ++count == enough) break;
        }

        return count;
    }

    /// <summary>How many gangs of such packs could be made of what is free now.</summary>
    public int GangsFor(DeviceKind kind, PlacementMessage.RequestGang request)
    {
        var (replicas, fitsNobody) = (0, FitsNobody(kind, request));
        foreach (var (room, workers) in _rooms[(int)kind]) replicas += workers * room.For(request, fitsNobody);
        return (replicas / request.Max) + (replicas % request.Max >= request.Min ? 1 : 0);
    }

    public void Add(PlacedWorker worker)
    {
        _workers.Add(worker.Name.Value, worker);
        Update(worker);
    }

    public void Remove(PlacedWorker worker)
    {
        _workers.Remove(worker.Name.Value);
        Count(worker, serves: false);
        List(worker, null);
        Draining.Remove(worker.Name.Value);
        Version++;
    }

    /// <summary>Call after every change of a worker's holds, or of whether it may be given work.</summary>
    public void Update(PlacedWorker worker)
    {
        var used = worker.Used;
        Count(worker, worker.Serves);
        List(worker, worker.Serves && used < worker.Joined.Lanes ? new(used, worker.Name.Value) : null);
        if (worker.Holds.Exists(hold => hold.State == HoldState.Draining)) Draining.Add(worker.Name.Value);
        else Draining.Remove(worker.Name.Value);
        Version++;
    }

    /// <summary>The first workers of a kind with less than <paramref name="below"/> bytes of memory that have room and may be of the gang, up to <paramref name="most"/>; each takes one replica.</summary>
    public List<PlacedWorker> Take(DeviceKind kind, Gang gang, int most, long below = long.MaxValue)
    {
        List<PlacedWorker> taken = [];
        var fitsNobody = FitsNobody(kind, gang.Request);
        foreach (var free in _free[(int)kind])
        {
            if (taken.Count == most) break;
            var worker = _workers[free.Name];
            if (IsBelow(worker, below) && worker.RoomFor(gang.Request, fitsNobody) > 0 && worker.Find(gang.Pack, gang.Attempt) is null && gang.MayTake(worker)) taken.Add(worker);
        }

        foreach (var worker in taken)
        {
            worker.Take(gang.Request, Generation.None);
            Update(worker);
        }

        return taken;
    }

    // Where nothing is reserved, a worker of unknown memory counts too.
    private static bool IsBelow(PlacedWorker worker, long below) => below == long.MaxValue || worker.Memory < below;

    private void Count(PlacedWorker worker, bool serves)
    {
        if (worker.Counted == serves) return;
        worker.Counted = serves;
        _serving[(int)worker.Kind] += serves ? 1 : -1;
        var memories = _memories[(int)worker.Kind];
        var count = memories.GetValueOrDefault(worker.Memory) + (serves ? 1 : -1);
        if (count == 0) memories.Remove(worker.Memory);
        else memories[worker.Memory] = count;
    }

    private void List(PlacedWorker worker, FreeWorker? entry)
    {
        if (worker.Listed is { } before)
        {
            _free[(int)worker.Kind].Remove(before);
            CountRoom(worker, -1);
        }

        worker.Listed = entry;
        if (entry is not { } now) return;
        _free[(int)worker.Kind].Add(now);
        worker.ListedRoom = worker.Room;
        CountRoom(worker, 1);
    }

    private void CountRoom(PlacedWorker worker, int change)
    {
        var rooms = _rooms[(int)worker.Kind];
        var count = rooms.GetValueOrDefault(worker.ListedRoom) + change;
        if (count == 0) rooms.Remove(worker.ListedRoom);
        else rooms[worker.ListedRoom] = count;
    }
}
