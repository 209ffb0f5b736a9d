using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Collectives;
using Vae.Torch;
using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

/// <summary>
/// The plain exchange: bucket after bucket once backward is over. On the host it works in the gradient buffer itself; a device's buffer is copied out and back.
/// </summary>
internal sealed class GradientExchange : IGradientExchange
{
    private readonly FlatParameters _flat;
    private readonly IAllReduce _allReduce;
    private readonly Tensor? _staging;
    private long _step;

    /// <param name="flat">The gradients.</param>
    /// <param name="allReduce">The ring of this generation. Not owned.</param>
    /// <param name="bucketElements">A bucket closes once it holds this many elements.</param>
    public GradientExchange(FlatParameters flat, IAllReduce allReduce, int bucketElements = BucketPlan.DefaultElements)
    {
        (_flat, _allReduce) = (flat, allReduce);
        var lengths = flat.Segments.Select(segment => checked((int)(segment.ReplicaLength * flat.Replicas))).Append(flat.StatisticsCount).ToArray();
        Buckets = BucketPlan.Cut(lengths, bucketElements);
        if (flat.Device.type != DeviceType.CPU && allReduce.WorldSize > 1) _staging = torch.zeros([flat.Count + flat.StatisticsCount]).DetachFromDisposeScope();
    }

    /// <summary>The whole buffer in the order in which it is reduced.</summary>
    public ValueList<Bucket> Buckets { get; }

    public int FreeBucket => Buckets.Count;

    public double LastSeconds { get; private set; }

    public void Begin(long step) => _step = step;

    public void Complete()
    {
        if (_allReduce.WorldSize == 1) return;
        var started = Stopwatch.GetTimestamp();
        if (_staging is { } staging)
        {
            staging.copy_(_flat.Gradients);
            Reduce(staging.data<float>());
            _flat.Gradients.copy_(staging);
        }
        else
        {
            Reduce(_flat.GradientSpan);
        }

        LastSeconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>Reduces one bucket of the step that was begun.</summary>
    /// <param name="bucket">Which.</param>
    /// <param name="gradients">The whole buffer on the host.</param>
    public void Reduce(Bucket bucket, Span<float> gradients) => _allReduce.AllReduce(gradients.Slice(bucket.Start, bucket.Length), _step, bucket.Index);

    public void ReduceStatistics(long step)
    {
        if (_allReduce.WorldSize == 1) return;
        if (_staging is null)
        {
            Sum(_flat.StatisticsSpan, step);
            return;
        }

        using var host = _flat.Statistics.cpu();
        Sum(host.data<float>(), step);
        _flat.Statistics.copy_(host);
    }

    public bool Sum(Span<float> values, long step)
    {
        if (_allReduce.WorldSize == 1) return false;
        _allReduce.AllReduce(values, step, FreeBucket);
        return true;
    }

    public void Dispose() => _staging?.Dispose();

    private void Reduce(Span<float> gradients)
    {
        foreach (var bucket in Buckets.Span) Reduce(bucket, gradients);
    }
}
