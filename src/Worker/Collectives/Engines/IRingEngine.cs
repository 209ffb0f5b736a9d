using Vae.Shared.Sweeps;

namespace Vae.Worker.Collectives.Engines;

/// <summary>What a gang asks of its all-reduce.</summary>
/// <param name="Engine">The sweep file's <c>resources.all_reduce</c>; the same on all ranks.</param>
/// <param name="OnCuda">Gradients lie on a CUDA device.</param>
/// <param name="Options">Deadline and tuning; default: a new <see cref="RingOptions"/>.</param>
public sealed record AllReduceRequest(AllReduceEngine Engine = AllReduceEngine.Auto, bool OnCuda = false, RingOptions? Options = null)
{
    /// <summary>Deadline and tuning.</summary>
    public RingOptions Settings => Options ?? new();
}

/// <summary>What a rank can say for an engine: facts for the other ranks, or why it cannot use it.</summary>
public sealed record EngineOffer
{
    private EngineOffer(byte[]? facts, string reason) => (Facts, Reason) = (facts, reason);

    /// <summary>Bytes that all ranks see before an engine is chosen; null when this rank cannot use the engine.</summary>
    public byte[]? Facts { get; }

    /// <summary>Why not; empty when it can.</summary>
    public string Reason { get; }

    /// <summary>This rank can use the engine.</summary>
    public static EngineOffer Of(byte[] facts) => new(facts, "");

    /// <summary>It cannot, for this reason: a clause without a full stop.</summary>
    public static EngineOffer Not(string reason) => new(null, reason);
}

/// <summary>An engine cannot serve this gang, for a reason that a user can act on. With <c>all_reduce: auto</c> the next engine is tried.</summary>
public sealed class EngineUnavailableException(string reason) : Exception(reason);

/// <summary>
/// A way of making an <see cref="IAllReduce"/> once the ranks are connected. The factory asks all ranks in the same order and lets them agree
/// after each step, so one rank's failure is every rank's.
/// </summary>
public interface IRingEngine
{
    /// <summary>The option that asks for this engine.</summary>
    AllReduceEngine Kind { get; }

    /// <summary>Whether <c>auto</c> considers it; the same on all ranks for the same request.</summary>
    bool IsAutomatic(AllReduceRequest request);

    /// <summary>What this rank has to say for the engine. Leaves nothing behind.</summary>
    EngineOffer Offer(AllReduceRequest request);

    /// <summary>Why these ranks cannot use the engine together, as a clause; null when they can. Every rank must come to the same answer.</summary>
    /// <param name="facts">The offers' facts by rank.</param>
    string? Objection(IReadOnlyList<byte[]> facts);

    /// <summary>Begins to set the engine up for one ring.</summary>
    IRingAttempt Begin(RingHello self, IReadOnlyList<byte[]> facts, AllReduceRequest request);
}

/// <summary>One rank's part in setting an engine up. Disposed when it comes to nothing; after <see cref="Complete"/> the result owns everything.</summary>
public interface IRingAttempt : IDisposable
{
    /// <summary>First: what the other ranks must know to join (an address, a name); may be empty.</summary>
    /// <exception cref="EngineUnavailableException">It cannot be set up here.</exception>
    byte[] Announce();

    /// <summary>Second, when all ranks have announced: joins them.</summary>
    /// <param name="announcements">By rank.</param>
    /// <param name="links">For an engine whose ranks need more rounds: all of them gather equally often, also those that fail meanwhile. Not to be kept or closed.</param>
    /// <param name="cancellation">The ring's deadline.</param>
    /// <exception cref="EngineUnavailableException">It cannot be set up here.</exception>
    Task JoinAsync(IReadOnlyList<byte[]> announcements, RingLinks links, CancellationToken cancellation);

    /// <summary>How the engine was set up, in words for the log; may be empty. Asked for once all have joined.</summary>
    string Detail => "";

    /// <summary>Third, when all ranks have joined. Takes the links over and cannot fail.</summary>
    IAllReduce Complete(RingLinks links);
}
