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
    private readonly ValueList<Bucket> _buckets;
    private readonly Tensor? _staging;
    private long _step;

    /// <param name="flat">The gradients.</param>
    /// <param name="allReduce">The ring of this generation. Not owned.</param>
    public GradientExchange(FlatParameters flat, IAllReduce allReduce)
    {
        (_flat, _allReduce) = (flat, allReduce);
        var lengths = flat.Segments.Select(segment => checked((int)(segment.ReplicaLength * flat.Replicas))).Append(flat.StatisticsCount).ToArray();
        _buckets = BucketPlan.Cut(lengths);
        if (flat.Device.type != DeviceType.CPU && allReduce.WorldSize > 1) _staging = torch.zeros([flat.Count + flat.StatisticsCount]).DetachFromDisposeScope();
    }

    public int FreeBucket => _buckets.Count;

    public void Begin(long step) => _step = step;

    public void Complete()
    {
        if (_allReduce.WorldSize == 1) return;
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
    }

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
        foreach (var bucket in _buckets.Span) _allReduce.AllReduce(gradients.Slice(bucket.Start, bucket.Length), _step, bucket.Index);
    }
}
