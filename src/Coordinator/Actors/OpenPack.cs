using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>A pack that is queued, running, or pausing before its next attempt.</summary>
internal sealed class OpenPack(PackId id, ValueList<TrialSpec> trials)
{
    private readonly Queue<string> _history = [];

    public PackId Id { get; } = id;

    public ValueList<TrialSpec> Trials { get; } = trials;

    /// <summary>The attempt in work, or the last one; 0 before the first.</summary>
    public Attempt Attempt { get; set; } = new(0);

    /// <summary>Whether a runner is at work on <see cref="Attempt"/>.</summary>
    public bool IsRunning { get; set; }

    /// <summary>Attempts lost so far. Preempted and refused ones do not count.</summary>
    public int Losses { get; private set; }

    /// <summary>What became of the last few attempts, oldest first.</summary>
    public string History => string.Join("; ", _history);

    /// <summary>Takes note of an attempt that brought no result.</summary>
    public void Remember(FailureKind kind, string text)
    {
        if (CountsAsLoss(kind)) Losses++;
        _history.Enqueue($"attempt {Attempt.Value}: {text}");
        if (_history.Count > Sweep.LossesMax) _history.Dequeue();
    }

    /// <summary>Takes over what the facts know of it.</summary>
    public void Restore(Attempt attempt, int losses, string reason)
    {
        (Attempt, Losses) = (attempt, losses);
        if (reason.Length > 0) _history.Enqueue($"attempt {attempt.Value}: {reason}");
    }

    public static bool CountsAsLoss(FailureKind kind) => kind is FailureKind.Lost or FailureKind.PeerLost or FailureKind.Data;

    public static bool CountsAgainstTrial(FailureKind kind) => kind is FailureKind.NonFinite or FailureKind.OutOfMemory or FailureKind.Engine;
}
