namespace Vae.Shared.Sweeps;

/// <summary>
/// Chooses slots, lanes and threads for the trials of one signature: by a probe's readings where there are any, else by a rule of thumb, and always within
/// what the sweep file allows and the memory holds. Pure, so that <c>vae sweep plan</c> and the coordinator cannot disagree.
/// </summary>
public static class PackPlanner
{
    /// <summary>Most slots that are chosen unasked: published gains flatten out there, and a failed attempt takes all its trials with it.</summary>
    public const int SlotsMax = 32;

    /// <summary>Most lanes that are chosen unasked on a CUDA device.</summary>
    public const int CudaLanesMax = 4;

    /// <summary>Work that is over sooner than this is not worth a probe of up to 5 s, which at best doubles the speed.</summary>
    public static readonly TimeSpan WorthProbing = TimeSpan.FromSeconds(30);

    // Share of the memory that a prediction may fill: it is good to a tenth, and others live on the machine too.
    private const double Fill = 0.8;

    // Predictions are good to a tenth. What is beyond this many times a worker's memory ends by running out of it, however wrong they are.
    private const int HopelessFactor = 2;

    // What a process with libtorch needs before the first tensor.
    private const long ProcessBytes = 300L << 20;

    /// <summary>Whether there is anything to choose: several shapes are allowed and make sense.</summary>
    public static bool HasChoice(PackQuestion question, WorkerRoom room) => new PlanLimits(question, room).HasChoice;

    /// <summary>Whether a probe would repay its time, by a rough estimate of the work.</summary>
    public static bool IsWorthProbing(PackQuestion question, WorkerRoom room) =>
        HasChoice(question, room) && SecondsOf(question, room, 1 / StepSeconds(question, room) * Math.Min(room.Cores, PlanLimits.ShareOf(question, room))) >= WorthProbing.TotalSeconds;

    /// <summary>Wall time of all trials on all workers at this speed of one worker, in seconds.</summary>
    public static double SecondsOf(PackQuestion question, WorkerRoom room, double stepsPerSecond) =>
        question.Steps / (stepsPerSecond * Math.Max(1, room.Workers / question.Resources.WorkersPerPackMin));

    /// <param name="question">What is to be trained.</param>
    /// <param name="room">On what.</param>
    /// <param name="readings">Of a probe of this signature on such a worker; empty where there is none.</param>
    public static PackChoice Choose(PackQuestion question, WorkerRoom room, ValueList<ProbeReading> readings)
    {
        var limits = new PlanLimits(question, room);
        var table = new ProbeTable(readings);
        return Measured(question, room, limits, table) ?? ByRule(question, room, limits);
    }

    /// <summary>What packs on a worker of this room may fill, in bytes.</summary>
    public static long MemoryLimit(WorkerRoom room) =>
        room.MemoryBytes == 0 ? long.MaxValue : (long)(Fill * room.MemoryBytes) - (room.Cuda ? 0 : ProcessBytes);

    /// <summary>Whether a pack that is predicted to fill so much need not even be tried on a worker with so much memory, both in bytes.</summary>
    public static bool IsHopeless(long predicted, long memory) => predicted / HopelessFactor > memory;

    /// <summary>Why a trial is not tried, for people.</summary>
    /// <param name="predicted">Bytes that it would fill.</param>
    /// <param name="worker">The worker that would do best.</param>
    /// <param name="memory">How much that is, in bytes.</param>
    public static string HopelessText(long predicted, NodeId worker, long memory) =>
        $"not started: it is predicted to fill {Gigabytes(predicted)} ({predicted} bytes) of a worker's memory, more than {HopelessFactor} times the {Gigabytes(memory)} ({memory} bytes) of {worker}, and no other would do better. "
        + "Lower training.batch, model.encoder or model.latent, spread the trial over more workers by resources.workers_per_pack, or start a worker with more memory.";

    internal static long MemoryOf(PackQuestion question, PackShape shape, WorkerRoom room) => PackSize.WorkerBytes(question.Trial, question.Data, shape, question.RowsPerWorker, room.Cuda);

    private static double StepSeconds(PackQuestion question, WorkerRoom room) => StepCost.Seconds(question.Trial, question.Data, question.RowsPerWorker, room.Cuda);

    private static PackChoice? Measured(PackQuestion question, WorkerRoom room, PlanLimits limits, ProbeTable table)
    {
        var allowed = table.Shapes(limits).Select(reading => (Reading: reading, Seconds: limits.SecondsOf(reading))).ToArray();
        if (allowed.Length == 0) return null;
        var fastest = Best(allowed);
        var fitting = allowed.Where(one => limits.Fits(one.Reading)).ToArray();
        if (fitting.Length == 0) return null;
        var (best, _) = Best(fitting);
        var shape = limits.ShapeOf(best);
        var basis = !limits.HasChoice ? PlanBasis.Forced : best == fastest.Reading ? PlanBasis.Measured : PlanBasis.Memory;
        var reason = basis switch
        {
            PlanBasis.Forced => limits.ForcedReason,
            PlanBasis.Memory => $"measured, but bounded by memory: {Words(limits.ShapeOf(fastest.Reading))} would be faster and needs {Gigabytes(MemoryOf(question, limits.ShapeOf(fastest.Reading), room))} of {Gigabytes(MemoryLimit(room))}",
            _ => $"measured: {Words(shape)} makes {best.StepsPerSecond:N0} trial steps/s{Comparison(best, table)}",
        };
        return new(shape, MemoryOf(question, shape, room), best.StepsPerSecond, true, basis, reason);
    }

    // Equal times go to the smaller pack: less memory, and less is lost with it.
    private static (ProbeReading Reading, double Seconds) Best((ProbeReading Reading, double Seconds)[] shapes) =>
        shapes.OrderBy(one => one.Seconds).ThenBy(one => one.Reading.Slots).ThenBy(one => one.Reading.Lanes * one.Reading.Threads).First();

    private static string Comparison(ProbeReading best, ProbeTable table)
    {
        if (best is { Lanes: 1, Slots: 1, Threads: 1 } || table.Find(1, 1, 1) is not { } one) return "";
        return $", {best.StepsPerSecond / one.StepsPerSecond:0.0} times one trial after the other on one thread";
    }

    private static PackChoice ByRule(PackQuestion question, WorkerRoom room, PlanLimits limits)
    {
        var wanted = PlanRules.Shape(question, room, limits);
        var shape = limits.Shrink(wanted);
        var speed = EstimatedSpeed(question, room, shape);
        var (basis, reason) = !limits.HasChoice
            ? (PlanBasis.Forced, limits.ForcedReason)
            : shape == wanted
                ? (PlanBasis.RuleOfThumb, $"rule of thumb: {PlanRules.Reason(question, room, shape)}")
                : (PlanBasis.Memory, $"bounded by memory: {Words(wanted)} needs {Gigabytes(MemoryOf(question, wanted, room))} of {Gigabytes(MemoryLimit(room))}");
        if (limits.HasChoice && limits.SaidByFile is { } said) reason += $"; {said} by the sweep file";
        if (!limits.Fits(shape)) reason += $"; even this is predicted to need {Gigabytes(MemoryOf(question, shape, room))} of {Gigabytes(MemoryLimit(room))}";
        return new(shape, MemoryOf(question, shape, room), speed, false, basis, reason);
    }

    private static double EstimatedSpeed(PackQuestion question, WorkerRoom room, PackShape shape) =>
        room.Cuda ? shape.Slots / StepSeconds(question, room) : Math.Min(shape.Lanes * shape.Threads, room.Cores) / StepSeconds(question, room);

    private static string Words(PackShape shape) => PlanWords.Of(shape);

    private static string Gigabytes(long bytes) => bytes < 1L << 30 ? $"{Math.Max(0, bytes) / 1048576.0:0} MB" : $"{bytes / 1073741824.0:0.0} GB";
}

/// <summary>How shapes are said to people.</summary>
internal static class PlanWords
{
    public static string Of(PackShape shape) =>
        $"{Count(shape.Lanes, "lane")} of {Count(shape.Slots, "slot")} with {Count(shape.Threads, "thread")}{(shape.Lanes > 1 ? " each" : "")}";

    private static string Count(int count, string word) => count == 1 ? $"1 {word}" : $"{count} {word}s";
}
