using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Wire;

namespace Vae.Tests.Simulation.Host;

/// <summary>What survives a crash: facts in commit order, as the bytes that a real store would hold, fenced by the term of the process that writes.</summary>
public sealed class SimulatedStore(Catalog catalog)
{
    private readonly List<Stored> _facts = [];
    private readonly Dictionary<NodeId, Term> _terms = [];

    private readonly record struct Stored(NodeId Node, ActorId Author, Term Term, ushort Tag, byte[] Body, DomainEvent Fact);

    /// <summary>Facts of all nodes.</summary>
    public int Count => _facts.Count;

    /// <summary>The fact at a position, and who wrote it; for checkers that follow the store as it grows.</summary>
    public (ActorId Author, DomainEvent Fact) this[int index] => (_facts[index].Author, _facts[index].Fact);

    /// <summary>The term under which the fact at a position was written.</summary>
    public Term TermAt(int index) => _facts[index].Term;

    /// <summary>A node's facts in commit order, decoded anew from their bytes.</summary>
    public IReadOnlyList<DomainEvent> Of(NodeId node) =>
        [.. _facts.Where(f => f.Node == node).Select(f => EventCodec.Decode(f.Tag, f.Body, catalog))];

    /// <summary>The newest term that was handed out under a name; 0 before the first.</summary>
    public Term TermOf(NodeId node) => _terms.GetValueOrDefault(node);

    /// <summary>From now on whoever writes under an older term of that name is refused.</summary>
    internal Term TakeTerm(NodeId node) => _terms[node] = new(TermOf(node).Value + 1);

    /// <summary>Whether a process of that term may still write.</summary>
    internal bool Admits(NodeId node, Term term) => term.Value >= TermOf(node).Value;

    internal void Append(ActorId author, Term term, DomainEvent fact) =>
        _facts.Add(new(author.Node, author, term, EventCodec.TagOf(fact, catalog), EventCodec.Encode(fact, catalog), fact));
}
