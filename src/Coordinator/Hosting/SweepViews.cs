using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>Where every sweep of this process stands, for whoever asks from outside the actors. Facts are folded in after they are durable.</summary>
internal sealed class SweepViews
{
    private readonly Lock _gate = new();
    private readonly Dictionary<SweepId, SweepView> _views = [];

    public SweepViews(IEnumerable<SweepEvent> history)
    {
        foreach (var fact in history) Apply(fact);
    }

    public SweepViews(IEnumerable<SweepView> stored)
    {
        foreach (var view in stored) _views[view.Id] = view;
    }

    public void Apply(SweepEvent fact)
    {
        lock (_gate)
        {
            if (!_views.TryGetValue(fact.Sweep, out var view)) _views[fact.Sweep] = view = new SweepView(fact.Sweep);
            view.Apply(fact);
        }
    }

    /// <summary>Reads one view; <paramref name="read"/> must not keep it.</summary>
    /// <returns>The default when there is no such sweep.</returns>
    public T? Read<T>(SweepId sweep, Func<SweepView, T> read)
    {
        lock (_gate) return _views.TryGetValue(sweep, out var view) ? read(view) : default;
    }

    /// <summary>Reads all views, the oldest sweep first.</summary>
    public IReadOnlyList<T> ReadAll<T>(Func<SweepView, T> read)
    {
        lock (_gate) return [.. _views.Values.Select(read)];
    }
}
