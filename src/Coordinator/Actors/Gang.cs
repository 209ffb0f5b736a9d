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
    /// <summary>A process that was lost to it so often is not worth another halt of all the others.</summary>
    private const int ReturnsMax = 8;

    private readonly Dictionary<NodeId, Former> _former = []; // Looked up only. One per worker that was ever of it.

    public PackId Pack => Request.Pack;

    public Attempt Attempt => Request.Attempt;

    public ActorId Runner => Request.ReplyTo;

    public PlacementMessage.RequestGang Request { get; } = request;

    /// <summary>Order of arrival.</summary>
    public long Number { get; } = number;

    /// <summary>Null while it waits. In the order in which they came.</summary>
    public List<NodeId>? Members { get; set; }

    /// <summary>Claimed workers that have not registered yet, each with the process that has the replica.</summary>
    public Dictionary<NodeId, ulong> Awaited { get; } = []; // Looked up only.

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

    private readonly record struct Former(ulong Incarnation, int Losses, bool MayReturn, Generation Through);

    /// <summary>Whether this process may be given to it: it never was, or it was out of reach and is back. One that failed, or was told to go, is not asked again.</summary>
    public bool MayTake(PlacedWorker worker) =>
        !_former.TryGetValue(worker.Name, out var former) || former.Incarnation != worker.Joined.Incarnation || (former.MayReturn && former.Losses <= ReturnsMax);

    /// <summary>What this process was assigned for up to this generation is a matter of before.</summary>
    public bool IsOver(PlacedWorker worker, Generation preparedFor) =>
        _former.TryGetValue(worker.Name, out var former) && former.Incarnation == worker.Joined.Incarnation && preparedFor.Value <= former.Through.Value;

    /// <summary>It is of the gang no more.</summary>
    /// <param name="worker">The process.</param>
    /// <param name="mayReturn">When it is in reach again.</param>
    /// <param name="through">Its assignments up to this generation are over; none when nobody knows.</param>
    public void Leave(WorkerProcess worker, bool mayReturn, Generation through)
    {
        Members?.Remove(worker.Worker);
        var before = _former.TryGetValue(worker.Worker, out var former) && former.Incarnation == worker.Incarnation ? former : default;
        _former[worker.Worker] = new(worker.Incarnation, before.Losses + 1, mayReturn, before.Through.Value > through.Value ? before.Through : through);
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
