using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;
using Vae.Tests.Simulation.Trainer;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>What rules may look at.</summary>
internal sealed class Watched(SimulatedCluster cluster, FakeWorld trainers, PointTable points)
{
    public SimulatedCluster Cluster => cluster;

    public FakeWorld Trainers => trainers;

    public PointTable Points => points;

    /// <summary>What the facts before this one say.</summary>
    public FactModel Model { get; } = new();

    /// <summary>The product's own view of each sweep, after this fact.</summary>
    public SortedDictionary<string, SweepView> Views { get; } = new(StringComparer.Ordinal);
}

/// <summary>One of the numbered invariants. It looks at what an event has changed, so that looking after every event is cheap.</summary>
internal abstract class Invariant
{
    /// <summary>A fact has become durable; the model is that of before.</summary>
    public virtual void OnFact(Watched watched, SweepEvent fact, Term term) { }

    /// <summary>The product's view has taken the fact in as well.</summary>
    public virtual void AfterFact(Watched watched, SweepEvent fact, SweepView view) { }

    /// <summary>An actor has received a message.</summary>
    public virtual void OnReceived(Watched watched, ActorId sender, ActorId target, Message message) { }

    /// <summary>The run is over and quiet.</summary>
    public virtual void AtEnd(Watched watched) { }
}

/// <summary>Holds every event against every rule.</summary>
internal sealed class InvariantChecker(Watched watched, IReadOnlyList<Invariant> rules) : IChecker
{
    private int _facts;

    public void AfterEvent(SimulatedCluster cluster)
    {
        for (; _facts < cluster.Store.Count; _facts++)
        {
            if (cluster.Store[_facts].Fact is SweepEvent fact) Follow(fact, cluster.Store.TermAt(_facts));
        }

        if (cluster.LastReceived is not var (sender, target, message)) return;
        foreach (var rule in rules) rule.OnReceived(watched, sender, target, message);
    }

    public void AtEnd()
    {
        foreach (var rule in rules) rule.AtEnd(watched);
    }

    private void Follow(SweepEvent fact, Term term)
    {
        foreach (var rule in rules) rule.OnFact(watched, fact, term);
        watched.Model.Apply(fact);
        if (!watched.Views.TryGetValue(fact.Sweep.Value, out var view)) watched.Views[fact.Sweep.Value] = view = new SweepView(fact.Sweep);
        view.Apply(fact);
        foreach (var rule in rules) rule.AfterFact(watched, fact, view);
    }
}
