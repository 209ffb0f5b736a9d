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
    /// <param name="Pack">The pack.</param>
    /// <param name="Attempt">Its attempt.</param>
    /// <param name="Trials">By slot.</param>
    /// <param name="Workers">In rank order of the first generation.</param>
    /// <param name="Shape">With as many slots as there are trials to begin with.</param>
    /// <param name="Closed">No trial will be filled in later.</param>
    /// <param name="From">By slot: where the trial's state lies; null: it begins from its initial weights.</param>
    public sealed record PackStarted(int Pack, Attempt Attempt, ValueList<int> Trials, ValueList<NodeId> Workers, PackShape Shape, bool Closed, ValueList<CheckpointRef?> From) : SweepEvent
    {
        /// <summary>The workers' processes, in the same order.</summary>
        public ValueList<ulong> Incarnations { get; init; } = [];
    }

    /// <summary>An attempt goes on with other workers than before: some were lost, left or joined. Durable before any of them is told.</summary>
    public sealed record PackRegrouped(int Pack, Attempt Attempt, Generation Generation, ValueList<NodeId> Workers, string Reason) : SweepEvent
    {
        /// <summary>The workers' processes, in the same order.</summary>
        public ValueList<ulong> Incarnations { get; init; } = [];
    }

    /// <summary>A checkpoint is stored: without this row its file does not count.</summary>
    public sealed record CheckpointStored(CheckpointInfo Checkpoint) : SweepEvent;

    /// <summary>A checkpoint cannot be used; nothing goes on from it again. Its trials go on from the one before, or from their initial weights.</summary>
    public sealed record CheckpointRefused(CheckpointRef Checkpoint, string Reason) : SweepEvent;

    /// <summary>A slot that became free, or whose trial was about to end, was given to a trial that nothing had happened to. Until that end is told the slot has two trials, and never more.</summary>
    /// <param name="Pack">The pack.</param>
    /// <param name="Attempt">Its attempt.</param>
    /// <param name="Slot">The slot.</param>
    /// <param name="Trial">The trial.</param>
    /// <param name="Order">Number of the <see cref="SlotOrder"/> that says so.</param>
    /// <param name="From">Where its state lies; null: it begins from its initial weights.</param>
    public sealed record SlotFilled(int Pack, Attempt Attempt, int Slot, int Trial, long Order, CheckpointRef? From) : SweepEvent;

    /// <summary>A trial that runs is to be stopped where it stands, and then is what <paramref name="State"/> says.</summary>
    /// <param name="Pack">The pack.</param>
    /// <param name="Attempt">Its attempt.</param>
    /// <param name="Slot">Its slot.</param>
    /// <param name="Trial">The trial.</param>
    /// <param name="Order">Number of the <see cref="SlotOrder"/> that says so.</param>
    /// <param name="State"><see cref="TrialState.Pruned"/> or <see cref="TrialState.Cancelled"/>.</param>
    /// <param name="Reason">Why, in words.</param>
    public sealed record SlotStopOrdered(int Pack, Attempt Attempt, int Slot, int Trial, long Order, TrialState State, string Reason) : SweepEvent;

    /// <summary>No trial will be filled into the attempt any more; <paramref name="Order"/> is the number of the <see cref="SlotOrder"/> that says so.</summary>
    public sealed record PackClosed(int Pack, Attempt Attempt, long Order) : SweepEvent;

    /// <summary>These trials are tried again among themselves, as attempts after <paramref name="Attempt"/>, because one of them may be what breaks its pack. They are the pack of this number from now on.</summary>
    public sealed record PackSuspected(int Pack, Attempt Attempt, ValueList<int> Trials) : SweepEvent;

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
