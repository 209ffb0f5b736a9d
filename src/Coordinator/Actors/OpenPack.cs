using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>A trial in a slot of a running pack, or waiting for the one in it to end.</summary>
/// <param name="Slot">The slot.</param>
/// <param name="Trial">The trial.</param>
/// <param name="StopAs">What it becomes when the order to stop it is carried out; null while nobody wants it stopped.</param>
/// <param name="StopReason">Why, in words.</param>
internal sealed record SlotInUse(int Slot, TrialSpec Trial, TrialState? StopAs = null, string StopReason = "");

/// <summary>A pack that asks for workers, trains, or pauses before its next attempt.</summary>
internal sealed class OpenPack(PackId id, PackSignature signature, ValueList<TrialSpec> trials)
{
    private readonly Queue<string> _history = [];
    private readonly List<SlotInUse> _inUse = [];

    public PackId Id { get; } = id;

    public PackSignature Signature { get; } = signature;

    /// <summary>Trials that the next attempt has to begin with; none before a fresh pack has its workers.</summary>
    public ValueList<TrialSpec> Trials { get; private set; } = trials;

    /// <summary>The planned shape; null until the planner has answered.</summary>
    public PackShape? Shape { get; set; }

    /// <summary>
    /// The shape of the attempt before, which the next one keeps, also when trials have ended meanwhile: the products of another shape may differ in their last bits, and a trial that goes on is to
    /// become what it would have become. Null where nothing is to be kept: before the first attempt, and where the shape itself may be at fault.
    /// </summary>
    public PackShape? Kept { get; private set; }

    /// <summary>The attempt in work, or the last one; 0 before the first.</summary>
    public Attempt Attempt { get; private set; } = new(0);

    /// <summary>What placement was asked for it: the memory that a replica is predicted to fill, in bytes.</summary>
    public long AskedBytes { get; set; }

    /// <summary>Whether a runner is at work on <see cref="Attempt"/>.</summary>
    public bool IsRunning { get; set; }

    /// <summary>What the attempt began with; null before it is durable.</summary>
    public PackMessage.StartRecorded? Start { get; private set; }

    /// <summary>The trials that its slots were given and whose end is not known, in the order in which they were given: one per slot, or two while the end of the first is not told. Empty unless the attempt has begun.</summary>
    public IReadOnlyList<SlotInUse> InUse => _inUse;

    /// <summary>No trial will be filled in any more.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Attempts lost so far. Preempted and refused ones do not count.</summary>
    public int Losses { get; private set; }

    /// <summary>What is left of a pack that could not be trained: it takes no other trial, or those would fail with it.</summary>
    public bool IsUnderSuspicion { get; private set; }

    /// <summary>
    /// The attempt began with one trial and never got another: only then is its failure that trial's own. Of what is left in the slots at the end nothing can be concluded, for a trial that broke
    /// the attempt may have been stopped, or have ended, before the failure was heard of.
    /// </summary>
    public bool IsOfOneTrial { get; private set; }

    /// <summary>Whether further trials may join: not while one of its own is under suspicion.</summary>
    public bool TakesOthers => !IsUnderSuspicion && Losses == 0;

    /// <summary>What became of the last few attempts, oldest first.</summary>
    public string History => string.Join("; ", _history);

    private long _orders;

    public void BeginAttempt()
    {
        Attempt = Attempt.Next();
        IsRunning = true;
        Start = null;
        (IsClosed, IsOfOneTrial, _orders) = (false, false, 0);
    }

    /// <summary>Takes over an attempt that a former life of the coordinator began.</summary>
    /// <param name="row">What is durable of it.</param>
    /// <param name="trials">All trials that it was ever given, by index.</param>
    /// <param name="view">Where those stand.</param>
    public void Adopt(PackRow row, IReadOnlyDictionary<int, TrialSpec> trials, SweepView view)
    {
        var started = row.Started;
        var fills = started.Trials.Select((trial, slot) => new SlotFill(slot, trials[trial], started.From[slot])).ToValueList();
        (Attempt, IsRunning, Shape) = (row.Attempt, true, started.Shape);
        Start = new(row.Attempt, started.Shape, fills, started.Closed);
        IsClosed = started.Closed || row.Orders.Any(order => order is SweepEvent.PackClosed);
        IsOfOneTrial = started.Trials.Count == 1 && !row.Orders.Any(order => order is SweepEvent.SlotFilled);
        _orders = row.Orders.Count;
        var given = started.Trials.Concat(row.Orders.OfType<SweepEvent.SlotFilled>().Select(fill => fill.Trial));
        foreach (var trial in given.Where(row.Live.Contains)) _inUse.Add(new(view.Row(trial).Slot, trials[trial]));
        foreach (var stop in row.Orders.OfType<SweepEvent.SlotStopOrdered>())
        {
            if (Find(stop.Trial) is { } slot) Mark(slot, stop.State, stop.Reason);
        }
    }

    /// <summary>The attempt has its workers and its trials.</summary>
    public void BeginTraining(PackMessage.StartRecorded start)
    {
        Start = start;
        (IsClosed, IsOfOneTrial) = (start.Closed, start.Slots.Count == 1);
        foreach (var fill in start.Slots) _inUse.Add(new(fill.Slot, fill.Trial));
        Trials = [];
    }

    /// <summary>The attempt is over; what is left in the slots waits for the next one.</summary>
    /// <returns>Trials that waited behind others for a slot, or had taken it over from one whose end was never told: for them the pack's own slots are not enough.</returns>
    public ValueList<TrialSpec> EndAttempt()
    {
        IsRunning = false;
        if (Start is null) return [];
        Kept = Start.Shape;
        var first = _inUse.DistinctBy(slot => slot.Slot).OrderBy(slot => slot.Slot).Select(slot => slot.Trial).ToValueList();
        var behind = _inUse.Select(slot => slot.Trial).Where(trial => !first.Contains(trial)).ToValueList();
        Trials = first;
        _inUse.Clear();
        return behind;
    }

    /// <summary>The trial as it is in a slot, or waits for it; null when it is in none.</summary>
    public SlotInUse? Find(int trial) => _inUse.Find(slot => slot.Trial.Index == trial);

    /// <summary>Whether no trial has the slot.</summary>
    public bool IsFree(int slot) => !_inUse.Exists(used => used.Slot == slot);

    /// <summary>Whether the slot is this trial's and no other waits for it.</summary>
    public bool IsAlone(int slot, int trial) => _inUse.TrueForAll(used => used.Slot != slot || used.Trial.Index == trial) && !IsFree(slot);

    /// <summary>The trial has ended.</summary>
    public void Remove(SlotInUse slot) => _inUse.Remove(slot);

    public SlotOrder Fill(int slot, TrialSpec trial, CheckpointRef? from = null)
    {
        IsOfOneTrial = false;
        _inUse.Add(new(slot, trial));
        return new(++_orders, SlotOrderKind.Fill, slot, trial, "", from);
    }

    public SlotOrder Stop(SlotInUse slot, TrialState state, string reason)
    {
        Mark(slot, state, reason);
        return new(++_orders, SlotOrderKind.Empty, slot.Slot, slot.Trial, reason);
    }

    private void Mark(SlotInUse slot, TrialState state, string reason) => _inUse[_inUse.IndexOf(slot)] = slot with { StopAs = state, StopReason = reason };

    public SlotOrder Close()
    {
        IsClosed = true;
        return new(++_orders, SlotOrderKind.Close, 0, null, "");
    }

    /// <summary>Takes note of an attempt that brought no result.</summary>
    public void Remember(FailureKind kind, string text)
    {
        if (CountsAsLoss(kind)) Losses++;
        _history.Enqueue($"attempt {Attempt.Value}: {text}");
        if (_history.Count > Sweep.LossesMax) _history.Dequeue();
    }

    /// <summary>Takes over what the facts know of it.</summary>
    public void Restore(Attempt attempt, int losses, string reason, PackShape? kept)
    {
        (Attempt, Losses, Kept) = (attempt, losses, kept);
        if (reason.Length > 0) _history.Enqueue($"attempt {attempt.Value}: {reason}");
    }

    /// <summary>Keeps the first half of its trials and gives the others to a pack of their own. Attempts go on from this one's, so that no trial has the same attempt twice.</summary>
    public OpenPack SplitInto(PackId other)
    {
        var kept = (Trials.Count + 1) / 2;
        var half = new OpenPack(other, Signature, Trials.Skip(kept).ToValueList()) { Shape = Shape, Attempt = Attempt, Losses = Losses, IsUnderSuspicion = true };
        foreach (var line in _history) half._history.Enqueue(line);
        Trials = Trials.Take(kept).ToValueList();
        (IsUnderSuspicion, Kept) = (true, null);
        return half;
    }

    /// <summary>A pack for those that waited behind others, or had taken over from them: nothing is known against them, and others may join.</summary>
    public OpenPack ForThoseBehind(PackId other, ValueList<TrialSpec> trials) => new(other, Signature, trials) { Shape = Shape, Attempt = Attempt };

    /// <summary>Its trials are tried again among themselves.</summary>
    public void Suspect() => (IsUnderSuspicion, Kept) = (true, null);

    public static bool CountsAsLoss(FailureKind kind) => kind is FailureKind.Lost or FailureKind.PeerLost or FailureKind.Data;

    public static bool CountsAgainstTrial(FailureKind kind) => kind is FailureKind.NonFinite or FailureKind.OutOfMemory or FailureKind.Engine or FailureKind.TooLarge;
}
