using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>
/// First come, first served, without letting a request that cannot be served keep free workers idle. Requests of the same device, size and share of a worker wait in
/// one line, so that only the heads of a few lines are looked at: their number is that of different shapes, not of packs.
/// A head that must wait for busy workers reserves its kind of device: later requests do not overtake it there, or a large gang would starve behind
/// small ones. What it reserves are the workers that have the memory for it: smaller ones serve others meanwhile. A head that all workers alive together could not serve reserves nothing.
/// </summary>
internal sealed class GangQueue
{
    private readonly record struct Shape(string Device, int Min, int Lanes, long MemoryBytes)
    {
        public static Shape Of(PlacementMessage.RequestGang request) => new(request.Device, request.Min, request.Lanes, request.MemoryBytes);
    }

    private readonly Dictionary<Shape, SortedDictionary<long, Gang>> _lines = []; // Looked up only; never enumerated.
    private readonly SortedDictionary<long, Shape> _heads = [];

    /// <summary>The first that waits in each line, in order of arrival.</summary>
    public IEnumerable<Gang> Heads => _heads.Values.Select(shape => First(_lines[shape]));

    /// <summary>Gangs that wait.</summary>
    public int Count { get; private set; }

    public void Add(Gang gang)
    {
        Count++;
        var shape = Shape.Of(gang.Request);
        if (!_lines.TryGetValue(shape, out var line)) _lines[shape] = line = [];
        line.Add(gang.Number, gang);
        if (line.Count == 1) _heads.Add(gang.Number, shape);
    }

    public void Remove(Gang gang)
    {
        Count--;
        var shape = Shape.Of(gang.Request);
        var line = _lines[shape];
        var wasHead = _heads.Remove(gang.Number);
        line.Remove(gang.Number);
        if (line.Count == 0) _lines.Remove(shape);
        else if (wasHead) _heads.Add(First(line).Number, shape);
    }

    /// <returns>The next gang to serve, from which kind of device, and below how many bytes of memory workers are not reserved for another; null when none can be served now.</returns>
    public (Gang Gang, DeviceKind Kind, long Below)? Next(WorkerPool pool)
    {
        Span<long> below = [pool.Free(DeviceKind.Cuda) == 0 ? 0 : long.MaxValue, pool.Free(DeviceKind.Cpu) == 0 ? 0 : long.MaxValue];
        foreach (var shape in _heads.Values)
        {
            if (below[0] == 0 && below[1] == 0) return null;
            var gang = First(_lines[shape]);
            foreach (var kind in Kinds(shape.Device))
            {
                if (below[(int)kind] > 0 && pool.CountFor(kind, gang.Request, shape.Min, below[(int)kind]) >= shape.Min) return (gang, kind, below[(int)kind]);
            }

            foreach (var kind in Kinds(shape.Device)) below[(int)kind] = Math.Min(below[(int)kind], ReservedFrom(kind, gang.Request, pool));
        }

        return null;
    }

    // Where no worker has the memory, any that is idle would do, unless there is no hope: then none need wait.
    private static long ReservedFrom(DeviceKind kind, PlacementMessage.RequestGang request, WorkerPool pool)
    {
        if (pool.Serving(kind) < request.Min) return long.MaxValue;
        if (!pool.FitsNobody(kind, request)) return Math.Max(0, request.MemoryBytes);
        return pool.HopelessFor(request) is null ? 0 : long.MaxValue;
    }

    /// <summary>Whether a request waits that workers of this kind could serve, now or when others end.</summary>
    public bool Wants(DeviceKind kind, WorkerPool pool)
    {
        foreach (var shape in _heads.Values)
        {
            if (pool.Serving(kind) >= shape.Min && Kinds(shape.Device).Contains(kind)) return true;
        }

        return false;
    }

    private static Gang First(SortedDictionary<long, Gang> line)
    {
        using var items = line.Values.GetEnumerator();
        items.MoveNext();
        return items.Current;
    }

    /// <summary>What a request may be served with, the better first.</summary>
    public static ReadOnlySpan<DeviceKind> Kinds(string device) => device switch
    {
        "cuda" => [DeviceKind.Cuda],
        "cpu" => [DeviceKind.Cpu],
        _ => [DeviceKind.Cuda, DeviceKind.Cpu], // auto: an accelerator where one is free.
    };
}
