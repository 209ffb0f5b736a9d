using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Shared.Messages;

/// <summary>What a worker is to measure: packs of one signature in all shapes that may make sense there.</summary>
/// <param name="Trial">Stands for its signature.</param>
/// <param name="Data">Shape of the data; the rows of a probe are made up.</param>
/// <param name="Rows">Rows of one step of one slot on this worker, 1 or more.</param>
/// <param name="MemoryBytes">Shapes that are predicted to fill more are left out.</param>
/// <param name="Precision">What matrix products compute in.</param>
/// <param name="SlotsMax">Most slots to try, 1 to 1,024.</param>
/// <param name="Lanes">The only number of lanes to try, 1 to 1,024; null for all that may make sense.</param>
/// <param name="Threads">The only number of threads to try, 1 to 1,024; null for all that may make sense.</param>
/// <param name="Binarize">How the made-up grey values become bits.</param>
public sealed record ProbeOrder(TrialSpec Trial, DataShape Data, int Rows, long MemoryBytes, NumericPrecision Precision, int SlotsMax, int? Lanes, int? Threads, Binarize Binarize)
{
    /// <summary>What is to be measured to answer a question; the same for all questions that differ only in their numbers of trials.</summary>
    public static ProbeOrder Of(PackQuestion question, WorkerRoom room) => new(
        question.Trial, question.Data, question.RowsPerWorker, PackPlanner.MemoryLimit(room), question.Resources.Precision,
        question.Resources.MaxPack ?? PackPlanner.SlotsMax, question.Resources.Lanes, question.Resources.Threads, question.Binarize);

    /// <summary>Wall time that a probe may take.</summary>
    public static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(5);

    /// <summary>Readings under one key are interchangeable: all that speed depends on, the worker's device and libraries included.</summary>
    public string Key(DeviceFacts facts) => string.Join('|', facts.Processor, facts.Cores, facts.Threads, facts.DeviceName.Length > 0 ? facts.DeviceName : facts.Device,
        facts.Libtorch, facts.Blas, facts.CpuCapability, facts.Version, PackSignature.Of(Trial).Key, Trial.Model.Latent, Rows, $"{Data.Channels}x{Data.Height}x{Data.Width}", Binarize, Precision,
        SlotsMax, Lanes, Threads, Trial.Assignments.Any(assignment => assignment.Path == "training.seed") ? "seeds" : "");
}

/// <summary>To <c>coordinator/planner</c>: which shape the packs of a signature get.</summary>
public abstract record PlannerMessage : Message
{
    private PlannerMessage() { }

    /// <summary>Answered by <see cref="SweepMessage.PackPlanned"/>, perhaps after a probe of a few seconds, and not before there is a worker. Asking again is harmless.</summary>
    public sealed record PlanPack(PackQuestion Question, ActorId ReplyTo) : PlannerMessage;

    /// <summary>From the cluster: a worker may be used.</summary>
    public sealed record WorkerJoined(NodeId Worker, ulong Incarnation, DeviceFacts Facts) : PlannerMessage;

    /// <summary>From the cluster: a worker is lost or has left.</summary>
    public sealed record WorkerGone(NodeId Worker, ulong Incarnation) : PlannerMessage;

    /// <summary>From a worker's agent, in answer to <see cref="AgentMessage.ProbePack"/>. No readings: it could or would not measure, and the text says why.</summary>
    public sealed record ProbeEnded(NodeId Worker, long Number, ValueList<ProbeReading> Readings, string Text) : PlannerMessage;

    /// <summary>Timer: the probe of this number has taken too long.</summary>
    public sealed record ProbeOverdue(long Number) : PlannerMessage;
}
