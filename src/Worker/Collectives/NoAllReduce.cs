namespace Vae.Worker.Collectives;

/// <summary>The all-reduce of a gang of one: the sum is what is there already.</summary>
public sealed class NoAllReduce : IAllReduce
{
    private volatile string? _aborted;
    private long _calls;

    /// <inheritdoc/>
    public int Rank => 0;

    /// <inheritdoc/>
    public int WorldSize => 1;

    /// <inheritdoc/>
    public string Engine => "none";

    /// <inheritdoc/>
    public AllReduceStatistics Statistics => default(AllReduceStatistics) with { Calls = _calls };

    /// <inheritdoc/>
    public void AllReduce(Span<float> buffer, long step, int bucket)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNegative(bucket);
        if (_aborted is { } reason) throw new AllReduceAbortedException(step, reason);
        _calls++;
    }

    /// <inheritdoc/>
    public void Abort(string reason) => _aborted ??= reason;

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
