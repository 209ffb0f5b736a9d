using Vae.Tests.Simulation.Trainer;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>I12: once faults stop, everything ends: the run itself waits for every sweep within a bound, and here nothing may train, hold a lane or wait for an answer any more.</summary>
internal sealed class I12NothingIsLeft : Invariant
{
    public override void AtEnd(Watched watched)
    {
        foreach (var node in watched.Cluster.Nodes)
        {
            if (node.Jobs is FakeEngine engine && node.IsAlive) Require(engine.Hosted == 0, $"I12: {node.Id} still hosts {engine.Hosted} replicas");
            foreach (var name in node.ActorNames) Require(!name.StartsWith("pack.", StringComparison.Ordinal) && !name.StartsWith("replica.", StringComparison.Ordinal), $"I12: {node.Id}/{name} is left");
        }
    }
}
