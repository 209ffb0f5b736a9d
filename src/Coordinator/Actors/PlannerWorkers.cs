using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>The workers as the planner sees them. The first by name of a kind speaks for its kind: gangs are made of one kind, and a cluster mostly has one.</summary>
internal sealed class PlannerWorkers
{
    /// <summary>Workers asked to probe for one question: those that train refuse, and in a busy cluster all do.</summary>
    private const int AskedMax = 3;

    private readonly SortedDictionary<string, PlannerMessage.WorkerJoined> _workers = new(StringComparer.Ordinal);

    public void Join(PlannerMessage.WorkerJoined joined) => _workers[joined.Worker.Value] = joined;

    /// <returns>False when another process of that name has taken its place already.</returns>
    public bool Leave(PlannerMessage.WorkerGone gone) =>
        _workers.TryGetValue(gone.Worker.Value, out var worker) && worker.Incarnation == gone.Incarnation && _workers.Remove(gone.Worker.Value);

    /// <returns>Null while there is no worker that could train it.</returns>
    public WorkerRoom? RoomFor(PackQuestion question)
    {
        var kind = KindFor(question);
        if (kind.Count == 0) return null;
        var facts = kind[0].Facts;
        // Workers of one host share its memory; each device has its own.
        var memory = IsCuda(facts)
            ? kind.Min(worker => worker.Facts.DeviceMemoryBytes)
            : kind.Min(worker => worker.Facts.MemoryBytes / kind.Count(other => other.Facts.Host == worker.Facts.Host));
        return new(IsCuda(facts), Math.Max(1, facts.Threads), memory, kind.Count);
    }

    public DeviceFacts FactsFor(PackQuestion question) => KindFor(question)[0].Facts;

    /// <returns>The next worker like the first of its kind; null when enough have been asked.</returns>
    public PlannerMessage.WorkerJoined? NextToAsk(PackQuestion question, HashSet<NodeId> asked)
    {
        if (asked.Count >= AskedMax) return null;
        var kind = KindFor(question);
        return kind.Find(worker => !asked.Contains(worker.Worker) && IsLike(worker.Facts, kind[0].Facts));
    }

    // As placement does: an accelerator where there is one, unless the sweep file says otherwise.
    private List<PlannerMessage.WorkerJoined> KindFor(PackQuestion question)
    {
        var cuda = _workers.Values.Where(worker => IsCuda(worker.Facts)).ToList();
        var device = question.Resources.Device;
        if (device == DeviceChoice.Cuda || (device == DeviceChoice.Auto && cuda.Count > 0)) return cuda;
        return [.. _workers.Values.Where(worker => !IsCuda(worker.Facts))];
    }

    private static bool IsCuda(DeviceFacts facts) => facts.Device.StartsWith("cuda", StringComparison.Ordinal);

    private static bool IsLike(DeviceFacts one, DeviceFacts other) =>
        one.Processor == other.Processor && one.Threads == other.Threads && one.Cores == other.Cores && one.DeviceName == other.DeviceName && one.Libtorch == other.Libtorch;
}
