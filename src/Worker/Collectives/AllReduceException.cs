using Vae.Shared.Collectives;

namespace Vae.Worker.Collectives;

/// <summary>An all-reduce came to nothing: the half-made sum is dropped and the gang forms its next generation.</summary>
public abstract class AllReduceException(string text, long step, Exception? inner = null) : Exception(text, inner)
{
    /// <summary>The optimizer update that has to be repeated.</summary>
    public long Step { get; } = step;

    /// <summary>The ranks that were waited for in vain, or whose connection ended; empty when nobody is known.</summary>
    public virtual IReadOnlyList<int> Silent => [];
}

/// <summary>Which rank was waited for, and what it still owed or had not yet taken.</summary>
/// <param name="Rank">The rank: over TCP a neighbour, in shared memory any.</param>
/// <param name="Side"><see cref="Left"/> sends to us, <see cref="Right"/> takes from us, <see cref="Memory"/> writes what we read.</param>
/// <param name="MissingBytes">Bytes not yet come, or not yet taken by the right neighbour, counted to the end of this all-reduce.</param>
public readonly record struct AwaitedRank(int Rank, string Side, long MissingBytes)
{
    /// <summary>The neighbour that sends to us.</summary>
    public const string Left = "left";

    /// <summary>The neighbour that takes from us.</summary>
    public const string Right = "right";

    /// <summary>A rank on this host.</summary>
    public const string Memory = "shared memory";

    /// <summary>The neighbour that says when it begins a sum, where libtorch moves the gradients.</summary>
    public const string Group = "process group";

    internal string Text => Side switch
    {
        Right => $"rank {Rank} on the right, {MissingBytes} bytes not taken",
        Left => $"rank {Rank} on the left, {MissingBytes} bytes not received",
        Group => $"rank {Rank} on the left, which has not begun this sum of {MissingBytes} bytes",
        _ => $"rank {Rank} in {Side}, {MissingBytes} bytes not written",
    };
}

/// <summary>The deadline passed. A neighbour may only be waiting itself: the rank that nobody heard complain is the one to look at.</summary>
public sealed class AllReduceTimeoutException(
    int rank, int generation, long step, int bucket, RingPhase phase, TimeSpan deadline, IReadOnlyList<AwaitedRank> awaited)
    : AllReduceException(
        $"Rank {rank} waited {deadline.TotalSeconds:0.###} s in all-reduce (generation {generation}, step {step}, bucket {bucket}, {phase}) for "
        + (awaited.Count > 0 ? string.Join(" and ", awaited.Select(a => a.Text)) : "a rank that is none of its neighbours")
        + ". Look at that worker's load and network, or raise the all-reduce deadline.", step)
{
    /// <summary>Membership of the gang.</summary>
    public int Generation { get; } = generation;

    /// <summary>Part of the gradient buffer.</summary>
    public int Bucket { get; } = bucket;

    /// <summary>What was being received, or sent when nothing was left to receive.</summary>
    public RingPhase Phase { get; } = phase;

    /// <summary>The ranks waited for: over TCP one or two neighbours, in shared memory any number.</summary>
    public IReadOnlyList<AwaitedRank> Awaited { get; } = awaited;

    /// <inheritdoc/>
    public override IReadOnlyList<int> Silent => [.. Awaited.Select(rank => rank.Rank).Distinct()];
}

/// <summary>A neighbour's connection closed or broke, or a neighbour passed on that some rank was lost.</summary>
public sealed class PeerLostException(int rank, long step, string evidence)
    : AllReduceException($"Rank {rank} was lost in step {step}: {evidence}.", step)
{
    /// <summary>The rank that was lost.</summary>
    public int Rank { get; } = rank;

    /// <inheritdoc/>
    public override IReadOnlyList<int> Silent => [Rank];
}

/// <summary>A neighbour sent a frame that is not the one due: another generation, step, bucket, phase, chunk, type or length. Nothing of it entered the sum.</summary>
public sealed class FrameRefusedException(int rank, long step, string difference)
    : AllReduceException($"Rank {rank} sent a frame that was refused in step {step}: {difference}. Nothing of it entered the sum.", step)
{
    /// <summary>The rank that sent it.</summary>
    public int Rank { get; } = rank;

    /// <summary>The first field that was wrong, with both values.</summary>
    public string Difference { get; } = difference;
}

/// <summary>This rank was told to stop.</summary>
public sealed class AllReduceAbortedException(long step, string reason) : AllReduceException($"All-reduce was aborted in step {step}: {reason}", step)
{
    /// <summary>What <see cref="IAllReduce.Abort"/> was given.</summary>
    public string Reason { get; } = reason;
}

/// <summary>An earlier all-reduce failed and left the streams between two frames.</summary>
public sealed class RingBrokenException(long step, AllReduceException cause)
    : AllReduceException($"The ring is broken since step {cause.Step} and cannot serve step {step}; form the next generation. First failure: {cause.Message}", step, cause);

/// <summary>libtorch's process group failed, and neither neighbour is gone or knows who is.</summary>
public sealed class GroupBrokenException(string engine, long step, string reason)
    : AllReduceException($"{engine} could not finish the sum of step {step}: {reason.TrimEnd('.')}. Some rank that is none of this one's neighbours left or does not answer.", step);
