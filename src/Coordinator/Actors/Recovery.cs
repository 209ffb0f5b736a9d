using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>
/// What placement waits for after the coordinator was restarted. Workers train on meanwhile and register with what they run, in any order with the sweeps' replay; so a replica that no gang
/// knows is nobody's stray before its sweep has said what goes on. It all ends at a bound: a sweep that cannot be replayed must not keep lanes for ever.
/// </summary>
internal sealed class Recovery
{
    /// <summary>Sweeps that have not claimed by then claim nothing. Replaying 10^5 trials takes about a second.</summary>
    public static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    private readonly HashSet<SweepId> _pending = [];
    private readonly HashSet<SweepId> _early = []; // Done before the book was heard: only two actors' own messages keep their order.
    private bool _hasBegun;
    private bool _isOver;
    private Instant? _end;

    /// <summary>The book names all sweeps that go on. A book that crashed and was restarted names them again, which changes nothing.</summary>
    public void Begin(ValueList<SweepId> sweeps)
    {
        if (_hasBegun) return;
        _hasBegun = true;
        foreach (var sweep in sweeps)
        {
            if (!_early.Contains(sweep)) _pending.Add(sweep);
        }
    }

    /// <returns>True when the sweep's unclaimed replicas are strays from now on.</returns>
    public bool Finish(SweepId sweep) => (_hasBegun ? _pending.Remove(sweep) : _early.Add(sweep)) && !_isOver;

    /// <summary>Whether a replica of this sweep may be claimed yet.</summary>
    public bool MayClaim(SweepId sweep) => !_isOver && (_hasBegun ? _pending.Contains(sweep) : !_early.Contains(sweep));

    /// <returns>True at the moment at which it is over.</returns>
    public bool IsOverNow(Instant now)
    {
        _end ??= now + Within;
        if (_isOver || !(now >= _end || (_hasBegun && _pending.Count == 0))) return false;
        return _isOver = true;
    }
}
