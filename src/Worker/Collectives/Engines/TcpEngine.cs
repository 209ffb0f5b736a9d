using Vae.Shared.Sweeps;

namespace Vae.Worker.Collectives.Engines;

/// <summary>The ring over TCP: needs nothing but the connections that exist already, so it is what every other engine falls back to.</summary>
public sealed class TcpEngine : IRingEngine
{
    /// <inheritdoc/>
    public AllReduceEngine Kind => AllReduceEngine.Messagepack;

    /// <inheritdoc/>
    public bool IsAutomatic(AllReduceRequest request) => true;

    /// <inheritdoc/>
    public EngineOffer Offer(AllReduceRequest request) => EngineOffer.Of([]);

    /// <inheritdoc/>
    public string? Objection(IReadOnlyList<byte[]> facts) => null;

    /// <inheritdoc/>
    public IRingAttempt Begin(RingHello self, IReadOnlyList<byte[]> facts, AllReduceRequest request) => new Attempt(request.Settings);

    private sealed class Attempt(RingOptions options) : IRingAttempt
    {
        private RingOptions? _chosen;

        public string Detail { get; private set; } = "";

        public byte[] Announce() => [];

        public async Task JoinAsync(IReadOnlyList<byte[]> announcements, RingLinks links, CancellationToken cancellation)
        {
            var (setting, why) = await LinkTuner.ChooseAsync(links, options, cancellation);
            (_chosen, Detail) = (setting.In(options), $"{setting} ({why})");
        }

        public IAllReduce Complete(RingLinks links) => new RingAllReduce(links.Rank, links.WorldSize, links.Generation, links.Right, links.Left, _chosen);

        public void Dispose()
        {
        }
    }
}
