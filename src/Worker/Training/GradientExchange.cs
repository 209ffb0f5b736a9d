using Vae.Shared;
using Vae.Shared.Collectives;
using Vae.Torch;
using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

/// <summary>
/// The flat gradient buffer as all-reduce sees it, with the step's loss sums at its end: one exchange carries both, and every rank reads the
/// same numbers. On the host it is the buffer itself; on a device it is copied out and back.
/// </summary>
internal sealed class GradientExchange : IDisposable
{
    private readonly FlatParameters _flat;
    private readonly ValueList<Bucket> _buckets;
    private readonly Tensor? _staging;

    public GradientExchange(FlatParameters flat)
    {
        _flat = flat;
        var lengths = flat.Segments.Select(segment => checked((int)(segment.ReplicaLength * flat.Replicas))).Append(flat.StatisticsCount).ToArray();
        _buckets = BucketPlan.Cut(lengths);
        if (flat.Device.type != DeviceType.CPU) _staging = torch.zeros([flat.Count + flat.StatisticsCount]).DetachFromDisposeScope();
    }

    /// <summary>The first bucket number that no gradient uses.</summary>
    public int FreeBucket => _buckets.Count;

    /// <summary>Puts this rank's sums behind its gradients.</summary>
    /// <param name="distortion">[K].</param>
    /// <param name="rate">[K, d].</param>
    public void WriteStatistics(Tensor distortion, Tensor rate)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var replicas = distortion.numel();
        _flat.Statistics.narrow(0, 0, replicas).copy_(distortion);
        _flat.Statistics.narrow(0, replicas, rate.numel()).copy_(rate.view(-1));
    }

    /// <summary>Sums over all ranks.</summary>
    public void Reduce(IAllReduce allReduce, long step)
    {
        if (allReduce.WorldSize == 1) return;
        if (_staging is { } staging)
        {
            staging.copy_(_flat.Gradients);
            Reduce(allReduce, step, staging.data<float>());
            _flat.Gradients.copy_(staging);
        }
        else
        {
            Reduce(allReduce, step, _flat.GradientSpan);
        }
    }

    /// <summary>Reads the summed statistics.</summary>
    public void ReadStatistics(Span<float> target)
    {
        if (_staging is null)
        {
            _flat.StatisticsSpan.CopyTo(target);
            return;
        }

        using var host = _flat.Statistics.cpu();
        host.data<float>().CopyTo(target);
    }

    public void Dispose() => _staging?.Dispose();

    private void Reduce(IAllReduce allReduce, long step, Span<float> gradients)
    {
        foreach (var bucket in _buckets.Span) allReduce.AllReduce(gradients.Slice(bucket.Start, bucket.Length), step, bucket.Index);
    }
}
