using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>What a gang may be made of: all its workers have the same kind of device, for a mixed gang is as slow as its slowest.</summary>
internal enum DeviceKind { Cuda, Cpu }

/// <summary>A lane in use. A draining lane belongs to nobody any more, but the worker has not yet said that it is free.</summary>
internal sealed class Hold(PackId pack, Attempt attempt, bool draining)
{
    public PackId Pack { get; } = pack;

    public Attempt Attempt { get; } = attempt;

    public bool Draining { get; set; } = draining;
}

/// <summary>A worker as placement sees it.</summary>
internal sealed class PlacedWorker(PlacementMessage.WorkerJoined joined)
{
    public PlacementMessage.WorkerJoined Joined { get; set; } = joined;

    /// <summary>At most <see cref="PlacementMessage.WorkerJoined.Lanes"/>, and strays that the worker told of.</summary>
    public List<Hold> Holds { get; } = [];

    public NodeId Name => Joined.Worker;

    public DeviceKind Kind => Joined.Facts.Device.StartsWith("cuda", StringComparison.Ordinal) ? DeviceKind.Cuda : DeviceKind.Cpu;

    public bool HasFreeLane => Holds.Count < Joined.Lanes;

    public Hold? Find(PackId pack, Attempt attempt)
    {
        foreach (var hold in Holds)
        {
            if (hold.Pack == pack && hold.Attempt == attempt) return hold;
        }

        return null;
    }
}

/// <summary>All workers, and those of each kind that have a free lane, by name: equal histories pick equal workers.</summary>
internal sealed class WorkerPool
{
    private readonly Dictionary<NodeId, PlacedWorker> _workers = []; // Looked up only; never enumerated.
    private readonly SortedSet<string>[] _free = [new(StringComparer.Ordinal), new(StringComparer.Ordinal)];
    private readonly int[] _alive = new int[2];

    /// <summary>Workers with a lane that drains. Few at any time; the orders to stop are repeated to these.</summary>
    public SortedSet<string> Draining { get; } = new(StringComparer.Ordinal);

    public PlacedWorker? Find(NodeId name) => _workers.GetValueOrDefault(name);

    public int Alive(DeviceKind kind) => _alive[(int)kind];

    public int Free(DeviceKind kind) => _free[(int)kind].Count;

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
        _free[(int)worker.Kind].Remove(worker.Name.Value);
        Draining.Remove(worker.Name.Value);
    }

    /// <summary>Call after every change of a worker's holds.</summary>
    public void Update(PlacedWorker worker)
    {
        Put(_free[(int)worker.Kind], worker.Name.Value, worker.HasFreeLane);
        Put(Draining, worker.Name.Value, worker.Holds.Exists(hold => hold.Draining));
    }

    /// <summary>The first <paramref name="count"/> workers of a kind that have a free lane; one lane each is taken.</summary>
    public List<PlacedWorker> Take(DeviceKind kind, int count, PackId pack, Attempt attempt)
    {
        List<PlacedWorker> taken = [];
        foreach (var name in _free[(int)kind])
        {
            if (taken.Count == count) break;
            taken.Add(_workers[new(name)]);
        }

        foreach (var worker in taken)
        {
            worker.Holds.Add(new(pack, attempt, draining: false));
            Update(worker);
        }

        return taken;
    }

    private static void Put(SortedSet<string> set, string name, bool present)
    {
        if (present) set.Add(name);
        else set.Remove(name);
    }
}
