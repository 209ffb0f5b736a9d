namespace Vae.Tests.Simulation.Host;

/// <summary>Lets things through in order, or holds them back while it is closed: a paused process, a blocked direction of a network.</summary>
internal sealed class Gate(Timeline timeline)
{
    private readonly Queue<Action> _held = new();
    private int _closures;
    private bool _draining;

    public bool IsClosed => _closures > 0;

    /// <summary>Does it now; or, when something is held back, after all that.</summary>
    /// <returns>False when it is held back.</returns>
    public bool Pass(Action action)
    {
        if (_closures == 0 && _held.Count == 0)
        {
            action();
            return true;
        }

        _held.Enqueue(action);
        return false;
    }

    /// <summary>Closures add up: it opens when as many openings have come.</summary>
    public void Close() => _closures++;

    public void Open()
    {
        if (_closures == 0) return;
        _closures--;
        Drain();
    }

    public void OpenWide()
    {
        _closures = 0;
        Drain();
    }

    /// <summary>Open, with nothing held back.</summary>
    public void Reset()
    {
        _closures = 0;
        _held.Clear();
    }

    // One thing per event, so that checkers look in between.
    private void Drain()
    {
        if (_closures > 0 || _held.Count == 0 || _draining) return;
        _draining = true;
        timeline.After(TimeSpan.Zero, () =>
        {
            _draining = false;
            if (_closures > 0 || !_held.TryDequeue(out var action)) return;
            action();
            Drain();
        });
    }
}
