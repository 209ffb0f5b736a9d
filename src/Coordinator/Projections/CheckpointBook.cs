using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Projections;

/// <summary>
/// The checkpoints that trials without an end may need: for each of them the newest that holds it, and the one before, should the newest turn out to be damaged. What no such trial needs any more is
/// forgotten, and its file may go. A pack whose trials all go on thus keeps its last two.
/// </summary>
public sealed class CheckpointBook
{
    private readonly SortedDictionary<int, (CheckpointInfo Newest, CheckpointInfo? Before)> _byTrial = [];
    private readonly Dictionary<CheckpointInfo, int> _uses = new(ReferenceEqualityComparer.Instance);

    /// <summary>The checkpoints that are needed, in no order.</summary>
    public IReadOnlyCollection<CheckpointInfo> Needed => _uses.Keys;

    /// <summary>Grows whenever a checkpoint may have become needless.</summary>
    public long Changes { get; private set; }

    /// <summary>What a trial goes on from; null: its initial weights.</summary>
    public CheckpointInfo? NewestOf(int trial) => _byTrial.TryGetValue(trial, out var own) ? own.Newest : null;

    /// <summary>How far a trial is in its newest checkpoint; 0 without one.</summary>
    public Step StepOf(int trial) => NewestOf(trial)?.Trials.First(own => own.Trial == trial).Step ?? default;

    internal void Add(CheckpointInfo checkpoint, Func<int, bool> goesOn)
    {
        Changes++;
        foreach (var (trial, _) in checkpoint.Trials)
        {
            if (!goesOn(trial)) continue;
            Use(checkpoint);
            var known = _byTrial.TryGetValue(trial, out var own);
            if (own.Before is { } oldest) Release(oldest);
            _byTrial[trial] = (checkpoint, known ? own.Newest : null);
        }
    }

    /// <summary>Nothing goes on from this one again: the one before takes its place.</summary>
    internal void Refuse(CheckpointRef checkpoint)
    {
        Changes++;
        foreach (var (trial, (newest, before)) in _byTrial.ToArray())
        {
            if (newest.Ref == checkpoint)
            {
                Release(newest);
                if (before is null) _byTrial.Remove(trial);
                else _byTrial[trial] = (before, null);
            }
            else if (before?.Ref == checkpoint)
            {
                Release(before);
                _byTrial[trial] = (newest, null);
            }
        }
    }

    internal void Forget(int trial)
    {
        if (!_byTrial.Remove(trial, out var own)) return;
        Changes++;
        Release(own.Newest);
        if (own.Before is { } before) Release(before);
    }

    internal void Clear()
    {
        Changes++;
        _byTrial.Clear();
        _uses.Clear();
    }

    private void Use(CheckpointInfo checkpoint) => _uses[checkpoint] = _uses.GetValueOrDefault(checkpoint) + 1;

    private void Release(CheckpointInfo checkpoint)
    {
        if (--_uses[checkpoint] == 0) _uses.Remove(checkpoint);
    }
}
