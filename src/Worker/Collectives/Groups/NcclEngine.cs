using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Torch.Distributed;
using Vae.Worker.Collectives.Engines;

namespace Vae.Worker.Collectives.Groups;

/// <summary>NCCL, where libtorch has it, gradients lie on CUDA devices, and a user asks for it. Every rank needs a device of its own.</summary>
/// <param name="device">Where this worker computes.</param>
public sealed class NcclEngine(torch.Device device) : IRingEngine
{
    /// <inheritdoc/>
    public AllReduceEngine Kind => AllReduceEngine.Nccl;

    /// <inheritdoc/>
    public bool IsAutomatic(AllReduceRequest request) => false;

    /// <inheritdoc/>
    public EngineOffer Offer(AllReduceRequest request)
    {
        if (!request.OnCuda) return EngineOffer.Not("its gradients are not on a CUDA device");
        return ProcessGroup.Lacks(ProcessGroupBackend.Nccl) is { } lack ? EngineOffer.Not(lack) : EngineOffer.Of([]);
    }

    /// <inheritdoc/>
    public string? Objection(IReadOnlyList<byte[]> facts) => null;

    /// <inheritdoc/>
    public IRingAttempt Begin(RingHello self, IReadOnlyList<byte[]> facts, AllReduceRequest request) => new GroupAttempt(
        new(ProcessGroupBackend.Nccl, Math.Max(device.index, 0), request.Settings.Deadline), (links, group) => new NcclAllReduce(links, group, device, request.Settings));
}
