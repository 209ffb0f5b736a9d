using Vae.Torch;
using Vae.Torch.Distributed;

namespace Vae.Worker.Collectives.Groups;

/// <summary>
/// Sums through libtorch's NCCL, in the memory of CUDA devices. Buffers on the host are copied to the device and back, which suits the few small ones that
/// are there. As with Gloo, a lost rank ends the group, and the connections that NCCL makes are its own.
/// </summary>
public sealed class NcclAllReduce : IDeviceAllReduce
{
    private readonly GroupLine _line;
    private readonly torch.Device _device;
    private Tensor? _staging;

    internal NcclAllReduce(RingLinks links, ProcessGroup group, torch.Device device, RingOptions options)
    {
        _line = new(Engine, links, group, options);
        _device = device;
    }

    /// <inheritdoc/>
    public int Rank => _line.Rank;

    /// <inheritdoc/>
    public int WorldSize => _line.WorldSize;

    /// <inheritdoc/>
    public string Engine => "nccl";

    /// <inheritdoc/>
    public AllReduceStatistics Statistics => _line.Statistics;

    /// <inheritdoc/>
    public void AllReduce(Tensor buffer, long step, int bucket) => _line.Sum([], buffer, checked((int)buffer.numel()), step, bucket);

    /// <inheritdoc/>
    public void AllReduce(Span<float> buffer, long step, int bucket)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        if (_staging is null || _staging.numel() < buffer.Length)
        {
            _staging?.Dispose();
            _staging = torch.empty([Math.Max(buffer.Length, 1)], device: _device).DetachFromDisposeScope();
        }

        var part = _staging.narrow(0, 0, buffer.Length);
        part.copy_(torch.tensor(buffer));
        AllReduce(part, step, bucket);
        part.cpu().data<float>().CopyTo(buffer);
    }

    /// <inheritdoc/>
    public void Abort(string reason) => _line.Abort(reason);

    /// <summary>Leaves the group. Call it when no all-reduce runs; to end one that does, <see cref="Abort"/> first.</summary>
    public void Dispose()
    {
        _line.Dispose();
        _staging?.Dispose();
    }
}
