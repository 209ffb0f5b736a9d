using Vae.Shared.Actors;
using Vae.Shared.Sweeps;

namespace Vae.Shared.Messages;

/// <summary>What a worker is to measure: packs of one signature in all shapes that may make sense there.</summary>
/// <param name="Trial">Stands for its signature.</param>
/// <param name="Data">Shape of the data; the rows of a probe are made up.</param>
/// <param name="Rows">Rows of one step of one slot on this worker, 1 or more.</param>
/// <param name="MemoryBytes">Shapes that are predicted to fill more are left out.</param>
/// <param name="Precision">What matrix products compute in.</param>
public sealed record ProbeOrder(TrialSpec Trial, DataShape Data, int Rows, long MemoryBytes, NumericPrecision Precision)
{
    /// <summary>Wall time that a probe may take.</summary>
    public static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(5);

    /// <summary>Readings under one key are interchangeable: all that speed depends on, the worker's device and libraries included.</summary>
    public string Key(DeviceFacts facts) => string.Join('|', facts.Processor, facts.Cores, facts.Threads, facts.DeviceName.Length > 0 ? facts.DeviceName : facts.Device,
        facts.Libtorch, facts.Blas, facts.CpuCapability, facts.Version, PackSignature.Of(Trial).Key, Trial.Model.Latent, Rows, $"{Data.Channels}x{Data.Height}x{Data.Width}", Precision);
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
