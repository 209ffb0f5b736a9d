using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>A pack that has workers, or waits for some.</summary>
internal sealed class Gang(PlacementMessage.RequestGang request, long number)
{
    /// <summary>Losses that are told again to a runner that asks again. Older ones it finds by comparing the members.</summary>
    private const int LossesMax = 64;

    private readonly Queue<PackMessage.MemberLost> _losses = [];
    private readonly Dictionary<NodeId, ulong> _former = []; // Looked up only. One per process that was ever of it.

    public PackId Pack => Request.Pack;

    public Attempt Attempt => Request.Attempt;

    public ActorId Runner => Request.ReplyTo;

    public PlacementMessage.RequestGang Request { get; } = request;

    /// <summary>Order of arrival.</summary>
    public long Number { get; } = number;

    /// <summary>Null while it waits. In the order in which they came.</summary>
    public List<NodeId>? Members { get; set; }

    /// <summary>Claimed workers that have not registered yet.</summary>
    public HashSet<NodeId> Awaited { get; } = [];

    /// <summary>The kind of device that it has; meaningless while it has none.</summary>
    public DeviceKind Kind { get; set; }

    /// <summary>What its runner was told last: whether others wait for its workers.</summary>
    public bool ToldToYield { get; set; }

    /// <summary>Where it is listed among those that may grow; null where it is not.</summary>
    public GrowingGang? Listed { get; set; }

    /// <summary>Version of the pool at which it found nobody.</summary>
    public long FoundNobodyAt { get; set; } = -1;

    /// <summary>Workers it lost, the oldest first.</summary>
    public IEnumerable<PackMessage.MemberLost> Losses => _losses;

    public bool MayGrow => Members is { Count: > 0 } && Members.Count < Request.Max && Awaited.Count == 0;

    /// <summary>A process that was of it once has been told to stop the attempt, or was given up, and takes it no more.</summary>
    public bool WasLeftBy(PlacedWorker worker) => _former.TryGetValue(worker.Name, out var incarnation) && incarnation == worker.Joined.Incarnation;

    public void Leave(NodeId worker, ulong incarnation)
    {
        Members?.Remove(worker);
        _former[worker] = incarnation;
    }

    public void Remember(PackMessage.MemberLost loss)
    {
        _losses.Enqueue(loss);
        if (_losses.Count > LossesMax) _losses.Dequeue();
    }
}

/// <summary>A running gang with fewer workers than it may have. The smallest comes first, then the oldest.</summary>
internal readonly record struct GrowingGang(int Members, long Number) : IComparable<GrowingGang>
{
    public int CompareTo(GrowingGang other)
    {
        var bySize = Members.CompareTo(other.Members);
        return bySize != 0 ? bySize : Number.CompareTo(other.Number);
    }
}

/// <summary>Gangs that have workers, by age, and those of them that may grow.</summary>
internal sealed class GrantedGangs
{
    /// <summary>Gangs that are looked at in one go: a bound on what a tick may cost.</summary>
    private const int LooksMax = 256;

    private readonly SortedDictionary<long, Gang> _all = [];
    private readonly SortedSet<GrowingGang> _growing = [];

    /// <summary>The oldest first.</summary>
    public IReadOnlyCollection<Gang> All => _all.Values;

    /// <summary>Call after every change of a gang's members.</summary>
    public void Update(Gang gang)
    {
        _all[gang.Number] = gang;
        List(gang, gang.MayGrow ? new(gang.Members!.Count, gang.Number) : null);
    }

    public void Remove(Gang gang)
    {
        _all.Remove(gang.Number);
        List(gang, null);
    }

    /// <summary>Gangs that may grow and have not looked at the pool as it is now, the smallest first.</summary>
    public List<Gang> ToGrow(long poolVersion)
    {
        List<Gang> found = [];
        foreach (var entry in _growing)
        {
            var gang = _all[entry.Number];
            if (gang.FoundNobodyAt == poolVersion) continue;
            found.Add(gang);
            if (found.Count == LooksMax) break;
        }

        return found;
    }

    private void List(Gang gang, GrowingGang? entry)
    {
        if (gang.Listed is { } before) _growing.Remove(before);
        if (entry is { } now) _growing.Add(now);
        gang.Listed = entry;
    }
}
