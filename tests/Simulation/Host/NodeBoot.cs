using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Tests.Simulation.Host;

/// <summary>What a booting process is given. The boot function starts the root actors, from what is durable.</summary>
public sealed class NodeBoot
{
    private readonly SimulatedNode _node;

    internal NodeBoot(SimulatedNode node) => _node = node;

    /// <summary>The name under which others know it.</summary>
    public NodeId Node => _node.Role;

    /// <summary>The process itself, of which two may have one name.</summary>
    public SimulatedNode Process => _node;

    /// <summary>Which boot of a process of this name it is, from 1: a worker's incarnation.</summary>
    public int Number => _node.Incarnation;

    /// <summary>The term under which it writes; later boots get greater ones.</summary>
    public Term Term => _node.Term;

    /// <summary>Draws for this boot.</summary>
    public Prng Prng => _node.Cluster.Prng.Fork(((ulong)Number << 32) ^ _node.Index);

    /// <summary>The facts written under this name in commit order, decoded from their bytes. Reads the store anew at each call, so a factory sees all at each restart.</summary>
    public IReadOnlyList<DomainEvent> Facts() => _node.Cluster.Store.Of(_node.Role);

    /// <summary>Starts an actor that has no parent.</summary>
    public void SpawnRoot(string name, Func<IActor> factory, Supervision? supervision = null) => _node.SpawnRoot(name, factory, supervision);

    /// <summary>Says what does the jobs of this boot. Without it every job fails.</summary>
    public void UseJobs(ISimulatedJobs jobs) => _node.Jobs = jobs;
}
