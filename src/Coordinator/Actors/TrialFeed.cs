using Vae.Coordinator.Projections;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>
/// Trials in search order, made one by one, so that a sweep of millions costs no more memory than those in work. After a restart it first goes over what
/// the facts know: ended trials are skipped, trials of unfinished packs are handed back, gaps are handed out again.
/// </summary>
internal sealed class TrialFeed
{
    private readonly IEnumerator<TrialSpec> _rest; // Pure computation; there is nothing to dispose of.
    private readonly Queue<TrialSpec> _gaps = []; // Not more than the window of packs that were in work.

    public TrialFeed(SweepDefinition definition, SweepView view)
    {
        _rest = SweepTrials.Enumerate(definition).GetEnumerator();
        var adopted = view.Packs.Values.SelectMany(pack => pack.Started.Trials.Concat(pack.Orders.OfType<SweepEvent.SlotFilled>().Select(fill => fill.Trial))).ToHashSet();
        var passed = 0;
        foreach (var row in view.Touched)
        {
            for (; passed < row.Index && _rest.MoveNext(); passed++) _gaps.Enqueue(_rest.Current);
            if (!_rest.MoveNext()) break;
            passed++;
            if (!row.HasEnded) Unfinished.Add(row.Index, _rest.Current);
            if (adopted.Contains(row.Index)) Adopted.Add(row.Index, _rest.Current);
        }
    }

    /// <summary>Trials that had begun and not ended, by index.</summary>
    public SortedDictionary<int, TrialSpec> Unfinished { get; } = [];

    /// <summary>All trials that attempts which had not ended were ever given, by index.</summary>
    public SortedDictionary<int, TrialSpec> Adopted { get; } = [];

    /// <summary>The next trial that nothing has happened to; null when there is none.</summary>
    public TrialSpec? Next()
    {
        if (_gaps.TryDequeue(out var gap)) return gap;
        return _rest.MoveNext() ? _rest.Current : null;
    }
}
