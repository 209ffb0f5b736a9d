using System.Security.Cryptography;
using Vae.Shared.Sweeps;
using Vae.Shared.Wire;
using Vae.Worker.Collectives.Engines;

namespace Vae.Worker.Collectives.SharedMemory;

/// <summary>
/// Shared memory, where all ranks run on one host and can open each other's memory. Rank 0 makes the segment and says over the ring where it is;
/// the others open it there and find the ring's secret in it, or say why not, and then all fall back together.
/// </summary>
public sealed class SharedMemoryEngine : IRingEngine
{
    private static readonly TimeSpan SpinWithCores = TimeSpan.FromMicroseconds(50);

    /// <inheritdoc/>
    public AllReduceEngine Kind => AllReduceEngine.SharedMemory;

    /// <inheritdoc/>
    public bool IsAutomatic(AllReduceRequest request) => true;

    /// <inheritdoc/>
    public EngineOffer Offer(AllReduceRequest request)
    {
        if (!Futex.IsSupported) return EngineOffer.Not("shared memory is not supported on this system");
        try
        {
            return EngineOffer.Of(HostFacts.Read().Encode());
        }
        catch (EnvironmentUnknownException e)
        {
            return EngineOffer.Not($"the kernel does not tell which host this is ({e.Message})");
        }
    }

    /// <inheritdoc/>
    public string? Objection(IReadOnlyList<byte[]> facts)
    {
        if (facts.Count > SegmentLayout.RanksMax) return $"{facts.Count} ranks are more than the {SegmentLayout.RanksMax} that share memory at most";
        try
        {
            var hosts = facts.Select(fact => HostFacts.Decode(fact)).ToList();
            for (var rank = 1; rank < hosts.Count; rank++)
            {
                if (hosts[rank].Boot != hosts[0].Boot) return $"rank {rank} and rank 0 run on different hosts";
                if (hosts[rank].ProcessNamespace != hosts[0].ProcessNamespace) return $"rank {rank} and rank 0 run in different containers (PID namespaces)";
            }

            return null;
        }
        catch (ProtocolException e)
        {
            return $"the facts about a host cannot be read ({e.Message})";
        }
    }

    /// <inheritdoc/>
    public IRingAttempt Begin(RingHello self, IReadOnlyList<byte[]> facts, AllReduceRequest request)
    {
        var cores = facts.Min(fact => HostFacts.Decode(fact).Cores);
        var spin = request.Settings.MemorySpin ?? (self.WorldSize <= cores ? SpinWithCores : TimeSpan.Zero);
        return new Attempt(self.Rank, self.WorldSize, spin, request.Settings);
    }

    private sealed class Attempt(int rank, int worldSize, TimeSpan spin, RingOptions options) : IRingAttempt
    {
        private SegmentPlan? _plan;
        private SharedSegment? _segment;

        public byte[] Announce()
        {
            if (rank != 0) return [];
            _plan = SegmentPlan.Of(worldSize, options);
            var secret = RandomNumberGenerator.GetBytes(SegmentAddress.SecretBytes);
            _segment = SharedSegment.Create(SegmentLayout.TotalBytes(worldSize, _plan.SlotBytes), secret);
            return new SegmentAddress(Environment.ProcessId, _segment.Descriptor, secret, _plan).Encode();
        }

        public Task JoinAsync(IReadOnlyList<byte[]> announcements, RingLinks links, CancellationToken cancellation)
        {
            if (rank == 0) return Task.CompletedTask;
            try
            {
                var address = SegmentAddress.Decode(announcements[0]);
                if (!address.Plan.IsSound(worldSize) || address.Secret.Length != SegmentAddress.SecretBytes) throw new EngineUnavailableException("rank 0's segment is laid out in a way that this version does not know");
                _plan = address.Plan;
                _segment = SharedSegment.Open(address, SegmentLayout.TotalBytes(worldSize, _plan.SlotBytes));
                _segment.CloseDescriptor();
            }
            catch (ProtocolException e)
            {
                throw new EngineUnavailableException($"rank 0's segment has no readable address ({e.Message})");
            }

            return Task.CompletedTask;
        }

        public IAllReduce Complete(RingLinks links)
        {
            var segment = _segment!;
            _segment = null;
            segment.CloseDescriptor();
            return new SharedMemoryAllReduce(links, segment, _plan!, spin, options);
        }

        public void Dispose() => _segment?.Dispose();
    }
}
