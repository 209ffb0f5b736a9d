using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Shared.Messages;

/// <summary>A trial in its place.</summary>
/// <param name="Slot">0 to slots - 1.</param>
/// <param name="Trial">What is trained there.</param>
/// <param name="From">Where its state lies; null: it begins from its initial weights.</param>
public sealed record SlotFill(int Slot, TrialSpec Trial, CheckpointRef? From = null);

/// <summary>What a running pack may be told to do with its slots.</summary>
public enum SlotOrderKind
{
    /// <summary>Begin a trial, from its initial weights or from a checkpoint. One that begins from its initial weights may come while the slot is taken: it begins when the slot's trial ends, at the same act on all ranks.</summary>
    Fill,

    /// <summary>Stop a trial where it stands, or before it begins. Nothing happens when it has ended by itself.</summary>
    Empty,

    /// <summary>No trial will be filled in any more: end when all slots are empty. A slot may still be emptied by a later order.</summary>
    Close,
}

/// <summary>One change to a running pack. Every rank gets the same orders and applies them in the order of their numbers, each at the same step as all other ranks.</summary>
/// <param name="Number">From 1 per attempt, without gaps.</param>
/// <param name="Kind">What to do.</param>
/// <param name="Slot">Where; 0 for <see cref="SlotOrderKind.Close"/>.</param>
/// <param name="Trial">What to begin or to stop; null when <paramref name="Kind"/> is <see cref="SlotOrderKind.Close"/>, and to stop whatever is in the slot.</param>
/// <param name="Reason">Why a slot is emptied, in words; else empty.</param>
/// <param name="From">Where the state of the trial lies; null: it begins from its initial weights, or nothing is begun.</param>
public sealed record SlotOrder(long Number, SlotOrderKind Kind, int Slot, TrialSpec? Trial, string Reason, CheckpointRef? From = null);

/// <summary>All that a worker needs to host one replica. Its place in the gang is told with each generation, see <see cref="ReplicaMessage.FormRing"/>.</summary>
/// <param name="Pack">The pack.</param>
/// <param name="Attempt">Orders and results of an older attempt are refused.</param>
/// <param name="Generation">The first that it may train in. A worker that is given the attempt again after it was told to stop it is given a greater one, so that this order is told from those before.</param>
/// <param name="Shape">Slots and padded latent size of the fused model; lanes and threads of the worker.</param>
/// <param name="Slots">The trials that begin with the attempt, by slot; slots that are not named are empty.</param>
/// <param name="Closed">No trial will be filled in: end when all slots are empty.</param>
/// <param name="Dataset">What to train on; shards are fetched from the coordinator.</param>
/// <param name="Source">Where the data came from, for <c>config.json</c>, and how pixels become Bernoulli targets.</param>
/// <param name="Resources">How the sweep wants its packs trained.</param>
/// <param name="Runner">Whom to report to.</param>
public sealed record ReplicaAssignment(
    PackId Pack, Attempt Attempt, Generation Generation, PackShape Shape, ValueList<SlotFill> Slots, bool Closed, DatasetManifest Dataset, DatasetSource Source,
    ResourceSpec Resources, ActorId Runner)
{
    /// <summary>What the sweep ranks by: some metrics are computed by the worker when a trial ends.</summary>
    public ObjectiveMetric Metric { get; init; }
}
