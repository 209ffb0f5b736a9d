namespace Vae.Shared.Sweeps;

/// <summary>Which shapes a sweep file, a worker and the number of trials allow.</summary>
internal sealed class PlanLimits
{
    private readonly PackQuestion _question;
    private readonly WorkerRoom _room;

    public PlanLimits(PackQuestion question, WorkerRoom room)
    {
        (_question, _room) = (question, room);
        Share = ShareOf(question, room);
        var resources = question.Resources;
        var most = room.Cuda ? PackPlanner.CudaLanesMax : Math.Max(1, room.Cores / Math.Max(1, resources.Threads ?? 1));
        LanesMax = resources.Lanes ?? (int)Math.Min(most, Share);
        SlotsMax = (int)Math.Min(resources.MaxPack ?? PackPlanner.SlotsMax, Share);
    }

    /// <summary>Trials that one worker has to train, 1 or more, if all workers take equal shares.</summary>
    public long Share { get; }

    public int LanesMax { get; }

    public int SlotsMax { get; }

    /// <summary>False where all that is left to say follows from the sweep file and the number of trials.</summary>
    public bool HasChoice =>
        (SlotsMax > 1) || (LanesMax > 1 && _question.Resources.Lanes is null) || (!_room.Cuda && _question.Resources.Threads is null && _room.Cores > 1 && (_question.Resources.Lanes ?? 1) == 1);

    public string ForcedReason => SaidByFile is { } said ? $"forced by the sweep file: {said}" : "no choice: one trial, one thread";

    /// <summary>What the sweep file leaves no choice of, in its words; null: nothing.</summary>
    public string? SaidByFile => _question.Resources is { MaxPack: null, Lanes: null, Threads: null } ? null : string.Join(", ", Said());

    public static long ShareOf(PackQuestion question, WorkerRoom room)
    {
        var gangs = Math.Max(1, room.Workers / question.Resources.WorkersPerPackMin);
        return Math.Max(1, (question.Trials + gangs - 1) / gangs);
    }

    /// <summary>Whether the sweep file and the worker allow it.</summary>
    public bool Allows(int lanes, int slots, int threads)
    {
        var resources = _question.Resources;
        if (slots > SlotsMax || lanes > LanesMax) return false;
        if (resources.Lanes is { } wantedLanes && lanes != wantedLanes) return false;
        if (resources.Threads is { } wantedThreads && threads != wantedThreads) return false;
        return _room.Cuda || lanes * threads <= Math.Max(_room.Cores, (resources.Lanes ?? 1) * (resources.Threads ?? 1));
    }

    /// <summary>Time to train this worker's share: lanes and slots that have no trial left do not count as speed.</summary>
    public double SecondsOf(ProbeReading reading)
    {
        long places = (long)reading.Lanes * reading.Slots;
        var rounds = (Share + places - 1) / places;
        return rounds * places / reading.StepsPerSecond;
    }

    public PackShape ShapeOf(ProbeReading reading) => new(reading.Slots, _question.Trial.Model.Latent, reading.Lanes, reading.Threads);

    public bool Fits(ProbeReading reading) => Fits(ShapeOf(reading));

    public bool Fits(PackShape shape) => PackPlanner.MemoryOf(_question, shape, _room) <= PackPlanner.MemoryLimit(_room);

    /// <summary>The shape with fewer slots, then fewer lanes, until it fits; lanes that the sweep file names stay.</summary>
    public PackShape Shrink(PackShape shape)
    {
        while (!Fits(shape))
        {
            if (shape.Slots > 1) shape = shape with { Slots = shape.Slots / 2 };
            else if (shape.Lanes > 1 && _question.Resources.Lanes is null) shape = shape with { Lanes = shape.Lanes - 1 };
            else return shape;
        }

        return shape;
    }

    private IEnumerable<string> Said()
    {
        var resources = _question.Resources;
        if (resources.MaxPack is { } pack) yield return $"max_pack {pack}";
        if (resources.Lanes is { } lanes) yield return $"lanes {lanes}";
        if (resources.Threads is { } threads) yield return $"threads {threads}";
    }
}
