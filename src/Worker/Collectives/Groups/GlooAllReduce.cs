using Vae.Torch.Distributed;

namespace Vae.Worker.Collectives.Groups;

/// <summary>
/// Sums through libtorch's Gloo. It does not survive a loss: the group dies with its first member, and the next generation makes a new one. Its connections
/// between ranks are Gloo's own, neither authenticated nor encrypted, so it is used only where it is asked for.
/// Statistics count the bytes that a ring moves at least, since Gloo counts none, and as waiting only the wait for the left neighbour to begin.
/// </summary>
public sealed class GlooAllReduce : IAllReduce
{
    private readonly GroupLine _line;

    internal GlooAllReduce(RingLinks links, ProcessGroup group, RingOptions options) => _line = new(Engine, links, group, options);

    /// <inheritdoc/>
    public int Rank => _line.Rank;

    /// <inheritdoc/>
    public int WorldSize => _line.WorldSize;

    /// <inheritdoc/>
    public string Engine => "gloo";

    /// <inheritdoc/>
    public AllReduceStatistics Statistics => _line.Statistics;

    /// <inheritdoc/>
    public void AllReduce(Span<float> buffer, long step, int bucket) => _line.Sum(buffer, null, buffer.Length, step, bucket);

    /// <inheritdoc/>
    public void Abort(string reason) => _line.Abort(reason);

    /// <summary>Leaves the group. Call it when no all-reduce runs; to end one that does, <see cref="Abort"/> first.</summary>
    public void Dispose() => _line.Dispose();
}
