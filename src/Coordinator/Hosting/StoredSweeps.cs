using Vae.Coordinator.Projections;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>Folds the facts of a store, sweep by sweep. A sweep with a fact that cannot be read, or that does not follow from those before it, keeps what came before and is marked; the others are not touched by it.</summary>
internal static class StoredSweeps
{
    /// <returns>All sweeps, the oldest first.</returns>
    /// <exception cref="StoreException">The store cannot be read at all.</exception>
    public static IReadOnlyList<SweepView> Fold(IEventReader store)
    {
        var views = new Dictionary<string, SweepView>();
        var inOrder = new List<SweepView>();
        foreach (var stored in store.ReadAll(damaged: Mark))
        {
            if (stored.Fact is not SweepEvent fact || Of(fact.Sweep.Value) is not { Damage: null } view) continue;
            try
            {
                view.Apply(fact);
            }
            catch (Exception exception) when (exception is InvariantException or KeyNotFoundException or ArgumentException)
            {
                view.Damage = $"event {stored.Sequence} of {stored.Stream} does not follow from those before it, so one of them was lost or changed. Restore the store from a backup.";
            }
        }

        return inOrder;

        void Mark(DamagedEvent fact)
        {
            var view = Of(fact.Stream);
            if (view.Damage is null) (view.Damage, view.IsForeign) = (fact.Problem, fact.IsForeign);
        }

        SweepView Of(string stream)
        {
            if (views.TryGetValue(stream, out var view)) return view;
            inOrder.Add(view = views[stream] = new SweepView(new(stream)));
            return view;
        }
    }
}
