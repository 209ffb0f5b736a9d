using Vae.Shared.Sweeps;
using Vae.Torch.Distributed;
using Vae.Worker.Collectives.Engines;

namespace Vae.Worker.Collectives.Groups;

/// <summary>Gloo, where libtorch has it and a user asks for it.</summary>
public sealed class GlooEngine : IRingEngine
{
    /// <inheritdoc/>
    public AllReduceEngine Kind => AllReduceEngine.Gloo;

    /// <inheritdoc/>
    public bool IsAutomatic(AllReduceRequest request) => false;

    /// <inheritdoc/>
    public EngineOffer Offer(AllReduceRequest request) =>
        ProcessGroup.Lacks(ProcessGroupBackend.Gloo) is { } lack ? EngineOffer.Not(lack) : EngineOffer.Of([]);

    /// <inheritdoc/>
    public string? Objection(IReadOnlyList<byte[]> facts) => null;

    /// <inheritdoc/>
    public IRingAttempt Begin(RingHello self, IReadOnlyList<byte[]> facts, AllReduceRequest request) => new GroupAttempt(
        new(ProcessGroupBackend.Gloo, 0, request.Settings.Deadline), (links, group) => new GlooAllReduce(links, group, request.Settings));
}
