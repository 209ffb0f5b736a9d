using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Collectives;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

/// <summary>
/// The plain exchange: bucket after bucket once backward is over. On the host it works in the gradient buffer itself; a device's buffer is summed where it lies if
/// the engine can do that, else copied out and back.
/// </summary>
internal sealed class GradientExchange : IGradientExchange
{
    private readonly FlatParameters _flat;
    private readonly IAllReduce _allReduce;
    private readonly IDeviceAllReduce? _onDevice;
    private readonly ICompressingAllReduce? _compressing;
    private readonly Tensor? _staging;
    private readonly float[] _residual = [];
    private long _step;

    /// <param name="flat">The gradients.</param>
    /// <param name="allReduce">The ring of this generation. Not owned.</param>
    /// <param name="bucketElements">A bucket closes once it holds this many elements.</param>
    /// <param name="compression">How gradients travel, where the engine knows more than one way.</param>
    public GradientExchange(FlatParameters flat, IAllReduce allReduce, int bucketElements = BucketPlan.DefaultElements, GradientCompression compression = GradientCompression.None)
    {
        (_flat, _allReduce) = (flat, allReduce);
        var lengths = flat.Segments.Select(segment => checked((int)(segment.ReplicaLength * flat.Replicas))).Append(flat.StatisticsCount).ToArray();
        Buckets = BucketPlan.Cut(lengths, bucketElements);
        if (allReduce.WorldSize == 1) return;
        if (flat.Device.type != DeviceType.CPU) _onDevice = allReduce as IDeviceAllReduce;
        if (compression == GradientCompression.Bfloat16) _compressing = allReduce as ICompressingAllReduce;
        if (_compressing is not null) _residual = new float[flat.Count];
        if (flat.Device.type != DeviceType.CPU && _onDevice is null) _staging = torch.zeros([flat.Count + flat.StatisticsCount]).DetachFromDisposeScope();
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
        if (_onDevice is { } device)
        {
            device.AllReduce(_flat.Gradients, _step, 0); // One call: there is nothing to pipeline with on the host.
        }
        else if (_staging is { } staging)
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
    public void Reduce(Bucket bucket, Span<float> gradients)
    {
        if (_compressing is null)
        {
            _allReduce.AllReduce(gradients.Slice(bucket.Start, bucket.Length), _step, bucket.Index);
            return;
        }

        // Rounded statistics would be no statistics, and the votes among them are counted: they travel by themselves, as they are.
        var length = Math.Min(bucket.Length, (int)_flat.Count - bucket.Start);
        if (length > 0) _compressing.AllReduce(gradients.Slice(bucket.Start, length), _residual.AsSpan(bucket.Start, length), _step, bucket.Index);
        if (length < bucket.Length) _allReduce.AllReduce(gradients.Slice(bucket.Start + Math.Max(length, 0), bucket.Length - Math.Max(length, 0)), _step, FreeBucket);
    }

    public void ReduceStatistics(long step)
    {
        if (_allReduce.WorldSize == 1) return;
        if (_onDevice is { } device)
        {
            device.AllReduce(_flat.Statistics, step, FreeBucket);
            return;
        }

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

    public void Sum(Tensor values, long step, int index)
    {
        if (_allReduce.WorldSize == 1) return;
        var bucket = FreeBucket + 1 + index;
        if (_onDevice is { } device)
        {
            device.AllReduce(values, step, bucket);
        }
        else if (_flat.Device.type == DeviceType.CPU)
        {
            _allReduce.AllReduce(values.data<float>(), step, bucket);
        }
        else
        {
            using var host = values.cpu();
            _allReduce.AllReduce(host.data<float>(), step, bucket);
            values.copy_(host);
        }
    }

    public void ResetSlot(int slot)
    {
        if (_compressing is null) return;
        foreach (var segment in _flat.Segments) _residual.AsSpan((int)(segment.Offset + (slot * segment.ReplicaLength)), (int)segment.ReplicaLength).Clear();
    }

    public void Dispose() => _staging?.Dispose();

    private void Reduce(Span<float> gradients)
    {
        foreach (var bucket in Buckets.Span) Reduce(bucket, gradients);
    }
}
