using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>Waiting trials of one signature.</summary>
internal sealed class TrialLine(PackSignature signature)
{
    private readonly SortedDictionary<int, Queue<TrialSpec>> _byLatent = []; // Never an empty queue.

    public PackSignature Signature => signature;

    /// <summary>Trials in it, 1 or more while the queue knows the line.</summary>
    public int Count { get; private set; }

    /// <summary>The planned shape; null until the planner has answered.</summary>
    public PackShape? Shape { get; set; }

    /// <summary>When the planner was asked last; null before.</summary>
    public Instant? AskedAt { get; set; }

    /// <summary>Packs that ask for workers and have no trial yet.</summary>
    public List<OpenPack> Waiting { get; } = [];

    /// <summary>One of those with the largest latent size.</summary>
    public TrialSpec Largest => _byLatent.Last().Value.Peek();

    public void Add(TrialSpec trial)
    {
        if (!_byLatent.TryGetValue(trial.Model.Latent, out var same)) _byLatent[trial.Model.Latent] = same = [];
        same.Enqueue(trial);
        Count++;
    }

    /// <returns>The first trial in search order whose latent size is at most <paramref name="latent"/>; null when there is none.</returns>
    public TrialSpec? Take(int latent)
    {
        Queue<TrialSpec>? best = null;
        foreach (var (size, trials) in _byLatent)
        {
            if (size > latent) break;
            if (best is null || trials.Peek().Index < best.Peek().Index) best = trials;
        }

        return best is null ? null : TakeFrom(best);
    }

    /// <summary>Takes <see cref="Largest"/>.</summary>
    public TrialSpec TakeLargest() => TakeFrom(_byLatent.Last().Value);

    private TrialSpec TakeFrom(Queue<TrialSpec> trials)
    {
        var trial = trials.Dequeue();
        if (trials.Count == 0) _byLatent.Remove(trial.Model.Latent);
        Count--;
        return trial;
    }
}

/// <summary>
/// Trials that nothing has happened to, by signature, in search order, as far as a bounded look ahead reaches: a sweep of millions costs no more memory than
/// the window, and yet trials that can be fused find each other when the search mixes signatures.
/// </summary>
internal sealed class TrialQueue(TrialFeed feed)
{
    /// <summary>Trials that are looked ahead: several packs of the largest size that is planned unasked, for each of a hundred lanes.</summary>
    public const int TrialsMax = 4_096;

    /// <summary>Signatures that are looked ahead. A search with more of them has little to fuse.</summary>
    public const int LinesMax = 64;

    private readonly Dictionary<string, TrialLine> _byKey = []; // Looked up only.
    private readonly List<TrialLine> _lines = [];

    /// <summary>Signatures with waiting trials, in the order in which they came.</summary>
    public IReadOnlyList<TrialLine> Lines => _lines;

    /// <summary>Trials in the window.</summary>
    public int Count { get; private set; }

    /// <summary>True when the window holds all that is left.</summary>
    public bool SeesTheEnd { get; private set; }

    public TrialLine? Find(PackSignature signature) => _byKey.GetValueOrDefault(signature.Key);

    /// <summary>Fills the window.</summary>
    public void LookAhead()
    {
        while (!SeesTheEnd && Count < TrialsMax && _lines.Count < LinesMax)
        {
            if (feed.Next() is { } trial) Add(trial);
            else SeesTheEnd = true;
        }
    }

    /// <summary>Takes the next trial of a signature whose latent size fits, and fills the window again.</summary>
    public TrialSpec? Take(PackSignature signature, int latent)
    {
        if (Find(signature) is not { } line || line.Take(latent) is not { } trial) return null;
        Count--;
        LookAhead();
        return trial;
    }

    /// <summary>Takes one of the largest trials of a signature, and fills the window again.</summary>
    public TrialSpec? TakeLargest(PackSignature signature)
    {
        if (Find(signature) is not { Count: > 0 } line) return null;
        Count--;
        var trial = line.TakeLargest();
        LookAhead();
        return trial;
    }

    /// <summary>Forgets the lines that have no trial left.</summary>
    /// <returns>Those lines, with the packs that wait in them.</returns>
    public IReadOnlyList<TrialLine> DropEmpty()
    {
        if (!_lines.Exists(line => line.Count == 0)) return [];
        var empty = _lines.FindAll(line => line.Count == 0);
        _lines.RemoveAll(line => line.Count == 0);
        foreach (var line in empty) _byKey.Remove(line.Signature.Key);
        LookAhead();
        return empty;
    }

    private void Add(TrialSpec trial)
    {
        var signature = PackSignature.Of(trial);
        if (!_byKey.TryGetValue(signature.Key, out var line))
        {
            _byKey[signature.Key] = line = new TrialLine(signature);
            _lines.Add(line);
        }

        line.Add(trial);
        Count++;
    }
}
