using Vae.Shared;
using Vae.Shared.Actors;

namespace Vae.Runtime.Storage;

/// <summary>A fact on its way into the store.</summary>
/// <param name="Stream">Facts of one stream are read back in the order in which they were written, for example a sweep's id.</param>
/// <param name="Fact">The fact.</param>
public readonly record struct NewEvent(string Stream, DomainEvent Fact);

/// <summary>A fact as the store holds it.</summary>
/// <param name="Sequence">Grows by at least one per fact over all streams; from 1.</param>
/// <param name="Term">The coordinator's life that wrote it.</param>
/// <param name="Stream">See <see cref="NewEvent"/>.</param>
/// <param name="WrittenAt">Wall-clock time of the write, for people only: order comes from <paramref name="Sequence"/>.</param>
/// <param name="Fact">The fact.</param>
public sealed record StoredEvent(long Sequence, Term Term, string Stream, DateTimeOffset WrittenAt, DomainEvent Fact);

/// <summary>Reads facts; may be open while another process writes.</summary>
public interface IEventReader
{
    /// <summary>The facts of one stream after <paramref name="afterSequence"/>, in order.</summary>
    /// <exception cref="StoreException">The store cannot be read, or holds a damaged fact; the text names it.</exception>
    IEnumerable<StoredEvent> ReadStream(string stream, long afterSequence = 0);

    /// <summary>All facts after <paramref name="afterSequence"/>, in order.</summary>
    /// <param name="afterSequence">The last one that the caller knows.</param>
    /// <param name="damaged">Told of each fact that cannot be read, instead of ending there: one flipped bit must not cost all sweeps.</param>
    /// <exception cref="StoreException">The store cannot be read, or holds a damaged fact and nobody is told of it; the text names it.</exception>
    IEnumerable<StoredEvent> ReadAll(long afterSequence = 0, Action<DamagedEvent>? damaged = null);
}

/// <summary>A fact that is in the store but cannot be read.</summary>
/// <param name="Sequence">Its place.</param>
/// <param name="Stream">Whose fact it is.</param>
/// <param name="Problem">What is wrong, with the store and the place named.</param>
/// <param name="IsForeign">It is whole, but another version of this program wrote it in a form that this one does not read.</param>
public sealed record DamagedEvent(long Sequence, string Stream, string Problem, bool IsForeign = false);

/// <summary>Durable facts, fenced by the coordinator's term.</summary>
public interface IEventStore : IEventReader
{
    /// <summary>The term under which this store writes. Taken when it was opened for writing.</summary>
    Term Term { get; }

    /// <summary>Appends all facts or none. The task ends when they are synced to the disk; calls are committed in the order in which they were made.</summary>
    /// <exception cref="StaleTermException">A newer coordinator has taken over; nothing was written.</exception>
    /// <exception cref="StoreException">The store cannot take the facts and will not either; its text is fit for a user.</exception>
    Task AppendAsync(IReadOnlyList<NewEvent> batch);
}
