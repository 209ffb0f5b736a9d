using System.Threading.Channels;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>
/// Where actors tell the outside what changed. Facts are never dropped, for views are folded from them, and there are a few per trial;
/// points and other news are dropped, oldest first, when nobody reads them fast enough.
/// </summary>
internal sealed class ObserverFeed : IActor
{
    private const int NewsMax = 4_096;

    private readonly Channel<ObserverMessage> _out = Channel.CreateUnbounded<ObserverMessage>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private int _news;

    public ChannelReader<ObserverMessage> Reader => _out.Reader;

    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        if (message is not ObserverMessage observed) return;
        if (observed is not ObserverMessage.FactRecorded && Interlocked.Increment(ref _news) > NewsMax)
        {
            Interlocked.Decrement(ref _news);
            return;
        }

        _out.Writer.TryWrite(observed);
    }

    /// <summary>To be called for each message read.</summary>
    public void Taken(ObserverMessage message)
    {
        if (message is not ObserverMessage.FactRecorded) Interlocked.Decrement(ref _news);
    }
}
