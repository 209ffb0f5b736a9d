using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Wire;

namespace Vae.Tests.Simulation.Host;

/// <summary>What survives a crash: each node's facts in commit order, as the bytes that a real store would hold.</summary>
public sealed class SimulatedStore(Catalog catalog)
{
    private readonly List<Stored> _facts = [];

    private readonly record struct Stored(NodeId Node, ActorId Author, ushort Tag, byte[] Body, DomainEvent Fact);

    /// <summary>Facts of all nodes.</summary>
    public int Count => _facts.Count;

    /// <summary>The fact at a position, and who wrote it; for checkers that follow the store as it grows.</summary>
    public (ActorId Author, DomainEvent Fact) this[int index] => (_facts[index].Author, _facts[index].Fact);

    /// <summary>A node's facts in commit order, decoded anew from their bytes.</summary>
    public IReadOnlyList<DomainEvent> Of(NodeId node) =>
        [.. _facts.Where(f => f.Node == node).Select(f => EventCodec.Decode(f.Tag, f.Body, catalog))];

    internal void Append(ActorId author, DomainEvent fact) =>
        _facts.Add(new(author.Node, author, EventCodec.TagOf(fact, catalog), EventCodec.Encode(fact, catalog), fact));
}
