using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Shared.Messages;

/// <summary>How a sweep ended.</summary>
public enum SweepState
{
    /// <summary>Submitted; trials are queued or running.</summary>
    Running,

    /// <summary>Every trial ended, none failed.</summary>
    Done,

    /// <summary>Every trial ended, some failed.</summary>
    DoneWithFailures,

    /// <summary>It could not run at all, for example because its data set is unusable.</summary>
    Failed,

    /// <summary>Stopped by the user or by its budget.</summary>
    Cancelled,
}

/// <summary>What happened to a sweep, in order. Replaying a sweep's events gives its state.</summary>
public abstract record SweepEvent : DomainEvent
{
    private SweepEvent() { }

    /// <summary>The sweep the fact belongs to.</summary>
    public required SweepId Sweep { get; init; }

    /// <summary>The sweep file passed validation and is durable.</summary>
    /// <param name="Name">From the file.</param>
    /// <param name="Source">The file's text as it was written, for people.</param>
    /// <param name="Definition">What was made of it, as <c>SweepDefinitionJson</c>; what recovery reads, so that flags and later defaults change nothing.</param>
    /// <param name="BaseDirectory">What relative data paths are relative to.</param>
    /// <param name="Trials">How many trials it has, 1 or more.</param>
    public sealed record Submitted(string Name, string Source, string Definition, string BaseDirectory, int Trials) : SweepEvent;

    /// <summary>Its data set is ready.</summary>
    public sealed record DatasetReady(DatasetManifest Manifest, ValueList<string> Warnings) : SweepEvent;

    /// <summary>How the packs of a signature are trained, and why, in words.</summary>
    public sealed record PackPlanned(string Signature, PackShape Shape, string Reason) : SweepEvent;

    /// <summary>A pack attempt began on these workers, with a trial in each slot, by slot. A trial that was in another pack before is in this one now.</summary>
    public sealed record PackStarted(int Pack, Attempt Attempt, ValueList<int> Trials, ValueList<NodeId> Workers) : SweepEvent;

    /// <summary>A slot that became free was given to a trial that nothing had happened to.</summary>
    public sealed record SlotFilled(int Pack, Attempt Attempt, int Slot, int Trial) : SweepEvent;

    /// <summary>A pack attempt ended before its trials did; those that have not ended will be tried again, in this pack or in others.</summary>
    public sealed record PackInterrupted(int Pack, Attempt Attempt, TrialState State, string Reason) : SweepEvent;

    /// <summary>A pack has no trial left and gives its workers back.</summary>
    public sealed record PackEnded(int Pack, Attempt Attempt) : SweepEvent;

    /// <summary>A trial reached its end.</summary>
    public sealed record TrialEnded(Attempt Attempt, TrialResult Result) : SweepEvent;

    /// <summary>How long the sweep has run since its first trial began, over all lives of the coordinator. Written now and then when there is a wall budget.</summary>
    public sealed record TimeSpent(TimeSpan Elapsed) : SweepEvent;

    /// <summary>The sweep reached its end. Trials that had not ended are cancelled.</summary>
    public sealed record Ended(SweepState State, string Reason) : SweepEvent;
}
