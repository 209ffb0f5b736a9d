using Vae.Torch;

namespace Vae.Worker.Collectives;

/// <summary>
/// Sums a buffer over all ranks of a gang. Every rank calls with the same lengths, steps and buckets in the same order, from one
/// thread at a time; afterwards all buffers hold the same bits. NaN and infinities pass through: whether a step is finite is
/// the trainer's question.
/// </summary>
public interface IAllReduce : IDisposable
{
    /// <summary>This process's place in the gang, from 0.</summary>
    int Rank { get; }

    /// <summary>Ranks in the gang, at least 1.</summary>
    int WorldSize { get; }

    /// <summary>What sums, as logs and labels call it: none, messagepack, shared_memory, gloo or nccl.</summary>
    string Engine { get; }

    /// <summary>What was moved and waited for so far.</summary>
    AllReduceStatistics Statistics { get; }

    /// <summary>Replaces <paramref name="buffer"/> by its sum over all ranks. Allocates nothing.</summary>
    /// <param name="buffer">Any length, the same on every rank, at most 536,870,911 elements. After an exception its content is undefined.</param>
    /// <param name="step">Optimizer update this belongs to, at least 0. Frames of another step never enter the sum.</param>
    /// <param name="bucket">Part of the gradient buffer, at least 0.</param>
    /// <exception cref="AllReduceException">The sum could not be made. The gang must form its next generation; this object is of no further use.</exception>
    void AllReduce(Span<float> buffer, long step, int bucket);

    /// <summary>Wakes a waiting <see cref="AllReduce"/> from any thread and makes every later one fail with <see cref="AllReduceAbortedException"/>.</summary>
    void Abort(string reason);
}

/// <summary>An engine that can also send half as many bytes: bfloat16 in place of float32, with error feedback.</summary>
public interface ICompressingAllReduce : IAllReduce
{
    /// <summary>
    /// As <see cref="IAllReduce.AllReduce"/>, but every value is rounded to bfloat16 before it travels; sums are made in float32. What rounding cuts off stays in
    /// <paramref name="residual"/> and joins the next sum of the same bucket, so that over many steps nothing is lost. All ranks end with the same bits.
    /// Buffers so small that they travel in one round are sent as they are.
    /// </summary>
    /// <param name="buffer">As there.</param>
    /// <param name="residual">This rank's own remainders, as long as the buffer: zeros at first, then what the last call left.</param>
    /// <param name="step">As there.</param>
    /// <param name="bucket">As there.</param>
    /// <exception cref="ArgumentException">The two have different lengths.</exception>
    /// <exception cref="AllReduceException">As there; the residual is undefined then, too.</exception>
    void AllReduce(Span<float> buffer, Span<float> residual, long step, int bucket);
}

/// <summary>An engine that also sums in the memory of the rank's device, so that gradients there need no way over the host.</summary>
public interface IDeviceAllReduce : IAllReduce
{
    /// <summary>
    /// Replaces <paramref name="buffer"/> by its sum over all ranks. Work queued behind the call on the current stream sees the sum. Counts as one of the calls
    /// that all ranks make in the same order.
    /// </summary>
    /// <param name="buffer">Contiguous float32 on the rank's device, the same length on every rank.</param>
    /// <param name="step">As in <see cref="IAllReduce.AllReduce"/>.</param>
    /// <param name="bucket">As in <see cref="IAllReduce.AllReduce"/>.</param>
    /// <exception cref="AllReduceException">As in <see cref="IAllReduce.AllReduce"/>.</exception>
    void AllReduce(Tensor buffer, long step, int bucket);
}

/// <summary>An engine whose ranks hand each other bytes over links that can be measured one by one.</summary>
public interface ILinkProbe : IAllReduce
{
    /// <summary>
    /// Measures the link to the right neighbour while it measures its own, so all ranks call it together, between the same two sums, as if it were one of them. It is the link that is measured and
    /// not the peer: nobody computes meanwhile, and of several round trips the quickest counts. Allocates nothing.
    /// </summary>
    /// <param name="step">As in <see cref="IAllReduce.AllReduce"/>.</param>
    /// <exception cref="AllReduceException">As there.</exception>
    LinkReading Probe(long step);
}

/// <summary>What a link from a rank to its right neighbour is like.</summary>
/// <param name="RoundTripSeconds">A few bytes there and their answer back.</param>
/// <param name="BytesPerSecond">How fast more bytes follow the first; up to 64 GB/s.</param>
public readonly record struct LinkReading(double RoundTripSeconds, double BytesPerSecond);

/// <summary>Counters since the engine was made.</summary>
/// <param name="Calls">Finished all-reduces.</param>
/// <param name="BytesSent">Bytes handed to the right neighbour, headers included.</param>
/// <param name="BytesReceived">Bytes taken from the left neighbour, headers included.</param>
/// <param name="Total">Time inside <see cref="IAllReduce.AllReduce"/>.</param>
/// <param name="ReduceScatterWait">Time asleep while partial sums (or, for small buffers, inputs) were due.</param>
/// <param name="AllGatherWait">Time asleep while finished sums were due.</param>
public readonly record struct AllReduceStatistics(
    long Calls, long BytesSent, long BytesReceived, TimeSpan Total, TimeSpan ReduceScatterWait, TimeSpan AllGatherWait)
{
    /// <summary>Part of the time inside all-reduce spent waiting for neighbours, 0 to 1.</summary>
    public double WaitShare => Total > TimeSpan.Zero ? (ReduceScatterWait + AllGatherWait) / Total : 0;
}
